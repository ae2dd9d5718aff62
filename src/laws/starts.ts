import { RandomSequence, STREAM } from '../base/random.ts';
import { nonNegative } from './dense.ts';
import { internalOf, type Parameter } from './law.ts';
import type { Problem } from './problem.ts';

/** Which of the sequences of {@link STREAM.fit} are whose. */
export const DRAWS = { starts: 0x57a7, bootstrap: 0xb007 } as const;

/** ln of the smallest share of a measurement that a term is drawn to be, and of the largest that a gain takes away. */
const LEAST_SHARE = -5;
const MOST_GAIN = -1.5;
/** ln of a gain of next to nothing: with it a prediction stays above 0. */
const NO_GAIN = -40;
const TRIES = 8;

/**
 * Start `index` of a problem: exponents and shapes drawn from their ranges, linear parameters so that each term is a drawn share of
 * what a drawn point measured. That asks for no guess of units, and start i is the same however many there are.
 *
 * @param project linear parameters are those that fit best at the others instead (variable projection), by non-negative least squares.
 */
export function drawStart(problem: Problem, seed: number, index: number, project: boolean): Float64Array {
  const draws = new RandomSequence(seed, STREAM.fit, index, DRAWS.starts);
  const { law, parameterOf, lower, upper, points } = problem;
  const start = Float64Array.from(parameterOf, (j) => drawn(law.parameters[j], draws));
  const linear = [...parameterOf.keys()].filter((v) => isLinear(law.parameters[parameterOf[v] ?? -1]));
  if (linear.length === 0) return start;
  if (project && projectLinear(problem, start, linear)) return start;
  const weights = new Float64Array(points);
  const logs = new Float64Array(points);
  const jacobian = new Float64Array(points * law.parameters.length);
  const origin = start.slice();
  for (const v of linear) {
    const role = law.parameters[parameterOf[v] ?? -1]?.role;
    const share = role === 'floor' ? Math.log(draws.open()) : LEAST_SHARE * draws.open() + (role === 'gain' ? MOST_GAIN : 0);
    // What a gain is of is 0 at points before any fall of the learning rate: other points tell.
    for (let tries = 0; tries < TRIES; tries++) {
      const row = draws.below(points);
      weights.fill(0);
      weights[row] = 1;
      problem.predictions(origin, logs, jacobian, weights);
      // d ln L / d ln c x L is c times what c multiplies.
      const slope = jacobian[row * law.parameters.length + (parameterOf[v] ?? 0)] ?? NaN;
      const basis = Math.log(Math.abs(slope)) + (logs[row] ?? NaN) - (origin[v] ?? 0);
      const value = (problem.logs[row] ?? 0) + share - basis;
      if (!Number.isFinite(value)) continue;
      start[v] = Math.min(Math.max(value, lower[v] ?? 0), upper[v] ?? 0);
      break;
    }
  }
  return start;
}

function drawn(parameter: Parameter | undefined, draws: RandomSequence): number {
  if (parameter === undefined || isLinear(parameter)) return parameter?.role === 'gain' ? NO_GAIN : 0;
  const [lo, hi] = [internalOf(parameter, parameter.start[0]), internalOf(parameter, parameter.start[1])];
  return lo + (hi - lo) * draws.open();
}

function isLinear(parameter: Parameter | undefined): boolean {
  return parameter !== undefined && ['floor', 'coefficient', 'gain'].includes(parameter.role);
}

/**
 * Sets the linear variables of `at` to what fits best with the others as they are, in relative terms for losses of ln L. False where that
 * cannot be computed, and nothing is set.
 */
function projectLinear(problem: Problem, at: Float64Array, linear: readonly number[]): boolean {
  const { law, points, parameterOf, measured, loss } = problem;
  const width = law.parameters.length;
  const all = law.parameters.filter(isLinear).length;
  // Fixed linear parameters would have to be taken off first: rare enough to leave to the draws.
  if (all !== linear.length) return false;
  const logs = new Float64Array(points);
  const jacobian = new Float64Array(points * width);
  problem.predictions(at, logs, jacobian, new Float64Array(points).fill(1));
  const scale = measured.map((value) => (loss.log ? 1 / value : 1));
  const bases = linear.map((v) =>
    logs.map((log, i) => (jacobian[i * width + (parameterOf[v] ?? 0)] ?? NaN) * Math.exp(log) * (scale[i] ?? NaN)),
  );
  if (bases.some((basis) => !basis.every(Number.isFinite))) return false;
  const found = nonNegative(
    bases,
    measured.map((value, i) => value * (scale[i] ?? NaN)),
  );
  linear.forEach((v, i) => {
    const value = Math.log(found[i] ?? 0) + (at[v] ?? 0);
    // A term that is not wanted starts small: from nothing it could not grow.
    const typical = bases[i]?.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0) ?? 1;
    at[v] = Number.isFinite(value) ? value : Math.log(1e-3 / typical) + (at[v] ?? 0);
  });
  return true;
}
