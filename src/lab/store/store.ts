import { withDefaults } from '../../spec/index.ts';
import { Observable } from '../observable.ts';
import { ChunkStore } from './append.ts';
import type { Curves } from './curves.ts';
import { allOf, asked, UPGRADES } from './database.ts';
import { Keeper } from './keeper.ts';
import { importIn, type ImportOutcome, type KeptRun } from './kept-run.ts';
import type { StorePorts } from './ports.ts';
import {
  appendIn,
  beginIn,
  epochIn,
  ownerIn,
  putOwner,
  recordIn,
  type Advance,
  type Beginning,
  type Outcome,
  type TabContext,
} from './progress.ts';
import { isActive, isRunRecord, type RunEdit, type RunRecord } from './record.ts';
import { Room } from './room.ts';
import { sweepsAmong, SweepShelf } from './sweeps.ts';
import { isOwner, Tabs, type Owner } from './tabs.ts';
import type { StoreError } from './trouble.ts';

/** `trouble`: {@link RunStore.trouble} has changed; `evicted`: {@link RunStore.evicted} has. */
export type StoreTopic = 'trouble' | 'evicted';

/** Removed runs can be restored for this long, in ms. */
export const RESTORABLE_MS = 7 * 24 * 3600 * 1000;
const BEAT_MS = 10_000;
const HINT = 'isoflop.runs';
const EVERYTHING = ['runs', 'chunks', 'owners', 'meta'] as const;

/**
 * Runs that outlive the page, shared by its tabs. Every method is one transaction: all of it happens or nothing. Each tab appends to runs
 * that it has begun alone; every tab may edit, remove and restore any.
 *
 * @throws StoreError from every method that returns a promise, and says so by `trouble` once until it is over.
 */
export class RunStore extends Observable<StoreTopic> {
  /** Runs that were here at an earlier visit and that the browser has removed. */
  evicted = 0;
  /** Records of a form that this build does not know: they are left as they are. */
  unreadable = 0;
  readonly room: Room;
  /** Sweeps, in the same database. */
  readonly sweeps: SweepShelf;
  readonly #ports: StorePorts;
  readonly #keeper: Keeper;
  readonly #tabs: Tabs;
  readonly #watchers = new Set<(ids: readonly string[]) => void>();
  readonly #sweepWatchers = new Set<(ids: readonly string[]) => void>();
  readonly #own = new Set<string>();
  /** The database that each of this tab's runs began in. */
  readonly #epochs = new Map<string, string>();
  #beatAt = 0;

