import { unreachable } from '../base/errors.ts';
import { flopsPerToken } from './counts.ts';
import type { BudgetSpec, RunSpec } from './run-spec.ts';

export type BudgetKind = 'steps' | 'tokens' | 'flops';

/** Parts of a spec that decide its length. */
type LengthSpec = Pick<RunSpec, 'data' | 'model' | 'budget'>;

export function budgetKind(budget: BudgetSpec): BudgetKind {
  if ('steps' in budget) return 'steps';
  return 'tokens' in budget ? 'tokens' : 'flops';
}

/** Training tokens of one optimizer step: batch * context * gradAccum. */
export function tokensPerStep({ data }: Pick<RunSpec, 'data'>): number {
  return data.batch * data.context * data.gradAccum;
}

/** Whole optimizer steps of a run, at least 1: tokens and FLOPs are rounded up. `perToken` is FLOPs per token, forward and backward. */
export function totalSteps(spec: LengthSpec, perToken: number = flopsPerToken(spec).total): number {
  const { budget } = spec;
  if ('steps' in budget) return budget.steps;
  if ('tokens' in budget) return Math.max(1, Math.ceil(budget.tokens / tokensPerStep(spec)));
  // FLOPs pass 2^53, so a whole number of steps may come out a rounding error above itself.
  return Math.max(1, Math.ceil((budget.flops / (tokensPerStep(spec) * perToken)) * (1 - 1e-12)));
}

/** The same length of run said in steps, tokens or FLOPs (whole steps of them). */
export function budgetAs(spec: LengthSpec, kind: BudgetKind): BudgetSpec {
  const perToken = flopsPerToken(spec).total;
  const steps = totalSteps(spec, perToken);
  const tokens = steps * tokensPerStep(spec);
  switch (kind) {
    case 'steps':
      return { steps };
    case 'tokens':
      return { tokens };
    case 'flops':
      return { flops: tokens * perToken };
    default:
      return unreachable(kind);
  }
}
