import { SpecError } from '../base/errors.ts';
import type { StepMetrics } from '../train/index.ts';

/**
 * Watches the losses of a run's lanes. A lane whose loss is not finite is marked; it does not disturb the others, so the run ends
 * only when all have diverged.
 */
export class Divergence {
  /** Lanes that have diverged. */
  readonly lanes = new Set<number>();
  private readonly count: number;
  private readonly notice: (text: string) => void;

  constructor(count: number, notice: (text: string) => void) {
    this.count = count;
    this.notice = notice;
  }

  /**
   * @param keptStep the step of the last good checkpoint, or null.
   * @returns what ends the run: the error that names step and lane, once no lane is left.
   */
  check({ firstStep, lossNats }: StepMetrics, keptStep: number | null): SpecError | null {
    for (const [i, loss] of lossNats.entries()) {
      const lane = i % this.count;
      if (Number.isFinite(loss) || this.lanes.has(lane)) continue;
      this.lanes.add(lane);
      const step = firstStep + Math.floor(i / this.count);
      if (this.lanes.size === this.count) return this.error(step, lane, loss, keptStep);
      this.notice(`Lane ${lane} diverged at step ${step}: its loss is ${loss}. The other lanes are not touched by it and go on.`);
    }
    return null;
  }

  private error(step: number, lane: number, loss: number, keptStep: number | null): SpecError {
    const kept = keptStep === null || keptStep === 0 ? '' : `, or go on from the checkpoint of step ${keptStep}, which is kept`;
    return new SpecError({
      where: this.count === 1 ? `step ${step}` : `step ${step}, lane ${lane}`,
      rule: this.count === 1 ? 'the loss is not finite' : 'the loss of the last lane is not finite',
      got: String(loss),
      expected: 'a finite number',
      cure: `Choose a smaller learning rate, a longer warm-up or gradient clipping${kept}.`,
    });
  }
}