  constructor(ports: StorePorts) {
    super();
    this.#ports = ports;
    this.room = new Room(ports.manager);
    this.#keeper = new Keeper({
      indexedDB: ports.indexedDB,
      upgrades: ports.upgrades ?? UPGRADES,
      makeRoom: ports.makeRoom,
      onClosed: () => this.#changed([], false),
      onCreated: () => this.#created(),
      onTrouble: () => this.emit('trouble'),
    });
    this.#tabs = new Tabs({
      channel: ports.channel,
      token: crypto.randomUUID(),
      now: ports.now,
      onChanged: (ids) => this.#changed(ids, false),
    });
    this.sweeps = new SweepShelf({
      keeper: this.#keeper,
      tabs: this.#tabs,
      now: ports.now,
      changed: (names) => this.#changed(names),
      own: this.#own,
    });
  }

  /** What keeps runs from being stored; null where nothing does. */
  get trouble(): StoreError | null {
    return this.#keeper.trouble;
  }

  /** Opens the database, and asks the other tabs what they train; removed runs whose time is over go. */
  async open(): Promise<void> {
    await this.#keeper.read(['meta'], () => Promise.resolve());
    await this.#tabs.rollCall();
    await this.emptyTrash(RESTORABLE_MS);
    this.#changed([], false);
  }

  /** Calls `listener` with the ids of runs that changed, here or in another tab; none: anything may have. Returns what ends it. */
  watch(listener: (ids: readonly string[]) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  /** As {@link watch}, for sweeps. */
  watchSweeps(listener: (ids: readonly string[]) => void): () => void {
    this.#sweepWatchers.add(listener);
    return () => this.#sweepWatchers.delete(listener);
  }

  /** Every run, newest first; `removed`: those that can be restored instead. */
  async list(removed = false): Promise<readonly RunRecord[]> {
    const { runs, owners } = await this.#keeper.read(['runs', 'owners'], async (tx) => ({
      runs: await allOf(tx.objectStore('runs').getAll(), isRunRecord),
      owners: await allOf(tx.objectStore('owners').getAll(), isOwner),
    }));
    this.unreadable = runs.unreadable;
    const byRun = new Map(owners.items.map((owner) => [owner.runId, owner]));
    this.#remember(runs.items.length);
    const shown = runs.items.filter(({ removedAt }) => (removedAt !== null) === removed);
    return shown.map((run) => this.#seen(run, byRun.get(run.id) ?? null)).sort((a, b) => b.createdAt - a.createdAt);
  }

  /** One run, removed or not; null where there is none. */
  get(id: string): Promise<RunRecord | null> {
    return this.#keeper.read(['runs', 'owners'], async (tx) => {
      const [record, owner] = await Promise.all([recordIn(tx, id), ownerIn(tx, id)]);
      return record === null ? null : this.#seen(record, owner);
    });
  }

  /** Runs by their ids, in one transaction; removed ones, and those that are not there, are left out. */
  async some(ids: readonly string[]): Promise<ReadonlyMap<string, RunRecord>> {
    const found = await this.#keeper.read(['runs', 'owners'], (tx) =>
      Promise.all(ids.map(async (id) => [await recordIn(tx, id).catch(() => null), await ownerIn(tx, id)] as const)),
    );
    const there = found.flatMap(([run, owner]) => (run === null || run.removedAt !== null ? [] : [this.#seen(run, owner)]));
    return new Map(there.map((run) => [run.id, run]));
  }

  /** Whether another tab, which is still there, trains one of these runs. */
  async trainedElsewhere(ids: readonly string[]): Promise<boolean> {
    const owners = await this.#keeper.read(['owners'], (tx) => Promise.all(ids.map((id) => ownerIn(tx, id))));
    const others = owners.filter((owner) => owner !== null && owner.token !== this.#tabs.token && this.#tabs.lives(owner));
    if (others.length > 0) await this.#tabs.rollCall();
    return others.some((owner) => owner !== null && this.#tabs.lives(owner));
  }

  /** Curves of runs, in one transaction; a run without any is left out. */
  curves(ids: readonly string[]): Promise<ReadonlyMap<string, Curves>> {
    return this.#keeper.read(['chunks'], async (tx) => {
      const chunks = new ChunkStore(tx, this.#ports.keyRange);
      const curves = await Promise.all(ids.map(async (id) => [id, await chunks.curves(id)] as const));
      return new Map(curves.filter(([, { train, validation }]) => train.steps.length + validation.steps.length > 0));
    });
  }

  /** Runs with their curves, for an export. Those that are not there are left out. */
  async kept(ids: readonly string[]): Promise<readonly KeptRun[]> {
    return this.#keeper.read(['runs', 'owners', 'chunks'], async (tx) => {
      const chunks = new ChunkStore(tx, this.#ports.keyRange);
      const runs = await Promise.all(
        ids.map(async (id) => {
          const [record, owner, curves] = await Promise.all([recordIn(tx, id), ownerIn(tx, id), chunks.curves(id)]);
          return record === null ? [] : [{ record: this.#seen(record, owner), curves }];
        }),
      );
      return runs.flat();
    });
  }

  /**
   * Runs that begin here, or go on here from their checkpoints: this tab appends to them from now on. One that was removed is back.
   *
   * @returns what their records have become; where a run goes on, {@link RunRecord.summary} is that at its checkpoint.
   * @throws StoreError `owned` where another tab trains one of them; then none has begun.
   */
  async begin(beginnings: readonly Beginning[]): Promise<readonly RunRecord[]> {
    // Not waited for: a browser may ask the user.
    void this.room.keep();
    const others = await this.#keeper.read(['owners'], (tx) => Promise.all(beginnings.map(({ run }) => ownerIn(tx, run.id))));
    if (others.some((owner) => owner !== null && owner.token !== this.#tabs.token && this.#tabs.lives(owner)))
      await this.#tabs.rollCall();
    const { epoch, records, count } = await this.#keeper.write(EVERYTHING, async (tx) => ({
      epoch: await epochIn(tx),
      records: await Promise.all(beginnings.map((beginning) => beginIn(tx, this.#context(), beginning))),
      count: Number(await asked(tx.objectStore('runs').count())),
    }));
    this.#remember(count);
    for (const { id } of records) {
      this.#own.add(id);
      this.#epochs.set(id, epoch);
    }
    this.#changed(records.map(({ id }) => id));
    return records;
  }

  /** Saves what went on of runs that this tab has begun. What has no outcome `saved` is not there. */
  async append(advances: readonly Advance[]): Promise<readonly Outcome[]> {
    if (advances.length === 0) return [];
    const outcomes = await this.#keeper.write(EVERYTHING, (tx) =>
      Promise.all(advances.map((advance) => appendIn(tx, this.#context(), advance, this.#epochs.get(advance.id) ?? ''))),
    );
    for (const [i, { id }] of advances.entries()) {
      if (outcomes[i] === 'saved') this.#own.add(id);
      if (outcomes[i] === 'taken') this.#own.delete(id);
    }
    this.#changed(advances.filter((_, i) => outcomes[i] === 'saved').map(({ id }) => id));
    return outcomes;
  }

  /** Lets go of runs that are over, so that another tab may go on with them at once. */
  async release(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#own.delete(id);
    await this.#beat(ids, 0);
  }

  /** Says that this tab is still there, every ten seconds at most; to be called while it has runs that are not over. */
  async beat(): Promise<void> {
    const now = this.#ports.now();
    if (now - this.#beatAt < BEAT_MS || this.#own.size === 0) return;
    this.#beatAt = now;
    await this.#beat([...this.#own], now);
  }

  /** Changes what is the user's own of runs. A baseline takes the place of the one before. @returns the runs that were there. */
  async edit(ids: readonly string[], change: RunEdit): Promise<readonly string[]> {
    return this.#change(ids, (run) => ({ ...run, ...change }), change.baseline === true);
  }

  /** Removes runs; {@link restore} undoes it, to the bit, for {@link RESTORABLE_MS}. @returns the runs that were there. */
  async remove(ids: readonly string[]): Promise<readonly string[]> {
    return this.#change(ids, (run) => (run.removedAt === null ? { ...run, removedAt: this.#ports.now() } : run));
  }

  async restore(ids: readonly string[]): Promise<readonly string[]> {
    return this.#change(ids, (run) => ({ ...run, removedAt: null }));
  }

  /** Forgets for good what was removed that long ago or longer. @returns how many runs that were. */
  async emptyTrash(agoMs = 0): Promise<number> {
    const before = this.#ports.now() - agoMs;
    const ids = await this.#keeper.write(['runs', 'chunks', 'owners', 'sweeps'], async (tx) => {
      await this.sweeps.emptyTrashIn(tx, this.#ports.now() - RESTORABLE_MS);
      const { items } = await allOf(tx.objectStore('runs').getAll(), isRunRecord);
      const over = items.filter(({ removedAt }) => removedAt !== null && removedAt <= before).map(({ id }) => id);
      for (const id of over) {
        tx.objectStore('runs').delete(id);
        tx.objectStore('owners').delete(id);
        new ChunkStore(tx, this.#ports.keyRange).remove(id);
      }
      return over;
    });
    if (ids.length > 0) this.#changed(ids);
    return ids.length;
  }

  /** Takes runs of a file in, all or none. What is here stays as it is; a removed run that the file has too is back. */
  async import(runs: readonly KeptRun[]): Promise<ImportOutcome> {
    const done = await this.#keeper.write(['runs', 'chunks'], (tx) => importIn(tx, this.#ports.keyRange, runs));
    this.#changed([...done.added, ...done.same, ...done.renamed.map(([, id]) => id)]);
    return done;
  }

  /** Lets go of the database and of the other tabs. */
  close(): void {
    this.#keeper.close();
    this.#tabs.close();
  }

  #context(): TabContext {
    const { keyRange: ranges, now } = this.#ports;
    return { ranges, token: this.#tabs.token, now: now(), lives: (owner) => this.#tabs.lives(owner) };
  }

  /** A run as it is seen from here: one whose tab is gone was interrupted. */
  #seen(run: RunRecord, owner: Owner | null): RunRecord {
    // What an earlier build left out of its specs is what it is by default.
    const seen = { ...run, spec: withDefaults(run.spec) };
    if (!isActive(run.state) || (owner !== null && owner.beatAt > 0 && this.#tabs.lives(owner))) return seen;
    return { ...seen, state: 'interrupted' };
  }

  async #change(ids: readonly string[], change: (run: RunRecord) => RunRecord, soleBaseline = false): Promise<readonly string[]> {
    const changed = await this.#keeper.write(['runs'], async (tx) => {
      const store = tx.objectStore('runs');
      const others = soleBaseline ? (await allOf(store.getAll(), isRunRecord)).items.filter((run) => run.baseline) : [];
      for (const run of others) store.put({ ...run, baseline: false });
      const found = await Promise.all(ids.map((id) => recordIn(tx, id)));
      const there = found.filter((run) => run !== null);
      for (const run of there) store.put(change(run));
      return { there: there.map(({ id }) => id), others: others.map(({ id }) => id) };
    });
    this.#changed([...changed.there, ...changed.others]);
    return changed.there;
  }

  async #beat(ids: readonly string[], beatAt: number): Promise<void> {
    await this.#keeper.write(['owners'], async (tx) => {
      const owners = await Promise.all(ids.map((id) => ownerIn(tx, id)));
      for (const owner of owners) if (owner?.token === this.#tabs.token) putOwner(tx, { ...owner, beatAt });
    });
  }

  #changed(ids: readonly string[], tell = true): void {
    if (tell) this.#tabs.changed(ids);
    const sweeps = sweepsAmong(ids);
    if (sweeps.length > 0 || ids.length === 0) for (const watcher of this.#sweepWatchers) watcher(sweeps);
    if (sweeps.length > 0 && sweeps.length === ids.length) return;
    for (const watcher of this.#watchers) watcher(ids);
  }

  #created(): void {
    try {
      this.evicted = Number(this.#ports.hint?.getItem(HINT) ?? 0);
    } catch {
      // A hint only.
    }
    if (this.evicted > 0) this.emit('evicted');
  }

  #remember(count: number): void {
    try {
      this.#ports.hint?.setItem(HINT, String(count));
    } catch {
      // As above.
    }
  }
}
