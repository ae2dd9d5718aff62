import { GraphError } from '../base/errors.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Type, Value } from '../graph/types.ts';
import { flatGrid, FLAT_WORKGROUP, vecWidth } from './launch.ts';
import { addOp, inputAt, numberAttr, outputAt, plainVariant, requireShape } from './op.ts';
import type { Dispatch, Op, Unshaped } from './op.ts';

/** How heads lie in the last dimension of qkv: H of queries, then Hkv of keys, then Hkv of values, D numbers each. */
export interface HeadAttrs {
  /** H */
  readonly heads: number;
  /** Hkv, which divides H: grouped-query attention where it is smaller. */
  readonly kvHeads: number;
  /** D */
  readonly headSize: number;
}

/** Query, key and value heads of qkv f32[B,T,(H+2Hkv)*D], each f32[B,H,T,D]: keys and values repeat for the heads that share them. */
export function splitQkv(g: Graph, qkv: Value, attrs: HeadAttrs, name?: string): readonly [Value, Value, Value] {
  const [q, k, v] = addOp(g, 'split_qkv', headsOps.split_qkv, [qkv], { ...attrs }, name);
  if (q === undefined || k === undefined || v === undefined)
    throw new GraphError({ where: 'split_qkv', rule: 'the node lacks an output' });
  return [q, k, v];
}

/** The transpose of {@link splitQkv}: gradients of heads that share keys and values add up. */
export function joinQkv(g: Graph, dq: Value, dk: Value, dv: Value, attrs: HeadAttrs, name?: string): Value {
  return first(addOp(g, 'join_qkv', headsOps.join_qkv, [dq, dk, dv], { ...attrs }, name));
}

/** x f32[B,H,T,D] as f32[B,T,H*D]. */
export function mergeHeads(g: Graph, x: Value, name?: string): Value {
  return first(addOp(g, 'merge_heads', headsOps.merge_heads, [x], {}, name));
}

/** x f32[B,T,H*D] as f32[B,H,T,D]. */
export function splitHeads(g: Graph, x: Value, heads: number, name?: string): Value {
  return first(addOp(g, 'split_heads', headsOps.split_heads, [x], { heads }, name));
}

/** Sizes of attention, read from attributes and from the type of qkv (or of what has its leading dimensions). */
export interface HeadSizes {
  readonly B: number;
  readonly T: number;
  readonly H: number;
  readonly Hkv: number;
  readonly D: number;
  /** (H + 2 Hkv) * D */
  readonly width: number;
}

/** @throws ShapeError when the heads do not fit each other. */
export function headSizes(node: Unshaped, B: number, T: number): HeadSizes {
  const [H, Hkv, D] = [numberAttr(node, 'heads'), numberAttr(node, 'kvHeads'), numberAttr(node, 'headSize')];
  const counts = [H, Hkv, D].every((count) => Number.isInteger(count) && count > 0);
  requireShape(node, counts, `heads ${H}, kvHeads ${Hkv} and headSize ${D} are not all counts`);
  requireShape(node, H % Hkv === 0, `${Hkv} key/value heads do not divide ${H} heads`);
  return { B, T, H, Hkv, D, width: (H + 2 * Hkv) * D };
}

/** The sizes of attention over an input qkv f32[B,T,(H+2Hkv)*D]. @throws ShapeError when it has another shape. */
export function qkvSizes(node: Unshaped, qkv: Type): HeadSizes {
  const [B = 0, T = 0, width = 0] = qkv.shape;
  const sizes = headSizes(node, B, T);
  requireShape(node, qkv.dtype === 'f32' && qkv.shape.length === 3, 'qkv is f32 of three dimensions');
  requireShape(node, width === sizes.width, `qkv has ${width} columns, the heads take ${sizes.width}`);
  return sizes;
}

