import { describe, expect, it } from 'vitest';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import { finish, fitReport, fitting, inSlices, LAWS, lawNamed, type Points } from '../../src/laws/index.ts';
import type { FitProgress } from '../../src/laws/fit.ts';
import { lossNamed } from '../../src/laws/losses.ts';
import { Minimizer, TIGHT } from '../../src/laws/minimize.ts';
import { bestOf, filterPoints } from '../../src/laws/points.ts';
import { objectiveAt, problemOf } from '../../src/laws/problem.ts';
import { derivedInterval } from '../../src/laws/bootstrap.ts';
import { rollingOut } from '../../src/laws/rollout.ts';
import { madeFor, measured, spaced } from './made.ts';

const chinchilla = lawNamed('chinchilla');
const LOSSES = ['huber:1e-3', 'lad', 'ls', 'ls-log'];

function noisy(id: string, noise = 0.005, seed = 1): Points {
  return measured(lawNamed(id), madeFor(id), noise, seed);
}

describe('a fit', () => {
  it.each(LAWS.filter((law) => law.model !== null).map(({ id }) => id))('%s: finds what exact points were made of', (id) => {
    const law = lawNamed(id);
    const fit = finish(fitting(law, noisy(id, 0), { loss: 'ls-log', starts: 30, projected: true }));
    for (const { name } of law.parameters)
      expect((fit.params[name] ?? NaN) / (madeFor(id).params[name] ?? NaN), name).toBeCloseTo(1, 4);
    expect(fit.starts.agree).toBeGreaterThan(0);
  });

  it.each(LOSSES)('%s: no step from the minimum goes down', (loss) => {
    const points = noisy('chinchilla', 0.01);
    const fit = finish(fitting(chinchilla, points, { loss, starts: 40 }));
    const problem = problemOf(chinchilla, lossNamed(loss), points);
    const best = problem.variablesOf(fit.params);
    const ones = new Float64Array(problem.points).fill(1);
    expect(objectiveAt(problem, best, ones)).toBeCloseTo(fit.objective, 12);
    const draws = new RandomSequence(3, STREAM.fit);
    for (let i = 0; i < 2000; i++) {
      const size = 10 ** (-7 + 6 * draws.open());
      const moved = best.map((value) => value + size * draws.normal());
      expect(objectiveAt(problem, moved, ones)).toBeGreaterThan(fit.objective * (1 - 1e-9));
    }
  });

  it('meets the weighted median where a law is one number', () => {
    // ln c is all that is free, so least absolute deviations are the median of ln S / B^0.
    const S = [1, 2, 4, 8, 1024];
    const points = { columns: { B: Float64Array.from(spaced(1, 5, 5)), S: Float64Array.from(S) } };
    const problem = problemOf(lawNamed('critical-batch'), lossNamed('lad'), points, { fixed: { b: 1e-12 } });
    const found = new Minimizer(problem).from(Float64Array.of(3), new Float64Array(5).fill(1), TIGHT);
    expect(Math.exp(found.variables[0] ?? NaN)).toBeCloseTo(4, 5);
    expect(found.objective).toBeCloseTo(Math.LN2 * (2 + 1 + 0 + 1 + 8), 5);
  });

  it.each(LOSSES)('%s: is the same in every unit of size and data', (loss) => {
    const points = noisy('chinchilla');
    const scaled: Points = {
      columns: { ...points.columns, N: points.columns['N']?.map((value) => value / 1e7) ?? new Float64Array(0) },
    };
    const [one, other] = [points, scaled].map((some) => finish(fitting(chinchilla, some, { loss, starts: 30 })));
    expect((other?.objective ?? NaN) / (one?.objective ?? NaN)).toBeCloseTo(1, 8);
    expect(other?.params['alpha']).toBeCloseTo(one?.params['alpha'] ?? NaN, 4);
  });

  it('promise 1: is the same bit for bit for the same points, options and seed', () => {
    const again = (seed: number): string =>
      JSON.stringify(finish(fitting(chinchilla, noisy('chinchilla'), { starts: 10, bootstrap: 10, seed })));
    expect(again(5)).toBe(again(5));
    expect(again(6)).not.toBe(again(5));
  });

  it('reports what fit --json promises, and nothing else', () => {
    const report = fitReport(finish(fitting(chinchilla, noisy('chinchilla'), { starts: 20, bootstrap: 20 })));
    expect(Object.keys(report)).toEqual(['law', 'loss', 'objective', 'params', 'intervals', 'starts', 'points', 'warnings']);
    expect(report).toMatchObject({ law: 'chinchilla', loss: 'huber:1e-3', points: 36, starts: { total: 20 } });
    expect(Object.keys(report.params)).toEqual(['E', 'A', 'alpha', 'B', 'beta']);
    expect(Object.keys(report.intervals)).toEqual(Object.keys(report.params));
  });

  it('ties exponents, fixes parameters, leaves points out, and says so', () => {
    const points = noisy('chinchilla');
    const free = finish(fitting(chinchilla, points, { loss: 'ls-log', starts: 20 }));
    const tied = finish(fitting(chinchilla, points, { loss: 'ls-log', starts: 20, tied: true }));
    expect(tied.params['alpha']).toBe(tied.params['beta']);
    expect(tied.intervals['alpha']).toEqual(tied.intervals['beta']);
    expect(tied.objective).toBeGreaterThan(free.objective);
    const fixed = finish(fitting(chinchilla, points, { loss: 'ls-log', starts: 20, fixed: { E: 1.7 } }));
    expect(fixed.params['E']).toBeCloseTo(1.7, 12);
    expect(fixed.intervals['E']?.[0]).toBe(fixed.params['E']);
    const both = finish(fitting(chinchilla, points, { loss: 'ls-log', starts: 20, tied: true, fixed: { beta: 0.3 } }));
    expect(both.params).toMatchObject({ alpha: 0.3, beta: 0.3 });
    expect(both.intervals['alpha']).toEqual([0.3, 0.3]);
    const wild = points.columns['loss']?.map((loss, i) => (i === 7 ? 3 * loss : loss)) ?? new Float64Array(0);
    const without = finish(
      fitting(chinchilla, { columns: { ...points.columns, loss: wild } }, { loss: 'ls-log', starts: 20, excluded: [7] }),
    );
    expect(without.points).toBe(35);
    expect(without.warnings[0]).toBe('1 point is left out by hand.');
    expect(without.params['E']).toBeCloseTo(free.params['E'] ?? NaN, 1);
  });

  it('weathers outliers with Huber and absolute deviations', () => {
    const points = noisy('chinchilla', 0.001);
    const loss = points.columns['loss']?.map((value, i) => (i % 9 === 4 ? 1.5 * value : value)) ?? new Float64Array(0);
    const E = (name: string): number =>
      finish(fitting(chinchilla, { columns: { ...points.columns, loss } }, { loss: name, starts: 40 })).params['E'] ?? NaN;
    expect(Math.abs(E('huber:1e-3') - 1.7)).toBeLessThan(0.02);
    expect(Math.abs(E('lad') - 1.7)).toBeLessThan(0.02);
    expect(Math.abs(E('ls') - 1.7)).toBeGreaterThan(0.05);
  });

  it('resamples runs, never the points of one run', () => {
    // Ten points of each of six runs share their run's noise: sixty points say no more than six.
    const draws = new RandomSequence(4, STREAM.fit);
    const N = Float64Array.from({ length: 60 }, (_, i) => 1e4 * 10 ** Math.floor(i / 10) * (1 + 0.01 * (i % 10)));
    const off = Array.from({ length: 6 }, () => 0.05 * draws.normal());
    const loss = N.map((size, i) => 20 * size ** -0.1 * Math.exp(off[Math.floor(i / 10)] ?? 0));
    const runs = Array.from({ length: 60 }, (_, i) => `run ${Math.floor(i / 10)}`);
    const width = (points: Points): number => {
      const { intervals } = finish(fitting(lawNamed('power-n'), points, { loss: 'ls-log', starts: 4, bootstrap: 300 }));
      const [lo, hi] = intervals['alpha'] ?? [];
      return (hi ?? NaN) - (lo ?? NaN);
    };
    expect(width({ columns: { N, loss }, runs })).toBeGreaterThan(2 * width({ columns: { N, loss } }));
  });

  it('works in slices with progress, and stops when asked', async () => {
    const seen: FitProgress[] = [];
    const options = { starts: 40, bootstrap: 40 };
    const found = await inSlices(fitting(chinchilla, noisy('chinchilla'), options), {
      sliceMs: 0,
      onProgress: (progress) => seen.push(progress),
    });
    expect(found).toEqual(finish(fitting(chinchilla, noisy('chinchilla'), options)));
    expect(new Set(seen.map(({ stage }) => stage))).toEqual(new Set(['starts', 'profile', 'bootstrap']));
    expect(seen[0]).toEqual({ stage: 'starts', done: 1, total: 40 });
    const stop = new AbortController();
    const stopped = inSlices(fitting(chinchilla, noisy('chinchilla'), options), {
      sliceMs: 0,
      signal: stop.signal,
      onProgress: ({ done }) => done > 2 && stop.abort(new Error('enough')),
    });
    await expect(stopped).rejects.toThrow('enough');
  });
});

