import { SpecError } from '../../base/errors.ts';
import { hashName } from '../../base/random.ts';
import { FUSION_RULE_NAMES, isFusionOn, parseSpec, tokensPerStep, type RunSpec } from '../../spec/index.ts';
import { get } from '../json-file.ts';
import type { Curves, EvalCurve, TrainCurve } from './curves.ts';
import type { KeptRun } from './kept-run.ts';
import { isRunRecord, newRecord, recordFault, type AxisValue, type RunEnvironment, type RunRecord } from './record.ts';
import { foldEvals, foldTrain, NO_SUMMARY } from './summary.ts';

/** A file of a folder that the user chose. */
export interface FolderFile {
  /** With `/` between the folders, the chosen one first. */
  readonly path: string;
  readonly text: () => Promise<string>;
}

export interface FolderRuns {
  /** Runs that have ended, by id. */
  readonly runs: readonly KeptRun[];
  /** Folders of runs without a result: they have not ended. */
  readonly unended: number;
}

const PARTS = ['spec.json', 'environment.json', 'metrics.jsonl', 'result.json'] as const;
type Part = (typeof PARTS)[number];

/**
 * The runs of a folder that `isoflop sweep --out` has written, or of several copied into one. Its sweep is named by the folder and its axes.
 *
 * @throws SpecError for a folder without such runs, and where a file of a run that has ended is missing or mangled; nothing is taken then.
 */
export async function runsFromFolder(files: readonly FolderFile[]): Promise<FolderRuns> {
  const folders = new Map<string, Map<Part, FolderFile>>();
  for (const file of files) {
    const [name = '', ...parents] = file.path.split('/').toReversed();
    const part = PARTS.find((known) => known === name);
    if (part === undefined) continue;
    const folder = parents.toReversed().join('/');
    folders.set(folder, (folders.get(folder) ?? new Map<Part, FolderFile>()).set(part, file));
  }
  const began = [...folders].filter(([, parts]) => parts.has('spec.json')).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const ended = began.filter(([, parts]) => parts.has('result.json'));
  const [first] = files;
  if (ended.length === 0) {
    throw new SpecError({
      where: `folder "${first?.path.split('/')[0] ?? ''}"`,
      rule: began.length === 0 ? 'there are no runs in it' : 'no run in it has ended',
      cure: 'Choose the folder that isoflop sweep --out was told.',
    });
  }
  const runs = await Promise.all(ended.map(([folder, parts]) => readRun(folder, parts)));
  return { runs, unended: began.length - ended.length };
}

async function readRun(folder: string, parts: ReadonlyMap<Part, FolderFile>): Promise<KeptRun> {
  const read = async (part: Part): Promise<string> => {
    const file = parts.get(part);
    if (file === undefined) throw mangled(folder, part, 'it is missing');
    return file.text();
  };
  const [spec, environment, metrics, result] = await Promise.all(PARTS.map(read));
  let part: Part = 'spec.json';
  try {
    const parsed = parseSpec(JSON.parse(spec ?? ''));
    part = 'metrics.jsonl';
    const curves = curvesIn(metrics ?? '');
    part = 'environment.json';
    const computedWith = environmentIn(JSON.parse(environment ?? ''), parsed);
    part = 'result.json';
    return { record: recordOf(JSON.parse(result ?? ''), { folder, spec: parsed, curves, environment: computedWith }), curves };
  } catch (cause) {
    throw mangled(folder, part, cause instanceof Error ? cause.message.replace(/\.$/, '') : 'it is mangled', cause);
  }
}

interface RunParts {
  readonly folder: string;
  readonly spec: RunSpec;
  readonly curves: Curves;
  readonly environment: RunEnvironment;
}

