import { GraphError } from '../base/errors.ts';
import { sameShape } from '../base/shape.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Value } from '../graph/types.ts';
import {
  backwardParts,
  fitsRows,
  forwardParts,
  preparationOf,
  rowsBackward,
  rowsForward,
  tiledBackward,
  tiledForward,
} from './attention-kernels.ts';
import { headAttrs, mergeHeads, qkvSizes, splitQkv } from './heads.ts';
import type { HeadAttrs } from './heads.ts';
import { MOST_PARTS } from './made.ts';
import type { Producer } from './made.ts';
import { matmul } from './matmul.ts';
import { addOp, flagAttr, inputAt, numberAttr, outputAt, requireShape } from './op.ts';
import type { Op, Unshaped } from './op.ts';
import { qkNorm } from './qk-norm.ts';
import { rope } from './rope.ts';
import { causalSoftmax } from './softmax.ts';

export interface AttentionAttrs extends HeadAttrs {
  /** Factor of q . k, as 1 / sqrt(D). */
  readonly scale: number;
}

/** What queries and keys go through on their way in. */
export interface Prepared {
  /** qk_norm, with gains f32[D]. */
  readonly norm?: { readonly qgain: Value; readonly kgain: Value; readonly eps: number };
  /** Of the angles of rope. */
  readonly base?: number;
}

/**
 * Causal self-attention of qkv f32[B,T,(H+2Hkv)*D] without a T x T matrix (Dao et al. 2022, FlashAttention): of its queries and keys as
 * they are, or normed, turned, or both, which is done again wherever they are read.
 *
 * @returns o f32[B,T,H*D] and, for the backward pass and for watching logits, lse f32[B,H,T]: the log-sum-exp of each row of scores.
 */
export function attention(
  g: Graph,
  qkv: Value,
  attrs: AttentionAttrs,
  name?: string,
  { norm, base = 0 }: Prepared = {},
): readonly [Value, Value] {
  const inputs = norm === undefined ? [qkv] : [qkv, norm.qgain, norm.kgain];
  const how = { qkNorm: norm !== undefined, eps: norm?.eps ?? 0, base };
  const [o, lse] = addOp(g, 'attention', attentionOps.attention, inputs, { ...attrs, ...how }, name);
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
      requirePreparation(node, 1, D);
      return [f32(B, T, H * D), f32(B, H, T)];
    },
    // p = softmax(scale q kT), o = p v: dv = pT do, ds = p (do vT - rows of do . o), dq = scale ds k, dk = scale dsT q;
    // dq and dk then go back through rope and qk_norm
    vjp(g, node, [dout, dlse]) {
      if (dlse !== undefined) throw new GraphError({ where: `node ${node.id} attention`, rule: 'its lse has no gradient' });
      if (dout === undefined) return [];
      const inputs = [dout, inputAt(node, 0), outputAt(node, 0), outputAt(node, 1), ...node.inputs.slice(1)];
      return addOp(g, 'attention_backward', attentionOps.attention_backward, inputs, node.attrs, node.name);
    },
    // Of o only: the plain ops store no lse.
    plain(g, [qkv, qgain, kgain], attrs) {
      if (qkv === undefined) return [];
      const node: Unshaped = { id: 0, op: 'attention', name: '', inputs: [], attrs };
      const heads = headAttrs(node);
      const { eps, turned, base } = preparationOf(node);
      let x = qkv;
      if (qgain !== undefined && kgain !== undefined) [x] = qkNorm(g, x, qgain, kgain, { ...heads, eps });
      if (turned) x = rope(g, x, { heads: heads.heads + heads.kvHeads, headSize: heads.headSize, base });
      return [plainAttention(g, x, { ...heads, scale: numberAttr(node, 'scale') })];
    },
    variants: [
      { name: 'rows', supports: fitsRows, lower: rowsForward },
      { name: 'plain', supports: () => true, lower: tiledForward },
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
      requirePreparation(node, 4, D);
      return flagAttr(node, 'qkNorm') ? [qkv, f32(D), f32(D)] : [qkv];
    },
    vjp: 'none',
    variants: [
      { name: 'rows', supports: fitsRows, lower: rowsBackward },
      { name: 'plain', supports: () => true, lower: tiledBackward },
    ],
  },
};

/** Attention tells the amax of what it makes, forward and backward; it casts nothing, for its rows are stored by code without loops. */
export const attentionProducers: Record<'attention' | 'attention_backward', Producer> = {
  attention: {
    op: attentionOps.attention,
    result: 0,
    variants: attentionOps.attention.variants,
    parts: (node) => Math.min(MOST_PARTS, forwardParts(qkvSizes(node, inputAt(node, 0).type))),
    casts: () => false,
  },
  attention_backward: {
    op: attentionOps.attention_backward,
    result: 0,
    variants: attentionOps.attention_backward.variants,
    parts: (node) => Math.min(MOST_PARTS, backwardParts(qkvSizes(node, inputAt(node, 1).type))),
    casts: () => false,
  },
};

function headsOf({ heads, kvHeads, headSize }: HeadAttrs): HeadAttrs {
  return { heads, kvHeads, headSize };
}

/** The gains begin with input `at`. @throws ShapeError where they, eps or the base do not fit. */
function requirePreparation(node: Unshaped, at: number, D: number): void {
  const { normed, eps, base } = preparationOf(node);
  requireShape(node, node.inputs.length === at + (normed ? 2 : 0), 'the gains come with qkNorm');
  if (normed) {
    const fits = [at, at + 1].every((i) => sameShape(inputAt(node, i).type.shape, [D]));
    requireShape(node, fits, `the gains do not fit head size ${D}`);
  }
  requireShape(node, eps >= 0 && eps < Infinity, `eps is ${eps}`);
  requireShape(node, base >= 0 && base < Infinity, `base is ${base}`);
  requireShape(node, base === 0 || D % 2 === 0, `head size ${D} has no pairs`);
}