describe('what cannot be told from the points', () => {
  const warnings = (id: string, points: Points, options = {}): string =>
    finish(fitting(lawNamed(id), points, { loss: 'ls-log', starts: 20, ...options })).warnings.join('\n');

  it('E that goes to 0', () => {
    // A power law without a constant.
    const N = Float64Array.from(spaced(1e4, 1e8, 20));
    const draws = new RandomSequence(9, STREAM.fit);
    const loss = N.map((size) => 30 * size ** -0.15 * Math.exp(0.01 * draws.normal()));
    expect(warnings('power-constant-n', { columns: { N, loss } })).toMatch(/^E is not identified: /m);
  });

  it('two sizes for a coefficient, an exponent and a constant', () => {
    const points = filterPoints(noisy('chinchilla'), (row) => row < 12);
    const fit = finish(fitting(chinchilla, points, { loss: 'ls-log', starts: 20, bootstrap: 50 }));
    expect(fit.condition).toBeGreaterThan(1e10);
    const said = fit.warnings.join('\n');
    expect(said).toMatch(/^alpha is not identified: its 90 % interval /m);
    expect(said).toMatch(/^The fit is not identified as a whole: its condition number is /m);
    expect(fit.intervals['alpha']).toContain(null);
  });

  it('an exponent beyond 2', () => {
    const N = Float64Array.from(spaced(10, 1e3, 12));
    const loss = N.map((size, i) => 2 + 1e3 * size ** -3 + 1e-4 * (i % 3));
    expect(warnings('power-constant-n', { columns: { N, loss } })).toMatch(/^alpha is not identified: .*an exponent of \d/m);
  });

  it('nothing, where the points tell all', () => {
    expect(warnings('chinchilla', noisy('chinchilla', 0.001))).toBe('');
  });
});

