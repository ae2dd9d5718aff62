import { eigenvalues } from './dense.ts';
import { naturalOf, type Parameter, type Params } from './law.ts';
import type { Problem } from './problem.ts';
import { gram } from './profile.ts';

/** What cannot be told from the points, in words. */

/** Above it, rounding moves parameters by more than a tenth of themselves. */
const WORST_CONDITION = 1e10;
/** No loss is known to fall faster. */
const STEEPEST = 2;
/** A floor below this share of the lowest loss is none. */
const NO_FLOOR = 1e-3;
const FEW_AGREE = 0.1;
const FEW_RUNS = 10;

/** An interval as reports have it: an end that nothing bounds is null. */
export type Interval = readonly [number | null, number | null];

/** Ends of the fit's own variable as people read them: what goes to minus infinity in logarithms is 0, other infinities are null. */
export function intervalOf(parameter: Parameter, [lo, hi]: readonly [number, number]): Interval {
  const zero = parameter.scale === 'log' || parameter.bounds[0] === 0;
  return [lo === -Infinity ? (zero ? 0 : null) : naturalOf(parameter, lo), hi === Infinity ? null : naturalOf(parameter, hi)];
}

/** Largest over smallest eigenvalue of J'J, J the derivatives of ln L by the fit's variables; Infinity where one says nothing. */
export function conditionNumber(problem: Problem, at: Float64Array, weights: Float64Array): number {
  const { variables, points, variableOf, law } = problem;
  const width = law.parameters.length;
  const wide = new Float64Array(points * width);
  problem.predictions(at, new Float64Array(points), wide, weights);
  const jacobian = new Float64Array(points * variables);
  for (let i = 0; i < points; i++)
    variableOf.forEach((v, j) => {
      if (v >= 0) jacobian[i * variables + v] = (jacobian[i * variables + v] ?? 0) + (wide[i * width + j] ?? 0);
    });
  const values = eigenvalues(gram(jacobian, weights, variables), variables);
  const [least = 0, most = 0] = [values[0], values.at(-1)];
  return least > 0 ? most / least : Infinity;
}

export interface Findings {
  readonly problem: Problem;
  readonly params: Params;
  readonly intervals: Readonly<Record<string, Interval>>;
  readonly level: number;
  readonly condition: number;
  readonly starts: { readonly total: number; readonly agree: number };
  readonly runs: number;
  /** Other minima and by how much of it their sum is above the lowest. */
  readonly others: readonly { readonly params: Params; readonly above: number }[];
}

export function warningsOf(found: Findings): string[] {
  const { condition, starts, runs, problem } = found;
  const said = [...problem.parameterOf].flatMap((j) => parameterWarnings(found, problem.law.parameters[j]));
  if (condition > WORST_CONDITION)
    said.push(
      `The fit is not identified as a whole: its condition number is ${shown(condition)}, so parameters can trade for each other.`,
    );
  if (starts.agree < FEW_AGREE * starts.total)
    said.push(`Only ${starts.agree} of ${starts.total} starts end at the best fit: more starts may find a better one.`);
  for (const { params, above } of found.others) said.push(otherWords(found.params, params, above));
  if (runs < FEW_RUNS) said.push(`Only ${runs} runs: intervals are rough.`);
  return said;
}

function parameterWarnings({ params, intervals, problem, level }: Findings, parameter: Parameter | undefined): string[] {
  if (parameter === undefined) return [];
  const { name, role, bounds } = parameter;
  const value = params[name] ?? NaN;
  const [lo, hi] = intervals[name] ?? [null, null];
  const percent = `${Math.round(100 * level)} %`;
  const lowest = problem.measured.reduce((least, loss) => Math.min(least, loss), Infinity);
  if (role === 'floor' && value < NO_FLOOR * lowest)
    return [
      `${name} is not identified: the best fit takes it to 0${hi === null ? '' : `, and ${shown(hi)} is the most that the points allow`}.`,
    ];
  const reasons: string[] = [];
  if (hi === null && lo === null) reasons.push(`its ${percent} interval has no ends`);
  else if (hi === null) reasons.push(`its ${percent} interval has no upper end, any value from ${shown(lo ?? 0)} up fits`);
  else if (lo === null) reasons.push(`its ${percent} interval has no lower end, any value up to ${shown(hi)} fits`);
  else if (lo === 0) reasons.push(`its ${percent} interval reaches 0, any value up to ${shown(hi)} fits`);
  else if (value <= bounds[0] * (1 + 1e-6) || value >= bounds[1] * (1 - 1e-6)) reasons.push('the best fit takes it to its bound');
  if (role === 'exponent' && Math.abs(value) > STEEPEST)
    reasons.push(`an exponent of ${shown(value)} is steeper than any loss falls, so few points hold it`);
  return reasons.length === 0 ? [] : [`${name} is not identified: ${reasons.join('; ')}.`];
}

function otherWords(best: Params, other: Params, above: number): string {
  const moved = Object.keys(best).filter((name) => Math.abs((other[name] ?? 0) / (best[name] ?? 1) - 1) > 0.1);
  const values = moved.map((name) => `${name} ${shown(other[name] ?? NaN)} instead of ${shown(best[name] ?? NaN)}`);
  return `Another minimum is ${shown(100 * above)} % above the best: ${values.join(', ') || 'with nearly the same parameters'}.`;
}

/** Three digits, for words. */
function shown(value: number): string {
  const short = Number(value.toPrecision(3));
  const size = Math.abs(short);
  return size === 0 || (size >= 1e-4 && size < 1e6) ? String(short) : short.toExponential();
}
