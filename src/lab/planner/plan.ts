import { computeOptimal, derivedInterval, inferenceOptimalFor, type Params, type Plan } from '../../laws/index.ts';
import type { LawRange, PlanLaw } from './law.ts';

/** A number and its interval; null where nothing says how sure it is. */
export interface Estimate {
  readonly value: number;
  readonly interval: readonly [number, number] | null;
}

/** What a budget buys by a law. */
export interface Allocation {
  /** Parameters. */
  readonly N: Estimate;
  /** Training tokens. */
  readonly D: Estimate;
  /** FLOPs of training; what is left of the budget is for inference. */
  readonly C: number;
  readonly lossNats: Estimate;
  readonly warnings: readonly string[];
}

/** Fewest resamples whose quantiles are an interval. */
const FEWEST = 20;
/** Share of resamples that may come to nothing before that is said. */
const LOST = 0.05;
/** Beyond this many times what was fitted, a law is a guess. */
const FAR = 10;

/**
 * The size and the tokens that reach the lowest loss for a budget of FLOPs, 6 N D for training and 2 N a token of inference (Sardana et
 * al., arXiv 2401.00448). Intervals are quantiles over the law's resamples.
 *
 * @param inferenceTokens 0: the budget is for training alone.
 * @throws SpecError for parameters that a plan cannot be made of.
 */
export function allocate(law: PlanLaw, budget: number, inferenceTokens = 0): Allocation {
  const best = (params: Params): Plan =>
    inferenceTokens > 0 ? inferenceOptimalFor(params, budget, inferenceTokens) : computeOptimal(params, budget);
  const plan = best(law.params);
  const resampled = law.replicates.flatMap((params) => {
    const one = sane(params) ? best(params) : null;
    return one !== null && [one.N, one.D, one.loss].every(Number.isFinite) ? [one] : [];
  });
  const lost = law.replicates.length - resampled.length;
  const estimate = (of: (plan: Plan) => number): Estimate => ({
    value: of(plan),
    interval: resampled.length < FEWEST ? null : derivedInterval({ shares: law.shares, replicates: resampled }, of),
  });
  const [N, D] = [estimate((one) => one.N), estimate((one) => one.D)];
  const warnings = law.range === null ? [] : beyond(law.range, N.value, D.value);
  if (lost > LOST * law.replicates.length)
    warnings.push(
      `${lost} of ${law.replicates.length} resamples of the fit give no size at all: the intervals are wider than they look.`,
    );
  return { N, D, C: plan.C, lossNats: estimate((one) => one.loss), warnings };
}

/** Resamples may end at a bound, where a term is gone and no size is best. */
function sane({ A = 0, B = 0, alpha = 0, beta = 0 }: Params): boolean {
  return A > 0 && B > 0 && alpha > 1e-3 && beta > 1e-3;
}

function beyond({ N: sizes, D: tokens }: LawRange, N: number, D: number): string[] {
  const far = (name: string, value: number, [least, most]: readonly [number, number]): string[] => {
    const times = Math.max(least / value, value / most);
    if (!(times > 1)) return [];
    const side = value < least ? 'smaller than the smallest' : 'larger than the largest';
    const how = times < 1.5 ? 'a little' : `${Number(times.toPrecision(2)).toLocaleString('en')} times`;
    const guess = times > FAR ? ' That far, the law is a guess.' : '';
    return [`${name} is ${how} ${side} that the law was fitted on.${guess}`];
  };
  return [...far('N', N, sizes), ...far('D', D, tokens)];
}
