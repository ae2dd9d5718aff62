import { runFlopsPerStep, type SweepRun } from '../../spec/index.ts';
import type { WorkerEvent } from '../../worker/client.ts';
import type { WireError } from '../../worker/protocol.ts';
import type { Run } from '../run.ts';
import type { RunStore } from '../store/store.ts';
import { startFrom } from './group-start.ts';
import { GroupTraining, type Outcome, type TrainedGroup, type TrainingPorts } from './group-training.ts';
import type { OpenSweep } from './open-sweep.ts';
import { changedFileWords, requireFile } from './own-file.ts';
import { programIdOf } from './programs.ts';
import { nextGroup } from './queue.ts';
import type { QueuedGroup, SweepQueue, SweepRecord } from './types.ts';

export interface SweepTrainerPorts extends TrainingPorts {
  readonly store: RunStore;
  readonly report: (error: unknown, where: string) => void;
  readonly notice: (text: string) => void;
  readonly openedSweep: (id: string) => Promise<OpenSweep | null>;
  readonly queueOf: (id: string) => SweepQueue | null;
  readonly update: (id: string, change: (record: SweepRecord) => Partial<SweepRecord>) => Promise<void>;
  /** A step of so much arithmetic took so long. */
  readonly measured: (flopsPerStep: number, msPerStep: number) => void;
  /** Which sweep trains has changed, or which group of it. */
  readonly changed: () => void;
  /** The group that trains has gone on. */
  readonly moved: () => void;
}

/** How often what was measured is tried to be stored before a group's end is believed without. */
const SAVES = 3;
const NOBODY_KNOWS = 'It stopped, and nobody knows why.';

/** Trains the groups of one sweep after the other. */
export class SweepTrainer {
  /** The sweep that trains; null while it is paused. */
  runningId: string | null = null;
  /** The group that is on the GPU, training or paused. */
  training: GroupTraining | null = null;
  readonly #ports: SweepTrainerPorts;
  /** The sweep whose queue is at work: paused ones too while they have the GPU. */
  #going: string | null = null;
  #loop: Promise<void> = Promise.resolve();
  /** Starts and what undoes them, one after the other. */
  #turns: Promise<void> = Promise.resolve();
  /** A sweep that another tab has taken over: what its record says is no longer of this one. */
  #lost: string | null = null;
  /** How often the user has paused: what was asked for before is void. */
  #pauses = 0;
  /** Programs whose checkpoint was refused, with the file at hand: they begin anew. */
  readonly #anew = new Set<string>();

  constructor(ports: SweepTrainerPorts) {
    this.#ports = ports;
  }

  /**
   * Trains a sweep, or resumes it; another one that trains is paused first. Where one is started while another is being started, the later
   * one trains; one that is paused before it trains does not.
   *
   * @throws StoreError where another tab trains it; what planning is refused with.
   */
  start(id: string): Promise<void> {
    const pauses = this.#pauses;
    if (this.runningId === null) {
      this.runningId = id;
      this.#ports.changed();
    }
    return this.#inTurn(() => this.#start(id, () => this.#pauses === pauses));
  }

  async pause(): Promise<void> {
    this.#pauses += 1;
    await this.#pauseRunning();
  }

  /** Frees the GPU; what trains or is paused goes on from its checkpoint when it is started again. @param id only of this sweep. */
  async letGo(id?: string): Promise<void> {
    if (id !== undefined && this.runningId === id) await this.pause();
    await this.#inTurn(() => this.#letGo(id ?? this.#going));
  }

