import { quantile } from '../base/quantile.ts';
import { RandomSequence, STREAM } from '../base/random.ts';
import type { Effort, Minimizer } from './minimize.ts';
import { DRAWS } from './starts.ts';
import { normalShare, studentQuantile } from './student.ts';

/** Rows of each run, in the order of their first rows. */
export function rowsByRun(runs: readonly string[] | undefined, points: number): number[][] {
  if (runs === undefined) return Array.from({ length: points }, (_, i) => [i]);
  const rows = new Map<string, number[]>();
  for (let i = 0; i < points; i++) {
    const run = runs[i] ?? '';
    const own = rows.get(run);
    if (own === undefined) rows.set(run, [i]);
    else own.push(i);
  }
  return [...rows.values()];
}

/** How often each point is in resample `index`: runs are drawn with replacement, a run's points together. */
export function resample(groups: readonly (readonly number[])[], seed: number, index: number, weights: Float64Array): void {
  const draws = new RandomSequence(seed, STREAM.fit, index, DRAWS.bootstrap);
  weights.fill(0);
  for (let i = 0; i < groups.length; i++)
    for (const row of groups[draws.below(groups.length)] ?? []) weights[row] = (weights[row] ?? 0) + 1;
}

/** Of a resample's fit: less than this share of a run's weight is left to gain. */
const EFFORT: Effort = { tolerance: 1e-9, iterations: 200 };

/**
 * The fit to resample `index`, from each of the minima that the whole fit knows; null where it cannot be fitted, which resamples of few
 * runs cannot when they hold fewer points than variables.
 */
export function refit(
  minimizer: Minimizer,
  minima: readonly Float64Array[],
  weights: Float64Array,
): { readonly variables: Float64Array; readonly objective: number } | null {
  const { variables } = minimizer.problem;
  let points = 0;
  for (const weight of weights) if (weight > 0) points++;
  if (points <= variables) return null;
  let best: { readonly variables: Float64Array; readonly objective: number } | null = null;
  for (const start of minima) {
    const found = minimizer.near(start, weights, EFFORT);
    if (found.objective < (best?.objective ?? Infinity)) best = found;
  }
  return best;
}

/** Shares of resamples below the lower and the upper end of an interval. */
export type Shares = readonly [number, number];

/**
 * Shares of resamples that lie below the ends of an interval. Percentiles as they are cover too little when parameters are many and
 * runs are few, since resamples of n runs vary by (n - p) / n of what they should and as a normal, not as Student's: the shares are moved
 * out by both (Hesterberg, "What Teachers Should Know About the Bootstrap", Am. Stat. 69, 2015, "expanded percentile interval").
 */
export function expandedShares(level: number, runs: number, variables: number): Shares {
  const freedom = Math.max(1, runs - variables);
  const lower = normalShare(-Math.sqrt(runs / freedom) * studentQuantile((1 + level) / 2, freedom));
  return [lower, 1 - lower];
}

/** The interval of one variable over its resampled values; an end at a bound is infinite, minus infinity at the lower one. */
export function percentiles(values: readonly number[], shares: Shares, lower: number, upper: number): readonly [number, number] {
  const slack = 1e-6 * (1 + Math.abs(upper - lower));
  const [lo, hi] = shares.map((share) => {
    const value = quantile(values, share);
    return value <= lower + slack ? -Infinity : value >= upper - slack ? Infinity : value;
  });
  return [lo ?? NaN, hi ?? NaN];
}

/**
 * The interval of something that is computed from resamples, which a fit has with the shares of its parameters' intervals: [lo, hi], NaN
 * without any.
 */
export function derivedInterval<Replicate>(
  { shares: [lower, upper], replicates }: { readonly shares: Shares; readonly replicates: readonly Replicate[] },
  of: (replicate: Replicate) => number,
): readonly [number, number] {
  const values = replicates.map(of).filter((value) => !Number.isNaN(value));
  return [quantile(values, lower), quantile(values, upper)];
}
