import { SpecError } from '../../base/errors.ts';
import { allocatorOf, derivedInterval, type Params, type Plan } from '../../laws/index.ts';
import { beyondWords } from './beyond.ts';
import type { PlanLaw } from './law.ts';

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
  /** NaN where the law foretells none. */
  readonly lossNats: Estimate;
  readonly warnings: readonly string[];
}

/** Fewest resamples whose quantiles are an interval. */
const FEWEST = 20;
/** Share of resamples that may come to nothing before that is said. */
const LOST = 0.05;

/**
 * The size and the tokens that reach the lowest loss for a budget of FLOPs, 6 N D for training (as the points count them where the law is a
 * power law through the best sizes of budgets) and 2 N a token of inference (Sardana et al., arXiv 2401.00448). Intervals are quantiles over
 * the law's resamples; a published law has none.
 *
 * @param inferenceTokens 0: the budget is for training alone.
 * @throws SpecError for parameters that a plan cannot be made of, and where the law cannot weigh inference.
 */
export function allocate(law: PlanLaw, budget: number, inferenceTokens = 0): Allocation {
  const { optimal, serving, usable } = allocatorOf(law.lawId) ?? noAllocator(law);
  if (inferenceTokens > 0 && serving === null)
    throw new SpecError({
      where: law.title,
      rule: 'it knows the best size of a budget and no loss beside it, so it cannot weigh inference',
      cure: 'Plan by a law of N and D, such as approach 3, or leave inference out.',
    });
  const best = (params: Params): Plan =>
    inferenceTokens > 0 && serving !== null ? serving(params, budget, inferenceTokens) : optimal(params, budget);
  const plan = best(law.params);
  const resampled = law.replicates.flatMap((params) => {
    const one = usable(params) ? best(params) : null;
    return one !== null && [one.N, one.D].every(Number.isFinite) && (Number.isFinite(one.loss) || serving === null) ? [one] : [];
  });
  const lost = law.replicates.length - resampled.length;
  const estimate = (of: (plan: Plan) => number): Estimate => ({
    value: of(plan),
    interval:
      resampled.length < FEWEST || Number.isNaN(of(plan))
        ? null
        : derivedInterval({ shares: law.shares, replicates: resampled }, of),
  });
  const [N, D] = [estimate((one) => one.N), estimate((one) => one.D)];
  const warnings = law.range === null ? [] : beyondWords(law.range, { N: N.value, D: D.value }, 'that the law was fitted on');
  if (lost > LOST * law.replicates.length)
    warnings.push(
      `${lost} of ${law.replicates.length} resamples of the fit give no size at all: the intervals are wider than they look.`,
    );
  return { N, D, C: plan.C, lossNats: estimate((one) => one.loss), warnings };
}

function noAllocator({ title, lawId }: PlanLaw): never {
  throw new SpecError({ where: title, rule: 'it says nothing of sizes and tokens', got: `law ${lawId}` });
}
