import { unreachable } from '../base/errors.ts';
import type { RunSpec } from './run-spec.ts';

/** Steps over which WSD cools down: the share of all steps, rounded. */
export function cooldownSteps(schedule: RunSpec['schedule'], totalSteps: number): number {
  return Math.round(schedule.cooldown * totalSteps);
}

/**
 * Learning rate of one step, counted from 1. With peak `lr`, warm-up W, total S, final ratio r and cooldown K = round(cooldown * S):
 *
 *     s <= W     lr * s / W                                     from lr/W at step 1 to lr at step W
 *     constant   lr
 *     linear     lr * (1 - (1 - r) p)                           p = (s - W) / (S - W)
 *     cosine     lr * (r + (1 - r) (1 + cos(pi p)) / 2)         p = (s - W) / (S - W)
 *     wsd        lr until step S - K, then lr * (1 - (1 - r) p) p = (s - (S - K)) / K
 *
 * So the peak is the step W (or the one before the first), and the last step has exactly r * lr. Steps past S keep the last value.
 */
export function learningRate(spec: Pick<RunSpec, 'optimizer' | 'schedule'>, step: number, totalSteps: number): number {
  const { lr } = spec.optimizer;
  const { kind, warmupSteps, finalRatio } = spec.schedule;
  if (step <= warmupSteps) return (lr * step) / warmupSteps;
  const decayFrom = kind === 'wsd' ? totalSteps - cooldownSteps(spec.schedule, totalSteps) : warmupSteps;
  if (step <= decayFrom || (kind === 'wsd' && decayFrom === totalSteps)) return lr;
  // Past the end p stays 1; a schedule without room to decay (S <= W) is past its end at once.
  const p = step >= totalSteps ? 1 : (step - decayFrom) / (totalSteps - decayFrom);
  switch (kind) {
    case 'constant':
      return lr;
    case 'linear':
    case 'wsd':
      return p === 1 ? lr * finalRatio : lr * (1 - (1 - finalRatio) * p);
    case 'cosine':
      return p === 1 ? lr * finalRatio : lr * (finalRatio + ((1 - finalRatio) * (1 + Math.cos(Math.PI * p))) / 2);
    default:
      return unreachable(kind);
  }
}
