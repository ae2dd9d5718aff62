import type { Probe } from '../base/probe.ts';
import type { Ablation, AblationRow, KernelsReport, LanesReport, LanesRow, Tuned, TuningReport } from '../measure/report.ts';
import type { GroupCost, SpecPath } from '../spec/index.ts';
import type { RunSpec } from '../spec/run-spec.ts';

export { formWords } from '../measure/report.ts';
export type {
  Ablation,
  AblationForm,
  AblationRow,
  Candidate,
  CompiledKernel,
  KernelRow,
  KernelsReport,
  LanesReport,
  LanesRow,
  Limits,
  TimelineEntry,
  Tuned,
  TuningReport,
} from '../measure/report.ts';

/** Raised when a message changes shape; page and worker of different builds refuse each other in words. */
export const PROTOCOL_VERSION = 5;

/**
 * What the page asks of the training worker. Commands with an `id` get exactly one `reply`; a command that is illegal in the
 * run's state is answered with an error, not ignored.
 */
export type Command =
  /**
   * Opens the adapter and device, and fetches every corpus from `baseUrl`, the folder that holds `corpora/` (left out: runs train on
   * Markov sources and files only). Replies {@link DeviceReport}.
   */
  | { readonly type: 'hello'; readonly id: number; readonly version: number; readonly baseUrl?: string }
  /** Counts, plans and estimates without allocating. Replies {@link Forecast}. */
  | { readonly type: 'forecast'; readonly id: number; readonly spec: RunSpec }
  /**
   * Groups runs into lanes of programs and orders the groups, with the memory and the time that each takes; trains and allocates nothing.
   * With `groups` (places in `runs`) these are priced as they are. Replies {@link SweepPlanReport}; runs that train go on meanwhile.
   */
  | {
      readonly type: 'planSweep';
      readonly id: number;
      readonly runs: readonly RunSpec[];
      /** What the axes of the sweep set. */
      readonly paths: readonly SpecPath[];
      readonly groups?: readonly (readonly number[])[];
    }
  /** Keeps a file of the user's as the `file` source; transfers `bytes`. Replies {@link DataReport} as bytes. */
  | { readonly type: 'addFile'; readonly id: number; readonly name: string; readonly bytes: ArrayBuffer }
  /** The user's files that are at hand: the one added last, then those that storage keeps, newest first. Replies {@link FileReport}[]. */
  | { readonly type: 'files'; readonly id: number }
  /**
   * Loads data, builds, compiles and trains. One spec per lane; they may differ in laneable fields only. Replies
   * {@link RunReport} once the first step can run. With `checkpoint` (safetensors, transferred) or `stored` (resume what storage
   * holds of `runId`) it continues exactly where that stands. With `fileHash` the `file` source is the user's file of that hash and
   * no other: refused where it is not at hand, and where the checkpoint is of another. `hold` leaves the run paused before its
   * first step; a `silent` one samples no text until it is told how to.
   */
  | {
      readonly type: 'start';
      readonly id: number;
      readonly runId: string;
      readonly specs: readonly RunSpec[];
      readonly checkpoint?: ArrayBuffer;
      readonly stored?: boolean;
      readonly fileHash?: string;
      readonly hold?: boolean;
      readonly silent?: boolean;
    }
  | { readonly type: 'pause' | 'resume' | 'step' | 'stop'; readonly id: number; readonly runId: string }
  /** Continues a finished run (or lengthens a running one) by so many steps. */
  | { readonly type: 'extend'; readonly id: number; readonly runId: string; readonly steps: number }
  /** How text is sampled from lane 0 while the run goes on; takes effect at once. */
  | { readonly type: 'sampling'; readonly id: number; readonly runId: string; readonly settings: SamplingSettings }
  /** Replies the checkpoint as safetensors (ArrayBuffer, transferred). */
  | { readonly type: 'export'; readonly id: number; readonly runId: string }
  /** Reads a safetensors checkpoint without starting it. Replies {@link CheckpointReport}; transfers `bytes`. */
  | { readonly type: 'inspect'; readonly id: number; readonly bytes: ArrayBuffer }
  /** Checkpoints that the browser's storage holds. Replies {@link CheckpointReport}[]. */
  | { readonly type: 'stored'; readonly id: number }
  | { readonly type: 'forget'; readonly id: number; readonly runId: string }
  /** Measures the adapter's f32 matmul peak. Replies {@link PeakReport}. Refused while a run is running. */
  | { readonly type: 'measurePeak'; readonly id: number }
  /**
   * Trains several arms side by side, each on the same seeds and batches, and measures what tells them apart. Replies
   * {@link ComparisonReport} once the first step can run. Refused while a run is going on, as a run is while a comparison is.
   */
  | {
      readonly type: 'compare';
      readonly id: number;
      /** Names the comparison; it shares the names of runs, so that faults, notices and progress of it carry it. */
      readonly runId: string;
      /** 2..{@link MAX_ARMS}; the same data, seeds, budget and evaluation in all. */
      readonly arms: readonly ArmSpec[];
      /** Runs of each arm, the lanes of its program: run i has the arm's seeds + i. */
      readonly seeds: number;
      /** Steps between two looks at the tensors, which are also taken before the first step and after the last; 0: none. */
      readonly probeEvery: number;
      /** Formats whose casts are measured on every tensor beside what the arm itself does. */
      readonly whatIf: readonly string[];
    }
  | { readonly type: 'comparePause' | 'compareResume' | 'compareStop'; readonly id: number; readonly runId: string }
  /**
   * Measures what the device does with a training step of `spec`. Replies {@link MeasureReport} once it has the data and the GPU; what it
   * finds comes as {@link MeasureEvent}s. Refused while a run, a comparison or another measurement is going on, as these are while it is.
   */
  | {
      readonly type: 'measure';
      readonly id: number;
      /** Names the measurement; it shares the names of runs. */
      readonly runId: string;
      readonly what: MeasureKind;
      readonly spec: RunSpec;
      readonly options: MeasureOptions;
    }
  /** Ends a measurement with what it has by then. Replies once it has said its last. */
  | { readonly type: 'measureStop'; readonly id: number; readonly runId: string }
  /** What the tuner has found on this adapter, now and in earlier visits: what new runs use. Replies {@link TunedReport}. */
  | { readonly type: 'tuned'; readonly id: number }
  /** Forgets all of that; what runs already is not changed. Refused while a measurement is going on. Replies null. */
  | { readonly type: 'forgetTuned'; readonly id: number }
  /** Destroys the GPU device on purpose, so that a user can watch the run recover. Replies null. */
  | { readonly type: 'destroyDevice'; readonly id: number };

