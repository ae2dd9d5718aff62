import { SpecError } from '../../base/errors.ts';
import { parseSpec } from '../../spec/index.ts';
import { get, readJsonFile } from '../json-file.ts';
import { base64, bytesOfBase64 } from './base64.ts';
import { COLUMNS, curvesOf, isChunk, SERIES, SPLITS, type Chunk, type Curves } from './curves.ts';
import type { KeptRun } from './kept-run.ts';
import { isRunRecord, recordFault } from './record.ts';

export const RUNS_FORMAT = 'isoflop-runs';
export const RUNS_VERSION = 1;

/**
 * Runs as a file, in pieces that follow each other: as one text, hundreds of runs are longer than a browser likes. Columns are base64 of
 * their bytes, little-endian, so that every bit comes back; steps are lists of numbers, `[first, count]` where they rise by one.
 */
export function* runsJson(runs: Iterable<KeptRun>): Generator<string> {
  yield `{"format":"${RUNS_FORMAT}","version":${RUNS_VERSION},"runs":[`;
  let separator = '\n';
  for (const { record, curves } of runs) {
    const written = {
      train: { ...columnsOf(curves.train), steps: stretches(curves.train.steps) },
      ...Object.fromEntries(SPLITS.map((split) => [split, { ...columnsOf(curves[split]), steps: [...curves[split].steps] }])),
    };
    yield `${separator}{"record":${JSON.stringify(record, spelt)},"curves":${JSON.stringify(written)}}`;
    separator = ',\n';
  }
  yield '\n]}\n';
}

/** True where a file begins as {@link runsJson} writes it; whether it can be read is another question. */
export function isRunsFile(bytes: ArrayBuffer): boolean {
  const start = `{"format":"${RUNS_FORMAT}"`;
  return new TextDecoder().decode(bytes.slice(0, start.length)) === start;
}

/**
 * The runs of a file that {@link runsJson} wrote.
 *
 * @param fileName named in errors.
 * @throws SpecError for any other file, one of a later version, and one of which any run is mangled.
 */
export function runsFromJson(text: string, fileName: string): readonly KeptRun[] {
  return readJsonFile(text, fileName, {
    format: RUNS_FORMAT,
    version: RUNS_VERSION,
    holds: 'runs',
    later: 'Reload the page to get the later build; nothing here was changed.',
    read: (content) => {
      const runs: unknown = get(content, 'runs');
      if (!Array.isArray(runs)) throw new TypeError('it has no list of runs');
      return runs.map((run: unknown, i) => readRun(run, i + 1));
    },
  });
}

function readRun(value: unknown, place: number): KeptRun {
  const record = understood(get(value, 'record'));
  const fault = recordFault(record);
  if (!isRunRecord(record)) throw new TypeError(`run ${place} is mangled: ${fault} is not what it must be`);
  try {
    return { record: { ...record, spec: parseSpec(record.spec) }, curves: readCurves(get(value, 'curves'), record.id) };
  } catch (cause) {
    const why =
      cause instanceof SpecError || cause instanceof TypeError ? cause.message.replace(/\.$/, '') : 'its columns are mangled';
    throw new TypeError(`run ${place} (${record.id}): ${why}`, { cause });
  }
}

function readCurves(value: unknown, runId: string): Curves {
  const chunks = SERIES.map((series): Chunk => {
    const part = get(value, series);
    const columns = Object.entries(COLUMNS[series]).map(([name, Kind]) => {
      const written = get(part, name);
      if (name === 'steps') return [name, readSteps(written)];
      if (typeof written !== 'string') throw new TypeError(`column ${name} of ${series} is missing`);
      const bytes = bytesOfBase64(written);
      if (bytes.length % Kind.BYTES_PER_ELEMENT !== 0) throw new TypeError(`column ${name} of ${series} is cut off`);
      return [name, new Kind(bytes.buffer)];
    });
    const chunk: unknown = { ...Object.fromEntries(columns), runId, series, firstStep: 0 };
    if (!isChunk(chunk)) throw new TypeError(`columns of ${series} have other lengths`);
    return chunk;
  });
  return curvesOf(chunks);
}

function columnsOf(curve: object): { readonly [name: string]: string } {
  const columns = Object.entries(curve).filter(([name]) => name !== 'steps');
  return Object.fromEntries(columns.flatMap(([name, values]) => (ArrayBuffer.isView(values) ? [[name, base64(values)]] : [])));
}

/** Steps as `[first, count]` for each stretch without a gap. */
function stretches(steps: Float64Array): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const step of steps) {
    const last = found.at(-1);
    if (last !== undefined && last[0] + last[1] === step) last[1]++;
    else found.push([step, 1]);
  }
  return found;
}

const MOST_STEPS = 1e8;

function readSteps(value: unknown): Float64Array {
  if (!Array.isArray(value)) throw new TypeError('it has no steps');
  const steps: number[] = [];
  const items: readonly unknown[] = value;
  for (const item of items) {
    const pair: readonly unknown[] = Array.isArray(item) ? item : [item, 1];
    const [first, count] = pair;
    if (typeof first !== 'number' || typeof count !== 'number' || !Number.isSafeInteger(first) || !(count <= MOST_STEPS))
      throw new TypeError('its steps are mangled');
    if (first <= (steps.at(-1) ?? -Infinity)) throw new TypeError('its steps do not rise');
    for (let i = 0; i < count; i++) steps.push(first + i);
  }
  return Float64Array.from(steps);
}

const UNREAL: { readonly [word: string]: number } = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity, '-0': -0 };
const KEY = '$number';

/** Numbers that JSON has no form for, as objects that no text can be taken for. */
function spelt(_: string, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  const word = Object.keys(UNREAL).find((key) => Object.is(UNREAL[key], value));
  return word === undefined ? value : { [KEY]: word };
}

function understood(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(understood);
  if (typeof value !== 'object' || value === null) return value;
  const word = get(value, KEY);
  if (typeof word === 'string' && Object.hasOwn(UNREAL, word)) return UNREAL[word];
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, understood(inner)]));
}
