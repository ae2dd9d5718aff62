import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import { gapOver, gapSeries, scalarGap, verdictOf, windowsOf, type PairedRuns } from '../../src/laws/index.ts';
import { studentQuantile } from '../../src/laws/student.ts';

interface Made {
  readonly seeds: number;
  readonly steps: number;
  /** Autocorrelation of the differences from step to step. */
  readonly phi: number;
  /** Spread of the gap between seeds, relative. */
  readonly between: number;
  /** The true relative gap. */
  readonly gap: number;
}

/** Baselines near 2 nats with noise that both arms share; differences are an AR(1) process about the gap. */
function made({ seeds, steps, phi, between, gap }: Made, draws: RandomSequence): PairedRuns {
  const [arm, baseline]: [Float64Array[], Float64Array[]] = [[], []];
  for (let seed = 0; seed < seeds; seed++) {
    const base = Float64Array.from({ length: steps }, () => 2 + 0.1 * draws.normal());
    const offset = 2 * (gap + between * draws.normal());
    let noise = (0.02 * draws.normal()) / Math.sqrt(1 - phi * phi);
    arm.push(
      base.map((loss) => {
        noise = phi * noise + 0.02 * draws.normal();
        return loss + offset + noise;
      }),
    );
    baseline.push(base);
  }
  return { arm, baseline };
}

/** Share of made-up experiments whose interval holds the true gap. */
function coverage(what: Made, trials: number): number {
  const draws = new RandomSequence(7, STREAM.fit, 1, what.seeds);
  let held = 0;
  for (let i = 0; i < trials; i++) {
    const gap = gapOver(made(what, draws), 1, what.steps, { resamples: 100, seed: i });
    if (gap !== null && gap.lo <= what.gap && gap.hi >= what.gap) held++;
  }
  return held / trials;
}

const COMPARED = { arm: 'fp8', baseline: 'bf16', tokensPerStep: 1024 };

describe('gapOver', () => {
  it.each([
    { seeds: 1, steps: 150, phi: 0, between: 0, gap: 0.003 },
    { seeds: 1, steps: 200, phi: 0.6, between: 0, gap: 0.003 },
    { seeds: 3, steps: 150, phi: 0.5, between: 0, gap: -0.002 },
    { seeds: 3, steps: 150, phi: 0.5, between: 0.002, gap: 0.003 },
    { seeds: 5, steps: 150, phi: 0.5, between: 0.005, gap: 0.003 },
  ])('covers the true gap about as often as it says: %o', (what) => {
    const covered = coverage(what, 250);
    expect(covered).toBeGreaterThan(0.89);
    expect(covered).toBeLessThan(0.995);
  });

  it('says of runs that do not differ that there is no measurable difference, in about 95 of 100 cases', () => {
    const draws = new RandomSequence(11, STREAM.fit, 2);
    let none = 0;
    const trials = 250;
    for (let i = 0; i < trials; i++) {
      const runs = made({ seeds: 3, steps: 120, phi: 0.3, between: 0.001, gap: 0 }, draws);
      if (verdictOf(gapOver(runs, 1, 120, { resamples: 100, seed: i }), COMPARED).kind === 'none') none++;
    }
    expect(none / trials).toBeGreaterThan(0.9);
    expect(none / trials).toBeLessThan(0.995);
  });

  it('does not take slow drifts for evidence: blocks lengthen with the autocorrelation', () => {
    const gap = (phi: number): number => {
      const draws = new RandomSequence(3, STREAM.fit, 3);
      return gapOver(made({ seeds: 2, steps: 300, phi, between: 0, gap: 0 }, draws), 1, 300)?.blockSteps ?? NaN;
    };
    // The shortest that a window of 300 steps takes.
    expect(gap(0)).toBe(10);
    expect(gap(0.9)).toBeGreaterThan(20);
  });

  it('is the same in every unit of loss, and turns its sign when the difference does', () => {
    const whole = fc.record({
      seed: fc.nat(1000),
      seeds: fc.integer({ min: 1, max: 4 }),
      factor: fc.constantFrom(0.25, 2, 1024),
    });
    fc.assert(
      fc.property(whole, ({ seed, seeds, factor }) => {
        const draws = new RandomSequence(seed, STREAM.fit, 4);
        const runs = made({ seeds, steps: 40, phi: 0.4, between: 0.001, gap: 0.01 }, draws);
        const scaled = (arms: readonly ArrayLike<number>[]): Float64Array[] =>
          arms.map((losses) => Float64Array.from(losses, (loss) => factor * loss));
        const gap = gapOver(runs, 5, 36, { resamples: 50 });
        // Powers of two scale without rounding, so the answer has the same bits.
        expect(gapOver({ arm: scaled(runs.arm), baseline: scaled(runs.baseline) }, 5, 36, { resamples: 50 })).toEqual(gap);
        const mirrored = runs.baseline.map((base, i) =>
          Float64Array.from(base, (loss, t) => 2 * loss - (runs.arm[i]?.[t] ?? NaN)),
        );
        expect(gapOver({ arm: mirrored, baseline: runs.baseline }, 5, 36)?.relative).toBeCloseTo(-(gap?.relative ?? NaN), 12);
      }),
      { numRuns: 30 },
    );
  });

  it('promise 1: gives the same interval for the same runs and seed', () => {
    const runs = made({ seeds: 3, steps: 60, phi: 0.5, between: 0.001, gap: 0 }, new RandomSequence(5, STREAM.fit));
    expect(gapOver(runs, 1, 60)).toEqual(gapOver(runs, 1, 60));
    expect(gapOver(runs, 1, 60, { seed: 1 })?.hi).not.toBe(gapOver(runs, 1, 60)?.hi);
  });

  it('knows equal runs, and leaves out seeds that diverged', () => {
    const runs = made({ seeds: 3, steps: 40, phi: 0, between: 0, gap: 0.01 }, new RandomSequence(6, STREAM.fit));
    expect(gapOver({ arm: runs.baseline, baseline: runs.baseline }, 1, 40)).toMatchObject({
      relative: 0,
      lo: 0,
      hi: 0,
      equal: true,
    });
    const broken = runs.arm.map((losses, i) =>
      i === 1 ? Float64Array.from(losses, (loss, t) => (t < 30 ? loss : NaN)) : losses,
    );
    expect(gapOver({ ...runs, arm: broken }, 1, 30)?.seeds).toEqual([0, 1, 2]);
    const gap = gapOver({ ...runs, arm: broken }, 21, 40);
    expect(gap).toMatchObject({ seeds: [0, 2], lost: [1] });
    expect(verdictOf(gap, COMPARED).caveats).toContain('Without seed 2, whose loss is not finite.');
    expect(gapOver({ arm: [[NaN, 1]], baseline: [[1, 1]] }, 1, 2)).toBeNull();
    expect(gapOver({ arm: [[1]], baseline: [[1, 1]] }, 1, 2)).toBeNull();
  });
});