export const headsOps: Record<'split_qkv' | 'join_qkv' | 'merge_heads' | 'split_heads', Op> = {
  split_qkv: {
    shape(node) {
      const { B, H, T, D } = qkvSizes(node, inputAt(node, 0).type);
      const heads = f32(B, H, T, D);
      return [heads, heads, heads];
    },
    // dqkv = the heads of dq, dk and dv side by side, those of one k or v added up
    vjp(g, node, [dq, dk, dv]) {
      if (dq === undefined || dk === undefined || dv === undefined) {
        if (dq === dk && dk === dv) return [];
        throw new GraphError({
          where: `node ${node.id} split_qkv`,
          rule: 'some of q, k and v have a gradient and some have none',
        });
      }
      return [joinQkv(g, dq, dk, dv, headAttrs(node), node.name)];
    },
    variants: plainVariant((node) => {
      const [qkv, q, k, v] = [inputAt(node, 0), outputAt(node, 0), outputAt(node, 1), outputAt(node, 2)];
      return [overHeads('heads/split-qkv-forward', { qkv, q, k, v }, qkvSizes(node, qkv.type), q)];
    }),
  },

  join_qkv: {
    shape(node) {
      const [dq, dk, dv] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      const [B = 0, H = 0, T = 0, D = 0] = dq.shape;
      const sizes = headSizes(node, B, T);
      requireShape(node, dq.shape.length === 4 && H === sizes.H && D === sizes.D, 'dq does not fit the heads');
      requireShape(node, sameShape(dk.shape, dq.shape) && sameShape(dv.shape, dq.shape), 'dq, dk and dv differ in shape');
      return [f32(B, T, sizes.width)];
    },
    vjp: 'none',
    variants: plainVariant((node) => {
      const [dq, dk, dv, dqkv] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), outputAt(node, 0)];
      return [overHeads('heads/join-qkv-forward', { dq, dk, dv, dqkv }, qkvSizes(node, dqkv.type), dqkv)];
    }),
  },

  merge_heads: {
    shape(node) {
      const x = inputAt(node, 0).type;
      const [B = 0, H = 0, T = 0, D = 0] = x.shape;
      requireShape(node, x.dtype === 'f32' && x.shape.length === 4, 'x is f32 of four dimensions');
      return [f32(B, T, H * D)];
    },
    // dx = dy by head
    vjp: (g, node, [dy]) => (dy === undefined ? [] : [splitHeads(g, dy, inputAt(node, 0).type.shape[1] ?? 0, node.name)]),
    variants: plainVariant((node) => {
      const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
      const [B = 0, H = 0, T = 0, D = 0] = x.type.shape;
      return [swap(x, y, { B, I: H, J: T, D })];
    }),
  },

  split_heads: {
    shape(node) {
      const x = inputAt(node, 0).type;
      const H = numberAttr(node, 'heads');
      const [B = 0, T = 0, width = 0] = x.shape;
      requireShape(node, x.dtype === 'f32' && x.shape.length === 3, 'x is f32 of three dimensions');
      requireShape(node, Number.isInteger(H) && H > 0 && width % H === 0, `${H} heads do not divide ${width} columns`);
      return [f32(B, H, T, width / H)];
    },
    // dx = dy with its heads side by side
    vjp: (g, node, [dy]) => (dy === undefined ? [] : [mergeHeads(g, dy, node.name)]),
    variants: plainVariant((node) => {
      const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
      const [B = 0, H = 0, T = 0, D = 0] = y.type.shape;
      return [swap(x, y, { B, I: T, J: H, D })];
    }),
  },
};

function overHeads(kernel: string, bind: Dispatch['bind'], { B, T, H, Hkv, D }: HeadSizes, each: Value): Dispatch {
  const vec = vecWidth(D);
  return {
    kernel,
    bind,
    sizes: { B, T, H, KV_HEADS: Hkv, DN: D / vec },
    overrides: { WORKGROUP: FLAT_WORKGROUP },
    template: { WIDTH: vec },
    grid: flatGrid(sizeOf(each.type.shape) / vec),
  };
}

function swap(x: Value, y: Value, { B, I, J, D }: { B: number; I: number; J: number; D: number }): Dispatch {
  const vec = vecWidth(D);
  return {
    kernel: 'heads/swap-heads-forward',
    bind: { x, y },
    sizes: { B, I, J, DN: D / vec },
    overrides: { WORKGROUP: FLAT_WORKGROUP },
    template: { WIDTH: vec },
    grid: flatGrid((B * I * J * D) / vec),
  };
}

/** The attributes of a node that speak of its heads. */
export function headAttrs(node: Unshaped): HeadAttrs {
  return { heads: numberAttr(node, 'heads'), kvHeads: numberAttr(node, 'kvHeads'), headSize: numberAttr(node, 'headSize') };
}
