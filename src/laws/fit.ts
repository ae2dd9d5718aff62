import { SpecError } from '../base/errors.ts';
import { expandedShares, percentiles, refit, resample, rowsByRun, type Shares } from './bootstrap.ts';
import { conditionNumber, intervalOf, warningsOf, type Interval } from './identify.ts';
import { type Law, type Params, type Points } from './law.ts';
import { lossNamed } from './losses.ts';
import { Minimizer, TIGHT, type Effort, type Minimum } from './minimize.ts';
import { checkPoints, filterPoints } from './points.ts';
import { freeCount, negligible, problemOf, type Problem, type Restriction } from './problem.ts';
import { profileOf, spreadOf, type Ends } from './profile.ts';
import type { Work } from './slices.ts';
import { drawStart } from './starts.ts';

export interface FitOptions extends Restriction {
  /** Default `huber:1e-3`. */
  readonly loss?: string;
  /** Default 200. */
  readonly starts?: number;
  /** Resamples of runs; 0, the default, leaves the intervals to the profile likelihood. */
  readonly bootstrap?: number;
  /** A u32; the same points, options and seed give the same fit. Default 0. */
  readonly seed?: number;
  /** Of the intervals, 0..1; default 0.9. */
  readonly level?: number;
  /** Variable projection: starts draw exponents only, and have the linear parameters that fit best with them. */
  readonly projected?: boolean;
  /** Rows that are left out, counted from 0; the fit says how many. */
  readonly excluded?: readonly number[];
}

export interface FitProgress {
  readonly stage: 'starts' | 'profile' | 'bootstrap';
  readonly done: number;
  readonly total: number;
}

export interface Fit {
  readonly law: Law;
  /** Its name; sums, never means. */
  readonly loss: string;
  readonly objective: number;
  readonly params: Params;
  /** An end that nothing bounds is null. */
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly level: number;
  /** How many starts ended within 1e-4 of the best objective. */
  readonly starts: { readonly total: number; readonly agree: number };
  readonly points: number;
  readonly warnings: readonly string[];
  /** Of J'J in the logarithms of coefficients and in exponents. */
  readonly condition: number;
  /** Share of the variance of the points (of ln L, or of L for `ls`) that the law explains. */
  readonly r2: number;
  /** Fits to the resamples, for what is computed from them. */
  readonly replicates: readonly Params[];
  /** Shares of {@link replicates} below the ends of an interval, of parameters and of what is computed from them alike. */
  readonly shares: Shares;
}

const MOST_STARTS = 1e6;
const MOST_RESAMPLES = 1e6;
const ROUGH: Effort = { tolerance: 1e-8, iterations: 200 };
const PROFILE: Effort = { tolerance: 1e-10, iterations: 300 };
/** Starts this near the best sum, in shares of it, agree with it. */
const AGREE = 1e-4;
/** Minima this far above the best are still told of, and resamples start from them too. */
const NEARLY = 0.05;
const POLISHED = 12;
const MOST_MINIMA = 6;
const TOLD_MINIMA = 2;
/** A profile that comes upon a lower minimum starts everything over from there. */
const RESTARTS = 4;

/**
 * Fits a law to points as a piece of {@link Work}: many starts, the best of them to the last digit, a profile of each parameter, then the
 * bootstrap.
 *
 * @throws SpecError when the points or the options do not make a fit.
 */
