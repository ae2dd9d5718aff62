import { IsoflopError } from '../base/errors.ts';

/**
 * The `p` quantile of Student's t with `df` degrees of freedom, a real number, 1 or more; `Infinity` is the normal distribution.
 * By bisection of the distribution function, to 1e-10.
 */
export function studentQuantile(p: number, df: number): number {
  if (!(p > 0 && p < 1 && df >= 1))
    throw new IsoflopError({ where: 'studentQuantile', rule: 'p in 0..1 and df of 1 or more', got: `p ${p}, df ${df}` });
  if (p < 0.5) return -studentQuantile(1 - p, df);
  // Beyond this the normal distribution is nearer than the precision asked for.
  const freedom = Math.min(df, 1e9);
  let low = 0;
  let high = 1;
  while (studentCdf(high, freedom) < p) high *= 2;
  while (high - low > 1e-10 * Math.max(1, high)) {
    const middle = (low + high) / 2;
    if (studentCdf(middle, freedom) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** P(T <= t) for t >= 0: 1 - I_x(df/2, 1/2) / 2 with x = df / (df + t^2). */
function studentCdf(t: number, df: number): number {
  return 1 - incompleteBeta(df / (df + t * t), (t * t) / (df + t * t), df / 2, 0.5) / 2;
}

/** Regularised incomplete beta function I_x(a, b), `y` = 1 - x given apart for its digits (Abramowitz and Stegun 26.5.8). */
function incompleteBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(y, x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(y));
  return (front * betaFraction(x, a, b)) / a;
}

/** The continued fraction of I_x(a, b), by Lentz's method. */
function betaFraction(x: number, a: number, b: number): number {
  const tiny = 1e-300;
  const nonzero = (value: number): number => (Math.abs(value) < tiny ? tiny : value);
  let c = 1;
  let d = 1 / nonzero(1 - ((a + b) * x) / (a + 1));
  let result = d;
  for (let m = 1; m <= 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / nonzero(1 + even * d);
    c = nonzero(1 + even / c);
    result *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / nonzero(1 + odd * d);
    c = nonzero(1 + odd / c);
    const change = d * c;
    result *= change;
    if (Math.abs(change - 1) < 1e-14) break;
  }
  return result;
}

/** ln gamma(x), x > 0: Stirling's series after moving x beyond 12. */
function logGamma(x: number): number {
  let shift = 0;
  while (x < 12) shift += Math.log(x++);
  const inverse = 1 / (x * x);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / x;
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series - shift;
}

/** P(Z <= z) of the standard normal distribution, to 1e-9. */
export function normalShare(z: number): number {
  const upper = studentCdf(Math.abs(z), 1e9);
  return z < 0 ? 1 - upper : upper;
}
