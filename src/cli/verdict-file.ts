import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTunings, type Tuned } from '../engine/index.ts';
import type { AdapterReport } from '../gpu/index.ts';
import { adapterKey, passedVerdicts, readVerdicts, type KnownVerdicts } from '../train/index.ts';
import { writeWhole } from './files.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a verdict follows from, beside the adapter. */
const SOURCES = ['shaders', 'src/ops', 'src/engine', 'src/gpu'];

/** The file that keeps what was found of an adapter's fast paths (promise 4), so that the next process need not try them again. */
export function verdictPath(adapter: AdapterReport): string {
  return cachePath('fast-paths', adapter);
}

/**
 * A file that keeps something of an adapter from process to process. It is of this adapter and of these very kernels; after any change
 * of either, another file is begun.
 */
export function cachePath(kind: 'fast-paths' | 'tuned', adapter: AdapterReport): string {
  const key = adapterKey({ adapter, build: sourcesHash(), browser: `node ${process.versions.node}` });
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'isoflop', `${kind}-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.json`);
}

/** Equal exactly where the kernels and the code around them are: SHA-256 of their sources, 64 hex digits. */
export function sourcesHash(): string {
  const hash = createHash('sha256');
  for (const folder of SOURCES) {
    const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.(wgsl|ts)$/.test(name),
    );
    for (const name of names.toSorted()) hash.update(`${name}\n`).update(readFileSync(join(ROOT, folder, name)));
  }
  return hash.digest('hex');
}

/** The verdicts in a file; none when it cannot be read, as then everything is tried. */
export function verdictsIn(path: string): KnownVerdicts {
  try {
    return readVerdicts(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return new Map();
  }
}

/** Keeps the paths that passed; one that failed is tried again next time. */
export function keepVerdicts(path: string, verdicts: KnownVerdicts): void {
  keep(path, passedVerdicts(verdicts));
}

/** What the tuner found on an adapter; nothing when the file cannot be read, as then the engine's own guesses are used. */
export function tuningsIn(path: string): ReadonlyMap<string, Tuned> {
  try {
    return readTunings(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return new Map();
  }
}

/** Adds to what is kept of the tuner's results; new ones take the place of older ones of the same shape. */
export function keepTunings(path: string, tuned: readonly Tuned[]): void {
  keep(path, [...new Map([...tuningsIn(path).values(), ...tuned].map((one) => [one.signature, one])).values()]);
}

/** A folder that takes no file only costs the time to find it all again. */
function keep(path: string, value: unknown): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeWhole(path, JSON.stringify(value));
  } catch {
    // It is a cache.
  }
}