export type CommandType = Command['type'];

/** What the reply to each command carries. */
export interface Replies {
  hello: DeviceReport;
  forecast: Forecast;
  planSweep: SweepPlanReport;
  addFile: DataReport;
  files: readonly FileReport[];
  start: RunReport;
  pause: null;
  resume: null;
  step: null;
  stop: null;
  extend: null;
  sampling: null;
  export: ArrayBuffer;
  inspect: CheckpointReport;
  stored: readonly CheckpointReport[];
  forget: null;
  measurePeak: PeakReport;
  compare: ComparisonReport;
  comparePause: null;
  compareResume: null;
  compareStop: null;
  measure: MeasureReport;
  measureStop: null;
  tuned: TunedReport;
  forgetTuned: null;
  destroyDevice: null;
}

/** What the worker says. Everything about a run carries its `runId`. */
export type Event =
  | { readonly type: 'reply'; readonly id: number; readonly ok: true; readonly value: Replies[CommandType] }
  | { readonly type: 'reply'; readonly id: number; readonly ok: false; readonly error: WireError }
  /** Something takes time: `done` of `total` (0: unknown). */
  | {
      readonly type: 'progress';
      readonly runId: string | null;
      readonly task: Task;
      readonly done: number;
      readonly total: number;
    }
  | {
      readonly type: 'state';
      readonly runId: string;
      readonly state: RunState;
      readonly step: number;
      readonly totalSteps: number;
    }
  | MetricsEvent
  /** Mean loss in nats per token over held-out batches, one per lane. */
  | {
      readonly type: 'eval';
      readonly runId: string;
      readonly step: number;
      readonly split: 'validation' | 'ood';
      readonly lossNats: Float64Array;
    }
  | SpeedEvent
  | ComparisonEvent
  | MeasureEvent
  | { readonly type: 'sample'; readonly runId: string; readonly step: number; readonly prompt: string; readonly text: string }
  /** A checkpoint reached the browser's storage. */
  | { readonly type: 'saved'; readonly runId: string; readonly step: number; readonly sizeBytes: number }
  /** Something the user should know that stops nothing: a kernel variant switched off, storage refused, a lane diverged. */
  | { readonly type: 'notice'; readonly runId: string | null; readonly text: string }
  /** The run stopped, or the device is gone (`runId` null). `recovering`: the worker is already restarting from a checkpoint. */
  | { readonly type: 'fault'; readonly runId: string | null; readonly error: WireError; readonly recovering: boolean }
  /** There is a device again after one was lost that no run held. A run says by its state that it is back. */
  | { readonly type: 'recovered' }
  /** The data of a forecast that could not wait for them are there: another forecast would know them. */
  | { readonly type: 'dataAtHand' };