  /** The page goes away: another tab may go on. */
  leave(): void {
    if (this.#going !== null) void this.#ports.store.sweeps.release(this.#going).catch(() => undefined);
  }

  /** The page is back as it was. @throws StoreError where another tab has gone on with its sweep: it stops here. */
  async comeBack(): Promise<void> {
    const id = this.#going;
    if (id === null) return;
    try {
      await this.#ports.store.sweeps.claim(id);
    } catch (error) {
      this.#lost = id;
      if (this.runningId === id) this.#runs(null);
      await this.training?.stop();
      throw error;
    }
    // So that the other tabs hear of it.
    await this.#ports.update(id, () => ({}));
  }

  /** Does what the records say by now, here or from another tab: stops a group that is skipped, and a sweep that was removed. */
  async obey(recordOf: (id: string) => SweepRecord | undefined): Promise<void> {
    const id = this.#going;
    if (id === null) return;
    const record = recordOf(id);
    const { training } = this;
    if (record === undefined && this.runningId === id) this.runningId = null;
    if (training === null || training.group.sweepId !== id) return;
    const group = record?.groups.find(([first]) => first === training.group.groupId) ?? [];
    if (record !== undefined && !group.every((run) => record.skipped.includes(run))) return;
    await training.stop().catch((error: unknown) => this.#ports.report(error, 'sweep'));
  }

  /** Whether a sweep trains here, or is paused on this page's GPU. */
  has(id: string): boolean {
    return this.runningId === id || this.#going === id;
  }

  receive(event: WorkerEvent): Run | null {
    const { training } = this;
    if (training === null || !training.receive(event, performance.now())) return null;
    if (event.type === 'speed') {
      const flops = training.group.lanes.reduce((sum, { spec }) => sum + runFlopsPerStep(spec), 0);
      this.#ports.measured(flops, event.msPerStep);
    }
    if (event.type === 'speed' || event.type === 'state') this.#ports.moved();
    return training.run;
  }

  crashed(error: WireError): void {
    this.runningId = null;
    this.training?.crashed(error);
  }

  /** Does something once all that was asked for before is done. */
  #inTurn(act: () => Promise<void>): Promise<void> {
    const done = this.#turns.then(act);
    this.#turns = done.catch(() => undefined);
    return done;
  }

  async #start(id: string, wanted: () => boolean): Promise<void> {
    const { store, openedSweep, update } = this.#ports;
    if (!wanted()) return;
    if (this.#going === id) {
      this.#runs(id);
      await Promise.all([this.training?.resume(), update(id, () => ({ state: 'running' }))]);
      return;
    }
    // What it gives back as it stands down would be what is claimed here.
    if (this.#going === null) await this.#loop;
    try {
      await store.sweeps.claim(id);
    } catch (error) {
      // Another tab has it: whatever is said of it there stays.
      if (this.runningId === id) this.#runs(null);
      throw error;
    }
    if (this.runningId !== id) await this.#pauseRunning();
    await this.#letGo(this.#going);
    await this.#loop;
    this.#going = id;
    this.#runs(wanted() ? id : null);
    if (!wanted()) return this.#standDown(id);
    try {
      const sweep = await openedSweep(id);
      if (sweep !== null) await this.#checkFile(id, sweep);
      await update(id, (record) => ({ state: this.runningId === id ? 'running' : record.state }));
      if (sweep !== null) await this.#price(id, sweep);
    } catch (error) {
      await this.#standDown(id);
      throw error;
    }
    this.#loop = this.#train(id);
  }

  #runs(id: string | null): void {
    this.runningId = id;
    this.#ports.changed();
  }

