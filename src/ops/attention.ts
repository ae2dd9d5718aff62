import { GraphError } from '../base/errors.ts';
import { sameShape } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Attrs, Node, Value } from '../graph/types.ts';
import { headAttrs, mergeHeads, qkvSizes, splitQkv } from './heads.ts';
import type { HeadAttrs, HeadSizes } from './heads.ts';
import { vecWidth } from './launch.ts';
import { matmul } from './matmul.ts';
import { addOp, inputAt, numberAttr, outputAt, requireShape } from './op.ts';
import type { Caps, Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { causalSoftmax } from './softmax.ts';

export interface AttentionAttrs extends HeadAttrs {
  /** Factor of q . k, as 1 / sqrt(D). */
  readonly scale: number;
}

/**
 * Causal self-attention of qkv f32[B,T,(H+2Hkv)*D] without a T x T matrix (Dao et al. 2022, FlashAttention).
 *
 * @returns o f32[B,T,H*D] and, for the backward pass and for watching logits, lse f32[B,H,T]: the log-sum-exp of each row of scores.
 */
export function attention(g: Graph, qkv: Value, attrs: AttentionAttrs, name?: string): readonly [Value, Value] {
  const [o, lse] = addOp(g, 'attention', attentionOps.attention, [qkv], { ...attrs }, name);
  if (o === undefined || lse === undefined) throw new GraphError({ where: 'attention', rule: 'the node lacks an output' });
  return [o, lse];
}

/** The same by ops that store the T x T matrices. */
export function plainAttention(g: Graph, qkv: Value, attrs: AttentionAttrs, name?: string): Value {
  const [q, k, v] = splitQkv(g, qkv, headsOf(attrs), name);
  const scores = matmul(g, q, k, { batched: true, transposeB: true, alpha: attrs.scale }, name);
  return mergeHeads(g, matmul(g, causalSoftmax(g, scores, name), v, { batched: true }, name), name);
}

export const attentionOps: Record<'attention' | 'attention_backward', Op> = {
  attention: {
    shape(node) {
      const { B, T, H, D } = qkvSizes(node, inputAt(node, 0).type);
      requireShape(node, Number.isFinite(numberAttr(node, 'scale')), 'the scale is not finite');
      return [f32(B, T, H * D), f32(B, H, T)];
    },
    // p = softmax(scale q kT), o = p v: dv = pT do, ds = p (do vT - rows of do . o), dq = scale ds k, dk = scale dsT q
    vjp(g, node, [dout, dlse]) {
      if (dlse !== undefined) throw new GraphError({ where: `node ${node.id} attention`, rule: 'its lse has no gradient' });
      if (dout === undefined) return [];
      const inputs = [dout, inputAt(node, 0), outputAt(node, 0), outputAt(node, 1)];
      return addOp(g, 'attention_backward', attentionOps.attention_backward, inputs, node.attrs, node.name);
    },
    // Of o only: the plain ops store no lse.
    plain: (g, inputs, attrs) => [plainAttention(g, first(inputs), attentionAttrs(attrs))],
    variants: [
      { name: 'rows', supports: fitsRows, lower: (node) => [forward(node, rowsKernel)] },
      { name: 'plain', supports: () => true, lower: (node, caps) => [forward(node, tiledKernel(caps))] },
    ],
  },

  attention_backward: {
    checkedWith: 'attention',
    shape(node) {
      const [dout, qkv, o, lse] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type, inputAt(node, 3).type];
      const { B, T, H, D } = qkvSizes(node, qkv);
      numberAttr(node, 'scale');
      requireShape(
        node,
        sameShape(o.shape, [B, T, H * D]) && sameShape(dout.shape, o.shape),
        'o and its gradient do not fit qkv',
      );
      requireShape(node, sameShape(lse.shape, [B, H, T]), 'lse does not fit qkv');
      return [qkv];
    },
    vjp: 'none',
    variants: [
      { name: 'rows', supports: fitsRows, lower: (node) => backward(node, rowsKernel) },
      { name: 'plain', supports: () => true, lower: (node, caps) => backward(node, tiledKernel(caps)) },
    ],
  },
};

function headsOf({ heads, kvHeads, headSize }: HeadAttrs): HeadAttrs {
  return { heads, kvHeads, headSize };
}

function attentionAttrs(attrs: Attrs): AttentionAttrs {
  const node: Unshaped = { id: 0, op: 'attention', name: '', inputs: [], attrs };
  return { ...headAttrs(node), scale: numberAttr(node, 'scale') };
}

/** How a family of kernels shares out T rows of a head. */
interface Family {
  readonly suffix: '' | '-rows';
  /** Rows, of queries or of keys, that one workgroup works on. */
  readonly rows: number;
  template(D: number): NonNullable<Dispatch['template']>;
  /** `tile` is the override for the other kind of rows, which pass through workgroup memory. */
  overrides(D: number, tile: 'KEYS' | 'QUERIES'): NonNullable<Dispatch['overrides']>;
}

/** Threads with four rows each in registers, without barriers. 16 of them, so that short contexts still fill all threads of a CPU. */
const rowsKernel: Family = {
  suffix: '-rows',
  rows: 64,
  template: (D) => ({ D4: D / 4 }),
  overrides: () => ({ WORKGROUP: 16 }),
};

/** Four rows of `lib/row-tile` hold heads of up to 32 numbers. */
function fitsRows(node: Unshaped, caps: Caps): boolean {
  const D = numberAttr(node, 'headSize');
  return caps.software && D % 4 === 0 && D <= 32;
}

/** Threads with a row each; rows of the other kind pass through workgroup memory, as many at a time as fit, up to 32. */
function tiledKernel(caps: Caps): Family {
  return {
    suffix: '',
    rows: 64,
    template: (D) => ({ WIDTH: vecWidth(D), DN: D / vecWidth(D) }),
    overrides: (D, tile) => ({
      WORKGROUP: 64,
      [tile]: Math.max(1, Math.min(32, Math.floor(caps.workgroupBytes / (8 * (D + 1))))),
    }),
  };
}

function forward(node: Node, family: Family): Dispatch {
  const [qkv, o, lse] = [inputAt(node, 0), outputAt(node, 0), outputAt(node, 1)];
  const sizes = qkvSizes(node, qkv.type);
  return dispatch(node, family, 'attention/attention-forward', { qkv, o, lse }, sizes, 'KEYS');
}

function backward(node: Node, family: Family): readonly Dispatch[] {
  const [d_o, qkv, o, lse, dqkv] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3), outputAt(node, 0)];
  const sizes = qkvSizes(node, qkv.type);
  const delta: Scratch = { scratch: 'delta', type: f32(sizes.B, sizes.H, sizes.T) };
  return [
    dispatch(node, family, 'attention/attention-backward-q', { qkv, o, d_o, lse, dqkv, delta }, sizes, 'KEYS'),
    dispatch(node, family, 'attention/attention-backward-kv', { qkv, d_o, lse, delta, dqkv }, sizes, 'QUERIES'),
  ];
}

function dispatch(
  node: Node,
  family: Family,
  kernel: string,
  bind: Dispatch['bind'],
  { B, T, H, Hkv, D }: HeadSizes,
  tile: 'KEYS' | 'QUERIES',
): Dispatch {
  return {
    kernel: kernel + family.suffix,
    bind,
    sizes: { B, T, H, KV_HEADS: Hkv, scale: numberAttr(node, 'scale') },
    overrides: family.overrides(D, tile),
    template: family.template(D),
    grid: [Math.ceil(T / family.rows), B * (tile === 'KEYS' ? H : Hkv), 1],
  };
}
