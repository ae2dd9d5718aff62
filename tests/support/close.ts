import { AssertionError } from 'node:assert';

export interface Closeness {
  /** Largest difference over the wanted magnitude. */
  readonly rtol: number;
  /** Largest difference where the wanted value is near 0; 0 by default. */
  readonly atol?: number;
  /** Why this tolerance is the right one: `f32 sum of 256 terms`. */
  readonly because: string;
  /** Shape of both arrays, row-major, for coordinates in the message. */
  readonly shape?: readonly number[];
}

interface Difference {
  readonly index: number;
  readonly got: number;
  readonly want: number;
  readonly error: number;
  /** How many times the tolerance; Infinity for NaN and for what no tolerance allows. */
  readonly excess: number;
}

const TABLE_ROWS = 8;

/**
 * Fails unless `|got - want| <= atol + rtol * |want|` for every element. NaN on either side fails, an infinity matches only
 * itself, and empty or differently long arrays fail. The message names the first and the worst difference.
 */
export function expectClose(got: ArrayLike<number>, want: ArrayLike<number>, closeness: Closeness): void {
  const { rtol, atol = 0, because, shape = [want.length] } = closeness;
  const size = shape.reduce((product, dim) => product * dim, 1);
  if (because.trim() === '' || !(rtol >= 0) || !(atol >= 0)) {
    fail(`expectClose: a tolerance needs numbers >= 0 and a reason: rtol ${rtol}, atol ${atol}, because "${because}"`);
  }
  if (got.length !== want.length || want.length !== size) {
    fail(`expectClose: sizes differ: got ${got.length}, want ${want.length}, shape [${shape.join(',')}] has ${size}`);
  }
  if (size === 0) {
    fail('expectClose: nothing to compare: both arrays are empty');
  }
  const differences = differencesOf(got, want, rtol, atol);
  if (differences.length > 0) {
    fail(report(differences, size, closeness, shape));
  }
}

function differencesOf(got: ArrayLike<number>, want: ArrayLike<number>, rtol: number, atol: number): Difference[] {
  const differences: Difference[] = [];
  for (let index = 0; index < want.length; index++) {
    const g = got[index] ?? NaN;
    const w = want[index] ?? NaN;
    if (g === w) {
      continue;
    }
    const error = Math.abs(g - w);
    const allowed = Number.isFinite(w) ? atol + rtol * Math.abs(w) : 0;
    // Written so that NaN fails.
    if (!(error <= allowed)) {
      const excess = error / allowed;
      differences.push({ index, got: g, want: w, error, excess: Number.isNaN(excess) ? Infinity : excess });
    }
  }
  return differences;
}

function report(differences: Difference[], size: number, closeness: Closeness, shape: readonly number[]): string {
  const { rtol, atol = 0, because } = closeness;
  const first = differences[0] ?? fail('expectClose: no difference to report');
  const worst = differences.reduce((a, b) => (isWorse(b, a) ? b : a));
  const shown = differences.slice(0, TABLE_ROWS);
  if (!shown.includes(worst)) {
    shown.push(worst);
  }
  const at = (index: number): string => `[${coordinates(index, shape).join(',')}]`;
  const rows = shown.map((d) => [
    at(d.index),
    String(d.got),
    String(d.want),
    d.error.toPrecision(3),
    `${d.excess.toPrecision(3)}x`,
  ]);
  return [
    `${differences.length} of ${size} elements differ by more than rtol ${rtol}, atol ${atol} (${because})`,
    `first at ${at(first.index)}, worst at ${at(worst.index)}`,
    ...aligned([['at', 'got', 'want', 'error', 'of tolerance'], ...rows]),
  ].join('\n');
}

/** By excess over the tolerance; by error where that is infinite for both; NaN is worst. */
function isWorse(a: Difference, b: Difference): boolean {
  return a.excess === b.excess ? Number.isNaN(a.error) || a.error > b.error : a.excess > b.excess;
}

/** Row-major coordinates of a flat index. */
function coordinates(index: number, shape: readonly number[]): number[] {
  const at: number[] = [];
  for (const dim of shape.toReversed()) {
    at.unshift(index % dim);
    index = Math.floor(index / dim);
  }
  return at;
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  '));
}

function fail(message: string): never {
  throw new AssertionError({ message, stackStartFn: expectClose });
}