  async #pauseRunning(): Promise<void> {
    const { runningId: id, training } = this;
    if (id === null) return;
    this.#runs(null);
    await Promise.all([training?.pause(), this.#ports.update(id, () => ({ state: 'paused' }))]);
  }

  async #letGo(id: string | null): Promise<void> {
    if (id === null || this.#going !== id) return;
    if (this.runningId === id) await this.#pauseRunning();
    await this.training?.stop();
    await this.#loop;
  }

  /** Asks what the groups take here, where nobody has on this page; refusals of another adapter are void. */
  async #price(id: string, sweep: OpenSweep): Promise<void> {
    const record = this.#ports.queueOf(id)?.record;
    if (record === undefined || sweep.plan !== null) return;
    await sweep.priceGroups(this.#ports.request, record.groups);
    await this.#ports.update(id, () => ({ refused: sweep.refusals }));
  }

  /** @throws SpecError where a run is left that must have a file of the user's, and that is gone. */
  async #checkFile(id: string, sweep: OpenSweep): Promise<void> {
    if (!sweep.readsFile) return;
    const name = this.#ports.queueOf(id)?.record.sweep.name ?? '';
    const title = name === '' ? id : `"${name}"`;
    requireFile(sweep.files, await this.#ports.request({ type: 'files' }), `sweep ${title}`);
    const changed = changedFileWords(sweep.files, title);
    if (changed !== null) this.#ports.notice(changed);
  }

  async #train(id: string): Promise<void> {
    try {
      while (this.runningId === id) {
        const queue = this.#ports.queueOf(id);
        const next = queue === null ? null : nextGroup(queue);
        if (next === null) {
          await this.#ports.update(id, () => ({ state: 'done' }));
          if (this.runningId === id) this.runningId = null;
          if (queue !== null) this.#ports.notice(doneWords(queue));
        } else await this.#trainGroup(id, next);
      }
    } catch (error) {
      this.#ports.report(error, 'sweep');
    }
    await this.#standDown(id);
  }

  async #standDown(id: string): Promise<void> {
    if (this.runningId === id) this.runningId = null;
    if (this.#going === id) this.#going = null;
    if (this.training?.group.sweepId === id) this.training = null;
    this.#ports.changed();
    const { store, update } = this.#ports;
    if (this.#lost === id) this.#lost = null;
    else await update(id, ({ state }) => (state === 'running' ? { state: 'paused' } : {})).catch(() => undefined);
    await store.sweeps.release(id).catch(() => undefined);
  }

  async #trainGroup(id: string, group: QueuedGroup): Promise<void> {
    const { store, openedSweep } = this.#ports;
    const sweep = await openedSweep(id);
    if (sweep === null) return;
    const programId = programIdOf(id, group.id);
    const fileHash = group.runs[0]?.spec.data.source === 'file' ? (sweep.files.counted?.hash ?? null) : null;
    const { lanes, stored } = await this.#startOf(sweep, group, { programId, fileHash });
    if (lanes.length === 0) {
      // All of it has ended since the queue was made.
      this.#ports.changed();
      return;
    }
    const ids = lanes.map((run) => run.id);
    if (await store.trainedElsewhere(ids)) {
      await this.#failed(id, group, 'Another tab trains a run of this group. Try again when it is through.');
      return;
    }
    if (this.runningId !== id) return;
    const training = new GroupTraining({ sweepId: id, groupId: group.id, programId, lanes, fileHash }, this.#ports);
    this.training = training;
    this.#ports.changed();
    const outcome = await training.train(stored);
    await this.#store();
    const trainedOn = training.run.report?.data.fileHash ?? null;
    if (outcome === 'finished' || outcome === 'diverged') sweep.ended(ids, trainedOn);
    if (outcome === 'parted') sweep.ended([...training.live.diverged], trainedOn);
    await sweep.read(store, ids).catch(() => undefined);
    await this.#close(id, group, training, { outcome, stored });
    this.training = null;
    this.#ports.changed();
  }

  /** The lanes of a group, and whether they go on from the checkpoint of their program. */
  async #startOf(
    sweep: OpenSweep,
    group: QueuedGroup,
    { programId, fileHash }: Pick<TrainedGroup, 'programId' | 'fileHash'>,
  ): Promise<{ readonly lanes: readonly SweepRun[]; readonly stored: boolean }> {
    const { store, request, notice } = this.#ports;
    const { runs } = group;
    const records = await sweep.read(
      store,
      runs.map(({ id }) => id),
    );
    const left = runs.filter(({ id }) => !sweep.factsOf(id).ended);
    if (left.length === 0) return { lanes: left, stored: false };
    const kept = (await request({ type: 'stored' })).find(({ runId }) => runId === programId);
    if (kept === undefined) return { lanes: left, stored: false };
    const refused = this.#anew.delete(`${programId} ${fileHash}`);
    const start = refused
      ? { lanes: null, why: 'it could not go on from its checkpoint' }
      : startFrom({ programId, left, records, kept });
    if (start.lanes !== null) {
      if (start.note !== null) notice(`${groupWords(group)} ${start.note}.`);
      return { lanes: start.lanes, stored: true };
    }
    await request({ type: 'forget', runId: programId });
    notice(`${groupWords(group)} begins anew: ${start.why}.`);
    return { lanes: left, stored: false };
  }