export function* fitting(law: Law, points: Points, options: FitOptions = {}): Work<FitProgress, Fit> {
  const { loss: lossName = 'huber:1e-3', starts = 200, bootstrap = 0, seed = 0, level = 0.9, projected = false } = options;
  const { excluded = [] } = options;
  checkOptions(law, options, starts, bootstrap, level);
  const left = new Set(excluded);
  const kept = left.size === 0 ? points : filterPoints(points, (row) => !left.has(row));
  const loss = lossNamed(lossName);
  checkPoints(law, kept, freeCount(law, options), options.fixed);
  const problem = problemOf(law, loss, kept, options);
  const minimizer = new Minimizer(problem);
  const ones = new Float64Array(problem.points).fill(1);

  const ends: Minimum[] = [];
  for (let i = 0; i < starts; i++) {
    const start = drawStart(problem, seed, i, projected);
    // Least squares bring far starts near and into one valley; robust losses have other valleys, which every other start looks for.
    ends.push(i % 2 === 0 ? minimizer.from(start, ones, ROUGH) : minimizer.near(start, ones, ROUGH));
    yield { stage: 'starts', done: i + 1, total: starts };
  }
  let minima = polish(minimizer, ends, ones);
  let best = minima[0];
  if (best === undefined || best.objective === Infinity)
    throw new SpecError({
      where: `law ${law.id}`,
      rule: 'no start can be fitted to these points',
      cure: 'Look for a column in the wrong unit.',
    });

  let spread = spreadOf(minimizer, best.variables, ones, level);
  const profiles: Ends[] = [];
  for (let restarts = 0; profiles.length < problem.variables;) {
    const { ends: own, better } = profileOf(minimizer, best, profiles.length, spread, ones, PROFILE);
    if (better !== null && restarts < RESTARTS) {
      minima = polish(minimizer, [minimizer.near(better.variables, ones, TIGHT), ...minima], ones);
      best = minima[0] ?? best;
      spread = spreadOf(minimizer, best.variables, ones, level);
      profiles.length = 0;
      restarts += 1;
    } else profiles.push(own);
    yield { stage: 'profile', done: profiles.length, total: problem.variables };
  }

  const groups = rowsByRun(kept.runs, problem.points);
  const replicates: Float64Array[] = [];
  const weights = new Float64Array(problem.points);
  for (let i = 0; i < bootstrap; i++) {
    resample(groups, seed, i, weights);
    const found = refit(
      minimizer,
      minima.map(({ variables }) => variables),
      weights,
    );
    if (found !== null) replicates.push(found.variables);
    yield { stage: 'bootstrap', done: i + 1, total: bootstrap };
  }

  const params = problem.params(best.variables);
  const shares = expandedShares(level, groups.length, problem.variables);
  const intervals = intervalsOf(problem, params, profiles, replicates, shares);
  const condition = conditionNumber(problem, best.variables, ones);
  const limit = best.objective * (1 + AGREE) + negligible(problem);
  const agreed = { total: starts, agree: ends.filter(({ objective }) => objective <= limit).length };
  const lowest = best.objective;
  const others = minima.slice(1, 1 + TOLD_MINIMA).map(({ variables, objective }) => ({
    params: problem.params(variables),
    above: objective / lowest - 1,
  }));
  const warnings = warningsOf({ problem, params, intervals, level, condition, starts: agreed, runs: groups.length, others });
  if (left.size > 0) warnings.unshift(`${left.size} point${left.size === 1 ? ' is' : 's are'} left out by hand.`);
  return {
    law,
    loss: loss.name,
    objective: best.objective,
    params,
    intervals,
    level,
    starts: agreed,
    points: problem.points,
    warnings,
    condition,
    r2: explained(problem, best.variables, ones),
    replicates: replicates.map((variables) => problem.params(variables)),
    shares,
  };
}

function checkOptions(law: Law, options: FitOptions, starts: number, bootstrap: number, level: number): void {
  const fault = (where: string, rule: string, got: string, expected: string): never => {
    throw new SpecError({ where, rule, got, expected });
  };
  if (law.model === null) fault(`law ${law.id}`, 'it is calculated, not fitted', law.id, 'a law with a fit');
  if (options.tied === true && law.tie === undefined)
    fault(`law ${law.id}`, 'it has no exponents to tie', 'tied', 'chinchilla or data-constrained');
  if (!(Number.isInteger(starts) && starts >= 1 && starts <= MOST_STARTS))
    fault('starts', 'it is not a whole number in bounds', String(starts), `1..${MOST_STARTS}`);
  if (!(Number.isInteger(bootstrap) && bootstrap >= 0 && bootstrap <= MOST_RESAMPLES))
    fault('bootstrap', 'it is not a whole number in bounds', String(bootstrap), `0..${MOST_RESAMPLES}`);
  if (!(level > 0 && level < 1)) fault('level', 'it is no share', String(level), 'between 0 and 1');
  for (const [name, value] of Object.entries(options.fixed ?? {})) {
    const parameter = law.parameters.find((one) => one.name === name);
    if (parameter === undefined)
      return fault(`law ${law.id}`, 'there is no such parameter', name, law.parameters.map((one) => one.name).join(', '));
    const [lo, hi] = parameter.bounds;
    if (!(value >= lo && value <= hi)) fault(`law ${law.id}`, `${name} is out of bounds`, String(value), `${lo}..${hi}`);
  }
  if (freeCount(law, options) === 0)
    fault(`law ${law.id}`, 'nothing is left to fit', 'all parameters fixed', 'one or more that are free');
}