/** Steps `firstStep .. firstStep + n - 1`, 1-based, contiguous. Arrays are `[n, lanes]`, transferred. */
export interface MetricsEvent {
  readonly type: 'metrics';
  readonly runId: string;
  readonly firstStep: number;
  readonly lanes: number;
  /** Mean training loss of the step in nats per token, without the z term. NaN and infinities are sent as they are. */
  readonly lossNats: Float32Array;
  readonly gradNorm: Float32Array;
  readonly learningRate: Float32Array;
  /** Passes over the training data so far, `[n]`. */
  readonly epochs: Float32Array;
}

export interface SpeedEvent {
  readonly type: 'speed';
  readonly runId: string;
  readonly msPerStep: number;
  readonly tokensPerSecond: number;
  readonly stepsPerSubmit: number;
  /** Training FLOP/s over the measured f32 matmul peak of this adapter, 0..1; null until the peak is measured. */
  readonly mfu: number | null;
  readonly etaMs: number;
}

export const MAX_ARMS = 8;
export const MAX_SEEDS = 16;

/** One side of a comparison. */
export interface ArmSpec {
  readonly name: string;
  readonly spec: RunSpec;
}

/**
 *     preparing -> running <-> paused     running -> finished     any -> stopped, failed
 *
 * What is finished, stopped or failed has freed its memory; the next comparison is a new one.
 */
export type ComparisonState = 'preparing' | 'running' | 'paused' | 'finished' | 'stopped' | 'failed';

/** `waiting` for its program, `ready` to train or training, `done` with its last step, `diverged` in every lane. */
export type ArmState = 'waiting' | 'ready' | 'done' | 'diverged';

/** A lane whose loss or gradient norm was not finite; the other lanes go on. */
export interface LaneEnd {
  readonly lane: number;
  readonly step: number;
  /** In which tensor it began, in a sentence; null until that was looked for, and where it cannot be. */
  readonly origin: string | null;
}

/** What a comparison says. `arm` is the place in the command's list. A lost device or another failure is a `fault`; then it has failed. */
export type ComparisonEvent =
  | {
      readonly type: 'comparisonState';
      readonly runId: string;
      readonly state: ComparisonState;
      /** Steps that every arm that goes on has done. */
      readonly step: number;
      readonly totalSteps: number;
    }
  | {
      readonly type: 'armState';
      readonly runId: string;
      readonly arm: number;
      readonly state: ArmState;
      readonly step: number;
      /** Lanes that diverged, in the order in which they did. */
      readonly diverged: readonly LaneEnd[];
    }
  | ArmMetricsEvent
  | { readonly type: 'armProbe'; readonly runId: string; readonly arm: number; readonly probes: readonly Probe[] }
  | ArmCostEvent
  /** Mean held-out loss of each lane at the end, in nats per token. */
  | {
      readonly type: 'armEval';
      readonly runId: string;
      readonly arm: number;
      readonly step: number;
      readonly split: 'validation' | 'ood';
      readonly lossNats: Float64Array;
    };

