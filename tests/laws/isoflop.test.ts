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

  it('a minimum beyond the sizes that were run is not measured: its budget is left out and named', () => {
    const { C, N, loss } = isoflops(0.25, 4).columns;
    // Of the largest budget only sizes below the best are there.
    const rows = [...(C?.keys() ?? [])].filter((row) => row < 36 || row % 9 < 4);
    const pick = (values: Float64Array | undefined): Float64Array => Float64Array.from(rows, (row) => values?.[row] ?? NaN);
    const found = finish(allocating('chinchilla-isoflop', { columns: { C: pick(C), N: pick(N), loss: pick(loss) } }));
    expect(found.optima.map((each) => Number(each.C.toPrecision(3)))).toEqual(
      BUDGETS.slice(0, 4).map((each) => Number(each.toPrecision(3))),
    );
    expect(found.warnings).toEqual([
      'The minimum lies beyond the sizes that were run in 1 of 5 budgets (1.0e+18 FLOPs), which are left out: add sizes there.',
    ]);
    expect(() => finish(allocating('chinchilla-isoflop', isoflops(20, 100)))).toThrow(
      'found no two budgets with a best size: got 0 of 5, and 5 whose minimum lies beyond the sizes that were run,',
    );
  });

  it('takes from the points how many FLOPs a token of a parameter takes', () => {
    const { C: compute = new Float64Array(0), N, loss } = isoflops(0.25, 4).columns;
    const sixth = finish(allocating('chinchilla-isoflop', isoflops(0.25, 4)));
    const columns = {
      C: compute,
      N: N ?? compute,
      loss: loss ?? compute,
      D: compute.map((each, i) => each / (9 * (N?.[i] ?? NaN))),
    };
    const counted = finish(allocating('chinchilla-isoflop', { columns }));
    expect(counted.params['k_N']).toBe(sixth.params['k_N']);
    expect((counted.params['k_D'] ?? NaN) / (sixth.params['k_D'] ?? NaN)).toBeCloseTo(6 / 9, 9);
    for (const each of counted.optima) expect(each.C / (each.N * each.D)).toBeCloseTo(9, 9);
    const twoSizes = {
      columns: { ...columns, N: columns.N.map((_, i) => 1e6 * (1 + (i % 2))), D: columns.D.map((_, i) => 1e6 * (i + 1)) },
      runs: [...compute].map((_, i) => String(i % 2)),
    };
    const k = compute.map((each, i) => each / ((twoSizes.columns.N[i] ?? NaN) * (twoSizes.columns.D[i] ?? NaN)));
    const envelope = finish(allocating('chinchilla-envelope', twoSizes));
    for (const each of envelope.optima)
      expect(Math.min(...k.map((own) => Math.abs(each.C / (each.N * each.D) / own - 1)))).toBeLessThan(1e-9);
  });

  it('spends at the best size what a token of a parameter takes there, between the sizes that were run', () => {
    const { C = new Float64Array(0), N = C, loss = C } = isoflops(0.25, 4).columns;
    // Small models spend more beside their parameters: k = 6 (1e9 / N)^0.1, straight in the logarithms.
    const k = (size: number): number => 6 * (1e9 / size) ** 0.1;
    const D = C.map((each, i) => each / (k(N[i] ?? NaN) * (N[i] ?? NaN)));
    const found = finish(allocating('chinchilla-isoflop', { columns: { C, N, D, loss } }, { bootstrap: 20 }));
    for (const each of found.optima) expect(each.C / (each.N * each.D) / k(each.N)).toBeCloseTo(1, 9);
    // D_opt = C / (k N_opt) is a power law of its own: its exponent is 1 - 0.9 a, not 1 - a.
    const { a = NaN, b = NaN, k_D = NaN } = found.params;
    expect(b).toBeCloseTo(1 - 0.9 * a, 9);
    const middle = found.optima[2];
    expect((k_D * (middle?.C ?? NaN) ** b) / (middle?.D ?? NaN)).toBeCloseTo(1, 3);
    expect(found.intervals['b']?.[0]).toBeLessThanOrEqual(b);
  });

  it('says of two budgets that there is no interval only where there is none', () => {
    const { C, N, loss } = isoflops(0.25, 4).columns;
    const half = (values: Float64Array | undefined): Float64Array => (values ?? new Float64Array(0)).slice(0, 18);
    const points = { columns: { C: half(C), N: half(N), loss: half(loss) } };
    expect(finish(allocating('chinchilla-isoflop', points)).warnings).toEqual([
      'Two budgets only: the exponents have no interval.',
    ]);
    const { warnings, intervals } = finish(allocating('chinchilla-isoflop', points, { bootstrap: 20 }));
    expect(warnings).toEqual([]);
    expect(intervals['a']?.[0]).not.toBeNull();
  });

  it('says when budgets have no best size', () => {
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
