import { uniformEntropyNats } from '../data/index.ts';
import type { Dataset } from '../data/index.ts';
import type { AdapterReport, Caps } from '../gpu/index.ts';
import {
  flopsPerToken,
  parameterCount,
  parseSpec,
  runIdOf,
  tokensPerStep,
  totalSteps,
  vocabSize,
  type RunSpec,
} from '../spec/index.ts';
import { planTraining, type Checkpoint, type TrainerOptions } from '../train/index.ts';
import type { CheckpointReport, DataReport, DeviceReport, Forecast } from './protocol.ts';
import type { Entry } from './storage.ts';

export function deviceReport(
  report: AdapterReport,
  disabledVariants: ReadonlySet<string>,
  userAgent: string,
  build: string,
): DeviceReport {
  return { ...report, disabledVariants: [...disabledVariants], userAgent, build };
}

export function dataReport(dataset: Dataset): DataReport {
  const { name, train, validation, ood, vocab, contentHash, fileHash, notes, bytesPerToken, entropyRateNats } = dataset;
  return {
    name,
    trainTokens: train.length,
    validationTokens: validation?.length ?? 0,
    oodTokens: ood?.length ?? 0,
    vocab,
    uniformNats: uniformEntropyNats(vocab),
    unigramNats: dataset.unigramEntropyNats,
    entropyRateNats,
    bytesPerToken,
    contentHash,
    ...(fileHash === undefined ? {} : { fileHash }),
    notes,
  };
}

/** Arithmetic of one step of one lane, in FLOPs. */
export function flopsPerStep(spec: RunSpec, vocab: number): number {
  return flopsPerToken(spec, vocab).total * tokensPerStep(spec);
}

export interface ForecastParts {
  readonly caps: Caps;
  readonly plan: NonNullable<TrainerOptions['plan']>;
  /** The data, where it is at hand. */
  readonly dataset: Dataset | null;
  readonly estimateMs: (flopsPerStep: number, steps: number) => number | null;
}

/** What a run would cost. Plans, but allocates nothing. @throws SpecError, DeviceError, KernelError as planning does. */
export function forecastOf(spec: RunSpec, { caps, plan, dataset, estimateMs }: ForecastParts): Forecast {
  const vocab = dataset?.vocab ?? vocabSize(spec);
  const count = parameterCount(spec, vocab);
  const perToken = flopsPerToken(spec, vocab).total;
  const steps = totalSteps(spec, perToken);
  const { peakBytes, dispatchesPerStep } = planTraining([spec], vocab, { caps, ...plan });
  return {
    parameters: count.total,
    nonEmbeddingParameters: count.nonEmbedding,
    flopsPerToken: perToken,
    totalSteps: steps,
    tokensPerStep: tokensPerStep(spec),
    peakBytes,
    vocab,
    dispatchesPerStep,
    estimatedMs: estimateMs(flopsPerStep(spec, vocab), steps),
    data: dataset === null ? null : dataReport(dataset),
  };
}

const PREFIX = 'checkpoint/';

export const CHECKPOINTS = PREFIX;

export function checkpointKey(runId: string): string {
  return `${PREFIX}${runId}`;
}

/** What the storage's index says of a checkpoint, so that a list needs no file. */
export interface CheckpointMeta {
  readonly spec: RunSpec;
  readonly step: number;
  readonly totalSteps: number;
  /** The user's file that the run trains on, or null. */
  readonly fileKey: string | null;
  /** Ids of the runs that its lanes are, in order; left out by earlier builds. */
  readonly lanes?: readonly string[];
}

export function checkpointReport({ runId, specs, step, targetStep, savedAt }: Checkpoint, sizeBytes: number): CheckpointReport {
  return { runId, spec: parseSpec(specs[0]), lanes: specs.map(runIdOf), step, totalSteps: targetStep, sizeBytes, savedAt };
}

/** The report of a checkpoint in storage; null for one that another build wrote in a form that this one does not read. */
export function storedReport({ key, meta, sizeBytes, savedAt }: Entry): CheckpointReport | null {
  if (!isMeta(meta)) return null;
  try {
    return {
      runId: key.slice(PREFIX.length),
      spec: parseSpec(meta.spec),
      ...(meta.lanes === undefined ? {} : { lanes: meta.lanes }),
      step: meta.step,
      totalSteps: meta.totalSteps,
      sizeBytes,
      savedAt,
    };
  } catch {
    return null;
  }
}

/** The user's file that a stored run trains on, or null. */
export function fileKeyOf({ meta }: Entry): string | null {
  return isMeta(meta) ? meta.fileKey : null;
}

function isMeta(meta: unknown): meta is CheckpointMeta {
  if (typeof meta !== 'object' || meta === null) return false;
  const counts = ['step', 'totalSteps'].every((name) => Number.isSafeInteger(Reflect.get(meta, name)));
  const fileKey: unknown = Reflect.get(meta, 'fileKey');
  const lanes: unknown = Reflect.get(meta, 'lanes');
  if (lanes !== undefined && !(Array.isArray(lanes) && lanes.every((id) => typeof id === 'string'))) return false;
  return counts && typeof Reflect.get(meta, 'spec') === 'object' && (fileKey === null || typeof fileKey === 'string');
}
