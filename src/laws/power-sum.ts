import type { Evaluator } from './law.ts';

/** A factor of a term: column `column` to the power of parameter `exponent` times `times`, or of `times` alone. */
export interface Factor {
  readonly column: number;
  readonly exponent?: number;
  readonly times: number;
}

/** coefficient x product of factors; the coefficient's internal parameter is its logarithm. */
export interface Term {
  readonly coefficient: number;
  readonly factors?: readonly Factor[];
}

/**
 * ln of a sum of positive terms, by log-sum-exp, with its derivatives. Terms' logarithms t are linear in coefficients and exponents, so
 * d ln(sum) = sum of share x dt, where a term's share is what it is of the whole.
 *
 * @param width parameters of the law.
 */
export function powerSum(width: number, terms: readonly Term[]): Evaluator {
  const count = terms.length;
  const shares = new Float64Array(count);
  // Flat copies, because this is the innermost loop of every fit.
  const coefficients = Int32Array.from(terms, (term) => term.coefficient);
  const factors = terms.flatMap((term, t) => (term.factors ?? []).map((factor) => ({ ...factor, t })));
  const firsts = Int32Array.from({ length: count + 1 }, (_, t) => factors.filter((factor) => factor.t < t).length);
  const columns = Int32Array.from(factors, (factor) => factor.column);
  const exponents = Int32Array.from(factors, (factor) => factor.exponent ?? -1);
  const times = Float64Array.from(factors, (factor) => factor.times);
  return (theta, x, o, g, k) => {
    let largest = -Infinity;
    for (let t = 0; t < count; t++) {
      let log = theta[coefficients[t] ?? 0] ?? NaN;
      const end = firsts[t + 1] ?? 0;
      for (let f = firsts[t] ?? 0; f < end; f++) {
        const exponent = exponents[f] ?? -1;
        const power = exponent < 0 ? 1 : (theta[exponent] ?? NaN);
        log += (times[f] ?? 0) * power * (x[o + (columns[f] ?? 0)] ?? NaN);
      }
      shares[t] = log;
      if (!(log <= largest)) largest = log;
    }
    let sum = 0;
    for (let t = 0; t < count; t++) {
      const term = Math.exp((shares[t] ?? 0) - largest);
      shares[t] = term;
      sum += term;
    }
    for (let j = 0; j < width; j++) g[k + j] = 0;
    for (let t = 0; t < count; t++) {
      const share = (shares[t] ?? 0) / sum;
      const at = k + (coefficients[t] ?? 0);
      g[at] = (g[at] ?? 0) + share;
      const end = firsts[t + 1] ?? 0;
      for (let f = firsts[t] ?? 0; f < end; f++) {
        const exponent = exponents[f] ?? -1;
        if (exponent >= 0) g[k + exponent] = (g[k + exponent] ?? 0) + share * (times[f] ?? 0) * (x[o + (columns[f] ?? 0)] ?? 0);
      }
    }
    return largest + Math.log(sum);
  };
}
