import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { AdapterReport } from '../gpu/index.ts';
import { adapterKey, passedVerdicts, readVerdicts, type KnownVerdicts } from '../train/index.ts';
import { writeWhole } from './files.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a verdict follows from, beside the adapter. */
const SOURCES = ['shaders', 'src/ops', 'src/engine', 'src/gpu'];

/**
 * The file that keeps what was found of an adapter's fast paths (promise 4), so that the next process need not try them again. It is
 * of this adapter and of these very kernels; after any change of either, another file is begun.
 */
export function verdictPath(adapter: AdapterReport): string {
  const key = adapterKey({ adapter, build: sourcesHash(), browser: `node ${process.versions.node}` });
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  return join(cache, 'isoflop', `fast-paths-${createHash('sha256').update(key).digest('hex').slice(0, 16)}.json`);
}

function sourcesHash(): string {
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

/** Keeps the paths that passed; one that failed is tried again next time. A folder that takes no file only costs that time. */
export function keepVerdicts(path: string, verdicts: KnownVerdicts): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeWhole(path, JSON.stringify(passedVerdicts(verdicts)));
  } catch {
    // It is a cache.
  }
}