describe('gapSeries', () => {
  it('goes on where it was: windows that are over do not change', () => {
    const runs = made({ seeds: 2, steps: 400, phi: 0.3, between: 0, gap: 0.01 }, new RandomSequence(8, STREAM.fit));
    const windows = windowsOf(400);
    expect(windows).toEqual({ windowSteps: 40, strideSteps: 10 });
    const half = gapSeries(runs, 205, windows, { resamples: 50 });
    expect(half.map((gap) => gap?.lastStep)).toEqual(Array.from({ length: 17 }, (_, i) => 40 + 10 * i));
    const whole = gapSeries(runs, 400, windows, { resamples: 50 });
    expect(gapSeries(runs, 400, windows, { resamples: 50 }, half)).toEqual(whole);
    expect(whole.at(-1)?.lastStep).toBe(400);
  });
});

describe('a verdict', () => {
  const gap = (relative: number, half: number, more: object = {}): Parameters<typeof verdictOf>[0] => ({
    firstStep: 1801,
    lastStep: 2000,
    relative,
    lo: relative - half,
    hi: relative + half,
    level: 0.95,
    seeds: [0, 1, 2],
    lost: [],
    blockSteps: 4,
    blocks: 150,
    equal: false,
    ...more,
  });

  it('says by how much an arm is above the other, and how that stands against the 0.25 % of DeepSeek-V3', () => {
    expect(verdictOf(gap(0.0031, 0.0012), COMPARED)).toEqual({
      kind: 'above',
      text: 'fp8 is 0.31 % ± 0.12 % above bf16 at 2.0 M tokens',
      line: 'across',
      lineText: 'The interval reaches across the 0.25 % that DeepSeek-V3 reports for FP8: more seeds or steps would decide.',
      caveats: [],
    });
    expect(verdictOf(gap(-0.02, 0.001), COMPARED)).toMatchObject({
      kind: 'below',
      line: 'beyond',
      text: 'fp8 is 2.00 % ± 0.10 % below bf16 at 2.0 M tokens',
    });
    expect(verdictOf(gap(0.0002, 0.0006), COMPARED)).toMatchObject({
      kind: 'none',
      line: 'within',
      text: 'no measurable difference (within ±0.080 %) between fp8 and bf16 at 2.0 M tokens',
    });
  });

  it('says what it does not know', () => {
    expect(verdictOf(null, COMPARED).kind).toBe('unknown');
    expect(verdictOf(gap(0.01, 0.001, { seeds: [0], blocks: 4 }), COMPARED).caveats).toEqual([
      'One seed: the interval knows the noise of steps, and nothing of how seeds differ.',
      'Few independent steps: the interval is rough until the runs are longer.',
    ]);
    expect(verdictOf(gap(0, 0, { equal: true }), COMPARED).text).toBe(
      'fp8 and bf16 have the same losses, bit for bit, at 2.0 M tokens',
    );
  });
});

describe('scalarGap', () => {
  it('is the t interval over seeds, and nothing for one seed', () => {
    // Gaps 0.1, 0.2, 0.3: mean 0.2, standard error 0.1 / sqrt(3), t(2) = 4.302653.
    const found = scalarGap([1.1, 2.4, 1.3], [1, 2, 1]);
    expect(found?.relative).toBeCloseTo(0.2, 12);
    expect((found?.hi ?? NaN) - 0.2).toBeCloseTo((4.302653 * 0.1) / Math.sqrt(3), 6);
    expect(scalarGap([1, NaN], [1, 1])).toBeNull();
  });
});

describe("Student's quantile", () => {
  // Tables of Abramowitz and Stegun 26.10; the last is the normal distribution.
  it.each([
    [1, 12.7062],
    [2, 4.30265],
    [5, 2.57058],
    [30, 2.04227],
    [Infinity, 1.95996],
  ])('for %d degrees of freedom is that of the tables', (df, expected) => {
    expect(studentQuantile(0.975, df)).toBeCloseTo(expected, 4);
    expect(studentQuantile(0.025, df)).toBeCloseTo(-expected, 4);
  });
});
