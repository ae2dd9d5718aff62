import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../src/data/index.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { initialWeights } from '../../src/train/init.ts';
import type { NotFinite } from '../../src/train/not-finite.ts';
import type { NamedTensor } from '../../src/train/safetensors.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { tinySpec } from '../reference/specs.ts';
import { batchesOf, testDataset, testTrainer, trace } from '../support/train.ts';

const MODEL = { norm: 'layernorm', position: 'learned', tied: false, bias: false } as const;
const spec = tinySpec({ model: MODEL, data: { context: 4, batch: 1 } });
const inMicroBatches = tinySpec({ model: MODEL, data: { context: 4, batch: 1, gradAccum: 2, markov: { symbols: 40 } } });
const STEPS = 8;

/** What a run meets at a step: a token, not seen before, whose embedding and position add up to infinity. */
interface Trap {
  readonly step: number;
  /** From 1. */
  readonly micro: number;
  readonly weights: readonly NamedTensor[];
}

/** A trap that closes at the last place of a step and not at its first steps. */
function trapOf(of: RunSpec, dataset: Dataset): Trap {
  const { gradAccum } = of.data;
  const batches = batchesOf(of, dataset, STEPS);
  const firsts = Array.from({ length: dataset.vocab }, (_, token) =>
    batches.findIndex(({ tokens }) => Array.from(tokens).includes(token)),
  );
  const index = firsts.find(
    (at) => at >= 2 * gradAccum && at < (STEPS - 2) * gradAccum && (gradAccum === 1 || at % gradAccum === 1),
  );
  if (index === undefined) throw new RangeError('no token appears late');
  const token = firsts.indexOf(index);
  const weights = initialWeights(of, dataset.vocab).map((tensor) => {
    const width = tensor.shape[1] ?? 0;
    const isHuge = (i: number): boolean =>
      tensor.name === 'position.weight' || (tensor.name === 'embed.weight' && Math.floor(i / width) === token);
    return { ...tensor, data: tensor.data.map((value, i) => (isHuge(i) ? 2e38 : value)) };
  });
  return { step: 1 + Math.floor(index / gradAccum), micro: 1 + (index % gradAccum), weights };
}

const FOUND = { kind: 'tensor', name: 'position residual' } as const;

async function weightsOf(trainer: Trainer, lane = 0): Promise<readonly number[][]> {
  const { lanes } = await trainer.snapshot('run', STEPS, 0);
  return (lanes[lane]?.weights ?? []).map(({ data }) => [...data]);
}

/** What a run of `of` with these weights finds of its failure at `step`, after some more steps in submits of `k`. */
async function foundBy(of: RunSpec, { weights, step }: Trap, k: number, dataset: Dataset): Promise<NotFinite> {
  const trainer = await testTrainer([of], { dataset, weights: [weights] });
  try {
    const [lane] = await trace(trainer, STEPS, k);
    const isBroken = (value: number): boolean => !Number.isFinite(value);
    expect([lane?.losses.findIndex(isBroken), lane?.gradNorms.findIndex(isBroken)]).toEqual([step - 1, step - 1]);
    return await trainer.firstNotFinite(step);
  } finally {
    trainer.destroy();
  }
}