describe('switches and rollouts', () => {
  it('keeps the best learning rate of each size only', () => {
    const columns = {
      N: Float64Array.of(1, 1, 1, 2, 2),
      lr: Float64Array.of(1, 2, 3, 1, 2),
      loss: Float64Array.of(5, 4, 6, 3, 2),
    };
    expect(bestOf({ columns }, ['N']).columns).toEqual({
      N: Float64Array.of(1, 2),
      lr: Float64Array.of(2, 2),
      loss: Float64Array.of(4, 2),
    });
  });

  it('predicts above a budget what it fitted below it, and warns of what is far', () => {
    const points = noisy('chinchilla', 0.002);
    const rollout = finish(rollingOut(chinchilla, points, { column: 'C', limit: 1e17 }, { starts: 40, bootstrap: 50 }));
    expect(rollout.held.length + rollout.fit.points).toBe(36);
    expect(rollout.error).toBeLessThan(0.03);
    expect(rollout.r2).toBeGreaterThan(0.99);
    expect(rollout.held.every(({ measured: was, predicted, relative }) => Math.abs(predicted / was - 1 - relative) < 1e-12)).toBe(
      true,
    );
    expect(rollout.warnings.join()).toMatch(/^$|times outside of what was fitted/);
    const [lo, hi] = derivedInterval(rollout.fit, (params) => chinchilla.predict(params, { N: 1e9, D: 1e11 }));
    expect(lo).toBeLessThan(hi);
    expect((lo + hi) / 2 / chinchilla.predict(madeFor('chinchilla').params, { N: 1e9, D: 1e11 })).toBeCloseTo(1, 1);
    const far = finish(rollingOut(chinchilla, points, { column: 'N', limit: 2e6 }, { starts: 10 }));
    expect(far.warnings).toEqual(['N is predicted 1000 times outside of what was fitted: beyond 10 times it is a guess.']);
    expect(() => finish(rollingOut(chinchilla, points, { column: 'C', limit: 1e30 }))).toThrow('no point lies above the limit');
  });
});

