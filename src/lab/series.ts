/** A growable column of f64 values; a stream is appended here and never copied into reactive state. */
export class Column {
  #data = new Float64Array(256);
  #length = 0;
  /** How often values were taken back; what was computed from an earlier number is stale. */
  losses = 0;

  get length(): number {
    return this.#length;
  }

  push(value: number): void {
    if (this.#length === this.#data.length) {
      const grown = new Float64Array(this.#data.length * 2);
      grown.set(this.#data);
      this.#data = grown;
    }
    this.#data[this.#length++] = value;
  }

  /** NaN outside the column. */
  at(index: number): number {
    return index >= 0 && index < this.#length ? (this.#data[index] ?? Number.NaN) : Number.NaN;
  }

  /** Forgets everything from `length` on. */
  truncate(length: number): void {
    const kept = Math.min(this.#length, Math.max(0, length));
    if (kept < this.#length) this.losses++;
    this.#length = kept;
  }

  /** The values so far, without a copy; valid until the next push. */
  view(): Float64Array {
    return this.#data.subarray(0, this.#length);
  }
}

/** What a moving average is taken of; a curve that grows no more is one too. */
type Smoothable = Pick<Column, 'losses'> & { view(): ArrayLike<number> };

/**
 * Debiased exponential moving average of a column, kept up to date as the column grows.
 * `m = w m + (1 - w) x`, shown as `m / (1 - w^n)` (the correction of Adam, arXiv:1412.6980), so that the first values are not pulled to 0.
 * Values that are not finite are left out of the average and stay what they are in the result.
 */
export class Smoother {
  readonly #source: Smoothable;
  readonly #result = new Column();
  #weight: number;
  #losses = 0;
  #mean = 0;
  /** w^n, n counting finite values. */
  #remaining = 1;

  /** `weight` in 0..1: 0 is no smoothing. */
  constructor(source: Smoothable, weight: number) {
    this.#source = source;
    this.#weight = weight;
  }

  set weight(weight: number) {
    if (weight === this.#weight) return;
    this.#weight = weight;
    this.#reset();
  }

  /** The smoothed column, as long as its source. */
  values(): Float64Array {
    if (this.#losses !== this.#source.losses) this.#reset();
    const source = this.#source.view();
    for (let i = this.#result.length; i < source.length; i++) this.#result.push(this.#next(source[i] ?? Number.NaN));
    return this.#result.view();
  }

  #reset(): void {
    this.#result.truncate(0);
    this.#losses = this.#source.losses;
    this.#mean = 0;
    this.#remaining = 1;
  }

  #next(value: number): number {
    if (!Number.isFinite(value)) return value;
    this.#mean = this.#weight * this.#mean + (1 - this.#weight) * value;
    this.#remaining *= this.#weight;
    return this.#mean / (1 - this.#remaining);
  }
}

/** The part of an x axis that is drawn. */
export interface Window {
  readonly min: number;
  readonly max: number;
  readonly log: boolean;
}

/** First index whose x is at least `value`; x ascends. */
export function lowerBound(x: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((x[middle] ?? Number.NaN) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Indices that draw the same line as all points do: in each of `buckets` equal stretches of the window the first, the lowest, the
 * highest, the last and the first value that is not finite; and one point beyond each end. At most `5 buckets + 2` indices, ascending.
 * After M4 (Jugel et al., VLDB 2014).
 */
export function decimate(x: ArrayLike<number>, y: ArrayLike<number>, window: Window, buckets: number): number[] {
  const position = window.log ? Math.log : (value: number): number => value;
  const from = Math.max(0, lowerBound(x, window.min) - 1);
  const to = Math.min(x.length, lowerBound(x, window.max) + 2);
  const left = position(window.min);
  const perBucket = (position(window.max) - left) / buckets;
  if (to - from <= buckets * 2 || !(perBucket > 0)) return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  const indices: number[] = [];
  let start = from;
  while (start < to) {
    const bucket = Math.floor((position(x[start] ?? 0) - left) / perBucket);
    let end = start + 1;
    while (end < to && Math.floor((position(x[end] ?? 0) - left) / perBucket) === bucket) end++;
    appendExtremes(y, start, end, indices);
    start = end;
  }
  return indices;
}

function appendExtremes(y: ArrayLike<number>, start: number, end: number, indices: number[]): void {
  let lowest = -1;
  let highest = -1;
  let broken = -1;
  for (let i = start; i < end; i++) {
    const value = y[i] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      if (broken < 0) broken = i;
      continue;
    }
    if (lowest < 0 || value < (y[lowest] ?? 0)) lowest = i;
    if (highest < 0 || value > (y[highest] ?? 0)) highest = i;
  }
  const kept = [start, lowest, highest, broken, end - 1].filter((index) => index >= 0).sort((a, b) => a - b);
  for (const index of kept) if (indices.at(-1) !== index) indices.push(index);
}

/** Points of one curve, x ascending. */
export interface Points {
  readonly x: readonly number[];
  readonly y: readonly number[];
}

/**
 * Curves over one shared x. Where a curve has no point its value is `undefined` (drawn through), where its point is not finite it is
 * `null` (a gap). The first array is x.
 */
export function align(curves: readonly Points[]): [number[], ...(number | null | undefined)[][]] {
  const x = [...new Set(curves.flatMap((curve) => curve.x))].sort((a, b) => a - b);
  const place = new Map(x.map((value, index) => [value, index]));
  const columns = curves.map((curve) => {
    const column = new Array<number | null | undefined>(x.length).fill(undefined);
    curve.x.forEach((value, i) => {
      const y = curve.y[i] ?? Number.NaN;
      column[place.get(value) ?? -1] = Number.isFinite(y) ? y : null;
    });
    return column;
  });
  return [x, ...columns];
}
