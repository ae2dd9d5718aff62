import { specFaults, type RunSpec } from '../../spec/index.ts';
import type { RunState } from '../../worker/protocol.ts';
import { isKeptEnds, type KeptEnds } from '../ends/kept-ends.ts';
import { isStrings, isTextIfAny, isTexts, textIn } from './checks.ts';
import { NO_SUMMARY, type RunSummary } from './summary.ts';

export const RECORD_VERSION = 1;

/** `interrupted`: the tab that trained it is gone; it continues from its checkpoint. */
export type KeptState = RunState | 'interrupted';

export const KEPT_STATES: readonly KeptState[] = [
  'preparing',
  'running',
  'paused',
  'recovering',
  'finished',
  'stopped',
  'failed',
  'interrupted',
];

export function isActive(state: KeptState): boolean {
  return state === 'preparing' || state === 'running' || state === 'paused' || state === 'recovering';
}

export type AxisValue = number | string | boolean | null;

/** Where a run stands in a sweep: its values on the axes, by spec path. */
export interface SweepPlace {
  readonly id: string;
  readonly axes: { readonly [path: string]: AxisValue };
}

/** What decides how loss becomes tokens, FLOPs and a point of a law. */
export interface RunCounts {
  readonly parameters: number;
  readonly nonEmbeddingParameters: number;
  readonly flopsPerToken: number;
  readonly tokensPerStep: number;
}

export interface RunData {
  readonly name: string;
  /** Of what is trained on and held out, as the run's spec parts them. */
  readonly contentHash: string;
  /** SHA-256 of the whole file, for one of the user's; left out for other sources, and by builds that did not record it. */
  readonly fileHash?: string;
  readonly vocab: number;
  readonly bytesPerToken: number;
  readonly trainTokens: number;
  /** Exact entropy rate, for sources that have one. */
  readonly entropyRateNats: number | null;
}

/** What a run was computed with. */
export interface RunEnvironment {
  readonly adapter: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  /** Computes on the CPU: its times say nothing of a GPU. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly userAgent: string;
  readonly build: string;
  /** Shapes of kernels that are computed as the tuner chose. */
  readonly tunedKernels: number;
  /** Which variants those are, by the signatures of the shapes; left out where it was not recorded. */
  readonly choices?: { readonly [signature: string]: string };
  /** Fusion rules that are off. */
  readonly fusionOff: readonly string[];
  /** Kernel variants that failed their check on this device. */
  readonly disabledVariants: readonly string[];
}

/** A run as the store keeps it, without its curves. A lane of a program is a run. Plain data. */
export interface RunRecord {
  readonly version: typeof RECORD_VERSION;
  readonly id: string;
  readonly spec: RunSpec;
  /** The user's own, all five. One run at most is the baseline. */
  readonly name: string;
  readonly tags: readonly string[];
  readonly hidden: boolean;
  readonly note: string;
  readonly baseline: boolean;
  readonly sweep: SweepPlace | null;
  /** The program that it was a lane of; its checkpoint is kept under this name. */
  readonly program: { readonly id: string; readonly lane: number; readonly lanes: number };
  /** Milliseconds since the epoch, all three. */
  readonly createdAt: number;
  /** When it was trained last, as far as that is stored: what the user changes leaves it alone. */
  readonly updatedAt: number;
  /** It can be restored until its time is over. */
  readonly removedAt: number | null;
  readonly state: KeptState;
  readonly step: number;
  readonly totalSteps: number;
  /** Why it failed, in words. */
  readonly failure: string | null;
  /** Of the last speed report; null before the first. */
  readonly msPerStep: number | null;
  readonly summary: RunSummary;
  readonly counts: RunCounts | null;
  readonly data: RunData | null;
  readonly environment: RunEnvironment | null;
  /** What was foretold of its end while it trained, and what came. */
  readonly predictions?: KeptEnds;
}

/** What the user may change of a run. */
export type RunEdit = Partial<Pick<RunRecord, 'name' | 'tags' | 'hidden' | 'note' | 'baseline'>>;

/** What a run begins as: what its record cannot be without. */
export interface NewRun {
  readonly id: string;
  readonly spec: RunSpec;
  readonly name?: string;
  readonly tags?: readonly string[];
  readonly sweep?: SweepPlace | null;
  readonly program?: RunRecord['program'];
}

