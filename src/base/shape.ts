/** Number of elements of a shape; 1 for a scalar shape `[]`. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** The next multiple of `quantum` at or above `n`. */
export function roundUp(n: number, quantum: number): number {
  return Math.ceil(n / quantum) * quantum;
}

/** The element at `i`, or a `RangeError`: for indices that are right by construction. */
export function at<T>(items: ArrayLike<T>, i: number): T {
  const item = items[i];
  if (item === undefined) throw new RangeError(`index ${i} is outside 0..${items.length - 1}`);
  return item;
}