/** As {@link MetricsEvent}, of one arm. */
export interface ArmMetricsEvent extends Omit<MetricsEvent, 'type'> {
  readonly type: 'armMetrics';
  readonly arm: number;
}

/** Time of one step of all lanes of an arm, over submits that took turns with those of the other arms. */
export interface ArmCostEvent {
  readonly type: 'armCost';
  readonly runId: string;
  readonly arm: number;
  /** Median, and the quartiles around it. */
  readonly msPerStep: number;
  readonly lowMs: number;
  readonly highMs: number;
  readonly submits: number;
}

export interface ArmReport {
  readonly name: string;
  /** GPU memory of the arm at its peak, all lanes. */
  readonly peakBytes: number;
  /** Bytes that one lane keeps from the forward pass for the backward pass; null where that is not known. */
  readonly keptBytes: number | null;
  readonly dispatchesPerStep: number;
  /** Fast paths that failed their check for this arm and are off. */
  readonly disabledVariants: readonly string[];
  /** Whether its tensors can be probed. */
  readonly probes: boolean;
}

export interface ComparisonReport {
  readonly data: DataReport;
  readonly totalSteps: number;
  /** Of one lane. */
  readonly tokensPerStep: number;
  readonly parameters: number;
  readonly lanes: number;
  readonly arms: readonly ArmReport[];
}

/** Every kernel of a step; the step with fusions on and off; throughput against lanes; the variants that kernels have a choice of. */
export type MeasureKind = 'kernels' | 'ablation' | 'lanes' | 'tuning';

/** How a measurement goes about it; what is of no use to its kind is not looked at. */
export interface MeasureOptions {
  /** Rounds that each form of an ablation is timed for, windows for each number of lanes: 3..{@link MAX_ROUNDS}. */
  readonly rounds: number;
  /** Milliseconds of a turn of a round, or of a window: 1..{@link MAX_WINDOW_MS}; one step at least. */
  readonly windowMs: number;
  /** Numbers of lanes, ascending: 1..{@link MAX_MEASURED_LANES}. */
  readonly lanes: readonly number[];
  /** Whether kernels are also measured, or tuned, with no fusion. */
  readonly unfused: boolean;
}

export const MAX_ROUNDS = 100;
export const MAX_WINDOW_MS = 5000;
export const MAX_MEASURED_LANES = 256;

export interface MeasureReport {
  readonly data: DataReport;
  readonly parameters: number;
  /** Of one lane. */
  readonly tokensPerStep: number;
  /** Shapes of the step's kernels that are computed as the tuner chose. */
  readonly tunedKernels: number;
}

/** What is remembered of the tuner's. */
export interface TunedReport {
  readonly rows: readonly Tuned[];
  /** When the last of them was found, in milliseconds since the epoch; null: there is none, or that is not known. */
  readonly tunedAt: number | null;
}

export type MeasureResult =
  | { readonly what: 'kernels'; readonly report: KernelsReport }
  | { readonly what: 'ablation'; readonly ablation: Ablation }
  | { readonly what: 'lanes'; readonly report: LanesReport }
  | { readonly what: 'tuning'; readonly report: TuningReport };

/** What a measurement says. */
export type MeasureEvent =
  /** It is about to do part `done` of `total` (0: unknown). */
  | {
      readonly type: 'measureProgress';
      readonly runId: string;
      readonly done: number;
      readonly total: number;
      readonly what: string;
    }
  | { readonly type: 'measureRow'; readonly runId: string; readonly what: 'ablation'; readonly row: AblationRow }
  | { readonly type: 'measureRow'; readonly runId: string; readonly what: 'lanes'; readonly row: LanesRow }
  | { readonly type: 'measureRow'; readonly runId: string; readonly what: 'tuning'; readonly row: Tuned }
  /** Its last word. What was measured before it was stopped or failed is in `result`; null: nothing was. */
  | {
      readonly type: 'measureEnd';
      readonly runId: string;
      readonly result: MeasureResult | null;
      readonly stopped: boolean;
      readonly error: WireError | null;
    };

