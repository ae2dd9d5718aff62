import type { StepMetrics } from './trainer.ts';

/**
 * Lanes whose gradient norm was not finite: AdamW moves their weights no more (see ops/optimizer.ts). The figures of such a lane after
 * that step are not those of a run that trains, so they are NaN.
 */
export class Halted {
  /** The step, from 1, at which a lane halted, by lane: its weights are those of the step before. */
  readonly steps = new Map<number, number>();

  /** A lane of a checkpoint after `step` steps whose first moment bears the mark. */
  restore(lane: number, step: number, m: readonly { readonly data: Float32Array }[]): void {
    if (m.some(({ data }) => data.some(Number.isNaN))) this.steps.set(lane, step + 1);
  }

  /** Notes lanes that halt in these steps, and clears the figures of those that had. */
  watch({ firstStep, lossNats, gradNorm }: Pick<StepMetrics, 'firstStep' | 'lossNats' | 'gradNorm'>, lanes: number): void {
    for (const [i, norm] of gradNorm.entries()) {
      const lane = i % lanes;
      if (this.steps.has(lane)) lossNats[i] = gradNorm[i] = NaN;
      else if (!Number.isFinite(norm)) this.steps.set(lane, firstStep + Math.floor(i / lanes));
    }
  }
}
