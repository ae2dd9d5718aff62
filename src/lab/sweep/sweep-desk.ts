import { ProtocolError } from '../../base/errors.ts';
import { StepRates, type Sweep } from '../../spec/index.ts';
import type { WorkerEvent } from '../../worker/client.ts';
import type { DataReport, DeviceReport, WireError } from '../../worker/protocol.ts';
import { Observable } from '../observable.ts';
import type { Run } from '../run.ts';
import type { RecorderPorts } from '../store/recorder.ts';
import type { RunStore } from '../store/store.ts';
import { StoreError } from '../store/trouble.ts';
import type { GroupTraining, TrainingPorts } from './group-training.ts';
import { OpenSweep } from './open-sweep.ts';
import { movedGroups, queueOf, type LiveGroup } from './queue.ts';
import { learnRates } from './rates.ts';
import { SweepTrainer } from './sweep-trainer.ts';
import { forgetOrphans } from './programs.ts';
import type { SweepQueue, SweepRecord } from './types.ts';

/** `sweeps`: which there are, which one trains, or what is said of one; `queue`: what a queue stands at. */
export type SweepTopic = 'sweeps' | 'queue';

export interface SweepDeskPorts extends TrainingPorts {
  readonly store: RunStore;
  /** What measures; null where there is none. */
  readonly device: () => DeviceReport | null;
  /** The user's file that runs are trained on; null: not known. */
  readonly file: () => DataReport | null;
  /** What else has the GPU, as the beginning of a sentence; null: nothing. */
  readonly otherwise: () => string | null;
  /** Shows an error. */
  readonly report: (error: unknown, where: string) => void;
  readonly notice: (text: string) => void;
  readonly whenLeaving: RecorderPorts['whenLeaving'];
}

/**
 * The sweeps that the page knows, and the queue of the one that trains: group after group, each as lanes of one program. What a group
 * measured is kept as runs; a sweep goes on where it was after a reload, a crash or a lost device.
 *
 * {@link forecast} and {@link keep} reject with what is wrong, in words; of everything else failures become alerts.
 */
export class SweepDesk extends Observable<SweepTopic> {
  /** Newest first; null until they are read. */
  sweeps: readonly SweepRecord[] | null = null;
  /** Removed ones that can still be restored. */
  removed: readonly SweepRecord[] = [];
  readonly #ports: SweepDeskPorts;
  readonly #trainer: SweepTrainer;
  readonly #rates = new StepRates();
  readonly #opened = new Map<string, OpenSweep | Promise<OpenSweep> | 'unreadable'>();
  readonly #queues = new Map<string, SweepQueue>();
  /** What was planned last, so that keeping it asks nobody again. */
  #planned: { readonly sweep: OpenSweep; readonly groups: SweepRecord['groups'] } | null = null;
  #reading: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  readonly #ends: (() => void)[] = [];

