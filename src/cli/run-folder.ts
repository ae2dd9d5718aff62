import { closeSync, openSync, readdirSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SpecError } from '../base/errors.ts';
import type { RunSpec } from '../spec/index.ts';
import { encodeCheckpoint } from '../train/index.ts';
import type { Checkpoint } from '../train/index.ts';
import { makeFolder, onFile, readBytes, readTextIfAny, writeWhole } from './files.ts';

const CHECKPOINT = 'checkpoint.safetensors';
const METRICS = 'metrics.jsonl';
const SPEC = 'spec.json';

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
   * @throws SpecError when it cannot be written, or holds another run.
   */
  static open(path: string, spec: RunSpec, step: number): RunFolder {
    requireFolder(path, spec);
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
    writeWhole(this.checkpointPath, encodeCheckpoint(checkpoint));
    this.savedStep = checkpoint.step;
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
export function requireFolder(path: string, spec: RunSpec): void {
  const held = readTextIfAny(join(path, SPEC));
  const taken =
    held === null
      ? onFile(path, () => readable(path).some((name) => name === CHECKPOINT || name === METRICS))
      : !isSpec(held, spec);
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
