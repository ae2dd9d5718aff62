import {
  gapOver,
  gapSeries,
  scalarGap,
  verdictOf,
  windowsOf,
  type Gap,
  type PairedRuns,
  type ScalarGap,
  type Verdict,
} from '../laws/index.ts';
import type { RunSpec } from '../spec/index.ts';
import type { WorkerEvent } from '../worker/client.ts';
import type { ArmSpec, ComparisonReport, ComparisonState, DeviceReport, WireError } from '../worker/protocol.ts';
import { ComparedArm } from './comparison-arm.ts';
import type { ComparisonSetup } from './comparison-setup.ts';
import { Observable } from './observable.ts';
import type { Progress, Split } from './run.ts';

export type ComparisonTopic = 'state' | 'series' | 'gap' | 'cost' | 'probe';

/** Least time between two computations of the gaps while the arms train. */
const GAP_MS = 500;
/** Of their time at most, that much goes into gaps: one part in so many. */
const GAP_SHARE = 10;
/** Resamples of a gap within training; the one at the end takes the default, five times as many. */
const SERIES_RESAMPLES = 200;

/** One comparison as the page knows it: its arms with their series, the gaps between them, and words about both. */
export class Comparison extends Observable<ComparisonTopic> {
  readonly runId: string;
  readonly base: RunSpec;
  readonly setup: ComparisonSetup;
  readonly arms: readonly ComparedArm[];
  state: ComparisonState = 'preparing';
  totalSteps = 0;
  report: ComparisonReport | null = null;
  progress: Progress | null = null;
  failure: WireError | null = null;
  /** What measured it; null where that is not known. */
  device: DeviceReport | null = null;
  /** Name of the file that it came from; null where this page measured it. */
  file: string | null = null;
  #baseline: number;
  #smoothing = 0;
  #gaps = new Map<ComparedArm, (Gap | null)[]>();
  #ends = new Map<ComparedArm, Gap | null>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastTookMs = 0;

  constructor(runId: string, base: RunSpec, setup: ComparisonSetup, arms: readonly ArmSpec[]) {
    super();
    this.runId = runId;
    this.base = base;
    this.setup = setup;
    this.arms = arms.map(({ name, spec }) => new ComparedArm(name, spec, setup.seeds));
    this.#baseline = setup.baseline;
  }

  /** True where it has the GPU, or will. */
  get active(): boolean {
    return this.state === 'preparing' || this.state === 'running' || this.state === 'paused';
  }

  /** From a file, not measured by this page. */
  get imported(): boolean {
    return this.file !== null;
  }

  /** Steps that every arm that goes on has done. */
  get step(): number {
    const going = this.arms.filter(({ state }) => state !== 'diverged');
    return Math.min(...(going.length === 0 ? this.arms : going).map(({ step }) => step));
  }

