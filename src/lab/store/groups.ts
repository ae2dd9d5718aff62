import { lowerBound } from '../series.ts';
import { cellOf, type ColumnId, type RunCell } from './columns.ts';
import type { RunRecord } from './record.ts';

/** A figure over the runs of a group. Only finite values count; `broken` says how many were not. */
export interface Spread {
  readonly count: number;
  readonly broken: number;
  readonly mean: number;
  /** Of the sample (n - 1); NaN of fewer than two. */
  readonly standardDeviation: number;
  readonly low: number;
  readonly high: number;
}

/** Runs that are alike in the columns they are grouped by. */
export interface RunGroup {
  /** The values that they share, in the order of the columns. */
  readonly values: readonly RunCell[];
  readonly runs: readonly RunRecord[];
}

/** Runs by what they share, groups in the order in which they first appear. */
export function groupRuns(runs: readonly RunRecord[], columns: readonly ColumnId[]): readonly RunGroup[] {
  const groups = new Map<string, { values: readonly RunCell[]; runs: RunRecord[] }>();
  for (const run of runs) {
    const values = columns.map((column) => cellOf(run, column));
    const key = JSON.stringify(values.map((value) => [typeof value, String(value)]));
    const group = groups.get(key) ?? { values, runs: [] };
    group.runs.push(run);
    groups.set(key, group);
  }
  return [...groups.values()];
}

/** A numeric column over the runs of a group; runs without a value are left out. */
export function spreadOf(runs: readonly RunRecord[], column: ColumnId): Spread {
  return spread(runs.map((run) => cellOf(run, column)).filter((cell) => typeof cell === 'number'));
}

export function spread(values: readonly number[]): Spread {
  const finite = values.filter((value) => Number.isFinite(value));
  const count = finite.length;
  const broken = values.length - count;
  if (count === 0) return { count, broken, mean: Number.NaN, standardDeviation: Number.NaN, low: Number.NaN, high: Number.NaN };
  const mean = finite.reduce((sum, value) => sum + value, 0) / count;
  const squares = finite.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  // Sums round: a mean never leaves what it is the mean of.
  return {
    count,
    broken,
    mean: Math.min(high, Math.max(low, mean)),
    standardDeviation: count < 2 ? Number.NaN : Math.sqrt(squares / (count - 1)),
    low,
    high,
  };
}

/** Mean and band of the curves of a group. */
export interface Band {
  readonly steps: Float64Array;
  readonly mean: Float64Array;
  /** Of the sample; NaN where fewer than two curves have the step. */
  readonly standardDeviation: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Curves that have a finite value at the step. */
  readonly count: Float64Array;
}

/** What is drawn of a group of runs: at each step that any of them has, over those whose value there is finite. */
export function bandOf(curves: readonly { readonly steps: Float64Array; readonly lossNats: ArrayLike<number> }[]): Band {
  const steps = Float64Array.from(new Set(curves.flatMap((curve) => [...curve.steps]))).sort();
  const spreads = Array.from(steps, (step) =>
    spread(
      curves.flatMap((curve) => {
        const at = lowerBound(curve.steps, step);
        return curve.steps[at] === step ? [curve.lossNats[at] ?? Number.NaN] : [];
      }),
    ),
  );
  const column = (of: (spread: Spread) => number): Float64Array => Float64Array.from(spreads, of);
  return {
    steps,
    mean: column(({ mean }) => mean),
    standardDeviation: column(({ standardDeviation }) => standardDeviation),
    low: column(({ low }) => low),
    high: column(({ high }) => high),
    count: column(({ count }) => count),
  };
}