describe('the first tensor that is not finite', () => {
  it.each([1, 4, STEPS])('promise 6: is the origin, at the step that failed, of submits of %i steps', async (k) => {
    const dataset = await testDataset(spec);
    const trap = trapOf(spec, dataset);
    const { step } = trap;
    expect(await foundBy(spec, trap, k, dataset)).toEqual({ step, micro: 1, micros: 1, weightsStep: step - 1, origin: FOUND });
  });

  it('is found in the micro-batch that shows it', async () => {
    const dataset = await testDataset(inMicroBatches);
    const trap = trapOf(inMicroBatches, dataset);
    const { step, micro } = trap;
    expect(micro).toBeGreaterThan(1);
    expect(await foundBy(inMicroBatches, trap, 2, dataset)).toEqual({
      step,
      micro,
      micros: 2,
      weightsStep: step - 1,
      origin: FOUND,
    });
  });

  it('is what a learning rate beyond all reason broke', async () => {
    const trainer = await testTrainer([tinySpec({ model: MODEL, optimizer: { lr: 1e30 }, data: { context: 4, batch: 1 } })]);
    const [lane] = await trace(trainer, 4, 4);
    const step = 1 + (lane?.gradNorms.findIndex((norm) => !Number.isFinite(norm)) ?? NaN);
    expect(step).toBeGreaterThan(1);
    const { origin, weightsStep } = await trainer.firstNotFinite(step);
    expect(weightsStep).toBe(step - 1);
    expect(origin).toMatchObject({ kind: 'tensor', name: expect.stringMatching(/^(blocks\.0\.|head |final\.norm )/) as string });
    trainer.destroy();
  });

  it.each([
    ['blocks.0.norm2.gain', NaN, { kind: 'weight', name: 'blocks.0.norm2.gain' }],
    ['blocks.0.mlp.fc.weight', 3e38, { kind: 'tensor', name: 'blocks.0.mlp.fc fprop.output' }],
    ['none', 0, { kind: 'none' }],
  ] as const)('is a weight that was given so, or the result that overflows: %s of %f', async (name, value, origin) => {
    const dataset = await testDataset(spec);
    const weights = initialWeights(spec, dataset.vocab).map((tensor) =>
      tensor.name === name ? { ...tensor, data: tensor.data.map(() => value) } : tensor,
    );
    const trainer = await testTrainer([spec], { dataset, weights: [weights] });
    await trace(trainer, 2, 2);
    expect((await trainer.firstNotFinite(1)).origin).toEqual(origin);
    trainer.destroy();
  });
});

describe('a lane that has halted', () => {
  it('promise 2: keeps the weights it had, and the other goes on to the bits of its lone run', async () => {
    const dataset = await testDataset(spec);
    const { step, weights } = trapOf(spec, dataset);
    const calm = initialWeights(spec, dataset.vocab);
    const [lone, brief, both] = [
      await testTrainer([spec], { dataset }),
      await testTrainer([spec], { dataset, weights: [weights] }),
      await testTrainer([spec, spec], { dataset, weights: [calm, weights] }),
    ];
    const [want] = await trace(lone, STEPS, 3);
    await trace(brief, step - 1);
    const [calmTrace, lostTrace] = await trace(both, STEPS, 3);
    expect(calmTrace).toEqual(want);
    expect(await weightsOf(both, 0)).toEqual(await weightsOf(lone));
    expect(await weightsOf(both, 1)).toEqual(await weightsOf(brief));
    expect(lostTrace?.losses.map(Number.isFinite)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1 < step));
    expect((await both.evaluate('validation'))?.map(Number)).toEqual(
      Float64Array.of((await lone.evaluate('validation'))?.[0] ?? NaN, NaN),
    );
    expect((await both.firstNotFinite(step, 1)).origin).toEqual(FOUND);
    for (const trainer of [lone, brief, both]) trainer.destroy();
  });

  it('promise 1: stays so in a run that goes on from a checkpoint', async () => {
    const dataset = await testDataset(spec);
    const { step, weights } = trapOf(spec, dataset);
    const trainer = await testTrainer([spec], { dataset, weights: [weights] });
    await trace(trainer, step);
    const checkpoint = await trainer.snapshot('run', STEPS, 0);
    const resumed = await testTrainer([spec], { dataset, checkpoint });
    const [lane] = await trace(resumed, STEPS - step, 2);
    expect(lane?.losses).toEqual(Array.from({ length: STEPS - step }, () => NaN));
    expect(lane?.gradNorms).toEqual(lane?.losses);
    expect(await weightsOf(resumed)).toEqual(await weightsOf(trainer));
    for (const one of [trainer, resumed]) one.destroy();
  });

  it.each([
    { recipe: 'bf16-pure', rounding: 'stochastic' },
    { recipe: 'fp8-lm' },
    { recipe: 'f32', overrides: { 'optimizer.m': 'e2m1/current' } },
  ] as const)('keeps its weights where states are rounded: %j', async (precision) => {
    const rounded: RunSpec = { ...spec, precision: { ...spec.precision, ...precision } };
    const dataset = await testDataset(rounded);
    const { step, weights } = trapOf(rounded, dataset);
    const [brief, long] = [
      await testTrainer([rounded], { dataset, weights: [weights] }),
      await testTrainer([rounded], { dataset, weights: [weights] }),
    ];
    await trace(brief, step - 1);
    const [lane] = await trace(long, STEPS, 3);
    expect(lane?.gradNorms.map(Number.isFinite)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1 < step));
    expect(await weightsOf(long)).toEqual(await weightsOf(brief));
    for (const one of [brief, long]) one.destroy();
  });
});
