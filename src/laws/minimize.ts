import { sumOf, type Problem } from './problem.ts';
import { rounded, type Loss } from './losses.ts';
import { descend, Room } from './subproblem.ts';

export interface Minimum {
  readonly variables: Float64Array;
  /** The sum reached; Infinity where the start could not be predicted. */
  readonly objective: number;
  readonly iterations: number;
}

export interface Effort {
  /** Ends where a step gains, and should gain, less than this share of the sum. */
  readonly tolerance: number;
  readonly iterations: number;
}

/** For the best of many starts: to what f64 can tell. */
export const TIGHT: Effort = { tolerance: 1e-15, iterations: 1000 };
/** Least squares first, to bring a far start near. */
const NEAR: Effort = { tolerance: 1e-3, iterations: 40 };

/** A fit whose residuals shrink to less than this share rounds the corner of absolute deviations anew. */
const SHRUNK = 0.3;
const FIRST_DAMPING = 1e-3;
const LEAST_DAMPING = 1e-12;
const MOST_DAMPING = 1e16;
/** Sums below this share of the measured squares are rounding. */
const NOTHING = 1e-30;

/**
 * Levenberg and Marquardt's method for sums of a convex loss: residuals are linearised, the loss is not, so that Huber's and absolute
 * deviations are met as they are and a step is exact where the law is linear (Burke and Ferris, "A Gauss-Newton method for convex
 * composite optimization", Math. Program. 71, 1995). Least squares make it the method as it is known. Variables stay within their bounds.
 *
 * One of these holds the scratch of one problem: it minimises one thing at a time.
 */
export class Minimizer {
  readonly problem: Problem;
  readonly #room: Room;
  #residuals: Float64Array;
  #jacobian: Float64Array;
  #triedResiduals: Float64Array;
  #triedJacobian: Float64Array;
  readonly #damping: Float64Array;
  readonly #scale: Float64Array;
  readonly #gradient: Float64Array;

  constructor(problem: Problem) {
    const { points, variables } = problem;
    this.problem = problem;
    this.#room = new Room(points, variables);
    this.#residuals = new Float64Array(points);
    this.#triedResiduals = new Float64Array(points);
    this.#jacobian = new Float64Array(points * variables);
    this.#triedJacobian = new Float64Array(points * variables);
    this.#damping = new Float64Array(variables);
    this.#scale = new Float64Array(variables);
    this.#gradient = new Float64Array(variables);
  }

  /**
   * From a start far away: least squares of the same residuals first, where the loss is none.
   *
   * @param weights of the points, `[n]`.
   */
  from(start: Float64Array, weights: Float64Array, effort: Effort): Minimum {
    const { loss } = this.problem;
    if (loss.delta === Infinity) return this.near(start, weights, effort);
    const near = this.#run({ ...loss, delta: Infinity, gain: 2 }, start, weights, NEAR, -1);
    if (near.objective === Infinity) return near;
    const found = this.near(near.variables, weights, effort);
    return { ...found, iterations: near.iterations + found.iterations };
  }

