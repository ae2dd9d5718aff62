import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterReport } from '../gpu/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import { writeWhole } from './files.ts';

type Verdict = KnownVerdicts extends Map<string, infer V> ? V : never;

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a verdict follows from, beside the adapter. */
const SOURCES = ['shaders', 'src/ops', 'src/engine', 'src/gpu'];

/**
 * The file that keeps what was found of an adapter's fast paths (promise 4), so that the next process need not try them again. It is
 * of this adapter and of these very kernels; after any change of either, another file is begun.
 */
export function verdictPath({ vendor, architecture, device, description, features, limits }: AdapterReport): string {
  const hash = createHash('sha256').update(JSON.stringify([vendor, architecture, device, description, features, limits, process.versions.node]));
  for (const folder of SOURCES) {
    const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).filter((name) => /\.(wgsl|ts)$/.test(name));
    for (const name of names.toSorted()) hash.update(`${name}\n`).update(readFileSync(join(ROOT, folder, name)));
  }
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'isoflop', `fast-paths-${hash.digest('hex').slice(0, 16)}.json`);
}

/** The verdicts in a file; none when it cannot be read, as then everything is tried. */
export function readVerdicts(path: string): KnownVerdicts {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const list: unknown[] = Array.isArray(value) ? value : [];
    return new Map(list.filter(isVerdict).map((verdict) => [verdict.key, verdict]));
  } catch {
    return new Map();
  }
}

/** Keeps the paths that passed; one that failed is tried again next time. A folder that takes no file only costs that time. */
export function keepVerdicts(path: string, verdicts: KnownVerdicts): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeWhole(path, JSON.stringify([...verdicts.values()].filter(({ ok }) => ok)));
  } catch {
    // It is a cache.
  }
}

function isVerdict(value: unknown): value is Verdict {
  if (typeof value !== 'object' || value === null) return false;
  const { key, path, ok, excess, fused } = value as Record<string, unknown>;
  return typeof key === 'string' && typeof path === 'string' && ok === true && typeof excess === 'number' && typeof fused === 'boolean';
}