/** @throws TypeError where the result is not one. */
function recordOf(result: unknown, { folder, spec, curves, environment }: RunParts): KeptRun['record'] {
  if (get(result, 'version') !== 1) throw new TypeError('it is of a version that this build does not read');
  const data = get(result, 'data');
  const summary = foldEvals(foldEvals(foldTrain(NO_SUMMARY, curves.train), 'validation', curves.validation), 'ood', curves.ood);
  const endedAt = get(result, 'endedAt');
  const trainedMs = summary.trainedMs;
  const record: unknown = {
    ...newRecord({ id: String(get(result, 'id')), spec }, 0),
    createdAt: typeof endedAt === 'number' ? endedAt - trainedMs : 0,
    updatedAt: endedAt,
    sweep: placeIn(folder, get(result, 'values')),
    // What a step took was of all lanes. Which of them this one was is not written, and no checkpoint comes with it.
    program: { id: get(result, 'id'), lane: 0, lanes: get(result, 'lanes') },
    state: 'finished',
    step: get(result, 'steps'),
    totalSteps: get(result, 'steps'),
    msPerStep: get(result, 'msPerStep'),
    summary,
    counts: {
      parameters: get(result, 'parameters'),
      nonEmbeddingParameters: get(result, 'nonEmbeddingParameters'),
      flopsPerToken: get(result, 'flopsPerToken'),
      tokensPerStep: tokensPerStep(spec),
    },
    data: {
      name: get(data, 'name'),
      contentHash: get(data, 'hash'),
      vocab: get(data, 'vocab'),
      bytesPerToken: get(data, 'bytesPerToken'),
      trainTokens: get(data, 'trainTokens'),
      entropyRateNats: get(data, 'entropyRateNats'),
    },
    environment,
  };
  const fault = recordFault(record);
  if (!isRunRecord(record)) throw new TypeError(`${fault} is not what it must be`);
  return record;
}

/**
 * What the axes set; switches and casts as their JSON. Folders of one name with other axes are other sweeps: the axes are in the sweep's id,
 * and nothing that changes when more of its runs have ended.
 */
function placeIn(folder: string, values: unknown): RunRecord['sweep'] {
  if (typeof values !== 'object' || values === null || Object.keys(values).length === 0) return null;
  const axes = Object.entries(values).map(([path, value]: [string, AxisValue | object]): [string, AxisValue] => [
    path,
    typeof value === 'object' && value !== null ? JSON.stringify(value) : value,
  ]);
  const paths = axes.map(([path]) => path).toSorted();
  const hash = hashName(paths.join('\n')).toString(16).padStart(8, '0').slice(0, 6);
  return { id: `${folder.split('/').at(-2) ?? folder}-${hash}`, axes: Object.fromEntries(axes) };
}

function environmentIn(written: unknown, spec: RunSpec): RunEnvironment {
  const adapter = get(written, 'adapter');
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  return {
    adapter: text(get(adapter, 'description')),
    vendor: text(get(adapter, 'vendor')),
    architecture: text(get(adapter, 'architecture')),
    device: text(get(adapter, 'device')),
    software: get(adapter, 'software') === true,
    features: texts(get(adapter, 'features')),
    userAgent: text(get(written, 'runtime')),
    build: text(get(written, 'build')),
    // A run of the command line comes without the count; the kernels that it had stand in its folder.
    tunedKernels: 0,
    fusionOff: FUSION_RULE_NAMES.filter((rule) => !isFusionOn(spec.fusion, rule)),
    disabledVariants: texts(get(written, 'disabled')),
  };
}

/** The lines of `metrics.jsonl`. @throws TypeError unless they are whole. */
function curvesIn(text: string): Curves {
  const lines = text.split('\n').filter((line) => line !== '');
  const values: readonly unknown[] = lines.map((line): unknown => JSON.parse(line));
  const number = (line: unknown, key: string): number => {
    const value = get(line, key);
    return typeof value === 'number' ? value : Number(get(get(line, 'nonFinite'), key) ?? Number.NaN);
  };
  const steps = Float64Array.from(values, (line) => number(line, 'step'));
  if (!steps.every((step, i) => step > (steps[i - 1] ?? 0))) throw new TypeError('its steps do not rise');
  const column = (key: string): Float32Array => Float32Array.from(values, (line) => number(line, key));
  let trainedMs = 0;
  const train: TrainCurve = {
    steps,
    lossNats: column('loss'),
    gradNorm: column('gradNorm'),
    learningRate: column('lr'),
    epochs: column('epochs'),
    timeMs: Float64Array.from(values, (line) => (trainedMs += number(line, 'ms') || 0)),
  };
  const held = (split: 'validation' | 'ood'): EvalCurve => {
    const there = values.filter((line) => get(line, split) !== undefined);
    return {
      steps: Float64Array.from(there, (line) => number(line, 'step')),
      lossNats: Float64Array.from(there, (line) => number(line, split)),
    };
  };
  return { train, validation: held('validation'), ood: held('ood') };
}

function mangled(folder: string, part: Part, rule: string, cause?: unknown): SpecError {
  // An error of the spec's says itself what to do.
  const cure =
    cause instanceof SpecError ? 'Nothing was taken from the folder.' : 'Copy the folder again; nothing was taken from it.';
  return new SpecError({ where: `${folder}/${part}`, rule, cure, cause });
}
