import { describe, expect, it } from 'vitest';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import { allocating, allocationOf, finish, lawNamed, type Points } from '../../src/laws/index.ts';
import { computeOptimal, inferenceOptimal, inferenceOptimalFor } from '../../src/laws/allocation.ts';
import { spaced } from './made.ts';

const law = lawNamed('chinchilla');
const HOFFMANN = law.constants[1]?.params ?? {};
const BUDGETS = spaced(1e15, 1e18, 5);

/** Runs of each budget, at sizes `from` to `to` times the best one. */
function isoflops(from: number, to: number, noise = 0): Points {
  const draws = new RandomSequence(2, STREAM.fit);
  const rows = BUDGETS.flatMap((C) => spaced(from, to, 9).map((times) => ({ C, N: times * computeOptimal(HOFFMANN, C).N })));
  return {
    columns: {
      C: Float64Array.from(rows, ({ C }) => C),
      N: Float64Array.from(rows, ({ N }) => N),
      loss: Float64Array.from(
        rows,
        ({ C, N }) => law.predict(HOFFMANN, { N, D: C / (6 * N) }) * Math.exp(noise * draws.normal()),
      ),
    },
  };
}

describe('compute-optimal allocation', () => {
  it.each([
    // Of 5.76e23 FLOPs: printed constants, unrounded ones, Besiroglu's.
    [0, 32e9, 2.98e12],
    [1, 40e9, 2.38e12],
    [2, 72e9, 1.33e12],
  ])('of constants %i spends Gopher’s budget as published', (which, N, D) => {
    const plan = computeOptimal(law.constants[which]?.params ?? {}, 5.76e23);
    expect(plan.N / N).toBeCloseTo(1, 1);
    expect(plan.D / D).toBeCloseTo(1, 1);
    expect(6 * plan.N * plan.D).toBeCloseTo(5.76e23, -10);
  });

  it('is where the loss of the budget is lowest', () => {
    const { N, D, C, loss } = computeOptimal(HOFFMANN, 1e20);
    for (const times of [0.99, 1.01]) expect(law.predict(HOFFMANN, { N: times * N, D: D / times })).toBeGreaterThan(loss);
    expect(C).toBe(1e20);
    const { a, b, G } = allocationOf(HOFFMANN);
    expect(a + b).toBeCloseTo(1, 12);
    expect(G * (1e20 / 6) ** a).toBeCloseTo(N, 0);
    expect(() => allocationOf({ A: 1 })).toThrow('law chinchilla: E is missing: got A.');
  });

  it('is Chinchilla’s where nobody asks the model anything', () => {
    const best = computeOptimal(HOFFMANN, 1e21);
    const plan = inferenceOptimal(HOFFMANN, best.loss, 0);
    expect(plan.N / best.N).toBeCloseTo(1, 9);
    expect(plan.C / best.C).toBeCloseTo(1, 9);
  });

  it('takes smaller models trained longer the more is asked, where training and inference together cost least', () => {
    const loss = 2.2;
    const [few, many] = [inferenceOptimal(HOFFMANN, loss, 1e11), inferenceOptimal(HOFFMANN, loss, 1e13)];
    expect(many.N).toBeLessThan(few.N);
    expect(many.D).toBeGreaterThan(few.D);
    const { E = 0, A = 0, alpha = 0, B = 0, beta = 0 } = HOFFMANN;
    const cost = (N: number): number => 6 * N * ((loss - E - A * N ** -alpha) / B) ** (-1 / beta) + 2 * N * 1e13;
    for (const times of [0.99, 1.01]) expect(cost(times * many.N)).toBeGreaterThan(cost(many.N));
    // Sardana et al., eq. 3.
    const left = (alpha * A * many.N ** -alpha) / (beta * B * many.D ** -beta);
    expect(left).toBeCloseTo(1 + 1e13 / (3 * many.D), 9);
    expect(() => inferenceOptimal(HOFFMANN, 1.6, 0)).toThrow('loss: no size reaches it: got 1.6, expected above 1.6934');
  });

  it('buys the lowest loss of a budget', () => {
    const plan = inferenceOptimalFor(HOFFMANN, 1e22, 1e12);
    expect((plan.C + 2 * plan.N * 1e12) / 1e22).toBeCloseTo(1, 9);
    expect(plan.loss).toBeGreaterThan(computeOptimal(HOFFMANN, 1e22).loss);
  });
});

describe('approach 2, isoFLOP parabolas', () => {
  it('finds the exponent of compute-optimal sizes, with an interval that holds it', () => {
    const { a } = allocationOf(HOFFMANN);
    const exact = finish(allocating('chinchilla-isoflop', isoflops(0.25, 4)));
    expect(exact.params['a']).toBeCloseTo(a, 2);
    expect((exact.params['a'] ?? NaN) + (exact.params['b'] ?? NaN)).toBeCloseTo(1, 12);
    expect(exact.optima.length).toBe(5);
    expect(exact.warnings).toEqual([]);
    for (const bootstrap of [0, 200]) {
      const { intervals } = finish(allocating('chinchilla-isoflop', isoflops(0.1, 10, 0.002), { bootstrap }));
      const [lo, hi] = intervals['a'] ?? [];
      expect(lo).toBeLessThan(a);
      expect(hi).toBeGreaterThan(a);
      expect((hi ?? NaN) - (lo ?? NaN)).toBeLessThan(0.2);
    }
  });

  it('warns of sizes that lie beside the best one, which bias it', () => {
    const off = finish(allocating('chinchilla-isoflop', isoflops(0.9, 30)));
    expect(off.warnings.join()).toMatch(
      /^The minimum is off-centre among the sizes of 5 of 5 budgets .* or fit chinchilla by variable projection\.$/,
    );
  });

  it('says when budgets have no best size', () => {
    expect(() => finish(allocating('chinchilla-isoflop', isoflops(20, 100)))).not.toThrow();
    const { C, N } = isoflops(0.5, 2).columns;
    const loss = N?.map((size) => 10 * size ** -0.05) ?? new Float64Array(0);
    const flat = { columns: { C: C ?? loss, N: N ?? loss, loss: loss.map((value, i) => value - 1e-3 * ((i % 9) - 4) ** 2) } };
    expect(() => finish(allocating('chinchilla-isoflop', flat))).toThrow(
      'points: law chinchilla-isoflop found no two budgets with a best size: got 0 of 5',
    );
  });
});

describe('approach 1, the envelope of training curves', () => {
  it('finds the exponent from whole curves', () => {
    const sizes = spaced(1e5, 1e8, 13);
    const rows = sizes.flatMap((N) => spaced(1e6, 1e11, 60).map((D) => ({ N, D })));
    const points: Points = {
      columns: {
        N: Float64Array.from(rows, ({ N }) => N),
        D: Float64Array.from(rows, ({ D }) => D),
        loss: Float64Array.from(rows, (row) => law.predict(HOFFMANN, row)),
      },
      runs: rows.map(({ N }) => String(N)),
    };
    const middle = points.columns['N'] ?? new Float64Array(0);
    expect(middle.length).toBe(780);
    const found = finish(allocating('chinchilla-envelope', points, { bootstrap: 20 }));
    // The ends of the ladder stand in for sizes beyond it.
    expect(Math.abs((found.params['a'] ?? NaN) - allocationOf(HOFFMANN).a)).toBeLessThan(0.06);
    expect(found.intervals['a']?.[0]).toBeLessThan(found.intervals['a']?.[1] ?? NaN);
  });
});
