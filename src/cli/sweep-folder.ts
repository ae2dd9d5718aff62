import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { IsoflopError, SpecError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import type { AdapterReport } from '../gpu/index.ts';
import { jsonLine, parseSpec, readMetrics, readResult, runIdOf } from '../spec/index.ts';
import type { RunResult, RunSpec, StepLine, SweepRun } from '../spec/index.ts';
import { decodeCheckpoint } from '../train/index.ts';
import type { Checkpoint } from '../train/index.ts';
import { makeFolder, onFile, readBytes, readText, readTextIfAny, writeWhole } from './files.ts';
import { CHECKPOINT, METRICS, requireFolder, RunFolder, SPEC } from './run-folder.ts';

/** What a run was computed with: `environment.json` of its folder. With another one it would have other bits. */
export interface Environment {
  readonly build: string;
  /** SHA-256 of the kernels' sources. */
  readonly sources: string;
  readonly runtime: string;
  readonly adapter: AdapterReport;
}

/** What {@link Environment} leads to: fusion rules and kernels in use. */
export interface Kernels {
  readonly fusion: RunSpec['fusion'];
  /** Switched off, for they failed their check on the adapter. */
  readonly disabled: readonly string[];
  /** Every op with the variant that the step uses, the tuner's choices among them. */
  readonly variants: readonly string[];
}

/** A run that has ended, and its spec as it was written down. */
export interface Ended {
  readonly result: RunResult;
  readonly spec: string;
}

const RESULT = 'result.json';
const ENVIRONMENT = 'environment.json';
const INDEX = 'index.json';

/**
 * The folder of a sweep: a folder for each run, named by its id, and `index.json`, which is made of them and only for people's comfort.
 * A run's folder has `spec.json`, `environment.json`, `metrics.jsonl`, `checkpoint.safetensors` while it trains, and `result.json`
 * once it has ended: written last, so that no other folder looks finished. Nothing in it names its place or its sweep's other runs,
 * so sweeps merge by copying folders together.
 */
export class SweepFolder {
  readonly path: string;
  /** Whether a run that has ended keeps its last state. */
  readonly keepsCheckpoints: boolean;

  constructor(path: string, { keepCheckpoints }: { keepCheckpoints: boolean }) {
    this.path = path;
    this.keepsCheckpoints = keepCheckpoints;
  }

  /** @throws SpecError when it cannot be made. */
  make(): void {
    makeFolder(this.path);
  }

  /** What came of a run; null where it has not ended. @throws SpecError when its folder holds another run. */
  resultOf({ id, spec }: SweepRun): RunResult | null {
    const path = join(this.path, id);
    requireFolder(path, spec, sameRun);
    const result = resultIn(path);
    return result?.id === id ? result : null;
  }

  /**
   * The state that a run stopped in, exact to go on from: of the same data and the same environment, with every step up to it measured.
   * Null where there is none, and then the run is to begin anew.
   *
   * @throws SpecError when it was trained on other data.
   */
  checkpointOf({ id }: SweepRun, environment: Environment, dataset: Data): Checkpoint | null {
    const path = join(this.path, id);
    const checkpoint = readCheckpoint(join(path, CHECKPOINT));
    if (checkpoint === null) return null;
    if (checkpoint.dataHash !== dataset.contentHash) throw otherData(path, 'it has stopped on other data', dataset);
    const [spec] = checkpoint.specs;
    const sound = checkpoint.specs.length === 1 && spec !== undefined && runIdOf(spec) === id;
    if (!sound || !sameEnvironment(readTextIfAny(join(path, ENVIRONMENT)), environment)) return null;
    return measuredSteps(join(path, METRICS)) >= checkpoint.step ? checkpoint : null;
  }

  /** Opens a run's folder to go on after `step`. @throws SpecError */
  open({ id, spec }: SweepRun, step: number, environment: Environment, kernels: Kernels): RunFolder {
    const path = join(this.path, id);
    requireFolder(path, spec, sameRun);
    // A checkpoint that is not gone on from would be mistaken for one of the new attempt.
    if (step === 0) onFile(path, () => rmSync(join(path, CHECKPOINT), { force: true }));
    const folder = RunFolder.open(path, spec, step, sameRun);
    writeWhole(join(path, ENVIRONMENT), `${JSON.stringify({ ...environment, ...kernels }, null, 2)}\n`);
    return folder;
  }

  /** Training losses of the last steps of a run, its metrics being written. */
  lastLosses({ id }: SweepRun, steps: number): readonly number[] {
    return metricLines(join(this.path, id, METRICS))
      .slice(-steps)
      .map(({ loss }) => loss);
  }

  /** What was measured last of a run; null where nothing was. */
  lastLine({ id }: SweepRun): StepLine | null {
    return metricLines(join(this.path, id, METRICS)).at(-1) ?? null;
  }

  /** Ends a run, all at once. @throws SpecError when the metrics are not those of its steps. */
  end(run: SweepRun, folder: RunFolder, result: RunResult): void {
    folder.sync();
    folder.close();
    const path = join(this.path, run.id);
    const lines = metricLines(join(path, METRICS));
    if (lines.length !== result.steps || lines.some(({ step }, i) => step !== i + 1)) {
      throw new SpecError({
        where: `folder "${path}"`,
        rule: 'another process writes there too',
        got: `${lines.length} lines of metrics`,
        expected: `${result.steps}, one a step`,
        cure: 'Start this one again: the run is trained anew.',
      });
    }
    writeWhole(join(path, RESULT), `${jsonLine(result)}\n`);
    if (!this.keepsCheckpoints) onFile(path, () => rmSync(join(path, CHECKPOINT), { force: true }));
  }

  /** All runs that have ended, whoever put them there, by id. @throws SpecError when the folder cannot be read. */
  ended(): readonly Ended[] {
    return onFile(this.path, () => readdirSync(this.path, { withFileTypes: true }))
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(this.path, name))
      .toSorted()
      .flatMap((path) => {
        const result = resultIn(path);
        return result === null ? [] : [{ result, spec: readText(join(path, SPEC)) }];
      });
  }

  /** Writes down what is in the folder; another process that shares it may do so at the same time. */
  writeIndex(): void {
    for (let text = this.indexText(), written = ''; text !== written; text = this.indexText()) {
      writeWhole(join(this.path, INDEX), text);
      written = text;
    }
  }

  private indexText(): string {
    const lines = this.ended()
      .map(({ result }) => `  ${jsonLine(result)}`)
      .join(',\n');
    return `{"version":1,"runs":[\n${lines}\n]}\n`;
  }

  /** @throws SpecError unless an ended run was trained on this data. */
  requireData({ id }: SweepRun, { data }: RunResult, dataset: Data): void {
    // The spec parts a file in one way: where the parts are the same, the files are.
    if (data.hash !== dataset.contentHash)
      throw otherData(join(this.path, id), 'its run is finished on other data, and not on this', dataset, data);
  }
}

