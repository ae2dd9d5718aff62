import { solve } from './dense.ts';
import { studentQuantile } from './student.ts';

/** A number, and the interval of what is known of it; null where too few points are there to tell. */
export interface PowerEstimate {
  readonly value: number;
  readonly interval: readonly [number, number] | null;
}

/** y = c x_1^m_1 .. x_k^m_k. */
export interface PowerFit {
  readonly c: number;
  readonly exponents: readonly number[];
  readonly points: number;
  /** Where the law passes at `x` `[k]`, with the interval of the law there, not of a new measurement. @param level default 0.9. */
  readonly at: (x: readonly number[], level?: number) => PowerEstimate;
}

/**
 * A power law by least squares of ln y, in closed form. The interval is Student's, which is the profile likelihood of a law that is straight
 * in logarithms: exact for normal scatter however few the points, where resamples of few points repeat themselves. Null where the points do
 * not tell its parameters apart.
 *
 * @param y `[n]`, above 0.
 * @param x `[k, n]`, above 0: a list for each exponent.
 */
export function powerFit(y: readonly number[], x: readonly (readonly number[])[]): PowerFit | null {
  const [points, width] = [y.length, x.length + 1];
  if (points < width) return null;
  const centres = x.map((values) => values.reduce((sum, value) => sum + Math.log(value), 0) / points);
  // Centred, so that the normal equations keep their digits.
  const rowOf = (at: readonly number[]): number[] => [1, ...at.map((value, k) => Math.log(value) - (centres[k] ?? NaN))];
  const rows = y.map((_, i) => rowOf(x.map((values) => values[i] ?? NaN)));
  const gram = Float64Array.from({ length: width * width }, (_, i) =>
    rows.reduce((sum, row) => sum + (row[Math.floor(i / width)] ?? NaN) * (row[i % width] ?? NaN), 0),
  );
  const best = Float64Array.from({ length: width }, (_, j) =>
    rows.reduce((sum, row, i) => sum + (row[j] ?? NaN) * Math.log(y[i] ?? NaN), 0),
  );
  if (!solve(gram.slice(), best, width) || !best.every(Number.isFinite)) return null;
  const foretold = (row: readonly number[]): number => row.reduce((sum, value, j) => sum + value * (best[j] ?? NaN), 0);
  const squares = rows.reduce((sum, row, i) => sum + (foretold(row) - Math.log(y[i] ?? NaN)) ** 2, 0);
  const freedom = points - width;
  const [mean = NaN, ...exponents] = best;
  return {
    c: Math.exp(exponents.reduce((sum, m, k) => sum - m * (centres[k] ?? NaN), mean)),
    exponents,
    points,
    at: (place, level = 0.9) => {
      const row = rowOf(place);
      const value = Math.exp(foretold(row));
      const spread = Float64Array.from(row);
      if (freedom < 1 || !solve(gram.slice(), spread, width)) return { value, interval: null };
      const leverage = row.reduce((sum, each, j) => sum + each * (spread[j] ?? NaN), 0);
      const half = studentQuantile((1 + level) / 2, freedom) * Math.sqrt((squares / freedom) * leverage);
      return { value, interval: [value * Math.exp(-half), value * Math.exp(half)] };
    },
  };
}
