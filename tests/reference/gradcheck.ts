import { sizeOf } from '../../src/base/shape.ts';
import { Graph } from '../../src/graph/graph.ts';
import type { Attrs, Type, Value } from '../../src/graph/types.ts';
import type { Op } from '../../src/ops/op.ts';
import { addOp } from '../../src/ops/op.ts';
import { evaluateGraph } from './evaluate.ts';
import { el, noise } from './tensor.ts';

/** One input of an op under test. */
export interface Operand {
  readonly type: Type;
  readonly data: Float64Array;
}

/** Where and how an op's gradient is checked. */
export interface GradientCase {
  readonly inputs: readonly Operand[];
  readonly attrs: Attrs;
  /** Outputs that a gradient flows into; the others only serve the backward pass. Default: the first. */
  readonly outputs?: readonly number[];
  /** f32 inputs that are data, not to be differentiated (schedule values). */
  readonly constants?: readonly number[];
}

/** How far the VJP of one input is from central differences. */
export interface GradientError {
  readonly input: number;
  /** Largest |vjp - difference| over the largest |difference|, or over 1e-3 where all are smaller. */
  readonly error: number;
}

/**
 * Compares an op's VJP, built as graph nodes and evaluated in f64 through the references, with central differences of the op's
 * own reference: for random output gradients `d` the gradient of `sum d y`, at every element of every differentiable input.
 *
 * @throws RangeError when a differentiable input gets no gradient.
 */
export function gradientErrors(
  name: string,
  op: Pick<Op, 'shape' | 'vjp'>,
  { inputs, attrs, ...rest }: GradientCase,
): GradientError[] {
  if (op.vjp === 'none') throw new RangeError(`op ${name} has no VJP`);
  const live = rest.outputs ?? [0];
  const constants = rest.constants ?? [];

  const forward = new Graph();
  const node = build(forward, name, op, inputs, attrs);
  const backward = new Graph();
  const again = build(backward, name, op, inputs, attrs);
  const seeds = new Map<string, Float64Array>();
  const douts = again.map((output, i) => {
    if (!live.includes(i)) return undefined;
    seeds.set(`d${i}`, noise(sizeOf(output.type.shape), `d${i}`));
    return backward.input(`d${i}`, output.type, 'micro');
  });
  const feed = new Map(inputs.map((input, i) => [`x${i}`, input.data]));
  const maker = again[0]?.node;
  if (maker === undefined) throw new RangeError(`op ${name} has no outputs`);
  const gradients = op.vjp(backward, maker, douts);
  const { values } = evaluateGraph(backward, { micro: [new Map([...feed, ...seeds])] });

  const objective = (changed: ReadonlyMap<string, Float64Array>): number => {
    const result = evaluateGraph(forward, { micro: [changed] }).values;
    return node.reduce((sum, value, i) => {
      const seed = seeds.get(`d${i}`);
      const y = result.get(value);
      return seed === undefined || y === undefined ? sum : sum + seed.reduce((part, d, k) => part + d * el(y.data, k), 0);
    }, 0);
  };
  const errors: GradientError[] = [];
  for (const [i, { type, data }] of inputs.entries()) {
    if (type.dtype !== 'f32' || constants.includes(i)) continue;
    const value = gradients[i];
    const found = value === undefined ? undefined : values.get(value);
    if (found?.data.length !== data.length) throw new RangeError(`op ${name}: input ${i} has no gradient of its size`);
    const wanted = data.map((x, k) => {
      const step = 1e-5 * Math.max(1, Math.abs(x));
      const moved = (by: number): number => objective(new Map([...feed, [`x${i}`, data.with(k, x + by)]]));
      return (moved(step) - moved(-step)) / (2 * step);
    });
    const scale = wanted.reduce((most, slope) => Math.max(most, Math.abs(slope)), 1e-3);
    // Math.max passes a NaN on, so one anywhere makes the error NaN, which is below no tolerance.
    errors.push({
      input: i,
      error: wanted.reduce((most, slope, k) => Math.max(most, Math.abs(slope - el(found.data, k))), 0) / scale,
    });
  }
  return errors;
}

function build(g: Graph, name: string, op: Pick<Op, 'shape'>, inputs: readonly Operand[], attrs: Attrs): readonly Value[] {
  const values = inputs.map(({ type }, i) => g.input(`x${i}`, type, 'micro'));
  return addOp(g, name, op, values, attrs);
}
