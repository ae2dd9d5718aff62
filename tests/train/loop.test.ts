import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluatesAt, Loop, stepsToBoundary, type Steppable } from '../../src/train/loop.ts';
import { Pace } from '../../src/train/pace.ts';
import type { StepMetrics } from '../../src/train/trainer.ts';

/** Counts steps, takes time by a clock of its own, and checks that it is never asked for more than it may be. */
class FakeTrainer implements Steppable {
  step = 0;
  readonly maxSteps: number;
  readonly submits: number[] = [];
  nowMs = 0;
  failAt = Infinity;
  underway = 0;
  private readonly msPerStep: number;
  private queue: Promise<unknown> = Promise.resolve();

  constructor({ maxSteps = 64, msPerStep = 1, step = 0 } = {}) {
    this.maxSteps = maxSteps;
    this.msPerStep = msPerStep;
    this.step = step;
  }

  free(): Promise<void> {
    return Promise.resolve();
  }

  advance(k: number): Promise<StepMetrics> {
    if (k < 1 || k > this.maxSteps || !Number.isInteger(k)) throw new RangeError(`${k} steps`);
    const firstStep = this.step + 1;
    this.step += k;
    this.submits.push(k);
    this.underway += 1;
    if (this.underway > 3) throw new RangeError('too many submits');
    const column = new Float32Array(k);
    const done = this.queue.then(async () => {
      await Promise.resolve();
      this.nowMs += k * this.msPerStep;
      this.underway -= 1;
      if (firstStep + k > this.failAt) throw new Error('lost');
      return { firstStep, steps: k, lossNats: column, gradNorm: column, learningRate: column, epochs: column };
    });
    this.queue = done.catch(() => undefined);
    return done;
  }

  evaluate(split: 'validation' | 'ood'): Promise<Float64Array<ArrayBuffer> | null> {
    return Promise.resolve(split === 'ood' ? null : Float64Array.of(this.step));
  }
}

function loopOf(trainer: FakeTrainer, targetStep: number, everySteps: number): { loop: Loop; said: string[] } {
  const said: string[] = [];
  const loop = new Loop(trainer, {
    targetStep,
    everySteps,
    now: () => trainer.nowMs,
    onMetrics: ({ firstStep, steps }) => {
      for (let i = 0; i < steps; i++) said.push(`step ${firstStep + i}`);
    },
    onEvaluation: (step, split, [loss]) => said.push(`${split} ${step} at ${loss}`),
  });
  return { loop, said };
}

async function finish(loop: Loop): Promise<void> {
  while (await loop.turn());
}

describe('Pace', () => {
  it('grows from one step to what fits 40 ms, and never past it by more than a doubling of the last', () => {
    const pace = new Pace();
    const taken: number[] = [];
    for (let i = 0; i < 8; i++) {
      const k = pace.next(1000);
      taken.push(k);
      pace.measured(k, 2 * k);
    }
    expect(taken).toEqual([1, 2, 4, 8, 16, 20, 20, 20]);
  });

  it('takes one step where a step is longer than a submit should be', () => {
    const pace = new Pace();
    for (let i = 0; i < 5; i++) {
      expect(pace.next(64)).toBe(1);
      pace.measured(1, 700);
    }
  });

  it('is not slowed by one hiccup, nor by a submit that a boundary cut short', () => {
    const pace = new Pace();
    const train = (): void => {
      const k = pace.next(64);
      pace.measured(k, 2.5 * k);
    };
    for (let i = 0; i < 8; i++) train();
    const settled = pace.next(64);
    expect(settled).toBe(16);
    pace.measured(settled, 4000);
    expect(pace.next(64)).toBeGreaterThanOrEqual(settled);
    expect(pace.next(3)).toBe(3);
    expect(pace.next(64)).toBeGreaterThanOrEqual(settled);
  });
});

describe('the schedule', () => {
  it('evaluates every so many steps and at the end, not before the first one; never where that is 0', () => {
    const at = (every: number): number[] => [0, 1, 5, 10, 12].filter((step) => evaluatesAt(step, 12, every));
    expect(at(5)).toEqual([5, 10, 12]);
    expect(at(0)).toEqual([]);
    expect([
      stepsToBoundary(7, 12, 5),
      stepsToBoundary(10, 12, 5),
      stepsToBoundary(12, 12, 5),
      stepsToBoundary(7, 100, 0),
    ]).toEqual([3, 2, 0, 93]);
  });
});

describe('Loop', () => {
  it('does every step once and in order, and evaluates at exact steps, whatever the pace', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 16 }),
        fc.double({ min: 0.01, max: 100, noNaN: true }),
        async (target, every, maxSteps, msPerStep) => {
          const { loop, said } = loopOf(new FakeTrainer({ maxSteps, msPerStep }), target, every);
          await finish(loop);
          const expected: string[] = [];
          for (let step = 0; step <= target; step++) {
            if (step > 0) expected.push(`step ${step}`);
            if (evaluatesAt(step, target, every)) expected.push(`validation ${step} at ${step}`);
          }
          expect(said).toEqual(expected);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps two submits under way and settles on 40 ms', async () => {
    const trainer = new FakeTrainer({ msPerStep: 4 });
    await finish(loopOf(trainer, 200, 0).loop);
    expect(trainer.submits.slice(0, 8)).toEqual([1, 1, 2, 4, 8, 10, 10, 10]);
    expect(new Set(trainer.submits.slice(5, -1))).toEqual(new Set([10]));
  });

  it('submits nothing once it is not allowed to', async () => {
    const trainer = new FakeTrainer();
    const { loop, said } = loopOf(trainer, 100, 0);
    await loop.turn(() => 1);
    await loop.turn(() => 0);
    await loop.drain();
    expect(said).toEqual(['step 1']);
    await loop.turn();
    await loop.drain();
    expect(said.slice(0, 2)).toEqual(['step 1', 'step 2']);
  });

  it('goes on when its end is moved', async () => {
    const { loop, said } = loopOf(new FakeTrainer(), 5, 0);
    await finish(loop);
    loop.targetStep = 9;
    await finish(loop);
    expect(said.at(-1)).toBe('step 9');
  });

  it('throws what a submit failed with, and says nothing of the steps after it', async () => {
    const trainer = new FakeTrainer({ maxSteps: 1 });
    trainer.failAt = 4;
    const { loop, said } = loopOf(trainer, 100, 0);
    await expect(finish(loop)).rejects.toThrow('lost');
    await expect(loop.drain()).rejects.toThrow('lost');
    expect(said).toEqual(['step 1', 'step 2', 'step 3']);
  });
});
