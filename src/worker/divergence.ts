import { SpecError } from '../base/errors.ts';
import type { NotFinite, StepMetrics } from '../train/index.ts';

/** A figure of a lane's step that is not finite. */
interface Finding {
  readonly step: number;
  readonly lane: number;
  readonly what: 'loss' | 'gradient norm';
  readonly value: number;
}

/**
 * Watches the losses of a run's lanes, and their gradients: where those are not finite, the weights are not either from that step on. A
 * lane like that is marked; it does not disturb the others, so the run ends only when all have diverged.
 */
export class Divergence {
  /** Lanes that have diverged. */
  readonly lanes = new Set<number>();
  private readonly count: number;
  private readonly notice: (text: string) => void;
  /** What ended the run, and of what it was made. */
  private ended: { readonly error: SpecError; readonly found: Finding; readonly keptStep: number | null } | null = null;

  constructor(count: number, notice: (text: string) => void) {
    this.count = count;
    this.notice = notice;
  }

  /**
   * @param keptStep the step of the last good checkpoint, or null.
   * @returns what ends the run: the error that names step and lane, once no lane is left.
   */
  check({ firstStep, lossNats, gradNorm }: StepMetrics, keptStep: number | null): SpecError | null {
    for (const [i, loss] of lossNats.entries()) {
      const lane = i % this.count;
      const norm = gradNorm[i] ?? NaN;
      if ((Number.isFinite(loss) && Number.isFinite(norm)) || this.lanes.has(lane)) continue;
      this.lanes.add(lane);
      const at = { step: firstStep + Math.floor(i / this.count), lane };
      const found: Finding = Number.isFinite(loss)
        ? { ...at, what: 'gradient norm', value: norm }
        : { ...at, what: 'loss', value: loss };
      if (this.lanes.size === this.count) {
        this.ended = { error: this.error(found, keptStep, ''), found, keptStep };
        return this.ended.error;
      }
      const { step, what, value } = found;
      this.notice(
        `Lane ${lane} diverged at step ${step}: its ${what} is ${value}. The other lanes are not touched by it and go on.`,
      );
    }
    return null;
  }

  /**
   * The error that {@link check} ended the run with, and in which tensor it shows; any other error as it is, and so this one where that is
   * not to be found.
   *
   * @param find the first tensor of each lane that is not finite, as the run stands now.
   */
  async explain(error: unknown, find: () => Promise<readonly (NotFinite | null)[]>): Promise<unknown> {
    const { ended } = this;
    if (ended === null || error !== ended.error) return error;
    let first: NotFinite | null | undefined;
    try {
      first = (await find())[ended.found.lane];
    } catch {
      // The device may be lost by now, or full: the error says what is known.
    }
    if (first === null || first === undefined) return error;
    // Weights that took it in spread it everywhere: where it began cannot be seen any more.
    const isWeight = /\.(?:weight|gain|bias)$/.test(first.tensor);
    const where = isWeight
      ? `The weights had taken it in by step ${first.step}, ${first.tensor} first. `
      : `${first.tensor} is the first tensor that is not finite in the pass after step ${first.step}. `;
    return this.error(ended.found, ended.keptStep, where);
  }

  private error({ step, lane, what, value }: Finding, keptStep: number | null, where: string): SpecError {
    const kept = keptStep === null || keptStep === 0 ? '' : `, or go on from the checkpoint of step ${keptStep}, which is kept`;
    return new SpecError({
      where: this.count === 1 ? `step ${step}` : `step ${step}, lane ${lane}`,
      rule: this.count === 1 ? `the ${what} is not finite` : `the ${what} of the last lane is not finite`,
      got: String(value),
      expected: 'a finite number',
      cure: `${where}Choose a smaller learning rate, a longer warm-up or gradient clipping${kept}.`,
    });
  }
}
