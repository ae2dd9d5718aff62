import { describe, expect, it } from 'vitest';
import { learningRate } from '../../src/spec/schedule.ts';
import { vocabSize } from '../../src/spec/shapes.ts';
import { referenceGradient, referenceLoss, referenceTraining, scheduleFactor } from './model.ts';
import { at } from './model/matrix.ts';
import { testBatches, testWeights, tinySpec, tinySpecs } from './specs.ts';
import { noise } from './tensor.ts';

/** Spread of weights at which every layer bends: initial weights would leave the model nearly linear. */
const SPREAD = 15;

function firstBatch(batches: ReturnType<typeof testBatches>): (typeof batches)[number] {
  const [batch] = batches;
  if (batch === undefined) throw new RangeError('no batch');
  return batch;
}

describe('the gradient of the reference model', () => {
  it.each([...tinySpecs])('promise 3: agrees with central differences along random directions in every tensor: %s', (_, spec) => {
    const weights = testWeights(spec, SPREAD);
    const batch = firstBatch(testBatches(spec, 1));
    const { gradients } = referenceGradient(spec, weights, batch);
    expect([...gradients.keys()]).toEqual([...weights.keys()]);
    for (const [name, value] of weights) {
      const gradient = gradients.get(name) ?? new Float64Array();
      for (const draw of [0, 1]) {
        const direction = noise(value.length, `${name}/${draw}`);
        const moved = (step: number): number => {
          const there = new Map(weights).set(
            name,
            value.map((x, i) => x + step * at(direction, i)),
          );
          return referenceGradient(spec, there, batch).objective;
        };
        const step = 1e-5;
        const difference = (moved(step) - moved(-step)) / (2 * step);
        const along = gradient.reduce((sum, slope, i) => sum + slope * at(direction, i), 0);
        const size = Math.hypot(...gradient);
        expect(size, name).toBeGreaterThan(0);
        // Rounding of the objective over the step is 1e-10; the third derivative times the step squared is of the same order.
        expect(Math.abs(along - difference) / size, `${name}: ${along} and ${difference}`).toBeLessThan(1e-6);
      }
    }
  });
});

describe('a run of the reference model', () => {
  it.each([...tinySpecs])('starts near ln V and learns what it sees again and again: %s', (_, spec) => {
    const seen = testBatches(spec, 1);
    const again = Array.from({ length: 20 }, () => seen).flat();
    const { losses, gradNorms } = referenceTraining(spec, testWeights(spec), again);
    expect(losses).toHaveLength(20);
    expect(Math.abs(at(Float64Array.from(losses), 0) - Math.log(vocabSize(spec)))).toBeLessThan(0.1);
    expect(at(Float64Array.from(losses), 19)).toBeLessThan(at(Float64Array.from(losses), 0) - 0.1);
    expect(Math.min(...gradNorms)).toBeGreaterThan(0);
  });

  it('gives the same step for two micro-batches as for one batch of both', () => {
    const split = tinySpec({ data: { batch: 2, gradAccum: 2 } });
    const whole = tinySpec({ data: { batch: 4, gradAccum: 1 } });
    const micro = testBatches(split, 3);
    const joined = [0, 2, 4].map((i) => {
      const pair = micro.slice(i, i + 2);
      return {
        tokens: pair.flatMap(({ tokens }) => Array.from(tokens)),
        targets: pair.flatMap(({ targets }) => Array.from(targets)),
      };
    });
    const [a, b] = [referenceTraining(split, testWeights(split), micro), referenceTraining(whole, testWeights(whole), joined)];
    a.losses.forEach((loss, i) => expect(loss).toBeCloseTo(at(Float64Array.from(b.losses), i), 12));
  });

  it('reports the gradient norm before clipping, and a first step of the same size whatever the clipping', () => {
    const run = (clip: number | null): ReturnType<typeof referenceTraining> => {
      const spec = tinySpec({ optimizer: { clip, eps: 0, weightDecay: 0 } });
      return referenceTraining(spec, testWeights(spec), testBatches(spec, 1));
    };
    const [free, clipped] = [run(null), run(0.001)];
    expect(clipped.gradNorms).toEqual(free.gradNorms);
    // Without eps the first step of Adam is the sign of the gradient, which no scale changes; a gradient of 0 gives 0/0.
    const [a, b] = [free.weights.get('final.norm.gain'), clipped.weights.get('final.norm.gain')];
    a?.forEach((value, i) => expect(value).toBeCloseTo(b?.[i] ?? NaN, 9));
  });

  it('decays tensors of two dimensions and no others', () => {
    const run = (weightDecay: number): ReadonlyMap<string, Float64Array> => {
      const spec = tinySpec({
        model: { norm: 'layernorm', bias: true },
        optimizer: { weightDecay },
        schedule: { kind: 'constant', warmupSteps: 0 },
      });
      return referenceTraining(spec, testWeights(spec), testBatches(spec, 1)).weights;
    };
    const [kept, decayed] = [run(0), run(0.5)];
    const start = testWeights(tinySpec({ model: { norm: 'layernorm', bias: true } }));
    for (const [name, value] of start) {
      const shrink = name.endsWith('.weight') ? 0.01 * 0.5 : 0;
      value.forEach((w, i) => expect((kept.get(name)?.[i] ?? NaN) - (decayed.get(name)?.[i] ?? NaN)).toBeCloseTo(shrink * w, 12));
    }
  });

  it('leaves the weights it is given as they are', () => {
    const spec = tinySpec();
    const weights = testWeights(spec);
    referenceTraining(spec, weights, testBatches(spec, 2));
    expect(weights).toEqual(testWeights(spec));
  });

  it('measures a loss without the z term', () => {
    const spec = tinySpec({ loss: { zLoss: 0.1 } });
    const batch = firstBatch(testBatches(spec, 1));
    const { loss, objective } = referenceGradient(spec, testWeights(spec), batch);
    expect(loss).toBe(referenceLoss(spec, testWeights(spec), batch));
    expect(objective).toBeGreaterThan(loss + 0.1);
  });

  it('names a tensor that is missing, and one that is not of the model', () => {
    const spec = tinySpec();
    const batch = firstBatch(testBatches(spec, 1));
    const without = testWeights(spec);
    without.delete('embed.weight');
    expect(() => referenceGradient(spec, without, batch)).toThrow('embed.weight is missing');
    const foreign = testWeights(spec).set('blocks.7.norm1.gain', new Float64Array(8));
    expect(() => referenceGradient(spec, foreign, batch)).toThrow('blocks.7.norm1.gain is not of this model');
  });
});

describe('the schedule of the reference model', () => {
  it.each(['constant', 'linear', 'cosine', 'wsd'] as const)('is the %s schedule of the spec, computed another way', (kind) => {
    for (const warmupSteps of [0, 1, 7]) {
      for (const cooldown of [0, 0.25, 1]) {
        const spec = tinySpec({ schedule: { kind, warmupSteps, cooldown, finalRatio: 0.1 }, optimizer: { lr: 1 } });
        for (const total of [1, 5, 20]) {
          for (let step = 1; step <= total + 3; step++) {
            expect(scheduleFactor(spec.schedule, step, total)).toBeCloseTo(learningRate(spec, step, total), 12);
          }
        }
      }
    }
  });
});