  async #close(
    id: string,
    group: QueuedGroup,
    { run, kept, group: { programId, lanes, fileHash }, live: { diverged } }: GroupTraining,
    { outcome, stored }: { readonly outcome: Outcome; readonly stored: boolean },
  ): Promise<void> {
    const { request, notice, report } = this.#ports;
    const { failure } = run;
    switch (outcome) {
      case 'finished':
      case 'diverged':
        if (outcome === 'diverged')
          notice(`${groupWords(group)} diverged, and is over at step ${run.step}. ${failure?.message ?? ''}`);
        // Stopped first: a run that has finished may be about to write its last checkpoint.
        if (outcome === 'finished') await request({ type: 'stop', runId: programId }).catch(() => undefined);
        // What another tab kept from being stored is nowhere else.
        if (kept) await request({ type: 'forget', runId: programId }).catch(() => undefined);
        break;
      case 'failed':
        await this.#failed(id, group, failure?.message ?? NOBODY_KNOWS);
        break;
      case 'refused': {
        const why = failure?.message ?? NOBODY_KNOWS;
        const useless = stored && failure !== null && isOfCheckpoint(failure, programId);
        if (useless) this.#anew.add(`${programId} ${fileHash}`);
        await this.#failed(id, group, useless ? `${why} Tried again, it begins anew.` : why);
        break;
      }
      case 'unavailable':
      case 'crashed':
        if (outcome === 'unavailable') report(new Error(failure?.message), 'sweep');
        if (this.runningId === id) this.runningId = null;
        break;
      case 'parted':
        notice(`${diverged.size} of ${lanes.length} runs that trained together have diverged; the others go on without them.`);
        break;
      case 'stopped':
        break;
    }
  }

  async #failed(id: string, group: QueuedGroup, reason: string): Promise<void> {
    await this.#ports.update(id, ({ failed }) => ({ failed: { ...failed, [group.id]: reason } }));
    this.#ports.notice(`${groupWords(group)} failed and can be tried again; the others go on. ${reason}`);
  }

  /** Has everything stored that was measured; where the store cannot, it says why. */
  async #store(): Promise<void> {
    const { recorder } = this.#ports;
    await recorder.save();
    for (let i = 1; i < SAVES && recorder.unsaved; i++) await recorder.save();
  }
}

/** Whether a start was refused for its checkpoint's sake: it cannot be read, or is of other runs. */
function isOfCheckpoint({ name, where }: WireError, programId: string): boolean {
  return name === 'SpecError' && (where === 'checkpoint' || where.startsWith(`stored run ${programId}`));
}

function groupWords({ runs }: QueuedGroup): string {
  return runs.length === 1 ? 'A run of the sweep' : `A group of ${runs.length} runs of the sweep`;
}

function doneWords({ record, runs, runsDone, groups }: SweepQueue): string {
  const { name } = record.sweep;
  const diverged = groups.reduce((sum, group) => sum + group.diverged.length, 0);
  const title = name === '' ? 'The sweep' : `The sweep "${name}"`;
  const some = diverged === 0 ? '' : ` (${diverged} of them diverged)`;
  return `${title} is done: ${runsDone} of ${runs} runs have ended${some}.`;
}