  constructor(ports: SweepDeskPorts) {
    super();
    this.#ports = ports;
    this.#trainer = new SweepTrainer({
      ...ports,
      openedSweep: (id) => this.#open(id),
      queueOf: (id) => this.queueOf(id),
      update: (id, change) => this.#update(id, change),
      measured: (flopsPerStep, msPerStep) => this.#rates.measured(flopsPerStep, msPerStep),
      changed: () => this.#changed('sweeps'),
      moved: () => this.#changed(),
    });
  }

  /** The sweep that trains; null: none does. */
  get runningId(): string | null {
    return this.#trainer.runningId;
  }

  /** The lanes that train now, or are paused on the GPU. */
  get run(): Run | null {
    return this.#trainer.training?.run ?? null;
  }

  /** True while a sweep trains: nothing else can. One that is paused gives way. */
  get busy(): boolean {
    return this.runningId !== null;
  }

  /** True while another tab trains a sweep, as far as its record says. */
  trainsElsewhere(id: string): boolean {
    return this.#record(id)?.state === 'running' && !this.#trainer.has(id);
  }

  /** Reads the sweeps; those that another visit left running are paused. */
  async open(): Promise<void> {
    const { store, whenLeaving } = this.#ports;
    this.#ends.push(
      store.watchSweeps(() => void this.#read()),
      store.watch((ids) => void this.#runsChanged(ids)),
      whenLeaving((leaving) => {
        if (leaving === 'gone') this.#trainer.leave();
        if (leaving === 'back') void this.#try('sweep', () => this.#trainer.comeBack());
      }),
    );
    await this.#read();
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  /** Forgets checkpoints of sweeps that are no more; to be called once there is a worker. */
  async tidy(): Promise<void> {
    await this.#read();
    // Nor is one that a later build knows of.
    if (this.sweeps === null || this.#ports.store.sweeps.unreadable > 0) return;
    const known = [...this.sweeps, ...this.removed].map(({ id }) => id);
    await forgetOrphans(this.#ports.request, known).catch(() => undefined);
  }

  /** What a sweep's queue stands at; null until it is read, which asking begins. */
  queueOf(id: string): SweepQueue | null {
    const known = this.#queues.get(id);
    if (known !== undefined) return known;
    const record = this.#record(id);
    const sweep = this.#opened.get(id);
    if (record === undefined || sweep instanceof Promise || sweep === 'unreadable') return null;
    if (sweep === undefined) {
      void this.#try('sweep', async () => void (await this.#open(id)));
      return null;
    }
    return this.#queue(record, sweep);
  }

  /** Plans without keeping: groups, memory, time; its record has no id. @throws SpecError, WorkerError */
  async forecast(sweep: Sweep): Promise<SweepQueue> {
    const { sweep: opened, groups } = await this.#plan(sweep);
    return this.#queue({ ...this.#newRecord('', sweep, groups), refused: opened.refusals }, opened);
  }

  /** Keeps a sweep, ready to start; one with the same runs is the same sweep. @returns its id. @throws SpecError, WorkerError, StoreError */
  async keep(sweep: Sweep): Promise<string> {
    const { id } = this.#expand(sweep);
    const there = this.#record(id) ?? this.removed.find((record) => record.id === id);
    const planned = there === undefined ? await this.#plan(sweep) : null;
    const record = there ?? {
      ...this.#newRecord(id, sweep, planned?.groups ?? []),
      refused: planned?.sweep.refusals ?? {},
    };
    await this.#ports.store.sweeps.keep(record);
    if (planned !== null) this.#opened.set(id, planned.sweep);
    await this.#read();
    return id;
  }

  /** Trains what has not ended, or goes on; another sweep that trains is paused first. */
  start(id: string): Promise<void> {
    return this.#try('sweep', async () => {
      if (this.runningId === id) return;
      const other = this.#ports.otherwise();
      if (other !== null) {
        const rule = `${other}, and the GPU does one thing at a time`;
        throw new ProtocolError({ where: `sweep ${this.#title(id)}`, rule, cure: 'Stop that first, then start the sweep.' });
      }
      await this.#trainer.start(id);
    });
  }

  /** Pauses the sweep that trains, within its group. */
  pause(): Promise<void> {
    return this.#try('sweep', () => this.#trainer.pause());
  }

  /** Takes a group out of the queue, or back in. One that trains is stopped; what it measured is kept, and so is its checkpoint. */
  skip(id: string, groupId: string, skipped: boolean): Promise<void> {
    return this.#try('sweep', async () => {
      await this.#update(id, (record) => {
        const group = record.groups.find(([first]) => first === groupId) ?? [];
        const others = record.skipped.filter((run) => !group.includes(run));
        return { skipped: skipped ? [...others, ...group] : others, ...(skipped ? {} : reopened(record)) };
      });
    });
  }

  /** Moves a group that waits to another place among those that wait. */
  move(id: string, groupId: string, to: number): Promise<void> {
    return this.#try('sweep', async () => {
      const queue = this.queueOf(id);
      if (queue === null) return;
      await this.#update(id, (record) => ({ groups: movedGroups({ ...queue, record }, groupId, to) }));
    });
  }

  /** Has a group that failed or was refused wait again. */
  retry(id: string, groupId: string): Promise<void> {
    return this.#try('sweep', async () => {
      const without = (reasons: SweepRecord['failed']): SweepRecord['failed'] =>
        Object.fromEntries(Object.entries(reasons).filter(([group]) => group !== groupId));
      await this.#update(id, (record) => ({
        failed: without(record.failed),
        refused: without(record.refused),
        ...reopened(record),
      }));
    });
  }

  /** Removes a sweep; its runs stay, and {@link restore} undoes it. */
  remove(id: string): Promise<void> {
    return this.#try('sweep', async () => {
      await this.#trainer.letGo(id);
      await this.#ports.store.sweeps.remove(id);
      await this.#read();
    });
  }

  restore(id: string): Promise<void> {
    return this.#try('sweep', async () => {
      await this.#ports.store.sweeps.restore(id);
      await this.#read();
    });
  }

  /** Frees the GPU of a sweep that is paused on it, for something else. @throws ProtocolError while one trains. */
  async giveWay(where: string): Promise<void> {
    const { runningId } = this;
    if (runningId !== null) {
      const rule = `the sweep ${this.#title(runningId)} trains, and the GPU does one thing at a time`;
      throw new ProtocolError({ where, rule, cure: 'Pause the sweep first.' });
    }
    await this.#trainer.letGo();
  }

  /** Takes an event of the worker's in. @returns the run that it is about, where that is a sweep's. */
  receive(event: WorkerEvent): Run | null {
    return this.#trainer.receive(event);
  }

  /** The user has added a file: runs of another one are to be trained on it. */
  fileChanged(): void {
    this.#changed();
  }

  /** The worker is gone. */
  crashed(error: WireError): void {
    this.#trainer.crashed(error);
  }

  #record(id: string): SweepRecord | undefined {
    return this.sweeps?.find((record) => record.id === id);
  }

  #title(id: string): string {
    const name = this.#record(id)?.sweep.name ?? '';
    return name === '' ? id : `"${name}"`;
  }

  #newRecord(id: string, sweep: Sweep, groups: SweepRecord['groups']): SweepRecord {
    const nothing = { removedAt: null, skipped: [], failed: {}, refused: {} };
    return { version: 1, id, sweep, createdAt: 0, updatedAt: 0, state: 'ready', groups, ...nothing };
  }

  #queue(record: SweepRecord, sweep: OpenSweep): SweepQueue {
    const { runs, factsOf: facts, files, plan } = sweep;
    const queue = queueOf({ record, runs, facts, files, plan, live: this.#live(record.id), rates: this.#rates });
    if (record.id !== '') this.#queues.set(record.id, queue);
    return queue;
  }

  #live(id: string): LiveGroup | null {
    const training: GroupTraining | null = this.#trainer.training;
    return training === null || training.group.sweepId !== id ? null : training.live;
  }

  async #plan(sweep: Sweep): Promise<{ readonly sweep: OpenSweep; readonly groups: SweepRecord['groups'] }> {
    const opened = this.#expand(sweep);
    const { store, request, device } = this.#ports;
    const planned = this.#planned;
    if (planned?.sweep.id === opened.id) {
      // Runs of it may have ended since, as those of another sweep.
      await planned.sweep.read(store).catch(() => undefined);
      return planned;
    }
    // What cannot be read has not ended, as far as a plan goes; the store says what is wrong with it.
    const records = await opened.read(store).catch(() => new Map<string, never>());
    learnRates(this.#rates, records.values(), device());
    const groups = await opened.planAll(request);
    this.#planned = { sweep: opened, groups };
    return this.#planned;
  }

  /** @throws SpecError, StoreError */
  async #open(id: string): Promise<OpenSweep | null> {
    const known = this.#opened.get(id);
    if (known !== undefined && known !== 'unreadable') return known;
    const record = this.#record(id);
    if (record === undefined) return null;
    const opening = this.#openKept(record);
    this.#opened.set(id, opening);
    // One that was kept meanwhile is what its plan has made of it.
    const settle = (to: OpenSweep | 'unreadable'): void => {
      if (this.#opened.get(id) === opening) this.#opened.set(id, to);
    };
    try {
      settle(await opening);
    } catch (error) {
      settle('unreadable');
      throw error;
    }
    this.#changed();
    return this.#open(id);
  }

  #expand(sweep: Sweep): OpenSweep {
    return new OpenSweep(sweep, this.#ports.file);
  }

  async #openKept({ sweep }: SweepRecord): Promise<OpenSweep> {
    const opened = this.#expand(sweep);
    learnRates(this.#rates, (await opened.read(this.#ports.store)).values(), this.#ports.device());
    return opened;
  }

  async #update(id: string, change: (record: SweepRecord) => Partial<SweepRecord>): Promise<void> {
    await this.#ports.store.sweeps.update(id, change);
    await this.#read();
  }

  /** Reads the sweeps as they are now; while an earlier reading goes on, after it, and once for all who ask meanwhile. */
  #read(): Promise<void> {
    if (this.#reading === null) {
      this.#reading = this.#readAll().finally(() => (this.#reading = null));
      return this.#reading;
    }
    this.#next ??= this.#reading.then(() => {
      this.#next = null;
      return this.#read();
    });
    return this.#next;
  }

  async #readAll(): Promise<void> {
    await this.#try('sweeps', async () => {
      const all = await this.#ports.store.sweeps.list();
      this.sweeps = all.filter(({ removedAt }) => removedAt === null);
      this.removed = all.filter(({ removedAt }) => removedAt !== null);
    });
    this.#changed('sweeps');
    void this.#trainer.obey((id) => this.#record(id));
  }

  /** Runs that ended, were removed, or came with a file: here or in another tab. */
  async #runsChanged(ids: readonly string[]): Promise<void> {
    const live = new Set(this.#trainer.training?.group.lanes.map(({ id }) => id));
    let read = false;
    for (const sweep of this.#opened.values()) {
      if (!(sweep instanceof OpenSweep)) continue;
      const wanted = (ids.length === 0 ? [...sweep.runs.keys()] : ids).filter((id) => sweep.runs.has(id) && !live.has(id));
      if (wanted.length === 0) continue;
      read = true;
      await sweep.read(this.#ports.store, wanted).catch(() => undefined);
    }
    if (read) this.#changed();
  }

  #changed(...topics: 'sweeps'[]): void {
    this.#queues.clear();
    this.emit(...topics, 'queue');
  }

  /** What the store fails with is its trouble, which it tells by itself; anything else is said here. */
  async #try(where: string, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (!(error instanceof StoreError && error.message === this.#ports.store.trouble?.message))
        this.#ports.report(error, where);
    }
  }
}

/** One that was done waits to be resumed, once something of it waits again. */
function reopened({ state }: SweepRecord): Partial<SweepRecord> {
  return state === 'done' ? { state: 'paused' } : {};
}
