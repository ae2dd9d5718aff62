import { DeviceError, IsoflopError, KernelError, SpecError } from '../base/errors.ts';
import type { Probe } from '../base/probe.ts';
import type { RunSpec } from '../spec/index.ts';
import { Loop, notFiniteWords, type StepMetrics, type Trainer } from '../train/index.ts';
import { wordsOf } from './library.ts';
import type { ArmReport, ArmState, LaneEnd } from './protocol.ts';

/** What a trainer that looks into its tensors has beside what every trainer has. */
export interface Probing {
  /** One probe a lane, of an extra forward and backward pass on the next batch; changes no bit of the run. */
  probe(whatIf: readonly string[]): Promise<readonly Probe[]>;
  readonly memory: {
    /** GPU memory at the peak, all lanes. */
    readonly peakBytes: number;
    /** What one lane keeps from the forward pass for the backward pass. */
    readonly keptBytes: number;
  };
}

/** The part of a {@link Trainer} that a comparison uses. */
export interface ArmTrainer
  extends
    Pick<Trainer, 'step' | 'maxSteps' | 'free' | 'advance' | 'evaluate' | 'destroy' | 'disabled'>,
    Partial<Probing & Pick<Trainer, 'firstNotFinite'>> {
  readonly plan: Pick<Trainer['plan'], 'peakBytes' | 'dispatchesPerStep'>;
}

export interface ArmParts {
  readonly name: string;
  readonly specs: readonly RunSpec[];
  readonly trainer: ArmTrainer;
  readonly totalSteps: number;
  readonly now: () => number;
  readonly onMetrics: (metrics: StepMetrics) => void;
  /** A lane has diverged, or the arm's state is another. */
  readonly onState: () => void;
}

/** Median of times per step and the quartiles around it, in milliseconds. */
export interface StepTimes {
  readonly msPerStep: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly submits: number;
}

/** Times that count; the oldest go first. */
const TIMES_KEPT = 256;
/** Turns before the first that is timed: pipelines and caches warm up in them. */
const WARM_UP_TURNS = 1;

/** One arm of a comparison while it is on the GPU. */
export class Arm {
  readonly name: string;
  readonly specs: readonly RunSpec[];
  readonly trainer: ArmTrainer;
  readonly diverged: LaneEnd[] = [];
  state: ArmState = 'ready';
  /** The step whose tensors were looked at last. */
  probedAt: number | null = null;
  private readonly loop: Loop;
  private readonly now: () => number;
  private readonly onState: () => void;
  private readonly msPerStep: number[] = [];
  private readonly explained = new Set<number>();
  private turns = 0;
  private freed = false;

  constructor({ name, specs, trainer, totalSteps, now, onMetrics, onState }: ArmParts) {
    this.name = name;
    this.specs = specs;
    this.trainer = trainer;
    this.now = now;
    this.onState = onState;
    this.loop = new Loop(trainer, {
      targetStep: totalSteps,
      everySteps: 0,
      now,
      onMetrics: (metrics) => {
        this.watch(metrics);
        onMetrics(metrics);
      },
      onEvaluation: () => undefined,
    });
  }

  /** Steps submitted so far. */
  get step(): number {
    return this.trainer.step;
  }

  /**
   * Trains for about `forMs`, in short submits, up to step `limit`, and waits for what they measure. Ends early once `goesOn` says no.
   *
   * @throws what a submit fails with.
   */
  async train(limit: number, forMs: number, goesOn: () => boolean): Promise<void> {
    const from = this.now();
    const before = this.step;
    const allowed = (): number => (goesOn() ? limit - this.step : 0);
    while (allowed() > 0 && this.state === 'ready' && this.now() - from < forMs) await this.loop.turn(allowed);
    await this.loop.drain();
    const steps = this.step - before;
    if (steps === 0 || this.turns++ < WARM_UP_TURNS) return;
    this.msPerStep.push((this.now() - from) / steps);
    if (this.msPerStep.length > TIMES_KEPT) this.msPerStep.shift();
  }

  /** Finds out in which tensor the lanes that have diverged since did so. */
  async explain(): Promise<void> {
    for (const [i, { lane, step, origin }] of this.diverged.entries()) {
      if (origin !== null || this.explained.has(lane)) continue;
      this.explained.add(lane);
      try {
        const found = await this.trainer.firstNotFinite?.(step, lane);
        if (found === undefined) continue;
        this.diverged[i] = { lane, step, origin: notFiniteWords(found) };
      } catch {
        // The device may be lost by now, or full: that is said elsewhere.
        continue;
      }
      this.onState();
    }
  }

  /** Resolves when every submitted step has been measured. */
  drain(): Promise<void> {
    return this.loop.drain();
  }

  /** Null before the first turn that counts. */
  times(): StepTimes | null {
    const sorted = this.msPerStep.toSorted((a, b) => a - b);
    if (sorted.length === 0) return null;
    const [lowMs, msPerStep, highMs] = [quantile(sorted, 0.25), quantile(sorted, 0.5), quantile(sorted, 0.75)];
    return { msPerStep, lowMs, highMs, submits: sorted.length };
  }

  report(): ArmReport {
    const { name, trainer } = this;
    return {
      name,
      peakBytes: trainer.memory?.peakBytes ?? trainer.plan.peakBytes,
      keptBytes: trainer.memory?.keptBytes ?? null,
      dispatchesPerStep: trainer.plan.dispatchesPerStep,
      disabledVariants: trainer.disabled,
      probes: trainer.probe !== undefined,
    };
  }

  end(state: 'done' | 'diverged'): void {
    this.state = state;
    this.onState();
  }

  /** Frees the arm's memory, once. */
  free(): void {
    if (this.freed) return;
    this.freed = true;
    this.trainer.destroy();
  }

  /** Marks lanes whose loss or gradient norm is not finite. An arm without any other lane has diverged. */
  private watch({ firstStep, lossNats, gradNorm }: StepMetrics): void {
    const lanes = this.specs.length;
    const before = this.diverged.length;
    for (const [i, loss] of lossNats.entries()) {
      const lane = i % lanes;
      if (Number.isFinite(loss) && Number.isFinite(gradNorm[i])) continue;
      if (this.diverged.some((end) => end.lane === lane)) continue;
      this.diverged.push({ lane, step: firstStep + Math.floor(i / lanes), origin: null });
    }
    if (this.diverged.length === before) return;
    if (this.diverged.length === lanes) this.end('diverged');
    else this.onState();
  }
}

/** Linear interpolation between order statistics. */
function quantile(sorted: readonly number[], p: number): number {
  const at = p * (sorted.length - 1);
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (at - Math.floor(at)) * (high - low);
}

/** An error that says in which arm it happened, and at which step where that is known; of the kind that it was. */
export function inArm(error: unknown, name: string, step: number | null): IsoflopError {
  const Kind = [SpecError, DeviceError, KernelError].find((kind) => error instanceof kind) ?? IsoflopError;
  const where = step === null ? `arm ${name}` : `arm ${name}, step ${step}`;
  return new Kind({ where, rule: wordsOf(error).replace(/\.$/, ''), cause: error });
}
