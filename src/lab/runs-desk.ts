import { Observable } from './observable.ts';
import { NO_CURVES, type Curves } from './store/curves.ts';
import { runsFromFolder, type FolderFile } from './store/folder-runs.ts';
import type { ImportOutcome, KeptRun } from './store/kept-run.ts';
import type { RunEdit, RunRecord } from './store/record.ts';
import { runsFromJson } from './store/runs-json.ts';
import type { RunStore } from './store/store.ts';
import { StoreError } from './store/trouble.ts';

/** `runs`: which there are, or what is said of them; `curves`: what is drawn; `chosen`: what the user has marked. */
export type RunsTopic = 'runs' | 'curves' | 'chosen';

export interface RunsPorts {
  readonly store: RunStore;
  readonly report: (error: unknown, where: string) => void;
  readonly notice: (text: string) => void;
}

/** Curves that are drawn at once. */
export const MOST_CURVES = 200;

/** The kept runs as the Runs page has them: read again when they change, with the curves that it draws and what the user has marked. */
export class RunsDesk extends Observable<RunsTopic> {
  /** Newest first; null until they are read. */
  runs: readonly RunRecord[] | null = null;
  /** Removed ones that can still be restored. */
  removed: readonly RunRecord[] = [];
  /** Those that were removed last: one click has them back. */
  undoable: readonly string[] = [];
  room: { readonly usedBytes: number; readonly quotaBytes: number } | null = null;
  persisted: boolean | null = null;
  chosen: ReadonlySet<string> = new Set();
  readonly #ports: RunsPorts;
  readonly #curves = new Map<string, Curves>();
  readonly #stale = new Set<string>();
  #wanted: readonly string[] = [];
  #reading: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #asleep = false;
  #changedAsleep = false;
  #end = (): void => {};

  constructor(ports: RunsPorts) {
    super();
    this.#ports = ports;
  }

  get store(): RunStore {
    return this.#ports.store;
  }

  open(): void {
    const watched = this.store.watch((ids) => this.#changed(ids));
    const troubled = this.store.on('trouble', () => this.emit('runs'));
    this.#end = (): void => {
      watched();
      troubled();
    };
    void this.read();
  }

  close(): void {
    this.#end();
  }

  /** While nobody looks, changes are only remembered. */
  set asleep(asleep: boolean) {
    this.#asleep = asleep;
    if (!asleep && this.#changedAsleep) void this.read();
  }

  /** Reads the runs as they are now; while an earlier reading goes on, after it, and once for all who ask meanwhile. */
  read(): Promise<void> {
    if (this.#reading === null) {
      this.#reading = this.#read().finally(() => (this.#reading = null));
      return this.#reading;
    }
    this.#next ??= this.#reading.then(() => {
      this.#next = null;
      return this.read();
    });
    return this.#next;
  }

  /** The curves of a run that is drawn; undefined until they are read. */
  curvesOf(id: string): Curves | undefined {
    return this.#curves.get(id);
  }

  /** Draws these runs: reads the curves that are not there or no longer right, all at once. */
  async draw(ids: readonly string[]): Promise<void> {
    this.#wanted = ids.slice(0, MOST_CURVES);
    const wanted = new Set(this.#wanted);
    for (const id of this.#curves.keys()) if (!wanted.has(id)) this.#curves.delete(id);
    const missing = this.#wanted.filter((id) => !this.#curves.has(id) || this.#stale.has(id));
    if (missing.length === 0) return;
    for (const id of missing) this.#stale.delete(id);
    await this.#try('curves', async () => {
      const read = await this.store.curves(missing);
      for (const id of missing) this.#curves.set(id, read.get(id) ?? NO_CURVES);
      this.emit('curves');
    });
  }

  choose(ids: Iterable<string>): void {
    this.chosen = new Set(ids);
    this.emit('chosen');
  }

  edit(ids: readonly string[], change: RunEdit): Promise<void> {
    return this.#try('edit', async () => void (await this.store.edit(ids, change)));
  }

  /** Gives runs these tags in place of those. */
  async retag(runs: readonly RunRecord[], before: readonly string[], tags: readonly string[]): Promise<void> {
    const others = (run: RunRecord): readonly string[] => run.tags.filter((tag) => !before.includes(tag));
    await Promise.all(runs.map((run) => this.edit([run.id], { tags: [...new Set([...others(run), ...tags])] })));
  }

  remove(ids: readonly string[]): Promise<void> {
    return this.#try('delete', async () => {
      this.undoable = await this.store.remove(ids);
      this.choose([...this.chosen].filter((id) => !ids.includes(id)));
    });
  }

  /** Has removed runs back. */
  restore(ids: readonly string[]): Promise<void> {
    return this.#try('restore', async () => {
      await this.store.restore(ids);
      this.forgetUndo();
    });
  }

  forgetUndo(): void {
    this.undoable = [];
    this.emit('runs');
  }

  /** Forgets the removed runs for good. */
  empty(): Promise<void> {
    return this.#try('delete', async () => {
      await this.store.emptyTrash();
      this.forgetUndo();
    });
  }

  /** Runs with their curves, in the order asked for. */
  async kept(ids: readonly string[]): Promise<readonly KeptRun[] | null> {
    let kept: readonly KeptRun[] | null = null;
    await this.#try('export', async () => void (kept = await this.store.kept(ids)));
    return kept;
  }

  /** Takes the runs of a file in, all or none. */
  import(text: string, fileName: string): Promise<void> {
    return this.#try('import', async () => {
      this.#ports.notice(`${fileName}: ${importWords(await this.store.import(runsFromJson(text, fileName)))}.`);
    });
  }

  /** Takes the ended runs of a folder of `isoflop sweep` in, all or none. */
  importFolder(files: readonly FolderFile[]): Promise<void> {
    return this.#try('import', async () => {
      const { runs, unended } = await runsFromFolder(files);
      const left = unended === 0 ? '' : `; ${unended} not ended, left out`;
      this.#ports.notice(`${files[0]?.path.split('/')[0] ?? ''}: ${importWords(await this.store.import(runs))}${left}.`);
    });
  }

  #changed(ids: readonly string[]): void {
    for (const id of ids.length === 0 ? this.#curves.keys() : ids) this.#stale.add(id);
    this.#changedAsleep = this.#asleep;
    if (!this.#asleep) void this.read();
  }

  async #read(): Promise<void> {
    this.#changedAsleep = false;
    await this.#try('runs', async () => {
      const [runs, removed] = [await this.store.list(), await this.store.list(true)];
      this.runs = runs;
      this.removed = removed;
      [this.room, this.persisted] = await Promise.all([this.store.room.estimate(), this.store.room.persisted()]);
      const there = new Set(runs.map(({ id }) => id));
      this.chosen = new Set([...this.chosen].filter((id) => there.has(id)));
    });
    this.emit('runs', 'chosen');
    await this.draw(this.#wanted);
  }

  /** What the store fails with is its trouble, which it tells by itself; anything else is said here. */
  async #try(where: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof StoreError && error.message === this.store.trouble?.message)) this.#ports.report(error, where);
    }
  }
}

/** What an import has done, in words. */
export function importWords({ added, same, renamed }: ImportOutcome): string {
  const runs = (count: number): string => (count === 1 ? '1 run' : `${count} runs`);
  const parts = [
    added.length > 0 ? `${runs(added.length)} added` : '',
    renamed.length > 0 ? `${runs(renamed.length)} added under a new id, as theirs was taken` : '',
    same.length > 0 ? `${runs(same.length)} already here` : '',
  ].filter((part) => part !== '');
  return parts.length === 0 ? 'it holds no runs' : parts.join(', ');
}
