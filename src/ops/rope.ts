import { sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/types.ts';
import { flatGrid, FLAT_WORKGROUP, lastOf, vecWidth } from './launch.ts';
import { addOp, flagAttr, inputAt, numberAttr, outputAt, plainVariant, requireShape } from './op.ts';
import type { Op } from './op.ts';

/**
 * Rotary positions (Su et al. 2021, arXiv 2104.09864, equation 34) on x f32[..,T,W]: turns each of the leading `heads` heads of
 * `headSize` D columns in pairs (i, i + D/2), by the angle t base^(-2i/D); copies the other columns.
 */
export function rope(
  g: Graph,
  x: Value,
  attrs: { heads: number; headSize: number; base: number; inverse?: boolean },
  name?: string,
): Value {
  return first(addOp(g, 'rope', ropeOps.rope, [x], { ...attrs, inverse: attrs.inverse ?? false }, name));
}

export const ropeOps: Record<'rope', Op> = {
  rope: {
    shape(node) {
      const x = inputAt(node, 0).type;
      const [heads, headSize, base] = [numberAttr(node, 'heads'), numberAttr(node, 'headSize'), numberAttr(node, 'base')];
      flagAttr(node, 'inverse');
      requireShape(node, x.dtype === 'f32' && x.shape.length >= 2, 'x is f32 of at least two dimensions');
      requireShape(node, Number.isInteger(headSize) && headSize > 0 && headSize % 2 === 0, `head size ${headSize} has no pairs`);
      const fits = Number.isInteger(heads) && heads >= 0 && heads * headSize <= lastOf(x);
      requireShape(node, fits, `${heads} heads of ${headSize} do not fit the last dimension of x`);
      requireShape(node, base > 0 && base < Infinity, `base is ${base}`);
      return [x];
    },
    // A rotation is orthogonal: its transpose turns the gradient back.
    vjp(g, node, [dy]) {
      if (dy === undefined) return [];
      return addOp(g, 'rope', ropeOps.rope, [dy], { ...node.attrs, inverse: !flagAttr(node, 'inverse') }, node.name);
    },
    variants: plainVariant((node) => {
      const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
      const [heads, headSize, base] = [numberAttr(node, 'heads'), numberAttr(node, 'headSize'), numberAttr(node, 'base')];
      const context = x.type.shape.at(-2) ?? 1;
      const width = lastOf(x.type);
      const vec = vecWidth(headSize / 2, width);
      const count = sizeOf(x.type.shape) / vec;
      return [
        {
          kernel: 'position/rope-forward',
          bind: { x, y },
          tables: { angles: () => ropeAngles(context, headSize, base) },
          sizes: { count, context, columns: width / vec, turning: (heads * headSize) / vec, half: headSize / 2 / vec },
          overrides: { WORKGROUP: FLAT_WORKGROUP, INVERSE: flagAttr(node, 'inverse') },
          template: { WIDTH: vec },
          grid: flatGrid(count),
        },
      ];
    }),
  },
};

/** Bits of f32[2,T,D/2]: the cosines, then the sines, of t base^(-2i/D), rounded from f64. */
export function ropeAngles(context: number, headSize: number, base: number): Uint32Array {
  const half = headSize / 2;
  const values = new Float32Array(2 * context * half);
  for (let t = 0; t < context; t++) {
    for (let i = 0; i < half; i++) {
      const angle = t * base ** (-i / half);
      values[t * half + i] = Math.cos(angle);
      values[(context + t) * half + i] = Math.sin(angle);
    }
  }
  return new Uint32Array(values.buffer);
}