describe('points that make no fit are answered, not fitted', () => {
  const { columns } = noisy('chinchilla');
  const changed = (name: string, at: number, value: number): Points => ({
    columns: { ...columns, [name]: columns[name]?.map((old, i) => (i === at ? value : old)) ?? new Float64Array(0) },
  });
  it.each<[string, string, Points, object, string]>([
    ['NaN', 'chinchilla', changed('loss', 3, NaN), {}, 'row 4, column loss: it is not a number above 0: got NaN.'],
    ['zero', 'chinchilla', changed('N', 0, 0), {}, 'row 1, column N: it is not a number above 0: got 0.'],
    ['negative', 'chinchilla', changed('D', 5, -1), {}, 'row 6, column D: it is not a number above 0: got -1.'],
    [
      'three points',
      'chinchilla',
      filterPoints({ columns }, (row) => row < 3),
      {},
      'has 5 free parameters: got 3 points, expected 6 or more.',
    ],
    ['one size', 'chinchilla', changedAll('N'), {}, 'points, column N: all points have the same value'],
    ['a twin', 'chinchilla', filterTwin(), {}, 'row 37: it repeats row 1.'],
    ['a missing column', 'data-constrained', { columns }, {}, 'column U is missing: got N, D, loss, expected N, D, U, loss'],
    ['a law that is calculated', 'bjorck', { columns }, {}, 'law bjorck: it is calculated, not fitted'],
    ['a loss', 'chinchilla', { columns }, { loss: 'l2' }, 'loss: there is no such loss: got l2, expected huber:DELTA'],
    ['a threshold', 'chinchilla', { columns }, { loss: 'huber:-1' }, 'its delta is no threshold: got huber:-1'],
    ['a tie', 'power-n', { columns }, { tied: true }, 'it has no exponents to tie'],
    [
      'a parameter',
      'chinchilla',
      { columns },
      { fixed: { F: 1 } },
      'there is no such parameter: got F, expected E, A, alpha, B, beta.',
    ],
    ['starts', 'chinchilla', { columns }, { starts: 0 }, 'starts: it is not a whole number in bounds: got 0'],
  ])('%s', (_, id, points, options, says) => {
    expect(() => finish(fitting(lawNamed(id), points, options))).toThrow(says);
  });

  function changedAll(name: string): Points {
    return { columns: { ...columns, [name]: columns[name]?.map(() => 1e6) ?? new Float64Array(0) } };
  }

  function filterTwin(): Points {
    return {
      columns: Object.fromEntries(
        Object.entries(columns).map(([name, values]) => [name, Float64Array.from([...values, values[0] ?? NaN])]),
      ),
    };
  }
});