export type Task = 'adapter' | 'data' | 'tokenizer' | 'compile' | 'check' | 'peak';

/**
 *     preparing -> running <-> paused
 *     running -> finished -> running (extend)      any -> stopped      any -> failed
 *     running -> recovering -> running             (lost device)
 */
export type RunState = 'preparing' | 'running' | 'paused' | 'recovering' | 'finished' | 'stopped' | 'failed';

export interface SamplingSettings {
  readonly prompt: string;
  readonly temperature: number;
  /** Tokens to generate; 0 switches sampling off. */
  readonly tokens: number;
  /** At most one sample in this time. */
  readonly everyMs: number;
}

/** An error as it crosses the worker's border. */
export interface WireError {
  readonly name: string;
  readonly message: string;
  readonly where: string;
  readonly stack?: string;
  readonly cause?: WireError;
}

export interface DeviceReport {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Computes on the CPU: figures from it say nothing of a GPU. */
  readonly software: boolean;
  readonly features: readonly string[];
  /** Limits in use, by their WebGPU names. */
  readonly limits: Readonly<Record<string, number>>;
  /** Kernel variants switched off after failing their check on this device. */
  readonly disabledVariants: readonly string[];
  readonly userAgent: string;
  readonly build: string;
}

export interface Forecast {
  readonly parameters: number;
  readonly nonEmbeddingParameters: number;
  readonly flopsPerToken: number;
  readonly totalSteps: number;
  readonly tokensPerStep: number;
  /** GPU memory at the peak, known from the plan, one lane. */
  readonly peakBytes: number;
  readonly vocab: number;
  readonly dispatchesPerStep: number;
  /** From a measured rate of this adapter; null before anything was measured. */
  readonly estimatedMs: number | null;
  readonly data: DataReport | null;
}

/** Runs that train together, by their places in the command's list, and what they cost. `refusal`: not even one of them fits, in words. */
export interface GroupPlan extends GroupCost {
  readonly runs: readonly number[];
}

/** Groups in the order in which they are to run. */
export interface SweepPlanReport {
  readonly groups: readonly GroupPlan[];
}

export interface DataReport {
  readonly name: string;
  readonly trainTokens: number;
  readonly validationTokens: number;
  readonly oodTokens: number;
  readonly vocab: number;
  /** ln(vocab). */
  readonly uniformNats: number;
  readonly unigramNats: number;
  /** Exact entropy rate, for sources that have one. */
  readonly entropyRateNats: number | null;
  readonly bytesPerToken: number;
  /** Of what is trained on and held out, as the spec parts them. */
  readonly contentHash: string;
  /** SHA-256 of the whole file, the same however it is parted; only for one of the user's. */
  readonly fileHash?: string;
  readonly notes: readonly string[];
}

/** A file of the user's. */
export interface FileReport {
  readonly name: string;
  /** SHA-256 of its bytes, as in {@link DataReport}. */
  readonly hash: string;
}

export interface RunReport extends Forecast {
  readonly data: DataReport;
  readonly startStep: number;
  /** Where in data the first token of each lane's metrics comes from is decided by spec and step alone. */
  readonly lanes: number;
  /** Shapes of its training step's kernels that are computed as the tuner chose: what it was begun with, whatever was tuned since. */
  readonly tunedKernels: number;
  /** The tuner's choices that it comes by, evaluation and sampling included: signature of a shape, and its variant. */
  readonly choices: readonly (readonly [signature: string, variant: string])[];
}

export interface CheckpointReport {
  readonly runId: string;
  /** Of its first lane. */
  readonly spec: RunSpec;
  /** Names of the runs that its lanes are, by what they compute, in order; left out of one that an earlier build has stored. */
  readonly lanes?: readonly string[];
  readonly step: number;
  readonly totalSteps: number;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch; 0 for an imported file without one. */
  readonly savedAt: number;
}

export interface PeakReport {
  readonly matmulFlopsPerSecond: number;
  /** Which variant and shape reached it. */
  readonly kernel: string;
}
