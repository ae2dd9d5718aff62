/** Rows of one sequence: `[rows, cols]`, row-major. */
export class Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array;

  constructor(rows: number, cols: number, data = new Float64Array(rows * cols)) {
    this.rows = rows;
    this.cols = cols;
    this.data = data;
  }

  /** @throws RangeError outside the matrix. */
  get(row: number, col: number): number {
    return at(this.data, row * this.cols + col);
  }
  set(row: number, col: number, value: number): void {
    this.data[row * this.cols + col] = value;
  }
  add(row: number, col: number, value: number): void {
    const i = row * this.cols + col;
    this.data[i] = at(this.data, i) + value;
  }
  row(row: number): Float64Array {
    return this.data.subarray(row * this.cols, (row + 1) * this.cols);
  }
  plus(other: Matrix): Matrix {
    return this.map((value, i) => value + at(other.data, i));
  }
  map(f: (value: number, i: number) => number): Matrix {
    return new Matrix(this.rows, this.cols, this.data.map(f));
  }
}

/** @throws RangeError outside the array: a wrong index must never read as a number. */
export function at(data: Float64Array, i: number): number {
  const value = data[i];
  if (value === undefined) throw new RangeError(`index ${i} is outside 0..${data.length - 1}`);
  return value;
}

function requireWithin(data: Float64Array, start: number, count: number): void {
  if (start < 0 || start + count > data.length) throw new RangeError(`${start}..${start + count} is outside 0..${data.length}`);
}

/** `y[yStart + i] += scale * x[xStart + i]` for `count` elements. */
export function addScaled(y: Float64Array, yStart: number, scale: number, x: Float64Array, xStart: number, count: number): void {
  requireWithin(y, yStart, count);
  requireWithin(x, xStart, count);
  for (let i = 0; i < count; i++) y[yStart + i] = (y[yStart + i] ?? NaN) + scale * (x[xStart + i] ?? NaN);
}

/** The sum of `a[aStart + i] * b[bStart + i]` over `count` elements. */
export function dot(a: Float64Array, aStart: number, b: Float64Array, bStart: number, count: number): number {
  requireWithin(a, aStart, count);
  requireWithin(b, bStart, count);
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (a[aStart + i] ?? NaN) * (b[bStart + i] ?? NaN);
  return sum;
}

/** A trained tensor and the sum of its gradients. */
export class Parameter {
  readonly value: Float64Array;
  readonly gradient: Float64Array;

  constructor(value: Float64Array) {
    this.value = value;
    this.gradient = new Float64Array(value.length);
  }
}

/** The output of a layer, and what takes the gradient of the output to that of the input and adds to those of its parameters. */
export interface Layer {
  readonly y: Matrix;
  back(dy: Matrix): Matrix;
}