  /** The arm that the others are held against. */
  get baseline(): ComparedArm {
    const arm = this.arms[this.#baseline];
    if (arm === undefined) throw new RangeError(`comparison: no arm ${this.#baseline}`);
    return arm;
  }

  setBaseline(place: number): void {
    if (place === this.#baseline || this.arms[place] === undefined) return;
    this.#baseline = place;
    this.#gaps.clear();
    this.#ends.clear();
    this.computeGaps();
  }

  get smoothing(): number {
    return this.#smoothing;
  }

  /** Of the curves; 0 is none, below 1. */
  set smoothing(weight: number) {
    this.#smoothing = weight;
    for (const arm of this.arms) arm.smoothing = weight;
    this.emit('series');
  }

  /** Where a step lies on an x axis. */
  xOf(step: number, unit: 'step' | 'tokens'): number {
    return unit === 'step' ? step : step * (this.report?.tokensPerStep ?? Number.NaN);
  }

  // Against the baseline.

  /** Gaps over training to the baseline, as far as they are computed; null where no seed of both was finite. Empty for the baseline. */
  gapsOf(arm: ComparedArm): readonly (Gap | null)[] {
    return this.#gaps.get(arm) ?? [];
  }

  /** The gap over the last tenth of what is measured; null where none can be had. */
  endGapOf(arm: ComparedArm): Gap | null {
    return this.#ends.get(arm) ?? null;
  }

  /** {@link endGapOf} in words. */
  verdictOf(arm: ComparedArm): Verdict {
    const tokensPerStep = this.report?.tokensPerStep ?? Number.NaN;
    return verdictOf(this.endGapOf(arm), { arm: arm.name, baseline: this.baseline.name, tokensPerStep });
  }

  /** The gap of the held-out losses at the end, with Student's interval over seeds; null before the end and for one seed. */
  heldOutGapOf(arm: ComparedArm, split: Split): ScalarGap | null {
    const [own, other] = [arm.heldOut[split], this.baseline.heldOut[split]];
    return own === null || other === null ? null : scalarGap(own, other);
  }

  /** Time per step over the baseline's, of medians measured in turns; null until both are. */
  costRatioOf(arm: ComparedArm): number | null {
    return arm.cost === null || this.baseline.cost === null ? null : arm.cost.msPerStep / this.baseline.cost.msPerStep;
  }

  /** Computes what is new of the gaps, at once. */
  computeGaps(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const from = performance.now();
    for (const arm of this.arms) if (arm !== this.baseline) this.#computeGap(arm);
    this.#lastTookMs = performance.now() - from;
    this.emit('gap');
  }

  #computeGap(arm: ComparedArm): void {
    const losses = (of: ComparedArm): Float64Array[] => of.seeds.map(({ lossNats }) => lossNats.view());
    const runs: PairedRuns = { arm: losses(arm), baseline: losses(this.baseline) };
    const step = Math.min(arm.step, this.baseline.step);
    const windows = windowsOf(this.totalSteps);
    this.#gaps.set(arm, gapSeries(runs, step, windows, { resamples: SERIES_RESAMPLES }, this.#gaps.get(arm)));
    const first = Math.max(1, step - windows.windowSteps + 1);
    const options = this.active ? { resamples: SERIES_RESAMPLES } : {};
    this.#ends.set(arm, step === 0 ? null : gapOver(runs, first, step, options));
  }

  #computeGapsLater(): void {
    if (!this.active) return this.computeGaps();
    this.#timer ??= setTimeout(() => this.computeGaps(), Math.max(GAP_MS, GAP_SHARE * this.#lastTookMs));
  }

  // From the worker.

  started(report: ComparisonReport): void {
    this.report = report;
    this.totalSteps = report.totalSteps;
    this.progress = null;
    for (const [i, arm] of this.arms.entries()) arm.report = report.arms[i] ?? null;
    this.emit('state', 'cost');
  }

  failed(error: WireError): void {
    this.failure = error;
    this.#to('failed');
  }

  /** Takes an event of this comparison's in. */
  apply(event: WorkerEvent): void {
    const arm = 'arm' in event ? this.arms[event.arm] : undefined;
    switch (event.type) {
      case 'comparisonState':
        if (event.totalSteps > 0) this.totalSteps = event.totalSteps;
        this.#to(event.state);
        break;
      case 'progress':
        this.progress = { task: event.task, done: event.done, total: event.total };
        this.emit('state');
        break;
      case 'fault':
        this.failure = event.error;
        this.emit('state');
        break;
      case 'armState':
        if (arm === undefined) break;
        arm.state = event.state;
        arm.diverged = event.diverged;
        this.emit('state');
        break;
      case 'armMetrics':
        arm?.append(event);
        this.emit('series');
        this.#computeGapsLater();
        break;
      case 'armProbe':
        arm?.probes.push(...event.probes);
        this.emit('probe');
        break;
      case 'armCost':
        if (arm !== undefined) arm.cost = event;
        this.emit('cost');
        break;
      case 'armEval':
        if (arm !== undefined) arm.heldOut[event.split] = event.lossNats;
        this.emit('state');
        break;
      default:
        break;
    }
  }

  #to(state: ComparisonState): void {
    const wasActive = this.active;
    this.state = state;
    if (state !== 'preparing') this.progress = null;
    if (wasActive && !this.active) this.computeGaps();
    this.emit('state');
  }
}