  /**
   * From a start near by.
   *
   * @param held a variable that stays as it is; -1 for none.
   */
  near(start: Float64Array, weights: Float64Array, effort: Effort, held = -1): Minimum {
    const { loss } = this.problem;
    if (loss.delta > 0) return this.#run(loss, start, weights, effort, held);
    let found: Minimum = { variables: start, objective: Infinity, iterations: 0 };
    let [size, before, iterations] = [this.#typicalSize(start, weights), Infinity, 0];
    // Once more where residuals became smaller by far, so that the corner is as sharp as it was meant to be.
    while (size < SHRUNK * before) {
      found = this.#run(rounded(loss, size), found.variables, weights, effort, held);
      iterations += found.iterations;
      if (found.objective === Infinity) return found;
      [before, size] = [size, this.#typicalSize(found.variables, weights)];
    }
    return { variables: found.variables, objective: sumOf(loss, this.#residuals, weights), iterations };
  }

  /** Median of the residuals' sizes, which are left in the scratch. */
  #typicalSize(at: Float64Array, weights: Float64Array): number {
    this.problem.residuals(at, this.#residuals, this.#jacobian, weights);
    const sizes = this.#residuals
      .map(Math.abs)
      .filter((_, i) => (weights[i] ?? 0) !== 0)
      .sort();
    return Math.max(Number.MIN_VALUE, sizes[sizes.length >> 1] ?? 0);
  }

  #run(loss: Loss, start: Float64Array, weights: Float64Array, { tolerance, iterations }: Effort, held: number): Minimum {
    const { problem } = this;
    const count = problem.variables;
    let here: Float64Array = clamp(problem, start);
    let there: Float64Array = here.slice();
    problem.residuals(here, this.#residuals, this.#jacobian, weights);
    let sum = sumOf(loss, this.#residuals, weights);
    if (sum === Infinity) return { variables: here, objective: sum, iterations: 0 };
    const nothing = NOTHING * this.#magnitude(weights) * loss.gain;
    let [damp, grow] = [FIRST_DAMPING, 2];
    let done = 0;
    for (; done < iterations && sum > nothing; done++) {
      this.#scaleOf(loss, weights);
      const free: number[] = [];
      for (let j = 0; j < count; j++) if (j !== held && this.#mayMove(here, j)) free.push(j);
      if (free.length === 0) break;
      for (let j = 0; j < count; j++) this.#damping[j] = damp * (this.#scale[j] ?? 0);
      const task = { loss, residuals: this.#residuals, jacobian: this.#jacobian, weights, damping: this.#damping, free };
      const expected = descend(task, this.#room);
      for (let j = 0; j < count; j++) there[j] = (here[j] ?? 0) + (this.#room.step[j] ?? 0);
      there = clamp(problem, there);
      problem.residuals(there, this.#triedResiduals, this.#triedJacobian, weights);
      const tried = sumOf(loss, this.#triedResiduals, weights);
      const gained = sum - tried;
      const small = expected > 0 && expected <= tolerance * sum && Math.abs(gained) <= tolerance * sum;
      if (gained > 0) {
        [here, there] = [there, here];
        [this.#residuals, this.#triedResiduals] = [this.#triedResiduals, this.#residuals];
        [this.#jacobian, this.#triedJacobian] = [this.#triedJacobian, this.#jacobian];
        sum = tried;
        // Nielsen, "Damping parameter in Marquardt's method", IMM-REP-1999-05.
        const share = Math.min(2, gained / expected);
        damp = Math.max(LEAST_DAMPING, damp * Math.max(grow > 2 ? 1 / 2 : 1 / 10, 1 - (2 * share - 1) ** 3));
        grow = 2;
      } else {
        damp *= grow;
        grow *= 2;
      }
      if (small || damp > MOST_DAMPING) break;
    }
    return { variables: here, objective: sum, iterations: done };
  }

  /**
   * The gradient, and curvature by each variable for damping: of the loss at a residual of ordinary size, since one inside a narrow Huber
   * zone is curved far more than the loss is on the scale of a step.
   */
  #scaleOf(loss: Loss, weights: Float64Array): void {
    const { delta, gain } = loss;
    const scale = this.#scale;
    const gradient = this.#gradient;
    const count = scale.length;
    scale.fill(0);
    gradient.fill(0);
    let [sizes, heads] = [0, 0];
    for (let i = 0; i < this.#residuals.length; i++) {
      const weight = weights[i] ?? 0;
      if (weight === 0) continue;
      const r = this.#residuals[i] ?? 0;
      sizes += weight * Math.abs(r);
      heads += weight;
      const pull = weight * (r > delta ? delta : r < -delta ? -delta : r);
      for (let j = 0; j < count; j++) {
        const slope = this.#jacobian[i * count + j] ?? 0;
        scale[j] = (scale[j] ?? 0) + weight * slope * slope;
        gradient[j] = (gradient[j] ?? 0) + pull * slope;
      }
    }
    const curve = gain * Math.min(1, (delta * heads) / sizes);
    let largest = 0;
    for (let j = 0; j < count; j++) {
      scale[j] = curve * (scale[j] ?? 0);
      largest = Math.max(largest, scale[j] ?? 0);
    }
    const least = Math.max(largest * 1e-20, Number.MIN_VALUE * 1e20);
    for (let j = 0; j < count; j++) scale[j] = Math.max(scale[j] ?? 0, least);
  }

  /** False at a bound that the variable is drawn to. */
  #mayMove(at: Float64Array, j: number): boolean {
    const { lower, upper } = this.problem;
    const slope = this.#gradient[j] ?? 0;
    const value = at[j] ?? 0;
    return !((value <= (lower[j] ?? 0) && slope >= 0) || (value >= (upper[j] ?? 0) && slope <= 0));
  }

  #magnitude(weights: Float64Array): number {
    const { loss, logs, measured } = this.problem;
    const values = loss.log ? logs : measured;
    return values.reduce((sum, value, i) => sum + (weights[i] ?? 0) * value * value, 1);
  }
}

function clamp({ lower, upper }: Problem, variables: Float64Array): Float64Array {
  return variables.map((value, j) => Math.min(Math.max(value, lower[j] ?? -Infinity), upper[j] ?? Infinity));
}
