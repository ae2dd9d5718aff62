import type { SweepRun } from './sweep.ts';

/**
 * What the folder of a run holds as text, as `isoflop sweep --out` writes it and both the command and the page read it: `metrics.jsonl`,
 * a {@link StepLine} a line, and `result.json`, a {@link RunResult}.
 */

/** What is known about one step: a line of `metrics.jsonl`. Losses are nats per token; `loss` and `gradNorm` are f32 values. */
export interface StepLine {
  readonly step: number;
  /** Trained on since the start of the run, this step included. */
  readonly tokens: number;
  readonly loss: number;
  readonly gradNorm: number;
  readonly lr: number;
  /** Wall time; that of a submit over its steps. */
  readonly ms: number;
  /** Passes over the data. */
  readonly epochs: number;
  /** Mean losses over held-out batches, at steps that ask for them. */
  validation?: number;
  ood?: number;
}

/** What came of a run: `result.json` of its folder, and a line of `sweep --json`. Losses are nats per token. */
export interface RunResult {
  readonly version: 1;
  readonly id: string;
  /** `diverged`: a loss or a gradient was not finite, and the run was stopped there. */
  readonly status: 'finished' | 'diverged';
  readonly name: string;
  /** What the sweep's axes set, by path. */
  readonly values: SweepRun['values'];
  /** Steps measured. */
  readonly steps: number;
  readonly tokens: number;
  readonly epochs: number;
  readonly uniqueTokens: number;
  readonly parameters: number;
  readonly nonEmbeddingParameters: number;
  readonly flopsPerToken: number;
  /** Training loss of the last step, and its mean over the last tenth of the steps. */
  readonly loss: number;
  readonly meanLoss: number;
  /** Held-out losses at the end; absent where there is nothing held out, or the spec never evaluates. */
  readonly validation?: number;
  readonly ood?: number;
  readonly diverged?: Divergence;
  readonly data: DataFacts;
  readonly adapter: string;
  readonly software: boolean;
  /** Lanes that trained together at the end, and wall time of a step of them all, evaluations included. */
  readonly lanes: number;
  readonly msPerStep: number;
  /** Milliseconds since the epoch. */
  readonly endedAt: number;
}

/** The first figure of a run that was not finite. */
export interface Divergence {
  readonly step: number;
  readonly what: 'loss' | 'gradNorm';
  readonly value: string;
}

interface DataFacts {
  readonly name: string;
  /** Of what was trained on and held out. */
  readonly hash: string;
  /** SHA-256 of the whole file, for one of the user's; left out for other sources, and by earlier builds. */
  readonly fileHash?: string;
  readonly vocab: number;
  readonly trainTokens: number;
  readonly bytesPerToken: number;
  readonly unigramNats: number;
  /** The lowest reachable loss where it is known, else null. */
  readonly entropyRateNats: number | null;
}

/**
 * An object as a line of JSON. JSON has no NaN and no infinity: such a number is null there, and `nonFinite` says which it was, as in
 * `"loss":null,"nonFinite":{"loss":"NaN"}`.
 */
export function jsonLine(line: object): string {
  const nonFinite: Record<string, string> = {};
  for (const [key, value] of Object.entries(line) as [string, unknown][]) {
    if (typeof value === 'number' && !Number.isFinite(value)) nonFinite[key] = String(value);
  }
  return JSON.stringify(Object.keys(nonFinite).length === 0 ? line : { ...line, nonFinite });
}

interface MetricsRead {
  /** The leading lines that are whole. */
  readonly lines: readonly StepLine[];
  /** The first line, counted from 1, that is not, as a crash leaves it; null: all are. */
  readonly tornAt: number | null;
}