export function newRecord(run: NewRun, now: number): RunRecord {
  return {
    version: RECORD_VERSION,
    id: run.id,
    spec: run.spec,
    name: run.name ?? run.spec.name,
    tags: run.tags ?? [],
    hidden: false,
    note: '',
    baseline: false,
    sweep: run.sweep ?? null,
    program: run.program ?? { id: run.id, lane: 0, lanes: 1 },
    createdAt: now,
    updatedAt: now,
    removedAt: null,
    state: 'preparing',
    step: 0,
    totalSteps: 0,
    failure: null,
    msPerStep: null,
    summary: NO_SUMMARY,
    counts: null,
    data: null,
    environment: null,
  };
}

/** Tokens that a run has trained on; null before it is known. */
export function tokensOf({ counts, step }: RunRecord): number | null {
  return counts === null ? null : step * counts.tokensPerStep;
}

/** Training FLOPs that a run has spent; null before it is known. */
export function flopsOf({ counts, step }: RunRecord): number | null {
  return counts === null ? null : step * counts.tokensPerStep * counts.flopsPerToken;
}

/**
 * The loss that a run came to, in nats per token: the last held-out one; where nothing is held out, the smoothed training loss. null before
 * there is either, and for a run that diverged.
 */
export function endLossOf({ summary }: RunRecord): number | null {
  return summary.divergedStep === null ? (summary.validationNats ?? summary.smoothLossNats) : null;
}

const isNumber = (value: unknown): boolean => typeof value === 'number';
const isNumberOrNull = (value: unknown): boolean => value === null || isNumber(value);

/** Each part of a record, and what it must be. A part that is new in a later version of records is one more row here. */
const PARTS: { readonly [P in keyof RunRecord]-?: (value: unknown) => boolean } = {
  version: (value) => value === RECORD_VERSION,
  id: (value) => typeof value === 'string' && value !== '',
  // Whether this build can run it is another question; a table shows it all the same.
  spec: (value) => typeof value === 'object' && value !== null,
  name: (value) => typeof value === 'string',
  tags: isStrings,
  hidden: (value) => typeof value === 'boolean',
  note: (value) => typeof value === 'string',
  baseline: (value) => typeof value === 'boolean',
  sweep: (value) => value === null || (textIn(value, 'id') && isAxes(Reflect.get(Object(value), 'axes'))),
  program: (value) => textIn(value, 'id') && numbersIn(value, ['lane', 'lanes'], isNumber),
  createdAt: isNumber,
  updatedAt: isNumber,
  removedAt: isNumberOrNull,
  state: (value) => KEPT_STATES.some((state) => state === value),
  step: isNumber,
  totalSteps: isNumber,
  failure: (value) => value === null || typeof value === 'string',
  msPerStep: isNumberOrNull,
  summary: (value) => numbersIn(value, Object.keys(NO_SUMMARY), isNumberOrNull),
  counts: (value) =>
    value === null || numbersIn(value, ['parameters', 'nonEmbeddingParameters', 'flopsPerToken', 'tokensPerStep'], isNumber),
  data: (value) =>
    value === null ||
    (textIn(value, 'name', 'contentHash') &&
      isTextIfAny(Reflect.get(Object(value), 'fileHash')) &&
      numbersIn(value, ['vocab', 'bytesPerToken', 'trainTokens'], isNumber) &&
      numbersIn(value, ['entropyRateNats'], isNumberOrNull)),
  environment: (value) =>
    value === null ||
    (textIn(value, 'adapter', 'vendor', 'architecture', 'device', 'userAgent', 'build') &&
      typeof Reflect.get(Object(value), 'software') === 'boolean' &&
      numbersIn(value, ['tunedKernels'], isNumber) &&
      isTexts(Reflect.get(Object(value), 'choices') ?? {}) &&
      ['features', 'fusionOff', 'disabledVariants'].every((key) => isStrings(Reflect.get(Object(value), key)))),
  predictions: (value) => value === undefined || isKeptEnds(value),
};

/** The first part of a value that no record of this version has so; null where it is one. */
export function recordFault(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return 'the whole';
  return Object.entries(PARTS).find(([part, fits]) => !fits(Reflect.get(value, part)))?.[0] ?? null;
}

export function isRunRecord(value: unknown): value is RunRecord {
  return recordFault(value) === null;
}

/** Whether this build can train it. */
export function isRunnable({ spec }: RunRecord): boolean {
  return specFaults(spec).length === 0;
}

function isAxes(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Object.values(value).every((axis) => axis === null || ['number', 'string', 'boolean'].includes(typeof axis));
}

function numbersIn(value: unknown, keys: readonly string[], fits: (value: unknown) => boolean): boolean {
  return typeof value === 'object' && value !== null && keys.every((key) => fits(Reflect.get(value, key)));
}
