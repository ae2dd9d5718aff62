import { describe, expect, it } from 'vitest';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import { finish, fitting, lawNamed, powerFit } from '../../src/laws/index.ts';

const N = [1e5, 1e5, 4e5, 4e5, 2e6, 2e6];
const D = [1e6, 1e7, 3e6, 2e7, 1e7, 9e7];

/** lr = 1.79 N^-0.713 D^0.307 with log-normal scatter. */
function rates(scatter: number, seed: number): number[] {
  const draws = new RandomSequence(seed, STREAM.fit);
  return N.map((n, i) => 1.79 * n ** -0.713 * (D[i] ?? NaN) ** 0.307 * Math.exp(scatter * draws.normal()));
}

describe('a power law in closed form', () => {
  it('has the constants of points that lie on one, and is as sure as they are', () => {
    const fit = powerFit(rates(0, 1), [N, D]);
    expect(fit?.c).toBeCloseTo(1.79, 8);
    expect(fit?.exponents[0]).toBeCloseTo(-0.713, 10);
    const { value, interval } = fit?.at([1e6, 1e8]) ?? { value: NaN, interval: null };
    expect(value / (1.79 * 1e6 ** -0.713 * 1e8 ** 0.307)).toBeCloseTo(1, 9);
    expect((interval?.[1] ?? NaN) / (interval?.[0] ?? NaN)).toBeCloseTo(1, 6);
  });

  it('is the engine’s least squares, and its interval is the engine’s profile', () => {
    const y = rates(0.2, 5);
    const columns = { N: Float64Array.from(N), D: Float64Array.from(D), lr: Float64Array.from(y) };
    const engine = finish(fitting(lawNamed('step-law'), { columns }, { loss: 'ls-log', starts: 20 }));
    const fit = powerFit(y, [N, D]);
    expect((fit?.c ?? NaN) / (engine.params['c'] ?? NaN)).toBeCloseTo(1, 5);
    expect(fit?.exponents[1]).toBeCloseTo(engine.params['q'] ?? NaN, 6);
    // At N = D = 1 the law is c.
    const { interval } = fit?.at([1, 1]) ?? {};
    expect((interval?.[1] ?? NaN) / (engine.intervals['c']?.[1] ?? NaN)).toBeCloseTo(1, 2);
  });

  it('has the truth in its 90 % interval in nine of ten trials, beyond the points too', () => {
    const truth = 1.79 * 1e7 ** -0.713 * 1e8 ** 0.307;
    const trials = 400;
    let held = 0;
    for (let seed = 0; seed < trials; seed++) {
      const [low = NaN, high = NaN] = powerFit(rates(0.3, 100 + seed), [N, D])?.at([1e7, 1e8]).interval ?? [];
      if (low < truth && truth < high) held += 1;
    }
    // Three standard errors of a share of 0.9 of 400.
    expect(Math.abs(held / trials - 0.9)).toBeLessThan(0.045);
  });

  it('has no interval from as many points as it has parameters, and is none from fewer or from points that do not tell them apart', () => {
    const y = rates(0.1, 3);
    expect(powerFit(y.slice(0, 3), [N.slice(1, 4), D.slice(1, 4)])?.at([1e5, 1e6]).interval).toBeNull();
    expect(powerFit(y.slice(0, 2), [N.slice(0, 2), D.slice(0, 2)])).toBeNull();
    expect(powerFit(y, [N, N])).toBeNull();
    expect(powerFit(y, [N.map(() => 7)])).toBeNull();
  });

  it('of no column is the geometric mean', () => {
    expect(powerFit([1, 10, 100], [])?.at([]).value).toBeCloseTo(10, 9);
  });

  it('a column of one value is enough for a law whose exponent of it is fixed', () => {
    const sizes = Float64Array.of(1e5, 2e5, 4e5, 8e5, 2e6, 4e6);
    const columns = { N: sizes, D: new Float64Array(6).fill(1e7), lr: sizes.map((n) => 3 * n ** -0.5) };
    const law = lawNamed('step-law');
    expect(() => finish(fitting(law, { columns }, { starts: 2 }))).toThrow('column D: all points have the same value');
    const { params } = finish(fitting(law, { columns }, { loss: 'ls-log', starts: 4, fixed: { q: 0 } }));
    expect(params['p']).toBeCloseTo(-0.5, 6);
  });
});
