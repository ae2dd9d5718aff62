import { Pace } from './pace.ts';
import type { StepMetrics, Trainer } from './trainer.ts';

/** The part of a {@link Trainer} that a loop drives. */
export type Steppable = Pick<Trainer, 'step' | 'maxSteps' | 'free' | 'advance' | 'evaluate'>;

export const SPLITS = ['validation', 'ood'] as const;
export type Split = (typeof SPLITS)[number];

export interface LoopOptions {
  /** The step that ends the run. */
  readonly targetStep: number;
  /** Steps between evaluations; 0: never. */
  readonly everySteps: number;
  /** Hears of all steps in order; the arrays are its own. */
  readonly onMetrics: (metrics: StepMetrics) => void;
  /** One mean loss a lane, in nats per token. */
  readonly onEvaluation: (step: number, split: Split, lossNats: Float64Array<ArrayBuffer>) => void;
  /** Milliseconds since any fixed time. */
  readonly now?: () => number;
  /** Milliseconds that one submit should take. */
  readonly submitMs?: number;
}

/** Submits under way at once: while the GPU does one, the next is being filled. */
const IN_FLIGHT = 2;

/** Held-out losses belong to every `everySteps`th step and the end, none to weights that nothing was learnt by yet; 0 is never. */
export function evaluatesAt(step: number, targetStep: number, everySteps: number): boolean {
  return everySteps > 0 && step > 0 && (step % everySteps === 0 || step >= targetStep);
}

/** Steps from `step` to the next one at which something else than training happens. */
export function stepsToBoundary(step: number, targetStep: number, everySteps: number): number {
  const toEnd = Math.max(0, targetStep - step);
  return everySteps > 0 ? Math.min(toEnd, everySteps - (step % everySteps)) : toEnd;
}

/**
 * Keeps a trainer busy: one submit a {@link turn}, two under way, evaluations at their exact steps. When and how often the owner
 * calls it, pauses, or reads the state between turns changes no bit of the run.
 *
 * An error of a submit (a lost device) is thrown by the next {@link turn} or {@link drain}.
 */
export class Loop {
  targetStep: number;
  /** Steps of the last submit. */
  stepsPerSubmit = 0;
  private readonly trainer: Steppable;
  private readonly options: LoopOptions;
  private readonly pace: Pace;
  private readonly now: () => number;
  private readonly underway = new Set<Promise<void>>();
  private tail: Promise<void> = Promise.resolve();
  private failure: { readonly error: unknown } | null = null;
  private evaluatedAt: number | null = null;
  private lastDoneAt = -Infinity;

  constructor(trainer: Steppable, options: LoopOptions) {
    this.trainer = trainer;
    this.options = options;
    this.targetStep = options.targetStep;
    this.pace = new Pace(options.submitMs);
    this.now = options.now ?? (() => performance.now());
  }

  /** Steps submitted so far. */
  get step(): number {
    return this.trainer.step;
  }

  /** Median over the last submits; NaN before the first. */
  get msPerStep(): number {
    return this.pace.msPerStep;
  }

  /**
   * Evaluates where that is due, then submits up to `allowed()` steps. `allowed` is asked at the last moment, after all waiting, so
   * that a pause takes effect before the next submit. False when the run is at its end and all is measured.
   */
  async turn(allowed: () => number = () => Infinity): Promise<boolean> {
    await this.evaluateIfDue();
    if (this.step >= this.targetStep) {
      await this.drain();
      return this.step < this.targetStep;
    }
    while (this.underway.size >= IN_FLIGHT) await Promise.race(this.underway);
    await this.trainer.free();
    this.throwFailure();
    const boundary = stepsToBoundary(this.step, this.targetStep, this.options.everySteps);
    const most = Math.min(allowed(), this.trainer.maxSteps, boundary);
    if (most > 0) this.submit(this.pace.next(most));
    return true;
  }

  /** Resolves when every submitted step has been measured. */
  async drain(): Promise<void> {
    await this.tail;
    this.throwFailure();
  }

  /** Evaluates if this step asks for it and it was not done yet, after every submitted step has been measured. */
  async evaluateIfDue(): Promise<void> {
    const { step } = this;
    if (this.evaluatedAt === step || !evaluatesAt(step, this.targetStep, this.options.everySteps)) return;
    await this.drain();
    if (this.evaluatedAt === step || step !== this.step) return;
    this.evaluatedAt = step;
    for (const split of SPLITS) {
      const losses = await this.trainer.evaluate(split);
      if (losses !== null) this.options.onEvaluation(step, split, losses);
    }
    // The GPU was busy with other work: the next submit is timed from here.
    this.lastDoneAt = this.now();
  }

  private submit(steps: number): void {
    this.stepsPerSubmit = steps;
    const submittedAt = this.now();
    const measured = this.trainer.advance(steps);
    const before = this.tail;
    const settled = (async (): Promise<void> => {
      try {
        const metrics = await measured;
        const doneAt = this.now();
        await before;
        if (this.failure !== null) return;
        this.pace.measured(steps, doneAt - Math.max(submittedAt, this.lastDoneAt));
        this.lastDoneAt = doneAt;
        this.options.onMetrics(metrics);
      } catch (error) {
        this.failure ??= { error };
      }
    })();
    this.tail = settled;
    this.underway.add(settled);
    void settled.then(() => this.underway.delete(settled));
  }

  private throwFailure(): void {
    if (this.failure !== null) throw this.failure.error;
  }
}
