import { SpecError } from '../base/errors.ts';
import { notFiniteWords, type NotFinite, type StepMetrics } from '../train/index.ts';

/** A figure of a lane's step that is not finite. */
interface Finding {
  readonly step: number;
  readonly lane: number;
  readonly what: 'loss' | 'gradient norm';
  readonly value: number;
}

/** Where the failure of a lane's step began; undefined where nobody can look. */
type Find = (step: number, lane: number) => Promise<NotFinite | undefined>;

/**
 * Watches the losses of a run's lanes, and their gradients. A lane where those are not finite trains no more and is marked; it does not
 * disturb the others, so the run ends only when all have diverged.
 */
export class Divergence {
  /** Lanes that have diverged. */
  readonly lanes = new Set<number>();
  private readonly count: number;
  private readonly notice: (text: string) => void;
  /** Lanes that have diverged while others went on, and of which nothing was said yet. */
  private readonly untold: Finding[] = [];
  /** What ended the run, and of what it was made. */
  private ended: { readonly error: SpecError; readonly found: Finding; readonly keptStep: number | null } | null = null;

  constructor(count: number, notice: (text: string) => void) {
    this.count = count;
    this.notice = notice;
  }

  /** True where {@link tell} has something to say. */
  get hasNews(): boolean {
    return this.untold.length > 0;
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
      this.untold.push(found);
    }
    return null;
  }

  /** Says of each lane that diverged beside others when it did, and in which tensor. */
  async tell(find: Find): Promise<void> {
    for (const found of this.untold.splice(0)) {
      const { lane, step, what, value } = found;
      const cause = await origin(found, find);
      this.notice(
        `Lane ${lane} diverged at step ${step}: its ${what} is ${value}. ${cause}The other lanes are not touched by it and go on.`,
      );
    }
  }

  /**
   * The error that {@link check} ended the run with, and in which tensor it began; any other error as it is, and so this one where that is
   * not to be found.
   */
  async explain(error: unknown, find: Find): Promise<unknown> {
    const { ended } = this;
    if (ended === null || error !== ended.error) return error;
    const where = await origin(ended.found, find);
    return where === '' ? error : this.error(ended.found, ended.keptStep, where);
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

/** A sentence and a space; empty where nothing is known. */
async function origin({ step, lane }: Finding, find: Find): Promise<string> {
  try {
    const found = await find(step, lane);
    return found === undefined ? '' : `${notFiniteWords(found)} `;
  } catch {
    // The device may be lost by now, or full.
    return '';
  }
}
