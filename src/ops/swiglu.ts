import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { lastOf, vecWidth } from './launch.ts';
import { flatDispatch } from './made.ts';
import type { Producer } from './made.ts';
import { addOp, inputAt, outputAt, plainVariant, requireShape, rowVariants } from './op.ts';
import type { Dispatch, Op, Unshaped } from './op.ts';

/** silu(gate) up for x f32[..,2F]: the first F columns are the gate, the others the up-projection. Gives f32[..,F]. */
export function swiglu(g: Graph, x: Value, name?: string): Value {
  return first(addOp(g, 'swiglu', swigluOps.swiglu, [x], {}, name));
}

/** The gradient by x f32[..,2F] where `dy` f32[..,F] is that by swiglu(x). */
export function swigluBackward(g: Graph, dy: Value, x: Value, name?: string): Value {
  return first(addOp(g, 'swiglu_backward', swigluOps.swiglu_backward, [dy, x], {}, name));
}

export const swigluOps: Record<'swiglu' | 'swiglu_backward', Op> = {
  swiglu: {
    shape: (node) => [halved(node, inputAt(node, 0).type)],
    // s = sigmoid(gate): dgate = dy up s (1 + gate (1 - s)), dup = dy gate s
    vjp(g, node, [dy]) {
      if (dy === undefined) return [];
      return [swigluBackward(g, dy, inputAt(node, 0), node.name)];
    },
    variants: plainVariant((node) => lowerForward(node, false)),
  },

  swiglu_backward: {
    shape(node) {
      const [dy, x] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, dy.dtype === 'f32' && sameShape(dy.shape, halved(node, x).shape), 'dy is not half of x');
      return [x];
    },
    vjp: 'none',
    variants: plainVariant((node) => lowerBackward(node, false)),
  },
};

/** Both give more beside their result on request. */
export const swigluProducers: Record<'swiglu' | 'swiglu_backward', Producer> = {
  swiglu: { op: swigluOps.swiglu, result: 0, variants: rowVariants(lowerForward) },
  swiglu_backward: { op: swigluOps.swiglu_backward, result: 0, variants: rowVariants(lowerBackward) },
};

function halved(node: Unshaped, x: Type): Type {
  requireShape(
    node,
    x.dtype === 'f32' && x.shape.length > 0 && lastOf(x) % 2 === 0,
    'the last dimension of x is not gate and up',
  );
  return f32(...x.shape.slice(0, -1), lastOf(x) / 2);
}

function lowerForward(node: Node, alone: boolean): readonly Dispatch[] {
  const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
  return [gated('elementwise/swiglu-forward', { x, y }, { half: y.type, y, alone })];
}

function lowerBackward(node: Node, alone: boolean): readonly Dispatch[] {
  const [dy, x, dx] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
  return [gated('elementwise/swiglu-backward', { dy, x, dx }, { half: dy.type, y: dx, alone })];
}

/** `half` is the type with F columns, `y` what is made. */
function gated(
  kernel: string,
  bind: Record<string, Value>,
  { half, y, alone }: { readonly half: Type; readonly y: Value; readonly alone: boolean },
): Dispatch {
  const vec = vecWidth(lastOf(half));
  const dispatch = { kernel, bind, sizes: { columns: lastOf(half) / vec }, template: { WIDTH: vec } };
  return flatDispatch(dispatch, y, sizeOf(half.shape) / vec, alone);
}
