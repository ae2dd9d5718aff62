import { FUSION_RULE_NAMES, isFusionOn, type RunSpec } from '../../spec/index.ts';
import type { DeviceReport, RunReport } from '../../worker/protocol.ts';
import { NO_ENDS, type KeptEnds } from '../ends/kept-ends.ts';
import type { EvalSeries, Run } from '../run.ts';
import { NO_EVALS, NO_TRAIN, type Curves, type EvalCurve, type TrainCurve } from './curves.ts';
import type { Advance, Beginning } from './progress.ts';
import type { NewRun, RunEnvironment } from './record.ts';

/** How much of a column has been stored. */
interface Mark {
  readonly length: number;
  /** The column's own count of how often it was cut: where it has changed, all of it is stored again. */
  readonly losses: number;
}

const NOTHING: Mark = { length: 0, losses: 0 };

/** What is stored of one lane. */
export interface LaneMarks {
  readonly train: Mark;
  readonly validation: Mark;
  readonly ood: Mark;
}

const NO_MARKS: LaneMarks = { train: NOTHING, validation: NOTHING, ood: NOTHING };

/** A lane of a run, as the store knows it. */
export interface FollowedLane {
  readonly run: NewRun;
  marks: LaneMarks;
  /** What of its end's predictions has been stored. */
  ends: KeptEnds;
  /** Time it had trained when this page went on with it. */
  baseMs: number;
  /** What the store knows of its state; null: nothing. */
  stored: KnownState | null;
  /** Another tab goes on with it. */
  taken: boolean;
  /** Someone removed it, and that was said. */
  removed: boolean;
  /** It was removed, and nothing has changed since. */
  asleep: boolean;
}

type KnownState = Pick<Run, 'state' | 'step' | 'totalSteps'>;

/** A run of the page, and how much of it is stored. */
export class Followed {
  readonly run: Run;
  readonly lanes: readonly FollowedLane[];
  /** What ends following it. */
  readonly ends: (() => void)[] = [];
  begun = false;
  /** Nothing more of it can be stored here: another tab has it, or it never began. */
  over = false;

  constructor(run: Run, lanes: readonly NewRun[]) {
    this.run = run;
    run.laneSpecs = lanes.map(({ spec }) => spec);
    this.lanes = lanes.map((lane) => ({
      run: lane,
      marks: NO_MARKS,
      ends: NO_ENDS,
      baseMs: 0,
      stored: null,
      taken: false,
      removed: false,
      asleep: false,
    }));
  }

  /** True where something was measured that is not stored. */
  get dirty(): boolean {
    return this.#some((lane, i) => this.#isNew(lane, i));
  }

  /** {@link dirty} by more than runs that someone removed. */
  get unsaved(): boolean {
    return this.#some((lane, i) => !lane.removed && this.#isNew(lane, i));
  }

  /** True where something may be stored now, predictions included: the last ones are made after the last step. */
  get due(): boolean {
    return this.#some((lane, i) => !lane.asleep && (this.#isNew(lane, i) || lane.ends !== this.run.ends.of(i).kept));
  }

