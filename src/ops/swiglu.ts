import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { f32 } from '../graph/types.ts';
import type { Type, Value } from '../graph/types.ts';
import { flatGrid, FLAT_WORKGROUP, lastOf, vecWidth } from './launch.ts';
import { addOp, inputAt, outputAt, plainVariant, requireShape } from './op.ts';
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
    variants: plainVariant((node) => {
      const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
      return [gated('elementwise/swiglu-forward', { x, y }, y.type)];
    }),
  },

  swiglu_backward: {
    shape(node) {
      const [dy, x] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, dy.dtype === 'f32' && sameShape(dy.shape, halved(node, x).shape), 'dy is not half of x');
      return [x];
    },
    vjp: 'none',
    variants: plainVariant((node) => {
      const [dy, x, dx] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
      return [gated('elementwise/swiglu-backward', { dy, x, dx }, dy.type)];
    }),
  },
};

function halved(node: Unshaped, x: Type): Type {
  requireShape(
    node,
    x.dtype === 'f32' && x.shape.length > 0 && lastOf(x) % 2 === 0,
    'the last dimension of x is not gate and up',
  );
  return f32(...x.shape.slice(0, -1), lastOf(x) / 2);
}

/** `half` is the type with F columns. */
function gated(kernel: string, bind: Record<string, Value>, half: Type): Dispatch {
  const vec = vecWidth(lastOf(half));
  const count = sizeOf(half.shape) / vec;
  return {
    kernel,
    bind,
    sizes: { count, columns: lastOf(half) / vec },
    overrides: { WORKGROUP: FLAT_WORKGROUP },
    template: { WIDTH: vec },
    grid: flatGrid(count),
  };
}
