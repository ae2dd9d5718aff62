import { closeSync, fsyncSync, openSync, readdirSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SpecError } from '../base/errors.ts';
import type { RunSpec } from '../spec/index.ts';
import { encodeCheckpoint } from '../train/index.ts';
import type { Checkpoint } from '../train/index.ts';
import { makeFolder, onFile, readBytes, readTextIfAny, writeWhole } from './files.ts';

export const CHECKPOINT = 'checkpoint.safetensors';
export const METRICS = 'metrics.jsonl';
export const SPEC = 'spec.json';

/** Whether the text of a `spec.json` is that of a run. */
type SameRun = (text: string, spec: RunSpec) => boolean;

/** The folder of `--out`: `spec.json`, `metrics.jsonl` with a line a step, and the last `checkpoint.safetensors`. */
export class RunFolder {
  readonly checkpointPath: string;
  /** The step of the last checkpoint written here, null before the first. */
  savedStep: number | null = null;
  private readonly metricsPath: string;
  private readonly metrics: number;

  private constructor(path: string, metrics: number) {
    this.checkpointPath = join(path, CHECKPOINT);
    this.metricsPath = join(path, METRICS);
    this.metrics = metrics;
  }

  /**
   * Makes the folder ready for a run that starts after `step`: metrics of later steps, of a run that went on past its checkpoint, are
   * dropped, as they will be measured again.
   *
   * @param same what makes a folder that of this run; default: the very spec.
   * @throws SpecError when it cannot be written, or holds another run.
   */
  static open(path: string, spec: RunSpec, step: number, same: SameRun = isSpec): RunFolder {
    requireFolder(path, spec, same);
    makeFolder(path);
    writeWhole(join(path, SPEC), `${JSON.stringify(spec, null, 2)}\n`);
    const metricsPath = join(path, METRICS);
    return onFile(metricsPath, () => {
      const metrics = openSync(metricsPath, 'a');
      truncateSync(metricsPath, lengthThrough(metricsPath, step));
      return new RunFolder(path, metrics);
    });
  }

  append(lines: string): void {
    onFile(this.metricsPath, () => writeSync(this.metrics, lines));
  }

  save(checkpoint: Checkpoint): void {
    this.sync();
    writeWhole(this.checkpointPath, encodeCheckpoint(checkpoint));
    this.savedStep = checkpoint.step;
  }

  /** What is written next is to be on the disk after the metrics, so that it speaks of none that a crash has taken. */
  sync(): void {
    onFile(this.metricsPath, () => fsyncSync(this.metrics));
  }

  close(): void {
    closeSync(this.metrics);
  }
}

/**
 * The same spec gives the same bits, so its folder may be written again; any other run in it would be lost.
 *
 * @throws SpecError when `path` is no folder, or holds another run.
 */
export function requireFolder(path: string, spec: RunSpec, same: SameRun = isSpec): void {
  const held = readTextIfAny(join(path, SPEC));
  const taken =
    held === null
      ? onFile(path, () => readable(path).some((name) => name === CHECKPOINT || name === METRICS))
      : !same(held, spec);
  if (!taken) return;
  throw new SpecError({
    where: `--out "${path}"`,
    rule: 'it holds another run',
    cure: 'Name another folder, or move that run away.',
  });
}

function readable(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}

function isSpec(text: string, spec: RunSpec): boolean {
  try {
    return JSON.stringify(JSON.parse(text)) === JSON.stringify(spec);
  } catch {
    return false;
  }
}

/** Bytes of the leading whole lines about steps up to `step`. */
function lengthThrough(path: string, step: number): number {
  const text = Buffer.from(readBytes(path));
  let end = 0;
  for (let next = text.indexOf('\n', end); next >= 0; next = text.indexOf('\n', end)) {
    if (!(stepOf(text.toString('utf8', end, next)) <= step)) break;
    end = next + 1;
  }
  return end;
}

function stepOf(line: string): number {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'step' in value ? Number(value.step) : NaN;
  } catch {
    return NaN;
  }
}
