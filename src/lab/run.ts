import type { RunSpec } from '../spec/run-spec.ts';
import type { WorkerEvent } from '../worker/client.ts';
import type { MetricsEvent, RunReport, RunState, SpeedEvent, Task, WireError } from '../worker/protocol.ts';
import { predictHere, type EndPredictor } from './ends/asked-end.ts';
import { RunEnds, type EndSource } from './ends/run-ends.ts';
import { Observable } from './observable.ts';
import { Column } from './series.ts';

export type RunTopic = 'state' | 'series' | 'speed' | 'sample' | 'ends';

/** Losses and their like of one lane, one value a step. */
export interface LaneSeries {
  readonly lossNats: Column;
  readonly gradNorm: Column;
  readonly learningRate: Column;
}

/** Evaluations of one split; steps ascend. */
export interface EvalSeries {
  readonly steps: Column;
  readonly lossNats: Column;
}

export type Split = 'validation' | 'ood';

/** Evaluations of one lane. */
export type LaneEvals = { readonly [S in Split]: EvalSeries };

export interface Sample {
  readonly step: number;
  readonly prompt: string;
  readonly text: string;
}

export interface Progress {
  readonly task: Task;
  readonly done: number;
  /** 0: unknown. */
  readonly total: number;
}

/** What a curve is drawn over. */
export type XUnit = 'step' | 'tokens' | 'flops' | 'time';

/** A value that is not finite, where it happened. */
export interface Broken {
  readonly step: number;
  readonly value: number;
}

/** One run as the page knows it: its state, and its series as growable columns. */
export class Run extends Observable<RunTopic> {
  readonly runId: string;
  readonly spec: RunSpec;
  state: RunState = 'preparing';
  step = 0;
  totalSteps = 0;
  report: RunReport | null = null;
  progress: Progress | null = null;
  speed: SpeedEvent | null = null;
  sample: Sample | null = null;
  savedStep: number | null = null;
  failure: WireError | null = null;

  readonly steps = new Column();
  /** Training time of each step since the page started or continued the run, in ms; pauses do not count. */
  readonly timeMs = new Column();
  readonly epochs = new Column();
  readonly lanes: LaneSeries[] = [newLane()];
  /** Of lane 0. */
  readonly evals: LaneEvals = newEvals();
  readonly laneEvals: LaneEvals[] = [this.evals];
  /** Losses of lane 0 that are not finite. */
  readonly broken: Broken[] = [];
  /** Where its lanes are to end, foretold while they train. */
  readonly ends: RunEnds;
  /** Specs of its lanes, lane 0 first. */
  laneSpecs: readonly RunSpec[];
  #lastMetricsAt: number | null = null;

  /** @param predict where its lanes are to end; on this thread where nobody else does. */
  constructor(runId: string, spec: RunSpec, predict: EndPredictor = predictHere) {
    super();
    this.ends = new RunEnds(predict, () => this.emit('ends'));
    this.runId = runId;
    this.spec = spec;
    this.laneSpecs = [spec];
  }

  /** Marks that were passed are still being predicted. */
  get catchingUp(): boolean {
    return this.ends.catchingUp;
  }

  get active(): boolean {
    return this.state === 'preparing' || this.state === 'running' || this.state === 'paused' || this.state === 'recovering';
  }

  get lane0(): LaneSeries {
    const lane = this.lanes[0];
    if (lane === undefined) throw new Error('run: no lane 0.');
    return lane;
  }

  /** Last training loss, NaN before the first. */
  get lossNats(): number {
    return this.lane0.lossNats.at(this.lane0.lossNats.length - 1);
  }

  started(report: RunReport): void {
    this.report = report;
    if (this.totalSteps === 0) this.totalSteps = report.totalSteps;
    if (this.step === 0) this.step = report.startStep;
    this.progress = null;
    this.emit('state', 'series');
  }

  failed(error: WireError): void {
    this.failure = error;
    this.state = 'failed';
    this.progress = null;
    this.emit('state');
  }

