import type { Effort, Minimizer, Minimum } from './minimize.ts';
import { psi } from './losses.ts';
import { solve } from './dense.ts';
import { roundingOf } from './problem.ts';
import { studentQuantile } from './student.ts';

/** An interval of a variable; an end that its bound cut off is infinite. */
export type Ends = readonly [number, number];

export interface Spread {
  /** By how much the sum may rise above its minimum within the interval. */
  readonly rise: number;
  /** Rough standard errors of the variables, `[p]`; Infinity where the points say nothing. */
  readonly errors: Float64Array;
}

/** An end is found where the root of the rise is this near. */
const NEAR_END = 0.005;
const DOUBLINGS = 24;
const REFINEMENTS = 16;
const FAR_BEYOND = 4;

/**
 * How far the sum may rise: that of a likelihood ratio test of one parameter, made right for losses that are no likelihood by the ratio
 * mean psi^2 / mean psi' (Ronchetti, "Robust testing in linear models", 1982), with Student's quantile for the points that parameters took.
 * psi' is taken over a width as kernel estimates take it, since Huber's and absolute deviations have none in a point.
 *
 * @param weights 0 or 1 a point.
 */
export function spreadOf(minimizer: Minimizer, at: Float64Array, weights: Float64Array, level: number): Spread {
  const { problem } = minimizer;
  const { points, variables: p, loss } = problem;
  const residuals = new Float64Array(points);
  const jacobian = new Float64Array(points * p);
  problem.residuals(at, residuals, jacobian, weights);
  const used = weights.reduce((sum, weight) => sum + (weight > 0 ? 1 : 0), 0);
  const freedom = Math.max(1, used - p);
  const sizes = residuals.filter((_, i) => (weights[i] ?? 0) > 0);
  const least = roundingOf(problem);
  const width = Math.max(least, kernelWidth(sizes));
  let [squares, curve] = [0, 0];
  for (const r of sizes) {
    squares += psi(loss, r) ** 2 / freedom;
    curve += (psi(loss, r + width) - psi(loss, r - width)) / (2 * width * used);
  }
  squares = Math.max(squares, psi(loss, least) ** 2);
  const quantile = studentQuantile((1 + level) / 2, freedom);
  const errors = new Float64Array(p).fill(Infinity);
  for (let j = 0; j < p; j++) {
    const unit = new Float64Array(p);
    unit[j] = 1;
    if (solve(gram(jacobian, weights, p), unit, p)) errors[j] = Math.sqrt(Math.max(0, (unit[j] ?? 0) * squares)) / curve;
  }
  return { rise: (quantile * quantile * squares) / (2 * curve), errors };
}

/** J'J, `[p, p]`, of the rows that count. */
export function gram(jacobian: Float64Array, weights: Float64Array, p: number): Float64Array {
  const product = new Float64Array(p * p);
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    for (let a = 0; a < p; a++)
      for (let b = 0; b < p; b++) {
        const at = a * p + b;
        product[at] = (product[at] ?? 0) + (jacobian[i * p + a] ?? 0) * (jacobian[i * p + b] ?? 0);
      }
  }
  return product;
}

/** Silverman's width for a density at 0, from the median of sizes. */
function kernelWidth(residuals: Float64Array): number {
  const sizes = residuals.map(Math.abs).sort();
  const sigma = (sizes[sizes.length >> 1] ?? 0) / 0.6745;
  return 1.06 * sigma * residuals.length ** -0.2;
}

/** A variable's ends, and a lower minimum than the one that the profile set out from, where it came upon one. */
export interface Profile {
  readonly ends: Ends;
  readonly better: Minimum | null;
}

/**
 * Profile likelihood of one variable: away from the minimum, with the others fitted anew at every stop, to where the sum has risen by
 * `rise`.
 */
export function profileOf(
  minimizer: Minimizer,
  best: Minimum,
  variable: number,
  { rise, errors }: Spread,
  weights: Float64Array,
  effort: Effort,
): Profile {
  const { lower, upper } = minimizer.problem;
  const centre = best.variables[variable] ?? NaN;
  const first = Math.max(1e-8, Math.min(1.6 * (errors[variable] ?? 1), 2));
  const [down, up] = [-1, 1].map((side) => new Walk(minimizer, best, variable, side, rise, weights, effort));
  const lo = down?.end((lower[variable] ?? -Infinity) - centre, first) ?? NaN;
  const hi = up?.end((upper[variable] ?? Infinity) - centre, first) ?? NaN;
  const better = [down?.better, up?.better].reduce<Minimum | null>(
    (lowest, found) => (found && found.objective < (lowest?.objective ?? Infinity) ? found : lowest),
    null,
  );
  return { ends: [centre - lo, centre + hi], better };
}

/** One way out from a minimum along a variable. */
class Walk {
  better: Minimum | null = null;
  readonly #minimizer: Minimizer;
  readonly #best: Minimum;
  readonly #variable: number;
  readonly #side: number;
  readonly #rise: number;
  readonly #weights: Float64Array;
  readonly #effort: Effort;
  /** The last stop, where the next one starts. */
  #from: Float64Array;

  constructor(
    minimizer: Minimizer,
    best: Minimum,
    variable: number,
    side: number,
    rise: number,
    weights: Float64Array,
    effort: Effort,
  ) {
    this.#minimizer = minimizer;
    this.#best = best;
    this.#variable = variable;
    this.#side = side;
    this.#rise = rise;
    this.#weights = weights;
    this.#effort = effort;
    this.#from = best.variables;
  }

  /**
   * How far away the end is: Infinity where the bound, `reach` away, comes first. The root of the rise is nearly straight, so a line
   * through two stops finds the end soon.
   *
   * @param first how far away to look first.
   */
  end(reach: number, first: number): number {
    const most = Math.abs(reach);
    if (most === 0) return Infinity;
    let [near, nearExcess] = [0, -1];
    let far = Math.min(most, first);
    let farExcess = this.#excess(far);
    for (let i = 0; farExcess < 0; i++) {
      if (far >= most || i === DOUBLINGS) return Infinity;
      [near, nearExcess] = [far, farExcess];
      far = Math.min(most, far * Math.min(3, Math.max(1.3, 1.05 / (1 + farExcess))));
      farExcess = this.#excess(far);
    }
    const cut = (): number => -nearExcess / (farExcess - nearExcess);
    // A stop far beyond the end says little about where it is.
    const next = (): number => (farExcess > FAR_BEYOND ? 0.5 : Math.min(0.9, Math.max(0.1, cut())));
    for (let i = 0; i < REFINEMENTS; i++) {
      if (farExcess < NEAR_END || -nearExcess < NEAR_END || far - near < 1e-9 * far) break;
      const middle = near + next() * (far - near);
      const excess = this.#excess(middle);
      if (excess >= 0) [far, farExcess] = [middle, excess];
      else [near, nearExcess] = [middle, excess];
    }
    return near + cut() * (far - near);
  }

  /** sqrt(rise / allowed) - 1 at a distance. */
  #excess(distance: number): number {
    const start = this.#from.slice();
    start[this.#variable] = (this.#best.variables[this.#variable] ?? NaN) + this.#side * distance;
    const stop = this.#minimizer.near(start, this.#weights, this.#effort, this.#variable);
    if (stop.objective === Infinity) return Infinity;
    this.#from = stop.variables;
    const risen = stop.objective - this.#best.objective;
    const lower = risen < -1e-7 * this.#best.objective - 1e-6 * this.#rise;
    if (lower && stop.objective < (this.better?.objective ?? Infinity)) this.better = stop;
    return Math.sqrt(Math.max(0, risen) / this.#rise) - 1;
  }
}