/** The text of `metrics.jsonl`. */
export function readMetrics(text: string): MetricsRead {
  const lines: StepLine[] = [];
  const texts = text.split('\n');
  if (texts.at(-1) === '') texts.pop();
  for (const [i, each] of texts.entries()) {
    const line = parsed(each);
    if (typeof line !== 'object' || line === null) return { lines, tornAt: i + 1 };
    const held = (key: 'validation' | 'ood'): { [K in typeof key]?: number } =>
      key in line ? { [key]: numberIn(line, key) ?? NaN } : {};
    const number = (key: string): number => numberIn(line, key) ?? NaN;
    lines.push({
      step: number('step'),
      tokens: number('tokens'),
      loss: number('loss'),
      gradNorm: number('gradNorm'),
      lr: number('lr'),
      ms: number('ms'),
      epochs: number('epochs'),
      ...held('validation'),
      ...held('ood'),
    });
  }
  return { lines, tornAt: null };
}

type ResultRead =
  | { readonly result: RunResult; readonly fault: null }
  /** `later`: another build wrote it, in a form that this one does not know; else it is mangled. `fault` is the rule of an error. */
  | { readonly result: null; readonly fault: string; readonly later: boolean };

/** The text of `result.json`. */
export function readResult(text: string): ResultRead {
  const value = parsed(text);
  if (typeof value !== 'object' || value === null) return { result: null, fault: 'it is no JSON object', later: false };
  const version: unknown = Reflect.get(value, 'version');
  if (version !== 1)
    return { result: null, fault: 'it is of a version that this build does not read', later: typeof version === 'number' };
  const real: Record<string, unknown> = { ...value };
  for (const key of Object.keys(real)) real[key] = numberIn(value, key) ?? real[key];
  delete real['nonFinite'];
  const fault = faultOf(real, RESULT) ?? faultOf(real['data'], DATA, 'data.');
  return fault === null && isResult(real) ? { result: real, fault: null } : { result: null, fault: fault ?? '', later: false };
}

type Check = readonly [what: string, fits: (value: unknown) => boolean];

const TEXT: Check = ['a text', (value) => typeof value === 'string'];
const NUMBER: Check = ['a number', (value) => typeof value === 'number'];
const OBJECT: Check = ['an object', (value) => typeof value === 'object' && value !== null && !Array.isArray(value)];
const optional = ([what, fits]: Check): Check => [what, (value) => value === undefined || fits(value)];

const RESULT: { readonly [K in keyof Omit<RunResult, 'version'>]-?: Check } = {
  id: TEXT,
  status: ['finished or diverged', (value) => value === 'finished' || value === 'diverged'],
  name: TEXT,
  values: OBJECT,
  steps: NUMBER,
  tokens: NUMBER,
  epochs: NUMBER,
  uniqueTokens: NUMBER,
  parameters: NUMBER,
  nonEmbeddingParameters: NUMBER,
  flopsPerToken: NUMBER,
  loss: NUMBER,
  meanLoss: NUMBER,
  validation: optional(NUMBER),
  ood: optional(NUMBER),
  diverged: optional(OBJECT),
  data: OBJECT,
  adapter: TEXT,
  software: ['true or false', (value) => typeof value === 'boolean'],
  lanes: NUMBER,
  msPerStep: NUMBER,
  endedAt: NUMBER,
};

const DATA: { readonly [K in keyof DataFacts]-?: Check } = {
  name: TEXT,
  hash: TEXT,
  fileHash: optional(TEXT),
  vocab: NUMBER,
  trainTokens: NUMBER,
  bytesPerToken: NUMBER,
  unigramNats: NUMBER,
  entropyRateNats: ['a number or null', (value) => value === null || typeof value === 'number'],
};

function faultOf(value: unknown, checks: { readonly [key: string]: Check }, prefix = ''): string | null {
  for (const [key, [what, fits]] of Object.entries(checks))
    if (!fits(Reflect.get(Object(value), key))) return `its ${prefix}${key} is not ${what}`;
  return null;
}

function isResult(value: object): value is RunResult {
  return faultOf(value, RESULT) === null && faultOf(Reflect.get(value, 'data'), DATA) === null;
}

/** A number as {@link jsonLine} writes it; null where there is none. */
function numberIn(line: object, key: string): number | null {
  const value: unknown = Reflect.get(line, key);
  if (typeof value === 'number') return value;
  const word: unknown = Reflect.get(Object(Reflect.get(line, 'nonFinite')), key);
  return value === null && (word === 'NaN' || word === 'Infinity' || word === '-Infinity') ? Number(word) : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
