import { withDefaults } from '../../spec/index.ts';
import type { SweepRecord } from '../sweep/types.ts';
import { isStrings, isTexts } from './checks.ts';
import { allOf, asked } from './database.ts';
import type { Keeper } from './keeper.ts';
import { ownerIn, putOwner } from './progress.ts';
import type { Owner, Tabs } from './tabs.ts';
import { StoreError } from './trouble.ts';

/** What tells sweeps from runs where both are meant: among owners, and in what tabs tell each other. */
const PREFIX = 'sweep/';

/** The name that a sweep has among the owners. */
export function ownedName(sweepId: string): string {
  return `${PREFIX}${sweepId}`;
}

/** Sweeps among the ids that tabs tell each other. */
export function sweepsAmong(names: readonly string[]): readonly string[] {
  return names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length));
}

export interface SweepShelfPorts {
  readonly keeper: Keeper;
  readonly tabs: Tabs;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Tells this tab and the others. */
  readonly changed: (names: readonly string[]) => void;
  /** This tab beats for what it has claimed. */
  readonly own: Set<string>;
}

/**
 * Sweeps that outlive the page, as {@link RunStore} keeps runs: one transaction a method; every tab may change any, one alone trains it.
 *
 * @throws StoreError from every method.
 */
export class SweepShelf {
  /** Records of a form that this build does not know: they are left as they are. */
  unreadable = 0;
  readonly #ports: SweepShelfPorts;

  constructor(ports: SweepShelfPorts) {
    this.#ports = ports;
  }

  /** Every sweep, newest first; removed ones too, which say so. */
  async list(): Promise<readonly SweepRecord[]> {
    const { sweeps, owners } = await this.#ports.keeper.read(['sweeps', 'owners'], async (tx) => {
      const found = await allOf(tx.objectStore('sweeps').getAll(), isSweepRecord);
      return { sweeps: found, owners: await Promise.all(found.items.map(({ id }) => ownerIn(tx, ownedName(id)))) };
    });
    this.unreadable = sweeps.unreadable;
    return sweeps.items.map((record, i) => this.#seen(record, owners[i] ?? null)).sort((a, b) => b.createdAt - a.createdAt);
  }

  /** Keeps a new sweep. One that is there already stays as it is; a removed one is back. @returns what is kept now. */
  async keep(record: SweepRecord): Promise<SweepRecord> {
    const kept = await this.#ports.keeper.write(['sweeps'], async (tx) => {
      const before = await sweepIn(tx, record.id);
      const now = this.#ports.now();
      const next = before === null ? { ...record, createdAt: now, updatedAt: now } : { ...before, removedAt: null };
      tx.objectStore('sweeps').put(next);
      return next;
    });
    this.#ports.changed([ownedName(record.id)]);
    return kept;
  }

  /** Changes a sweep. @returns what it has become; null where there is none. */
  async update(id: string, change: (record: SweepRecord) => Partial<SweepRecord>): Promise<SweepRecord | null> {
    const changed = await this.#ports.keeper.write(['sweeps'], async (tx) => {
      const record = await sweepIn(tx, id);
      if (record === null) return null;
      const next = { ...record, ...change(record), updatedAt: this.#ports.now() };
      tx.objectStore('sweeps').put(next);
      return next;
    });
    if (changed !== null) this.#ports.changed([ownedName(id)]);
    return changed;
  }

  /** Removes a sweep; {@link restore} undoes it. */
  async remove(id: string): Promise<void> {
    await this.update(id, () => ({ removedAt: this.#ports.now() }));
  }

  async restore(id: string): Promise<void> {
    await this.update(id, () => ({ removedAt: null }));
  }

  /** Forgets for good what was removed before a time. Inside a transaction over `sweeps` and `owners`. */
  async emptyTrashIn(tx: IDBTransaction, before: number): Promise<void> {
    const { items } = await allOf(tx.objectStore('sweeps').getAll(), isSweepRecord);
    for (const { id, removedAt } of items) {
      if (removedAt === null || removedAt > before) continue;
      tx.objectStore('sweeps').delete(id);
      tx.objectStore('owners').delete(ownedName(id));
    }
  }

  /** From now on this tab alone trains it. @throws StoreError `owned` where another tab does. */
  async claim(id: string): Promise<void> {
    const { keeper, tabs, now, own } = this.#ports;
    const name = ownedName(id);
    const before = await keeper.read(['owners'], (tx) => ownerIn(tx, name));
    if (before !== null && before.token !== tabs.token && tabs.lives(before)) await tabs.rollCall();
    await keeper.write(['owners', 'sweeps'], async (tx) => {
      const [owner, record] = await Promise.all([ownerIn(tx, name), sweepIn(tx, id)]);
      if (owner !== null && owner.token !== tabs.token && tabs.lives(owner)) {
        throw new StoreError('owned', {
          rule: 'another tab trains this sweep',
          got: record === null || record.sweep.name === '' ? id : `"${record.sweep.name}"`,
          cure: 'Look at it there, or pause it there and go on here.',
        });
      }
      putOwner(tx, { runId: name, token: tabs.token, beatAt: now() });
    });
    own.add(name);
  }

  /** Lets another tab go on with it. Its transaction has begun when this returns. */
  async release(id: string): Promise<void> {
    const { keeper, tabs, own, changed } = this.#ports;
    const name = ownedName(id);
    own.delete(name);
    await keeper.write(['owners'], async (tx) => {
      const owner = await ownerIn(tx, name);
      if (owner?.token === tabs.token) putOwner(tx, { ...owner, beatAt: 0 });
    });
    changed([name]);
  }

  /** As it is seen from here: one whose tab is gone waits to be resumed. */
  #seen(record: SweepRecord, owner: Owner | null): SweepRecord {
    const seen = { ...record, sweep: { ...record.sweep, base: withDefaults(record.sweep.base) } };
    if (record.state !== 'running' || (owner !== null && owner.beatAt > 0 && this.#ports.tabs.lives(owner))) return seen;
    return { ...seen, state: 'paused' };
  }
}

/** @throws StoreError for a record of a form that this build does not know: it stays. */
async function sweepIn(tx: IDBTransaction, id: string): Promise<SweepRecord | null> {
  const value = await asked(tx.objectStore('sweeps').get(id));
  if (value === undefined || isSweepRecord(value)) return value ?? null;
  throw new StoreError('failed', {
    rule: 'a sweep is of a form that this build does not know',
    got: id,
    cure: 'It was left as it is. Reload the page to get the later build.',
  });
}

const isNumber = (value: unknown): boolean => typeof value === 'number';

/** Each part of a record, and what it must be. What the sweep itself describes is checked when its runs are asked for. */
const PARTS: { readonly [P in keyof SweepRecord]: (value: unknown) => boolean } = {
  version: (value) => value === 1,
  id: (value) => typeof value === 'string' && value !== '',
  sweep: (value) =>
    isObject(value) &&
    value['version'] === 1 &&
    typeof value['name'] === 'string' &&
    isObject(value['base']) &&
    Array.isArray(value['axes']),
  createdAt: isNumber,
  updatedAt: isNumber,
  removedAt: (value) => value === null || isNumber(value),
  state: (value) => ['ready', 'running', 'paused', 'done'].some((state) => state === value),
  groups: (value) => Array.isArray(value) && value.every((group) => isStrings(group) && group.length > 0),
  skipped: isStrings,
  failed: isTexts,
  refused: isTexts,
};

export function isSweepRecord(value: unknown): value is SweepRecord {
  return isObject(value) && Object.entries(PARTS).every(([part, fits]) => fits(value[part]));
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}
