import { isClosed, trouble, troubleOf, type StoreError } from './trouble.ts';

/** Makes of a database one that is a version later. Runs inside the browser's upgrade: all of it happens, or nothing. */
export type Upgrade = (db: IDBDatabase, tx: IDBTransaction) => void;

/** `UPGRADES[n]` makes version n + 1 of version n; what a later build changes is appended here, nothing else. */
export const UPGRADES: readonly Upgrade[] = [
  (db, tx) => {
    // A record of each run, by its id.
    db.createObjectStore('runs', { keyPath: 'id' });
    // Stretches of curves, apart from records: a save rewrites the last one at most, and a table reads none.
    db.createObjectStore('chunks', { keyPath: ['runId', 'series', 'firstStep'] });
    // Which tab appends to a run, and when it was last heard of.
    db.createObjectStore('owners', { keyPath: 'runId' });
    db.createObjectStore('meta', { keyPath: 'key' });
    // Tells this database from one that the browser removes and the page makes again.
    tx.objectStore('meta').put({ key: 'epoch', value: crypto.randomUUID() });
  },
  // A record of each sweep, by its id; its runs are kept as all others.
  (db) => void db.createObjectStore('sweeps', { keyPath: 'id' }),
];

export const DATABASE = 'isoflop-runs';
export type StoreName = 'runs' | 'chunks' | 'owners' | 'meta' | 'sweeps';

export interface DatabaseOptions {
  /** null: the browser has none. */
  readonly indexedDB: IDBFactory | null;
  readonly upgrades?: readonly Upgrade[];
  /** Another tab keeps an older version open; opening goes on once it closes. */
  readonly onBlocked: (error: StoreError) => void;
  /** The connection was closed from outside: by a tab that upgrades, or by the browser, which may have removed everything. */
  readonly onClosed: () => void;
  /** There was none, and now there is. */
  readonly onCreated: () => void;
}

/** A connection that opens when it is first used, and again when it was closed from outside. */
export class Database {
  readonly #options: DatabaseOptions;
  #db: IDBDatabase | null = null;
  #opening: Promise<IDBDatabase> | null = null;

  constructor(options: DatabaseOptions) {
    this.#options = options;
  }

  /**
   * One transaction, all or nothing: rejects where any of it fails, and then nothing of it is there. Begins before it returns where the
   * database is open, so that a page that is going away still gets it off.
   *
   * @param body awaits nothing but requests of the transaction.
   * @throws StoreError
   */
  async run<T>(
    mode: 'readonly' | 'readwrite',
    stores: readonly StoreName[],
    body: (tx: IDBTransaction) => Promise<T>,
  ): Promise<T> {
    try {
      const db = this.#db ?? (await this.open());
      try {
        return await settled(db.transaction([...stores], mode, { durability: 'relaxed' }), body);
      } catch (error) {
        if (!isClosed(error)) throw error;
        this.#drop(db);
        return await settled((await this.open()).transaction([...stores], mode), body);
      }
    } catch (error) {
      throw troubleOf(error);
    }
  }

  /** @throws StoreError; the next call tries again. */
  async open(): Promise<IDBDatabase> {
    if (this.#db !== null) return this.#db;
    this.#opening ??= this.#connect().finally(() => (this.#opening = null));
    this.#db = await this.#opening;
    return this.#db;
  }

  close(): void {
    this.#db?.close();
    this.#db = null;
  }

  async #connect(): Promise<IDBDatabase> {
    const { indexedDB, upgrades = UPGRADES, onBlocked, onClosed, onCreated } = this.#options;
    if (indexedDB === null) throw trouble('none');
    let created = false;
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(DATABASE, upgrades.length);
      request.addEventListener('upgradeneeded', ({ oldVersion }) => {
        created = oldVersion === 0;
        const tx = request.transaction;
        if (tx === null) return;
        for (const upgrade of upgrades.slice(oldVersion)) upgrade(request.result, tx);
      });
      request.addEventListener('blocked', () => onBlocked(trouble('blocked')));
      request.addEventListener('success', () => resolve(request.result));
      request.addEventListener('error', () => reject(troubleOf(request.error)));
    }).catch((error: unknown) => {
      throw troubleOf(error);
    });
    const leave = (): void => {
      this.#drop(db);
      onClosed();
    };
    // A tab that upgrades, or removes the database, waits until this one lets go.
    db.addEventListener('versionchange', leave);
    db.addEventListener('close', leave);
    if (created) onCreated();
    return db;
  }

  #drop(db: IDBDatabase): void {
    db.close();
    if (this.#db === db) this.#db = null;
  }
}

async function settled<T>(tx: IDBTransaction, body: (tx: IDBTransaction) => Promise<T>): Promise<T> {
  const done = new Promise<void>((resolve, reject) => {
    tx.addEventListener('complete', () => resolve());
    tx.addEventListener('abort', () => reject(tx.error ?? new DOMException('the transaction was aborted', 'AbortError')));
  });
  // Where the body fails first, its error is the one to tell.
  done.catch(() => undefined);
  let result: T;
  try {
    result = await body(tx);
  } catch (error) {
    try {
      tx.abort();
    } catch {
      // It has ended already.
    }
    throw tx.error ?? error;
  }
  await done;
  return result;
}

/** A request's result, of unknown form. */
export function asked(request: IDBRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new DOMException('a request failed', 'UnknownError')));
  });
}

/** Every item that has the form that is asked for, and how many have not. */
export async function allOf<T>(
  request: IDBRequest,
  is: (value: unknown) => value is T,
): Promise<{ readonly items: readonly T[]; readonly unreadable: number }> {
  const result = await asked(request);
  const values: readonly unknown[] = Array.isArray(result) ? result : [];
  const items = values.filter(is);
  return { items, unreadable: values.length - items.length };
}
