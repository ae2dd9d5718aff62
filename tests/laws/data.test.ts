import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { finish, fitting, lawNamed, readPoints, type Law, type Params, type Points } from '../../src/laws/index.ts';
import type { Fit, FitOptions } from '../../src/laws/fit.ts';
import { lossNamed } from '../../src/laws/losses.ts';
import { filterPoints } from '../../src/laws/points.ts';
import { objectiveAt, problemOf } from '../../src/laws/problem.ts';
import { criticalBatchSize } from '../../src/laws/table/batch.ts';
import { predictCurve } from '../../src/laws/table/curves.ts';
import { spaced } from './made.ts';

/**
 * Public measurements with the fits that others made of them. The files are not part of the project: where they are not there, points made
 * from the listed parameters stand in, and the same is expected of the fit.
 */
const FOLDER = process.env['ISOFLOP_DATA'] ?? '../shared/data';

function read(file: string): string | null {
  const path = `${FOLDER}/${file}`;
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

function renamed(text: string, names: Readonly<Record<string, string>>): string {
  const [head = '', ...rows] = text.trim().split(/\r?\n/);
  const header = head.split(',').map((name) => names[name] ?? name);
  return [header.join(','), ...rows].join('\n');
}

/** What the law predicts at given columns. */
function exact(law: Law, params: Params, columns: Points['columns']): Points {
  return { columns: { ...columns, [law.target]: predictCurve(law, params, { columns }) } };
}

function gridOf(a: string, b: string, xs: readonly number[], ys: readonly number[]): Points['columns'] {
  return {
    [a]: Float64Array.from(xs.flatMap((x) => ys.map(() => x))),
    [b]: Float64Array.from(xs.flatMap(() => ys)),
  };
}

function objective(law: Law, points: Points, params: Params, { loss = '', fixed = {} }: FitOptions): number {
  const problem = problemOf(law, lossNamed(loss), points, { fixed });
  return objectiveAt(problem, problem.variablesOf(params), new Float64Array(problem.points).fill(1));
}

function fitOf(law: Law, points: Points, options: FitOptions): Fit {
  return finish(fitting(law, points, options));
}

const scaledBy = (factor: number, values: Float64Array | undefined): Float64Array =>
  values?.map((value) => value / factor) ?? new Float64Array(0);

describe('toy100: five parameters by least squares', () => {
  const law = lawNamed('chinchilla');
  const listed = { E: 6.122671, A: 0.250586, alpha: 0.250925, B: 33.59251, beta: 0.624128 };
  const text = read('toy100.csv');
  const measured = text === null ? null : readPoints(text, law, 'toy100.csv').columns;
  const points: Points =
    measured === null
      ? exact(law, listed, gridOf('N', 'D', spaced(0.005, 4, 10), spaced(1, 100, 10)))
      : { columns: { ...measured, N: scaledBy(1e7, measured['N']), D: scaledBy(1e7, measured['D']) } };

  it.each([false, true])('reaches the listed objective and parameters, by variable projection: %s', (projected) => {
    const fit = fitOf(law, points, { loss: 'ls', projected });
    expect(fit.objective).toBeLessThanOrEqual(objective(law, points, listed, { loss: 'ls' }) * (1 + 1e-6) + 1e-20);
    for (const [name, value] of Object.entries(listed)) expect((fit.params[name] ?? NaN) / value, name).toBeCloseTo(1, 4);
    expect(fit.starts.agree / fit.starts.total).toBeGreaterThan(0.4);
    if (measured !== null) expect(fit.objective).toBeCloseTo(2.694396, 6);
  });
});

describe('datablations: repetitions of data', () => {
  const law = lawNamed('data-constrained');
  const fixed = {
    A: Math.exp(6.255414),
    B: Math.exp(7.3049974),
    E: Math.exp(0.6254804),
    alpha: 0.3526596,
    beta: 0.3526596,
  };
  const text = read('datablations_182.csv');
  const points = text === null ? unrepeated() : readPoints(text, law, 'datablations_182.csv');
  const options: FitOptions = { loss: 'huber:1e-3', fixed, starts: 100, bootstrap: 100 };
  const fit = fitOf(law, points, options);

  /** Of data seen twice at most, at their full worth. */
  function unrepeated(): Points {
    const columns = gridOf('N', 'D', spaced(1e7, 1e9, 8), spaced(1e9, 1e10, 10));
    const U = columns['D']?.map((tokens, i) => tokens / (1 + (i % 3) / 4)) ?? new Float64Array(0);
    const made = exact(law, { ...fixed, R_D: 1e4, R_N: 1.7059 }, { ...columns, U });
    const loss = made.columns['loss']?.map((value, i) => value * (1 + 0.01 * Math.sin(i * i))) ?? new Float64Array(0);
    return { columns: { ...made.columns, loss } };
  }

  it('reaches the objective of the global optimum, below that of the published one', () => {
    const at = (R_D: number, R_N: number): number => objective(law, points, { R_D, R_N }, options);
    expect(fit.objective).toBeLessThanOrEqual(at(95.365, 1.7059) * (1 + 1e-6));
    expect(fit.objective).toBeLessThan(at(15.372, 5.315));
    if (text === null) return;
    expect(fit.params['R_D']).toBeCloseTo(95.365, 2);
    expect(fit.params['R_N']).toBeCloseTo(1.7059, 3);
    expect(at(15.372, 5.315) / fit.objective - 1).toBeCloseTo(0.0013, 4);
  });

  it('says that R_D* is not identified', () => {
    expect(fit.intervals['R_D']?.[1]).toBeNull();
    expect(fit.warnings.join('\n')).toMatch(
      /^R_D is not identified: its 90 % interval has no upper end, any value from \S+ up fits/m,
    );
  });
});

describe('cbs45: critical batch sizes from steps to a target', () => {
  const law = lawNamed('critical-batch');
  const reference = 256;
  const expected = [745.32, 955.16, 1393.73, 1888.52, 2533.41];
  const sizes = [85e6, 151e6, 302e6, 604e6, 1.2e9];
  const text = read('cbs45.csv');
  const points = expected.map((size, i): Points => {
    if (text === null) {
      const a = 1000 * (i + 1);
      const params = { a, b: ((size - 1.2 * reference) * a) / 0.2 };
      return exact(law, params, { B: Float64Array.from(spaced(64, 16384, 9)) });
    }
    const names = { batch_size_sequences: 'B', steps_to_goal: 'S' };
    return filterPoints(readPoints(renamed(text, names), law), (row) => Math.floor(row / 9) === i);
  });
  const found = points.map((some) => criticalBatchSize(fitOf(law, some, { loss: 'ls-log', starts: 20 }).params, reference));

  it('are the listed ones', () => {
    found.forEach((size, i) => expect(size).toBeCloseTo(expected[i] ?? NaN, 2));
  });

  it('grow with size as listed', () => {
    const columns = { N: Float64Array.from(sizes), B_crit: Float64Array.from(found) };
    const fit = fitOf(lawNamed('zhang-batch'), { columns }, { loss: 'ls-log', starts: 20 });
    expect(fit.params['c']).toBeCloseTo(93.197, 2);
    expect(fit.params['m']).toBeCloseTo(0.46828, 4);
    // Standard error .0118, Student's quantile of 3 degrees of freedom 2.353.
    const [lo, hi] = fit.intervals['m'] ?? [];
    expect(((hi ?? NaN) - (lo ?? NaN)) / 2 / 2.353363).toBeCloseTo(0.0118, 4);
  });
});

describe('gadre: over-training', () => {
  const law = lawNamed('gadre');
  const listed = { E: 1.5083, a: 141.28, b: 189.52, eta: 0.1212 };
  const text = read('gadre_104.csv');
  const all = text === null ? null : readPoints(renamed(text, { loss_c4_val: 'loss', name: 'run' }), law, 'gadre_104.csv');
  /** Four sizes at 20 tokens a parameter, the smallest at 320 too: what the paper fits. */
  const FITTED = ['d=96_l=8_h=4-1.0', 'd=512_l=8_h=4-1.0', 'd=576_l=24_h=8-1.0', 'd=1024_l=24_h=8-1.0', 'd=96_l=8_h=4-16.0'];
  const points =
    all === null
      ? exact(law, { ...listed, eta: 0.12123612 }, gridOf('N', 'D', spaced(1e7, 4e8, 3), spaced(2e8, 8e9, 3)))
      : filterPoints(all, (row) => FITTED.some((name) => all.runs?.[row] === `c4_original-${name}`));

  it('finds the listed constants from five small models', () => {
    const fit = fitOf(law, points, { loss: 'ls', starts: 100 });
    expect(fit.params['E']).toBeCloseTo(1.5083, 3);
    expect((fit.params['a'] ?? NaN) / 141.28).toBeCloseTo(1, 3);
    expect((fit.params['b'] ?? NaN) / 189.52).toBeCloseTo(1, 3);
    expect(fit.params['eta']).toBeCloseTo(0.1212, 4);
    expect(fit.objective).toBeLessThanOrEqual(objective(law, points, listed, { loss: 'ls' }) * (1 + 1e-6) + 1e-20);
  });

  it('foretells runs of 1.4 B and 6.9 B parameters on RedPajama, to .71 % and .73 %', () => {
    const rows = (names: readonly string[]): Points | null =>
      all === null ? null : filterPoints(all, (row) => names.some((name) => all.runs?.[row] === `rpj-${name}`));
    const fit = fitOf(law, rows(FITTED) ?? points, { loss: 'ls', starts: 100 });
    const large = rows(['open_lm_1b-32.0', 'open_lm_7b-1.0']);
    const truth = exact(
      law,
      { ...listed, eta: 0.12123612 },
      { N: Float64Array.of(1.4e9, 6.9e9), D: Float64Array.of(9e11, 1.4e11) },
    );
    const measured = (large ?? truth).columns['loss'] ?? new Float64Array(0);
    const errors = predictCurve(law, fit.params, large ?? truth).map((value, i) => Math.abs(value / (measured[i] ?? NaN) - 1));
    expect(Array.from(errors)).toEqual(
      (large === null ? [0, 0] : [0.0071, 0.0073]).map((error) => expect.closeTo(error, 4) as number),
    );
  });
});
