import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SpecInput } from '../../src/spec/index.ts';
import {
  budgetAs,
  defaultSpec,
  flopsPerToken,
  learningRate,
  tokensPerStep,
  totalSteps,
  withDefaults,
} from '../../src/spec/index.ts';
import { validSpec } from './arbitrary.ts';

const at = (schedule: SpecInput['schedule'], steps: readonly number[], total: number): number[] => {
  const spec = withDefaults({ optimizer: { lr: 1 }, ...(schedule === undefined ? {} : { schedule }) });
  return steps.map((step) => Number(learningRate(spec, step, total).toFixed(12)));
};

describe('learningRate', () => {
  it('rises linearly from lr/W at step 1 to lr at step W, under every schedule', () => {
    for (const kind of ['constant', 'linear', 'cosine', 'wsd'] as const) {
      expect(at({ kind, warmupSteps: 4 }, [1, 2, 3, 4], 20)).toEqual([0.25, 0.5, 0.75, 1]);
    }
  });

  it('stays constant, also past the end', () => {
    expect(at({ kind: 'constant', warmupSteps: 0, finalRatio: 0.1 }, [1, 10, 11, 1000], 10)).toEqual([1, 1, 1, 1]);
  });

  it('falls linearly to the final ratio at the last step and stays there', () => {
    expect(at({ kind: 'linear', warmupSteps: 2, finalRatio: 0.2 }, [2, 3, 6, 10, 11, 99], 10)).toEqual([
      1, 0.9, 0.6, 0.2, 0.2, 0.2,
    ]);
  });

  it('falls as half a cosine', () => {
    const half = 0.1 + 0.9 / 2;
    expect(at({ kind: 'cosine', warmupSteps: 0, finalRatio: 0.1 }, [5, 10, 12], 10)).toEqual([half, 0.1, 0.1]);
    const quarter = 0.1 + (0.9 * (1 + Math.SQRT1_2)) / 2;
    expect(at({ kind: 'cosine', warmupSteps: 0, finalRatio: 0.1 }, [2], 8)).toEqual([Number(quarter.toFixed(12))]);
  });

  it('holds the peak under WSD and cools down over the chosen share of steps', () => {
    expect(at({ kind: 'wsd', warmupSteps: 2, cooldown: 0.4, finalRatio: 0 }, [2, 3, 6, 7, 8, 9, 10, 11], 10)).toEqual([
      1, 1, 1, 0.75, 0.5, 0.25, 0, 0,
    ]);
    expect(at({ kind: 'wsd', warmupSteps: 0, cooldown: 0, finalRatio: 0 }, [1, 10, 11], 10)).toEqual([1, 1, 1]);
  });

  it('is finite, never above the peak, never negative, and ends at the final ratio', () => {
    fc.assert(
      fc.property(validSpec, fc.double({ min: 0, max: 1.2, noNaN: true }), (spec, share) => {
        const total = totalSteps(spec);
        const { lr } = spec.optimizer;
        const value = learningRate(spec, Math.max(1, Math.round(share * total)), total);
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(lr * (1 + 1e-12));
        const { kind, finalRatio, cooldown } = spec.schedule;
        const decays = kind === 'linear' || kind === 'cosine' || (kind === 'wsd' && Math.round(cooldown * total) > 0);
        expect(learningRate(spec, total, total)).toBe(decays ? lr * finalRatio : lr);
      }),
      { numRuns: 200 },
    );
  });
});

describe('totalSteps', () => {
  it('takes steps as they are and rounds tokens up to whole steps', () => {
    const data = { batch: 8, context: 32, gradAccum: 2 };
    expect(tokensPerStep(withDefaults({ data }))).toBe(512);
    expect(totalSteps(withDefaults({ data, budget: { steps: 7 } }))).toBe(7);
    expect([1, 512, 513, 5120].map((tokens) => totalSteps(withDefaults({ data, budget: { tokens } })))).toEqual([1, 1, 2, 10]);
  });

  it('rounds FLOPs up to whole steps of its own count, or of the one it is given', () => {
    const perStep = flopsPerToken(defaultSpec).total * tokensPerStep(defaultSpec);
    const steps = (flops: number): number => totalSteps(withDefaults({ budget: { flops } }));
    expect([1, perStep, perStep + 1, 10 * perStep].map(steps)).toEqual([1, 1, 2, 10]);
    expect(totalSteps(withDefaults({ budget: { flops: 1024 * 100 } }), 10)).toBe(10);
  });

  it('is the same run when its length is said in another unit', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        const steps = totalSteps(spec);
        for (const kind of ['steps', 'tokens', 'flops'] as const) {
          expect(totalSteps({ ...spec, budget: budgetAs(spec, kind) })).toBe(steps);
        }
      }),
      { numRuns: 100 },
    );
  });
});
