import type { KeyValue } from '../storage.ts';

const EXCLUDED = 'isoflop.laws.excluded';
const FILE = 'isoflop.laws.file';
/** Characters of a file that is kept; browsers give a site about five million in all. */
const LONGEST = 1_000_000;
/** Sources whose left out points are remembered, the last ones that were changed. */
const MOST_SOURCES = 50;

/** A file of points as it was imported. */
export interface KeptFile {
  readonly name: string;
  readonly text: string;
}

/** What the Laws page remembers from visit to visit: points that were left out by hand, and the file of points. Storage that refuses costs only this. */
export class KeptLaws {
  readonly #storage: KeyValue | null;
  /** What storage had no room for. */
  readonly #unkept = new Map<string, ReadonlySet<string>>();

  constructor(storage: KeyValue | null) {
    this.#storage = storage;
  }

  /** Keys of points that are left out, of a source; those that another tab left out meanwhile too. */
  excluded(source: string): ReadonlySet<string> {
    return this.#unkept.get(source) ?? readExcluded(this.#read(EXCLUDED)).get(source) ?? new Set();
  }

  /** Replaces what is remembered of this source alone. */
  exclude(source: string, keys: ReadonlySet<string>): void {
    const all = readExcluded(this.#read(EXCLUDED));
    all.delete(source);
    if (keys.size > 0) all.set(source, keys);
    const kept = this.#write(EXCLUDED, JSON.stringify([...all].slice(-MOST_SOURCES).map(([name, own]) => [name, [...own]])));
    if (kept) this.#unkept.delete(source);
    else this.#unkept.set(source, keys);
  }

  get file(): KeptFile | null {
    const value = parsed(this.#read(FILE));
    if (typeof value !== 'object' || value === null || !('name' in value) || !('text' in value)) return null;
    const { name, text } = value;
    return typeof name === 'string' && typeof text === 'string' ? { name, text } : null;
  }

  /** Whether there was room for it; one before it is gone either way. */
  keepFile({ name, text }: KeptFile): boolean {
    this.#write(FILE, null);
    return text.length <= LONGEST && this.#write(FILE, JSON.stringify({ name, text }));
  }

  #read(key: string): string | null {
    try {
      return this.#storage?.getItem(key) ?? null;
    } catch {
      return null;
    }
  }

  #write(key: string, value: string | null): boolean {
    try {
      if (value === null) this.#storage?.removeItem(key);
      else this.#storage?.setItem(key, value);
      return this.#storage !== null;
    } catch {
      // Full, or switched off.
      return false;
    }
  }
}

function readExcluded(text: string | null): Map<string, ReadonlySet<string>> {
  return new Map(
    listOf(parsed(text)).flatMap((entry): [string, ReadonlySet<string>][] => {
      const [source, keys] = listOf(entry);
      if (typeof source !== 'string') return [];
      return [[source, new Set(listOf(keys).filter((key) => typeof key === 'string'))]];
    }),
  );
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function parsed(text: string | null): unknown {
  try {
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