/** What names data in words. */
type Data = Pick<Dataset, 'name' | 'contentHash' | 'fileHash'>;

function otherData(path: string, rule: string, { name, contentHash, fileHash }: Data, trained?: RunResult['data']): SpecError {
  const words = (called: string, hash: string): string => `"${called}" (SHA-256 ${hash.slice(0, 8)})`;
  // Hashes of two kinds would differ for the same file.
  const whole = fileHash !== undefined && trained?.fileHash !== undefined;
  return new SpecError({
    where: `folder "${path}"`,
    rule,
    got: words(name, whole || trained === undefined ? (fileHash ?? contentHash) : contentHash),
    ...(trained === undefined ? {} : { expected: words(trained.name, (whole ? trained.fileHash : undefined) ?? trained.hash) }),
    cure: 'Name the data that it was started on with --data, or another folder with --out.',
  });
}

/** Whether a `spec.json` computes the same; names decide nothing. */
function sameRun(text: string, spec: RunSpec): boolean {
  try {
    return runIdOf(parseSpec(JSON.parse(text))) === runIdOf(spec);
  } catch {
    return false;
  }
}

/** Null where there is none, or what is there is mangled: the run is trained again. @throws SpecError for one that a later build wrote. */
function resultIn(folder: string): RunResult | null {
  const path = join(folder, RESULT);
  const text = readTextIfAny(path);
  if (text === null) return null;
  const read = readResult(text);
  if (read.result !== null) return read.result;
  if (!read.later) return null;
  const cure = 'Use the build that wrote it, or name another folder with --out. Nothing was changed.';
  throw new SpecError({ where: `file "${path}"`, rule: read.fault, cure });
}

/** Null for a file that is missing, or cannot be read as one: the run begins anew. */
function readCheckpoint(path: string): Checkpoint | null {
  try {
    return decodeCheckpoint(readBytes(path).buffer, `file "${path}"`);
  } catch (error) {
    if (error instanceof IsoflopError) return null;
    throw error;
  }
}

function sameEnvironment(text: string | null, { build, sources, runtime, adapter }: Environment): boolean {
  const held = parsed(text);
  if (typeof held !== 'object' || held === null) return false;
  const same = (key: string, value: unknown): boolean => JSON.stringify(Reflect.get(held, key)) === JSON.stringify(value);
  return same('build', build) && same('sources', sources) && same('runtime', runtime) && same('adapter', adapter);
}

/** Steps 1 .. n that the leading whole lines are about. */
function measuredSteps(path: string): number {
  const lines = metricLines(path);
  const gap = lines.findIndex(({ step }, i) => step !== i + 1);
  return gap < 0 ? lines.length : gap;
}

function metricLines(path: string): readonly StepLine[] {
  return readMetrics(readTextIfAny(path) ?? '').lines;
}

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
}