/** The best ends to the last digit: the lowest, then other minima that are nearly as low. */
function polish(minimizer: Minimizer, ends: readonly Minimum[], weights: Float64Array): Minimum[] {
  const sorted = ends.toSorted((a, b) => a.objective - b.objective);
  const lowest = sorted[0]?.objective ?? Infinity;
  const nothing = negligible(minimizer.problem);
  const distinct: Minimum[] = [];
  for (const end of sorted) {
    if (end.objective > lowest * (1 + NEARLY) + nothing || distinct.length === POLISHED) break;
    const above = distinct.at(-1)?.objective;
    if (above === undefined || distinct.length < 2 || end.objective > above * (1 + AGREE)) distinct.push(end);
  }
  const polished = distinct.map(({ variables }) => minimizer.near(variables, weights, TIGHT));
  polished.sort((a, b) => a.objective - b.objective);
  const minima: Minimum[] = [];
  for (const minimum of polished) {
    const last = minima.at(-1);
    if (last === undefined || minimum.objective > last.objective * (1 + AGREE) + nothing) minima.push(minimum);
  }
  return minima.slice(0, MOST_MINIMA);
}

function intervalsOf(
  problem: Problem,
  params: Params,
  profiles: readonly Ends[],
  replicates: readonly Float64Array[],
  shares: Shares,
): Record<string, Interval> {
  const variables = profiles.map((profile, v): Ends => {
    if (replicates.length === 0) return profile;
    const values = replicates.map((replicate) => replicate[v] ?? NaN);
    const [lo, hi] = percentiles(values, shares, problem.lower[v] ?? NaN, problem.upper[v] ?? NaN);
    // Resamples stop where the sum is flat; the profile knows that it stays flat to the bound. And where all of them stop at a bound,
    // it knows how far from there the points allow.
    return [
      profile[0] === -Infinity || lo === Infinity ? profile[0] : lo,
      profile[1] === Infinity || hi === -Infinity ? profile[1] : hi,
    ];
  });
  return Object.fromEntries(
    problem.law.parameters.map((parameter, j) => {
      const ends = variables[problem.variableOf[j] ?? -1];
      const value = params[parameter.name] ?? NaN;
      return [parameter.name, ends === undefined ? [value, value] : intervalOf(parameter, ends)];
    }),
  );
}

function explained(problem: Problem, at: Float64Array, weights: Float64Array): number {
  const residuals = new Float64Array(problem.points);
  problem.residuals(at, residuals, new Float64Array(problem.points * problem.variables), weights);
  const values = problem.loss.log ? problem.logs : problem.measured;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const total = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return 1 - residuals.reduce((sum, r) => sum + r * r, 0) / total;
}

/** What `isoflop fit --json` prints. */
export interface FitReport {
  readonly law: string;
  readonly loss: string;
  readonly objective: number;
  readonly params: Params;
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly starts: { readonly total: number; readonly agree: number };
  readonly points: number;
  readonly warnings: readonly string[];
}

export function fitReport({ law, loss, objective, params, intervals, starts, points, warnings }: Fit): FitReport {
  return { law: law.id, loss, objective, params, intervals, starts, points, warnings };
}
