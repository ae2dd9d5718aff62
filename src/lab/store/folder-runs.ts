import { SpecError } from '../../base/errors.ts';
import { hashName } from '../../base/random.ts';
import {
  FUSION_RULE_NAMES,
  isFusionOn,
  parseSpec,
  readMetrics,
  readResult,
  tokensPerStep,
  type RunResult,
  type RunSpec,
} from '../../spec/index.ts';
import { get } from '../json-file.ts';
import type { Curves, EvalCurve, TrainCurve } from './curves.ts';
import type { KeptRun } from './kept-run.ts';
import { newRecord, recordFault, type AxisValue, type RunEnvironment, type RunRecord } from './record.ts';
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
    return { record: recordOf(resultIn(result ?? ''), { folder, spec: parsed, curves, environment: computedWith }), curves };
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

/** @throws TypeError where a record cannot be made of it. */
function recordOf(result: RunResult, { folder, spec, curves, environment }: RunParts): KeptRun['record'] {
  const { data, endedAt } = result;
  const summary = foldEvals(foldEvals(foldTrain(NO_SUMMARY, curves.train), 'validation', curves.validation), 'ood', curves.ood);
  const record: RunRecord = {
    ...newRecord({ id: result.id, spec }, 0),
    createdAt: endedAt - summary.trainedMs,
    updatedAt: endedAt,
    sweep: placeIn(folder, result.values),
    // What a step took was of all lanes. Which of them this one was is not written, and no checkpoint comes with it.
    program: { id: result.id, lane: 0, lanes: result.lanes },
    state: 'finished',
    step: result.steps,
    totalSteps: result.steps,
    msPerStep: result.msPerStep,
    summary,
    counts: {
      parameters: result.parameters,
      nonEmbeddingParameters: result.nonEmbeddingParameters,
      flopsPerToken: result.flopsPerToken,
      tokensPerStep: tokensPerStep(spec),
    },
    data: {
      name: data.name,
      contentHash: data.hash,
      ...(data.fileHash === undefined ? {} : { fileHash: data.fileHash }),
      vocab: data.vocab,
      bytesPerToken: data.bytesPerToken,
      trainTokens: data.trainTokens,
      entropyRateNats: data.entropyRateNats,
    },
    environment,
  };
  const fault = recordFault(record);
  if (fault !== null) throw new TypeError(`${fault} is not what it must be`);
  return record;
}

/**
 * What the axes set; switches and casts as their JSON. Folders of one name with other axes are other sweeps: the axes are in the sweep's id,
 * and nothing that changes when more of its runs have ended.
 */
function placeIn(folder: string, values: RunResult['values']): RunRecord['sweep'] {
  if (Object.keys(values).length === 0) return null;
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

/** The curves of `metrics.jsonl`. @throws TypeError unless its lines are whole, and of steps that rise. */
function curvesIn(text: string): Curves {
  const { lines, tornAt } = readMetrics(text);
  if (tornAt !== null) throw new TypeError(`its line ${tornAt} is not whole`);
  const steps = Float64Array.from(lines, ({ step }) => step);
  if (!steps.every((step, i) => step > (steps[i - 1] ?? 0))) throw new TypeError('its steps do not rise');
  let trainedMs = 0;
  const train: TrainCurve = {
    steps,
    lossNats: Float32Array.from(lines, ({ loss }) => loss),
    gradNorm: Float32Array.from(lines, ({ gradNorm }) => gradNorm),
    learningRate: Float32Array.from(lines, ({ lr }) => lr),
    epochs: Float32Array.from(lines, ({ epochs }) => epochs),
    timeMs: Float64Array.from(lines, ({ ms }) => (trainedMs += ms || 0)),
  };
  const held = (split: 'validation' | 'ood'): EvalCurve => {
    const there = lines.flatMap(({ step, [split]: loss }) => (loss === undefined ? [] : [{ step, loss }]));
    return { steps: Float64Array.from(there, ({ step }) => step), lossNats: Float64Array.from(there, ({ loss }) => loss) };
  };
  return { train, validation: held('validation'), ood: held('ood') };
}

/** The result of `result.json`. @throws TypeError unless it is one. */
function resultIn(text: string): RunResult {
  const { result, fault } = readResult(text);
  if (result === null) throw new TypeError(fault);
  return result;
}

function mangled(folder: string, part: Part, rule: string, cause?: unknown): SpecError {
  // An error of the spec's says itself what to do.
  const cure =
    cause instanceof SpecError ? 'Nothing was taken from the folder.' : 'Copy the folder again; nothing was taken from it.';
  return new SpecError({ where: `${folder}/${part}`, rule, cure, cause });
}