  /** Takes an event of this run's in; `nowMs` is the page's clock. */
  apply(event: WorkerEvent, nowMs: number): void {
    switch (event.type) {
      case 'metrics':
        this.#append(event, nowMs);
        this.emit('series');
        this.ends.grown(this.#endSources, nowMs);
        break;
      case 'eval':
        event.lossNats.forEach((lossNats, lane) => this.#appendEval(lane, event.split, event.step, lossNats));
        this.emit('series');
        break;
      case 'state':
        if (event.state !== 'running' || this.state !== 'running') this.#lastMetricsAt = nowMs;
        this.state = event.state;
        this.step = event.step;
        this.totalSteps = event.totalSteps;
        if (event.state !== 'preparing' && event.state !== 'recovering') this.progress = null;
        if (event.state !== 'running') {
          this.ends.settle(this.#endSources);
          this.emit('ends');
        }
        this.emit('state');
        break;
      case 'progress':
        this.progress = { task: event.task, done: event.done, total: event.total };
        this.emit('state');
        break;
      case 'speed':
        this.speed = event;
        this.emit('speed');
        break;
      case 'sample':
        this.sample = { step: event.step, prompt: event.prompt, text: event.text };
        this.emit('sample');
        break;
      case 'saved':
        this.savedStep = event.step;
        this.emit('speed');
        break;
      case 'fault':
        this.failure = event.error;
        this.emit('state');
        break;
      // Notices are the page's; comparisons and measurements have a model of their own.
      case 'notice':
      case 'recovered':
      case 'dataAtHand':
      case 'comparisonState':
      case 'armState':
      case 'armMetrics':
      case 'armProbe':
      case 'armCost':
      case 'armEval':
      case 'measureProgress':
      case 'measureRow':
      case 'measureEnd':
        break;
    }
  }

  /** Where a step lies on an x axis; NaN where that is not known. */
  xOf(step: number, unit: XUnit): number {
    switch (unit) {
      case 'step':
        return step;
      case 'tokens':
        return step * (this.report?.tokensPerStep ?? Number.NaN);
      case 'flops':
        return step * (this.report?.tokensPerStep ?? Number.NaN) * (this.report?.flopsPerToken ?? Number.NaN);
      case 'time':
        return this.steps.length === 0 || step < this.steps.at(0)
          ? 0
          : this.timeMs.at(Math.min(step - this.steps.at(0), this.steps.length - 1)) / 1000;
    }
  }

  /** The x of every training step, ascending. */
  xs(unit: XUnit): Float64Array {
    const steps = this.steps.view();
    if (unit === 'step') return steps;
    if (unit === 'time') return this.timeMs.view().map((ms) => ms / 1000);
    const factor = this.xOf(1, unit);
    return steps.map((step) => step * factor);
  }

  readonly #endSources = (): readonly EndSource[] => {
    const { report, totalSteps } = this;
    if (report === null) return [];
    const firstStep = this.steps.at(0);
    return this.lanes.flatMap((lane, i) => {
      const spec = this.laneSpecs[i];
      if (spec === undefined) return [];
      return [{ spec, lossNats: lane.lossNats.view(), firstStep, totalSteps, flopsPerToken: report.flopsPerToken }];
    });
  };

  #append(event: MetricsEvent, nowMs: number): void {
    const count = event.epochs.length;
    // A run that went back to a checkpoint repeats steps; what it says now stands.
    this.#truncateBefore(event.firstStep);
    while (this.lanes.length < event.lanes) this.lanes.push(newLane());
    const start = this.timeMs.length === 0 ? 0 : this.timeMs.at(this.timeMs.length - 1);
    const spentMs = Math.max(0, nowMs - (this.#lastMetricsAt ?? nowMs));
    this.#lastMetricsAt = nowMs;
    for (let i = 0; i < count; i++) {
      const step = event.firstStep + i;
      this.steps.push(step);
      this.timeMs.push(start + (spentMs * (i + 1)) / count);
      this.epochs.push(event.epochs[i] ?? Number.NaN);
      for (let lane = 0; lane < event.lanes; lane++) {
        const at = i * event.lanes + lane;
        this.lanes[lane]?.lossNats.push(event.lossNats[at] ?? Number.NaN);
        this.lanes[lane]?.gradNorm.push(event.gradNorm[at] ?? Number.NaN);
        this.lanes[lane]?.learningRate.push(event.learningRate[at] ?? Number.NaN);
      }
      const loss = event.lossNats[i * event.lanes] ?? Number.NaN;
      if (!Number.isFinite(loss)) this.broken.push({ step, value: loss });
    }
    this.step = Math.max(this.step, event.firstStep + count - 1);
  }

  #truncateBefore(firstStep: number): void {
    // A gap cannot be drawn truthfully either: a stream that does not follow on starts the columns again.
    const follows = this.steps.length === 0 || firstStep <= this.steps.at(this.steps.length - 1) + 1;
    const keep = follows ? Math.max(0, firstStep - this.steps.at(0)) : 0;
    if (this.steps.length > 0 && keep < this.steps.length) {
      for (const column of [this.steps, this.timeMs, this.epochs]) column.truncate(keep);
      for (const lane of this.lanes)
        for (const column of [lane.lossNats, lane.gradNorm, lane.learningRate]) column.truncate(keep);
      for (const evals of this.laneEvals) for (const series of [evals.validation, evals.ood]) truncateEvals(series, firstStep);
      while ((this.broken.at(-1)?.step ?? -1) >= firstStep) this.broken.pop();
      this.step = firstStep - 1;
    }
  }

  #appendEval(lane: number, split: Split, step: number, lossNats: number): void {
    while (this.laneEvals.length <= lane) this.laneEvals.push(newEvals());
    const series = this.laneEvals[lane]?.[split];
    if (series === undefined) return;
    truncateEvals(series, step);
    series.steps.push(step);
    series.lossNats.push(lossNats);
  }
}

/** Forgets evaluations from `step` on. */
function truncateEvals({ steps, lossNats }: EvalSeries, step: number): void {
  let keep = steps.length;
  while (keep > 0 && steps.at(keep - 1) >= step) keep--;
  steps.truncate(keep);
  lossNats.truncate(keep);
}

function newLane(): LaneSeries {
  return { lossNats: new Column(), gradNorm: new Column(), learningRate: new Column() };
}

function newEvals(): LaneEvals {
  const series = (): EvalSeries => ({ steps: new Column(), lossNats: new Column() });
  return { validation: series(), ood: series() };
}

/** A run's name for people: its own, or what it trains on. */
export function runTitle(spec: RunSpec): string {
  const { layers, width } = spec.model;
  return spec.name === '' ? `${layers} ${layers === 1 ? 'layer' : 'layers'} × ${width} on ${spec.data.source}` : `“${spec.name}”`;
}

/** A name that no other run has. */
export function newRunId(): string {
  const random = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
  return `${Date.now().toString(36)}-${random.toString(36)}`;
}