  /** True where the store has all of every lane, those that someone removed left out. */
  get kept(): boolean {
    return this.lanes.every((lane, i) => lane.removed || (!lane.taken && !this.#isNew(lane, i)));
  }

  /** The state has changed, which is stored at once. */
  get turned(): boolean {
    return this.#some((lane) => !lane.asleep && lane.stored?.state !== this.run.state);
  }

  /** Nothing of it can be stored before something changes. */
  get asleep(): boolean {
    return this.lanes.every(({ asleep, taken }) => asleep || taken);
  }

  /** The whole run is to be stored anew. */
  forget(): void {
    this.begun = false;
    for (const lane of this.lanes) {
      [lane.marks, lane.ends] = [NO_MARKS, NO_ENDS];
      lane.stored = null;
    }
  }

  beginnings(report: RunReport, device: DeviceReport | null): readonly Beginning[] {
    const { totalSteps } = this.run;
    const { parameters, nonEmbeddingParameters, flopsPerToken, tokensPerStep } = report;
    const { name, contentHash, fileHash, vocab, bytesPerToken, trainTokens, entropyRateNats } = report.data;
    const file = fileHash === undefined ? {} : { fileHash };
    return this.lanes.map(({ run }) => ({
      run,
      afterStep: report.startStep,
      facts: {
        totalSteps,
        counts: { parameters, nonEmbeddingParameters, flopsPerToken, tokensPerStep },
        data: { name, contentHash, ...file, vocab, bytesPerToken, trainTokens, entropyRateNats },
        environment: environmentOf(run.spec, report, device),
      },
    }));
  }

  /** What is new of a lane, and the marks that hold once it is stored. */
  advance(lane: number): { readonly advance: Advance; readonly marks: LaneMarks } {
    const { run } = this;
    const followed = this.lanes[lane];
    const { state, step, totalSteps, failure } = run;
    const change: Advance['change'] = {
      state,
      step,
      totalSteps,
      failure: state === 'failed' ? (failure?.message ?? '') : null,
      ...(run.speed === null ? {} : { msPerStep: run.speed.msPerStep }),
    };
    return {
      advance: { id: followed?.run.id ?? '', change, added: this.#added(lane), ends: run.ends.of(lane).kept },
      marks: this.#marks(lane),
    };
  }

  #added(lane: number): Curves {
    const { marks = NO_MARKS, baseMs = 0 } = this.lanes[lane] ?? {};
    const { run } = this;
    // After a cut the whole is sent again, evaluations too: those after the cut went with it.
    const cut = marks.train.losses !== run.steps.losses;
    const evals = run.laneEvals[lane];
    return {
      train: trainFrom(run, lane, cut ? 0 : marks.train.length, baseMs),
      validation: evalsFrom(evals?.validation, cut ? NOTHING : marks.validation),
      ood: evalsFrom(evals?.ood, cut ? NOTHING : marks.ood),
    };
  }

  /** Whether a lane is so that may be stored from here. */
  #some(is: (lane: FollowedLane, i: number) => boolean): boolean {
    return !this.over && this.run.report !== null && this.lanes.some((lane, i) => !lane.taken && is(lane, i));
  }

  #isNew({ stored, marks }: FollowedLane, i: number): boolean {
    const { state, step, totalSteps } = this.run;
    return (
      stored?.state !== state || stored.step !== step || stored.totalSteps !== totalSteps || !sameMarks(marks, this.#marks(i))
    );
  }

  #marks(lane: number): LaneMarks {
    const { steps } = this.run;
    const evals = this.run.laneEvals[lane];
    return { train: markOf({ steps }), validation: markOf(evals?.validation), ood: markOf(evals?.ood) };
  }
}

function markOf(series: { readonly steps: EvalSeries['steps'] } | undefined): Mark {
  return series === undefined ? NOTHING : { length: series.steps.length, losses: series.steps.losses };
}

function sameMarks(a: LaneMarks, b: LaneMarks): boolean {
  const same = (x: Mark, y: Mark): boolean => x.length === y.length && x.losses === y.losses;
  return same(a.train, b.train) && same(a.validation, b.validation) && same(a.ood, b.ood);
}

function trainFrom(run: Run, lane: number, from: number, baseMs: number): TrainCurve {
  const series = run.lanes[lane];
  if (series === undefined || from >= run.steps.length) return NO_TRAIN;
  return {
    steps: run.steps.view().slice(from),
    // The worker measured f32: what the page keeps as f64 are the same values.
    lossNats: new Float32Array(series.lossNats.view().subarray(from)),
    gradNorm: new Float32Array(series.gradNorm.view().subarray(from)),
    learningRate: new Float32Array(series.learningRate.view().subarray(from)),
    epochs: new Float32Array(run.epochs.view().subarray(from)),
    timeMs: run.timeMs
      .view()
      .slice(from)
      .map((ms) => ms + baseMs),
  };
}

function evalsFrom(series: EvalSeries | undefined, mark: Mark): EvalCurve {
  if (series === undefined) return NO_EVALS;
  const from = mark.losses === series.steps.losses ? mark.length : 0;
  return { steps: series.steps.view().slice(from), lossNats: series.lossNats.view().slice(from) };
}

function environmentOf(spec: RunSpec, report: RunReport, device: DeviceReport | null): RunEnvironment | null {
  if (device === null) return null;
  const { vendor, architecture, software, features, userAgent, build, disabledVariants } = device;
  return {
    adapter: device.description,
    vendor,
    architecture,
    device: device.device,
    software,
    features: [...features],
    userAgent,
    build,
    tunedKernels: report.tunedKernels,
    choices: Object.fromEntries(report.choices),
    fusionOff: FUSION_RULE_NAMES.filter((rule) => !isFusionOn(spec.fusion, rule)),
    disabledVariants: [...disabledVariants],
  };
}
