import { describe, expect, it } from 'vitest';
import { tokenOrder } from '../../src/data/batches.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { HYPER, HYPER_SIZE } from '../../src/ops/hyper.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { learningRate } from '../../src/spec/schedule.ts';
import { vocabSize } from '../../src/spec/shapes.ts';
import { totalSteps } from '../../src/spec/steps.ts';
import { trainingGraph } from '../../src/train/graphs.ts';
import { evaluateGraph } from './evaluate.ts';
import { referenceTraining } from './model.ts';
import type { Batch } from './model.ts';
import { at } from './model/matrix.ts';
import { testBatches, testWeights, tinySpecs } from './specs.ts';

const STEPS = 2;

/** What `fillHyper` of the engine writes, without its rounding to f32. */
function hyperOf(spec: RunSpec, step: number): Float64Array {
  const { beta1, beta2, eps, weightDecay, clip } = spec.optimizer;
  const hyper = new Float64Array(HYPER_SIZE);
  hyper[HYPER.lr] = learningRate(spec, step, totalSteps(spec));
  hyper[HYPER.beta1] = beta1;
  hyper[HYPER.beta2] = beta2;
  hyper[HYPER.eps] = eps;
  hyper[HYPER.weightDecay] = weightDecay;
  hyper[HYPER.clip] = clip ?? 0;
  hyper[HYPER.correction1] = 1 / (1 - beta1 ** step);
  hyper[HYPER.correction2] = 1 / (1 - beta2 ** step);
  hyper[HYPER.zLoss] = spec.loss.zLoss;
  return hyper;
}

function microFeeds(spec: RunSpec, { tokens, targets }: Batch, index: number): Map<string, ArrayLike<number>> {
  const vocab = vocabSize(spec);
  const [order, starts] = [new Uint32Array(tokens.length), new Uint32Array(vocab + 1)];
  tokenOrder(Uint32Array.from(tokens), vocab, order, starts);
  const micro = [index === 0 ? 1 : 0, 1 / spec.data.gradAccum];
  return new Map(Object.entries({ tokens, targets, order, starts, micro }));
}

/** All tensors one after another, as an arena of the reference evaluation holds them. */
function flat(weights: ReadonlyMap<string, Float64Array>): Float64Array {
  return Float64Array.from([...weights.values()].flatMap((value) => [...value]));
}

/** Runs the graph of a training step through the references, step after step. */
function run(
  graph: Graph,
  spec: RunSpec,
  weights: ReadonlyMap<string, Float64Array>,
  batches: readonly Batch[],
): [number[], number[], Float64Array] {
  const { gradAccum } = spec.data;
  let states: ReadonlyMap<string, Float64Array> = new Map([['weights', flat(weights)]]);
  const [losses, norms]: [number[], number[]] = [[], []];
  for (let step = 1; step <= STEPS; step++) {
    const micro = batches.slice((step - 1) * gradAccum, step * gradAccum).map((batch, i) => microFeeds(spec, batch, i));
    const result = evaluateGraph(graph, { micro, step: new Map([['hyper', hyperOf(spec, step)]]), states });
    const parts = result.micro.get('loss')?.map(({ data }) => at(data, 0)) ?? [];
    losses.push(parts.reduce((sum, loss) => sum + loss, 0) / gradAccum);
    norms.push(at(result.step.get('gradNorm')?.data ?? new Float64Array(), 0));
    states = result.states;
  }
  return [losses, norms, states.get('weights') ?? new Float64Array()];
}

describe.each(['none', 'all'] as const)('the graph of a training step, fusion %s, evaluated in f64', (fusion) => {
  it.each([...tinySpecs])('promise 3: trains as the reference model does: %s', (_, tiny) => {
    const spec: RunSpec = { ...tiny, fusion };
    const weights = testWeights(spec, 5);
    const batches = testBatches(spec, STEPS);
    const wanted = referenceTraining(spec, weights, batches);
    const [losses, norms, after] = run(trainingGraph(spec, vocabSize(spec)), spec, weights, batches);
    // Two orders of summation in f64, grown by a few steps of Adam.
    losses.forEach((loss, i) => expect(loss).toBeCloseTo(wanted.losses[i] ?? NaN, 10));
    norms.forEach((norm, i) => expect(norm).toBeCloseTo(wanted.gradNorms[i] ?? NaN, 9));
    const end = flat(wanted.weights);
    expect(after).toHaveLength(end.length);
    expect(after.reduce((most, value, i) => Math.max(most, Math.abs(value - at(end, i))), 0)).toBeLessThan(1e-8);
  });
});
