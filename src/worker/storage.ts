import { IsoflopError } from '../base/errors.ts';

/** A folder of flat files, as the vault needs it. */
export interface Files {
  read(name: string): Promise<ArrayBuffer | null>;
  /** Writes a new file; a crash may leave a part of it. */
  write(name: string, bytes: ArrayBuffer): Promise<void>;
  /** Puts a file in the place of another one, whole or not at all. */
  replace(name: string, bytes: ArrayBuffer): Promise<void>;
  remove(name: string): Promise<void>;
  names(): Promise<readonly string[]>;
  /** Runs `body` while no other tab of this site does the same. */
  exclusive<T>(body: () => Promise<T>): Promise<T>;
}

/** What the index says of a key. */
export interface Entry {
  readonly key: string;
  readonly file: string;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch. */
  readonly savedAt: number;
  /** Whatever its writer wants to know without reading the file; plain data. */
  readonly meta: unknown;
}

const INDEX = 'index.json';
const VERSION = 1;

/**
 * Bytes by key that outlive the page. A value is written to a new file, then the index is switched to it, so that a crash at any
 * moment leaves the old value or the new one. Tabs share it: the index is read anew for every operation.
 *
 * Every method rejects with what the browser says when storage is refused or full.
 */
export class Vault {
  private readonly files: Files;
  private swept = false;

  constructor(files: Files) {
    this.files = files;
  }

  /** Keeps `bytes`, in the place of what was kept under the key. */
  put(key: string, bytes: ArrayBuffer, meta: unknown, savedAt: number): Promise<void> {
    return this.write(key, meta, savedAt, () => Promise.resolve(bytes));
  }

  /** Keeps what `change` makes of what is kept under the key, or of null; no other tab writes in between. */
  update(key: string, meta: unknown, savedAt: number, change: (kept: ArrayBuffer | null) => ArrayBuffer): Promise<void> {
    return this.write(key, meta, savedAt, async (old) => change(old === undefined ? null : await this.files.read(old.file)));
  }

  private async write(
    key: string,
    meta: unknown,
    savedAt: number,
    bytesOf: (old: Entry | undefined) => Promise<ArrayBuffer>,
  ): Promise<void> {
    await this.files.exclusive(async () => {
      const entries = await this.index();
      await this.sweep(entries);
      const file = `${crypto.randomUUID()}.bin`;
      const old = entries.get(key);
      const bytes = await bytesOf(old);
      try {
        await this.files.write(file, bytes);
        entries.set(key, { key, file, sizeBytes: bytes.byteLength, savedAt, meta });
        await this.switchTo(entries);
      } catch (error) {
        await this.files.remove(file).catch(() => undefined);
        throw error;
      }
      if (old !== undefined) await this.files.remove(old.file).catch(() => undefined);
    });
  }

  async get(key: string): Promise<{ readonly entry: Entry; readonly bytes: ArrayBuffer } | null> {
    return this.files.exclusive(async () => {
      const entry = (await this.index()).get(key);
      const bytes = entry === undefined ? null : await this.files.read(entry.file);
      return entry === undefined || bytes === null ? null : { entry, bytes };
    });
  }

  async remove(key: string): Promise<void> {
    await this.files.exclusive(async () => {
      const entries = await this.index();
      const old = entries.get(key);
      if (old === undefined) return;
      entries.delete(key);
      await this.switchTo(entries);
      await this.files.remove(old.file).catch(() => undefined);
    });
  }

  /** What lies under keys that begin with `prefix`, newest first. */
  async list(prefix: string): Promise<Entry[]> {
    const entries = await this.files.exclusive(() => this.index());
    return [...entries.values()].filter(({ key }) => key.startsWith(prefix)).sort((a, b) => b.savedAt - a.savedAt);
  }

  private async index(): Promise<Map<string, Entry>> {
    const bytes = await this.files.read(INDEX);
    return new Map((bytes === null ? [] : parseIndex(new TextDecoder().decode(bytes))).map((entry) => [entry.key, entry]));
  }

  private async switchTo(entries: ReadonlyMap<string, Entry>): Promise<void> {
    const text = JSON.stringify({ version: VERSION, entries: [...entries.values()] });
    const bytes = new TextEncoder().encode(text);
    await this.files.replace(INDEX, bytes.buffer);
  }

  /** Removes, once, what crashes have left behind. */
  private async sweep(entries: ReadonlyMap<string, Entry>): Promise<void> {
    if (this.swept) return;
    this.swept = true;
    const known = new Set([INDEX, ...[...entries.values()].map(({ file }) => file)]);
    for (const name of await this.files.names()) {
      if (!known.has(name)) await this.files.remove(name).catch(() => undefined);
    }
  }
}

function parseIndex(text: string): Entry[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (typeof value !== 'object' || value === null || Reflect.get(value, 'version') !== VERSION) return [];
  const entries: unknown = Reflect.get(value, 'entries');
  return Array.isArray(entries) ? entries.filter(isEntry) : [];
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const of = (name: string): string => typeof Reflect.get(value, name);
  return of('key') === 'string' && of('file') === 'string' && of('sizeBytes') === 'number' && of('savedAt') === 'number';
}

const FOLDER = 'isoflop';

/** The origin's private file system (OPFS), from a worker. Every method rejects where the browser refuses it. */
export class BrowserFiles implements Files {
  private folder: Promise<FileSystemDirectoryHandle> | undefined;

  async read(name: string): Promise<ArrayBuffer | null> {
    try {
      const handle = await (await this.open()).getFileHandle(name);
      return await (await handle.getFile()).arrayBuffer();
    } catch (error) {
      if (error instanceof DOMException && error.name === 'NotFoundError') return null;
      throw error;
    }
  }

  async write(name: string, bytes: ArrayBuffer): Promise<void> {
    const handle = await (await this.open()).getFileHandle(name, { create: true });
    const access = await handle.createSyncAccessHandle();
    try {
      access.truncate(0);
      const written = access.write(bytes);
      if (written !== bytes.byteLength) {
        throw new IsoflopError({
          where: 'browser storage',
          rule: 'it is full',
          got: `${written} bytes written`,
          expected: String(bytes.byteLength),
        });
      }
      access.flush();
    } finally {
      access.close();
    }
  }

  async replace(name: string, bytes: ArrayBuffer): Promise<void> {
    // A writable goes to a file of its own, which takes the place of the old one when it is closed.
    const handle = await (await this.open()).getFileHandle(name, { create: true });
    const writable = await handle.createWritable();
    await writable.write(bytes);
    await writable.close();
  }

  async remove(name: string): Promise<void> {
    await (await this.open()).removeEntry(name);
  }

  async names(): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const name of (await this.open()).keys()) names.push(name);
    return names;
  }

  exclusive<T>(body: () => Promise<T>): Promise<T> {
    return navigator.locks.request('isoflop-storage', body);
  }

  private open(): Promise<FileSystemDirectoryHandle> {
    this.folder ??= navigator.storage.getDirectory().then((root) => root.getDirectoryHandle(FOLDER, { create: true }));
    this.folder.catch(() => (this.folder = undefined));
    return this.folder;
  }
}
