import { annealingSums } from '../../laws/index.ts';

/** A share of the loss that a run has reached: what is believed of it before, as mean and deviation. */
type Belief = readonly [mean: number, deviation: number];

/** What is believed of a learning curve before any of it is seen. */
export interface CurvePrior {
  /** Loss after training without end. */
  readonly floor: Belief;
  /** What is still above that floor. */
  readonly excess: Belief;
  /** What the whole fall of the learning rate is worth. */
  readonly gain: Belief;
  /** Exponents alpha that are averaged over, equally likely. */
  readonly exponents: readonly number[];
  /** Memories of a fall, in shares of the run, equally likely; 0: the gain is there at once. */
  readonly memories: readonly number[];
}

/** Losses that were seen: means over stretches of steps. */
export interface SeenCurve {
  /** Middle of each stretch, counted from 1, ascending. */
  readonly steps: readonly number[];
  readonly losses: readonly number[];
  /** Variance of a stretch's mean about the curve. */
  readonly variance: number;
}

/** One form of the law, weighed by what it says of what was seen. */
export interface Opinion {
  /** Of all; they sum to 1. */
  readonly weight: number;
  /** Of the mean loss over the steps asked for. */
  readonly mean: number;
  readonly variance: number;
  /** Of what was seen, less the form's curve. */
  readonly residuals: readonly number[];
}

/** Values of 1, S1^-alpha and -S2, with the scales of the three. */
type Features = readonly [one: number, power: number, gain: number];

/** Steps that stand for all of those asked for. */
const SAMPLES = 16;

/**
 * What the annealing law of Tissue et al. (arXiv 2408.11029), L = L0 + A S1^-alpha - C S2, says of the mean loss over the steps
 * `from..to`, over a grid of its exponent and its memory. With those given it is linear in L0, A and C, so that its posterior under a
 * normal prior is exact.
 *
 * @param rates learning rate of every step of the run, `rates[i]` of step i + 1.
 */
export function opinions(
  { steps, losses, variance }: SeenCurve,
  rates: ArrayLike<number>,
  { from, to }: { readonly from: number; readonly to: number },
  { floor, excess, gain, exponents, memories }: CurvePrior,
): Opinion[] {
  const scale = losses.at(-1) ?? Number.NaN;
  const beliefs = [floor, excess, gain].map(([mean, deviation]) => [mean * scale, deviation * scale] as const);
  const last = (steps.at(-1) ?? 1) - 1;
  const count = Math.min(SAMPLES, to - from + 1);
  const ahead = Array.from({ length: count }, (_, i) => Math.floor(from + ((i + 0.5) * (to - from + 1)) / count));
  const found = memories.flatMap((memory) => {
    const { s1, s2 } = annealingSums(rates, memory === 0 ? 0 : Math.exp(-1 / (memory * rates.length)));
    // Without a fall the sum is 0 throughout.
    const whole = (s2.at(-1) ?? 0) || 1;
    return exponents.map((exponent) => {
      const features = (step: number): Features => [
        1,
        ((s1[step - 1] ?? Number.NaN) / (s1[last] ?? Number.NaN)) ** -exponent,
        -(s2[step - 1] ?? Number.NaN) / whole,
      ];
      const rows = steps.map(features);
      const { values, factor, evidence } = posterior(rows, losses, variance, beliefs);
      const average = meanOf(ahead.map(features));
      const spread = forward(
        factor,
        average.map((x, j) => x * (beliefs[j]?.[1] ?? 0)),
      );
      return {
        evidence,
        mean: dot(average, values),
        variance: dot(spread, spread),
        residuals: losses.map((loss, i) => loss - dot(rows[i] ?? [], values)),
      };
    });
  });
  const most = Math.max(...found.map(({ evidence }) => evidence));
  const total = found.reduce((sum, { evidence }) => sum + Math.exp(evidence - most), 0);
  return found.map(({ evidence, ...rest }) => ({ ...rest, weight: Math.exp(evidence - most) / total }));
}

/** Of linear regression with independent normal priors and known noise: the mean, the factor of the precision, ln of the evidence. */
function posterior(
  rows: readonly Features[],
  losses: readonly number[],
  noise: number,
  beliefs: readonly (readonly [number, number])[],
): { readonly values: readonly number[]; readonly factor: number[][]; readonly evidence: number } {
  // In units of the prior's deviations: z ~ N(0, 1) before anything is seen.
  const precision = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const moment = [0, 0, 0];
  let square = 0;
  rows.forEach((row, i) => {
    let left = losses[i] ?? Number.NaN;
    for (let j = 0; j < row.length; j++) left -= (row[j] ?? 0) * (beliefs[j]?.[0] ?? 0);
    square += left * left;
    for (let j = 0; j < row.length; j++) {
      const x = ((row[j] ?? 0) * (beliefs[j]?.[1] ?? 0)) / noise;
      moment[j] = (moment[j] ?? 0) + x * left;
      const own = precision[j] ?? [];
      for (let k = 0; k <= j; k++) own[k] = (own[k] ?? 0) + x * (row[k] ?? 0) * (beliefs[k]?.[1] ?? 0);
    }
  });
  const factor = cholesky(precision);
  const half = forward(factor, moment);
  const z = backward(factor, half);
  const logDeterminant = 2 * factor.reduce((sum, row, j) => sum + Math.log(row[j] ?? Number.NaN), 0);
  return {
    values: beliefs.map(([mean, deviation], j) => mean + (z[j] ?? 0) * deviation),
    factor,
    evidence: -0.5 * (square / noise - dot(half, half) + logDeterminant),
  };
}

function meanOf(rows: readonly Features[]): number[] {
  return [0, 1, 2].map((j) => rows.reduce((sum, row) => sum + (row[j] ?? 0), 0) / rows.length);
}

function dot(a: readonly number[], b: readonly number[]): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += (a[i] ?? 0) * (b[i] ?? 0);
  return total;
}

/** Lower triangle F with F F' = a positive definite matrix, of which the lower triangle is read. */
function cholesky(matrix: readonly (readonly number[])[]): number[][] {
  const factor: number[][] = [];
  matrix.forEach((row, i) => {
    const own: number[] = [];
    for (let j = 0; j < i; j++) own.push(((row[j] ?? 0) - dot(own, factor[j] ?? [])) / (factor[j]?.[j] ?? Number.NaN));
    own.push(Math.sqrt((row[i] ?? 0) - dot(own, own)));
    factor.push(own);
  });
  return factor;
}

/** x with F x = b. */
function forward(factor: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x: number[] = [];
  factor.forEach((row, i) => x.push(((b[i] ?? 0) - dot(x, row)) / (row[i] ?? Number.NaN)));
  return x;
}

/** x with F' x = b. */
function backward(factor: readonly (readonly number[])[], b: readonly number[]): number[] {
  const x = b.map(() => 0);
  for (let i = b.length - 1; i >= 0; i--) {
    const known = factor.reduce((sum, row, k) => (k > i ? sum + (row[i] ?? 0) * (x[k] ?? 0) : sum), 0);
    x[i] = ((b[i] ?? 0) - known) / (factor[i]?.[i] ?? Number.NaN);
  }
  return x;
}
