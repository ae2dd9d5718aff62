import type { Graph } from '../graph/graph.ts';
import type { Type, Value } from '../graph/types.ts';
import { formatNamed } from '../numerics/format.ts';
import { matmulCastVariants } from './matmul-kernels.ts';
import { matmulView } from './matmul-view.ts';
import { operandWord } from './matmul-words.ts';
import { matmulOps } from './matmul.ts';
import { addOp, requireShape } from './op.ts';
import type { Op, Unshaped } from './op.ts';
import { castOf, castsAsStored, codeDtype, quantize, withoutCast } from './quantize.ts';
import type { CastAttrs } from './quantize.ts';

/** The matmul, its result as `quantize` and `dequantize` leave it, and the codes. Only a cast that {@link castsProduct} says yes to. */
export function matmulCast(
  g: Graph,
  { inputs, attrs, name }: Pick<Unshaped, 'inputs' | 'attrs' | 'name'>,
  cast: CastAttrs,
): readonly Value[] {
  return addOp(g, 'matmul_cast', matmulCastOps.matmul_cast, inputs, { ...attrs, ...cast }, name);
}

/** Whether a matmul can cast its one result as it stores it, and stores it once. */
export function castsProduct(matmul: Unshaped, cast: CastAttrs): boolean {
  const { N, activation, columnSums, parts, transposeB } = matmulView(matmul);
  const isOne = activation === 'none' && !columnSums && (parts.length === 0 || !transposeB);
  return isOne && N % 4 === 0 && castsAsStored(cast);
}

function shape(node: Unshaped): readonly Type[] {
  const cast = castOf(node);
  requireShape(node, castsProduct(node, cast), `a product like this cannot be cast to ${cast.format} as it is stored`);
  const dtype = codeDtype(formatNamed(cast.format));
  return matmulOps.matmul.shape(node).flatMap((type) => [type, { dtype, shape: type.shape }]);
}

export const matmulCastOps: Record<'matmul_cast', Op> = {
  matmul_cast: {
    shape,
    vjp: 'none',
    plain(g, inputs, attrs) {
      const node: Unshaped = { id: g.nodes.length, op: 'matmul_cast', name: 'plain', inputs, attrs };
      const products = addOp(g, 'matmul', matmulOps.matmul, inputs, withoutCast(attrs));
      return products.flatMap((y) => {
        const { codes, values = y } = quantize(g, y, { ...castOf(node), values: true }, {});
        return [values, codes];
      });
    },
    wraps: ({ attrs }) => ({ op: 'matmul', attrs: withoutCast(attrs) }),
    words: (node, input, i) => operandWord(matmulView(node), node.inputs[input], i),
    variants: matmulCastVariants,
  },
};
