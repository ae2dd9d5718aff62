/** Small dense matrices, row by row in flat arrays. */

/**
 * Solves A x = b for symmetric positive definite A `[n, n]`, by Cholesky after scaling the diagonal to 1. A is overwritten, b becomes x.
 * False where A is not positive definite to rounding; then b is spoilt.
 */
export function solve(a: Float64Array, b: Float64Array, n: number): boolean {
  for (let i = 0; i < n; i++) scaleOf[i] = 1 / Math.sqrt(a[i * n + i] ?? 0);
  for (let i = 0; i < n; i++) {
    const si = scaleOf[i] ?? 0;
    if (!(si < Infinity)) return false;
    for (let j = 0; j <= i; j++) {
      let sum = (a[i * n + j] ?? 0) * si * (scaleOf[j] ?? 0);
      for (let k = 0; k < j; k++) sum -= (a[i * n + k] ?? 0) * (a[j * n + k] ?? 0);
      if (i !== j) a[i * n + j] = sum / (a[j * n + j] ?? 1);
      else if (sum > SMALLEST_PIVOT) a[i * n + i] = Math.sqrt(sum);
      else return false;
    }
  }
  for (let i = 0; i < n; i++) {
    let sum = (b[i] ?? 0) * (scaleOf[i] ?? 0);
    for (let k = 0; k < i; k++) sum -= (a[i * n + k] ?? 0) * (b[k] ?? 0);
    b[i] = sum / (a[i * n + i] ?? 1);
  }
  for (let i = n - 1; i >= 0; i--) {
    let sum = b[i] ?? 0;
    for (let k = i + 1; k < n; k++) sum -= (a[k * n + i] ?? 0) * (b[k] ?? 0);
    b[i] = sum / (a[i * n + i] ?? 1);
  }
  for (let i = 0; i < n; i++) b[i] = (b[i] ?? 0) * (scaleOf[i] ?? 0);
  return true;
}

const SMALLEST_PIVOT = 1e-15;
const MOST = 64;
const scaleOf = new Float64Array(MOST);

/** Eigenvalues of a symmetric matrix `[n, n]`, by Jacobi rotations; ascending. */
export function eigenvalues(matrix: Float64Array, n: number): Float64Array {
  const a = matrix.slice();
  const get = (i: number, j: number): number => a[i * n + j] ?? 0;
  for (let sweep = 0; sweep < 60; sweep++) {
    let off = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) off += get(i, j) ** 2;
    if (off === 0) break;
    for (let p = 0; p < n; p++) {
      for (let q = p + 1; q < n; q++) {
        if (get(p, q) === 0) continue;
        const turn = (get(q, q) - get(p, p)) / (2 * get(p, q));
        const t = (turn < 0 ? -1 : 1) / (Math.abs(turn) + Math.hypot(turn, 1));
        const c = 1 / Math.hypot(t, 1);
        for (let k = 0; k < n; k++) {
          const [kp, kq] = [get(k, p), get(k, q)];
          a[k * n + p] = c * (kp - t * kq);
          a[k * n + q] = c * (t * kp + kq);
        }
        for (let k = 0; k < n; k++) {
          const [pk, qk] = [get(p, k), get(q, k)];
          a[p * n + k] = c * (pk - t * qk);
          a[q * n + k] = c * (t * pk + qk);
        }
      }
    }
  }
  return Float64Array.from({ length: n }, (_, i) => get(i, i)).sort();
}

/**
 * Non-negative least squares with few unknowns: coefficients c >= 0 that minimise sum of (sum_j c_j basis_j[i] - y[i])^2, by trying every
 * set of those that are above 0. All 0 where nothing fits.
 *
 * @param bases one `[n]` a coefficient; at most 6 of them.
 */
export function nonNegative(bases: readonly Float64Array[], y: Float64Array): Float64Array {
  const k = bases.length;
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
  const gram = bases.map((a) => bases.map((b) => dot(a, b)));
  const right = bases.map((a) => dot(a, y));
  let best = new Float64Array(k);
  let lowest = 0;
  for (let set = 1; set < 1 << k; set++) {
    const members = Array.from({ length: k }, (_, j) => j).filter((j) => (set >> j) & 1);
    const matrix = Float64Array.from(members.flatMap((i) => members.map((j) => gram[i]?.[j] ?? 0)));
    const b = Float64Array.from(members, (j) => right[j] ?? 0);
    if (!solve(matrix, b, members.length) || b.some((value) => !(value >= 0))) continue;
    // The sum of squares less that of y is -c . (bases . y) at a solution.
    const fall = -members.reduce((sum, j, i) => sum + (b[i] ?? 0) * (right[j] ?? 0), 0);
    if (fall >= lowest) continue;
    lowest = fall;
    best = new Float64Array(k);
    members.forEach((j, i) => (best[j] = b[i] ?? 0));
  }
  return best;
}
