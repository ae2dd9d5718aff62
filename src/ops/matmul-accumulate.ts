import { sameShape } from '../base/shape.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Attrs, Type, Value } from '../graph/types.ts';
import { matmulAccumulateVariants } from './matmul-kernels.ts';
import { matmulView, productOf } from './matmul-view.ts';
import { operandWord } from './matmul-words.ts';
import { hasEpilogue, matmulAttrs, plainMatmul } from './matmul.ts';
import type { MatmulOptions } from './matmul.ts';
import { addOp, flagAttr, inputAt, requireShape } from './op.ts';
import type { Op, Unshaped } from './op.ts';
import { accumulate } from './optimizer.ts';

/** Where a product is added up over the micro-batches of a step. */
export interface Accumulator {
  /** A tensor of a state, `[M,N]`. */
  readonly acc: Value;
  /** f32[2] = [first, scale], as `accumulate` reads it. */
  readonly micro: Value;
}

/**
 * acc = (first ? 0 : acc) + scale op(a) op(b): a product that `accumulate` alone reads, without storing it in between; the same bits.
 * Gives the sums of columns, `[N]`, where `options` ask for them.
 *
 * @throws ShapeError for an epilogue, a batch or parts, and as `matmulNode` does.
 */
export function matmulAccumulate(
  g: Graph,
  a: Value,
  b: Value,
  { acc, micro }: Accumulator,
  options: MatmulOptions = {},
  name?: string,
): Value | undefined {
  const scales = [options.aCodes?.scales, options.bCodes?.scales].filter((value) => value !== undefined);
  const inputs = [a, b, acc, micro, ...scales];
  const [sums] = addOp(g, 'matmul_accumulate', matmulAccumulateOps.matmul_accumulate, inputs, matmulAttrs(options), name);
  return sums;
}

function shape(node: Unshaped): readonly Type[] {
  const { M, N, columnSums, parts } = matmulView(productOf(node));
  const [acc, micro] = [inputAt(node, 2).type, inputAt(node, 3).type];
  const isBare = !hasEpilogue(node.attrs) && !flagAttr(node, 'batched') && parts.length === 0;
  requireShape(node, isBare, 'what is added up is one bare product');
  requireShape(node, acc.dtype === 'f32' && sameShape(acc.shape, [M, N]), `the sum is not f32[${M},${N}]`);
  requireShape(node, micro.dtype === 'f32' && sameShape(micro.shape, [2]), 'micro is not f32[2]');
  return columnSums ? [f32(N)] : [];
}

function plain(g: Graph, inputs: readonly Value[], attrs: Attrs): readonly Value[] {
  const node: Unshaped = { id: g.nodes.length, op: 'matmul_accumulate', name: 'plain', inputs, attrs };
  const [product, ...sums] = plainMatmul(g, productOf(node).inputs, attrs);
  if (product !== undefined) accumulate(g, product, inputAt(node, 2), inputAt(node, 3));
  return sums;
}

/** Not the first micro-batch, and a scale at which gradients are as large as the sums that a check makes up. */
const TRIED_MICRO = [0, 2 ** 20] as const;

export const matmulAccumulateOps: Record<'matmul_accumulate', Op> = {
  matmul_accumulate: {
    shape,
    vjp: 'none',
    updates: [2],
    plain,
    words: (node, input, i) => operandWord(matmulView(productOf(node)), node.inputs[input], i),
    floats: (_, input, i) => (input === 3 ? TRIED_MICRO[i] : undefined),
    variants: matmulAccumulateVariants,
  },
};
