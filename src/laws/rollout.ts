import { SpecError } from '../base/errors.ts';
import { fitting, type Fit, type FitOptions, type FitProgress } from './fit.ts';
import { columnOf, type Law, type Points } from './law.ts';
import { filterPoints } from './points.ts';
import type { Work } from './slices.ts';
import { predictCurve } from './table/curves.ts';

/** How well a law that was fitted below a limit foretells what lies above it. */
export interface Rollout {
  readonly fit: Fit;
  /** Of the points above: measured, predicted, and predicted over measured less 1. */
  readonly held: readonly {
    readonly row: number;
    readonly measured: number;
    readonly predicted: number;
    readonly relative: number;
  }[];
  /** Root of the mean square of those relative errors. */
  readonly error: number;
  readonly r2: number;
  readonly warnings: readonly string[];
}

/** Fits points whose `column` (C, the compute, say) is at most `limit`, and predicts the others. @throws SpecError */
export function* rollingOut(
  law: Law,
  points: Points,
  { column, limit }: { readonly column: string; readonly limit: number },
  options: FitOptions = {},
): Work<FitProgress, Rollout> {
  const by = columnOf(points, column);
  const below = filterPoints(points, (row) => (by[row] ?? Infinity) <= limit);
  const rows = [...by.keys()].filter((row) => (by[row] ?? NaN) > limit);
  if (rows.length === 0)
    throw new SpecError({ where: `column ${column}`, rule: 'no point lies above the limit', got: String(limit) });
  const fit = yield* fitting(law, below, options);
  const above = filterPoints(points, (row) => rows.includes(row));
  const predicted = predictCurve(law, fit.params, above);
  const measured = columnOf(above, law.target);
  const held = rows.map((row, i) => {
    const [was, said] = [measured[i] ?? NaN, predicted[i] ?? NaN];
    return { row, measured: was, predicted: said, relative: said / was - 1 };
  });
  const error = Math.sqrt(held.reduce((sum, { relative }) => sum + relative ** 2, 0) / held.length);
  return { fit, held, error, r2: fit.r2, warnings: extrapolationWarnings(law, below, above) };
}

/** Beyond this many times what was measured, a fit is a guess. */
const FAR = 10;

/** Columns in which what is predicted lies more than 10 times outside of what was fitted, in words. */
export function extrapolationWarnings(law: Law, fitted: Points, predicted: Points): string[] {
  return law.columns.flatMap(({ name, raw }) => {
    if (raw === true) return [];
    const [least, most] = ends(columnOf(fitted, name));
    const [low, high] = ends(columnOf(predicted, name));
    const times = Math.max(high / most, least / low);
    if (!(times > FAR)) return [];
    return [
      `${name} is predicted ${Number(times.toPrecision(2))} times outside of what was fitted: beyond ${FAR} times it is a guess.`,
    ];
  });
}

function ends(values: Float64Array): readonly [number, number] {
  return [values.reduce((a, b) => Math.min(a, b), Infinity), values.reduce((a, b) => Math.max(a, b), -Infinity)];
}
