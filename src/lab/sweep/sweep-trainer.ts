import { runFlopsPerStep, type SweepRun } from '../../spec/index.ts';
import type { WorkerEvent } from '../../worker/client.ts';
import type { WireError } from '../../worker/protocol.ts';
import type { Run } from '../run.ts';
import type { RunStore } from '../store/store.ts';
import { GroupTraining, type Outcome, type TrainingPorts } from './group-training.ts';
import type { OpenSweep } from './open-sweep.ts';
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
  /** Programs whose checkpoint was refused: they begin anew. */
  readonly #anew = new Set<string>();

  constructor(ports: SweepTrainerPorts) {
    this.#ports = ports;
  }

  /** @throws StoreError where another tab trains it; what planning is refused with. */
  async start(id: string): Promise<void> {
    const { store, openedSweep, update } = this.#ports;
    if (this.#going !== null && this.#going !== id) {
      await this.pause();
      await this.letGo();
    }
    this.runningId = id;
    this.#ports.changed();
    if (this.#going === id) {
      await Promise.all([this.training?.resume(), update(id, () => ({ state: 'running' }))]);
      return;
    }
    this.#going = id;
    try {
      await store.sweeps.claim(id);
      const sweep = await openedSweep(id);
      await update(id, (record) => ({ state: this.runningId === id ? 'running' : record.state }));
      if (sweep !== null) await this.#price(id, sweep);
    } catch (error) {
      await this.#standDown(id);
      throw error;
    }
    this.#loop = this.#train(id);
  }

  async pause(): Promise<void> {
    const { runningId: id, training } = this;
    if (id === null) return;
    this.runningId = null;
    this.#ports.changed();
    await Promise.all([training?.pause(), this.#ports.update(id, () => ({ state: 'paused' }))]);
  }

  /** Frees the GPU; what trains or is paused goes on from its checkpoint when it is started again. @param id only of this sweep. */
  async letGo(id: string | null = this.#going): Promise<void> {
    if (id === null || this.#going !== id) return;
    if (this.runningId === id) await this.pause();
    await this.training?.stop();
    await this.#loop;
  }

  /** The page goes away: another tab may go on. */
  leave(): void {
    if (this.#going !== null) void this.#ports.store.sweeps.release(this.#going).catch(() => undefined);
  }

  /** Does what the records say by now, here or from another tab: stops a group that is skipped, and a sweep that was removed. */
  async obey(recordOf: (id: string) => SweepRecord | undefined): Promise<void> {
    const id = this.#going;
    if (id === null) return;
    const record = recordOf(id);
    const { training } = this;
    if (record === undefined) this.runningId = null;
    if (training === null || training.group.sweepId !== id) return;
    const group = record?.groups.find(([first]) => first === training.group.groupId) ?? [];
    if (record !== undefined && !group.every((run) => record.skipped.includes(run))) return;
    await training.stop().catch((error: unknown) => this.#ports.report(error, 'sweep'));
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

  /** Asks what the groups take here, where nobody has on this page; refusals of another adapter are void. */
  async #price(id: string, sweep: OpenSweep): Promise<void> {
    const record = this.#ports.queueOf(id)?.record;
    if (record === undefined || sweep.plan !== null) return;
    await sweep.priceGroups(this.#ports.request, record.groups);
    await this.#ports.update(id, () => ({ refused: sweep.refusals }));
  }

  async #train(id: string): Promise<void> {
    try {
      while (this.runningId === id) {
        const queue = this.#ports.queueOf(id);
        const next = queue === null ? null : nextGroup(queue);
        if (next === null) {
          this.runningId = null;
          await this.#ports.update(id, () => ({ state: 'done' }));
          if (queue !== null) this.#ports.notice(doneWords(queue));
          break;
        }
        await this.#trainGroup(id, next);
      }
    } catch (error) {
      this.#ports.report(error, 'sweep');
    }
    await this.#standDown(id);
  }

  async #standDown(id: string): Promise<void> {
    if (this.runningId === id) this.runningId = null;
    if (this.#going === id) this.#going = null;
    this.training = null;
    this.#ports.changed();
    const { store, update } = this.#ports;
    await update(id, ({ state }) => (state === 'running' ? { state: 'paused' } : {})).catch(() => undefined);
    await store.sweeps.release(id).catch(() => undefined);
  }

  async #trainGroup(id: string, group: QueuedGroup): Promise<void> {
    const { store, openedSweep } = this.#ports;
    const sweep = await openedSweep(id);
    if (sweep === null) return;
    const programId = programIdOf(id, group.id);
    const { lanes, stored } = await this.#startOf(sweep, group, programId);
    const ids = lanes.map((run) => run.id);
    if (await store.trainedElsewhere(ids)) {
      await this.#failed(id, group, 'Another tab trains a run of this group. Try again when it is through.');
      return;
    }
    if (this.runningId !== id) return;
    const training = new GroupTraining({ sweepId: id, groupId: group.id, programId, lanes }, this.#ports);
    this.training = training;
    this.#ports.changed();
    const outcome = await training.train(stored);
    await this.#store();
    if (outcome === 'finished' || outcome === 'diverged') sweep.ended(ids);
    await sweep.read(store, ids).catch(() => undefined);
    await this.#close(id, group, training, { outcome, stored });
    this.training = null;
    this.#ports.changed();
  }

  /** The lanes of a group, and whether they go on from the checkpoint of their program. */
  async #startOf(
    sweep: OpenSweep,
    { runs }: QueuedGroup,
    programId: string,
  ): Promise<{ readonly lanes: readonly SweepRun[]; readonly stored: boolean }> {
    const { store, request } = this.#ports;
    const records = await sweep.read(
      store,
      runs.map(({ id }) => id),
    );
    const left = runs.filter(({ id }) => !sweep.factsOf(id).ended);
    const there = (await request({ type: 'stored' })).some(({ runId }) => runId === programId);
    if (!there) return { lanes: left, stored: false };
    const placed = [...records.values()].filter(({ program }) => program.id === programId);
    const lanes = placed
      .toSorted((a, b) => a.program.lane - b.program.lane)
      .map(({ id }) => sweep.runs.get(id))
      .filter((run) => run !== undefined);
    // All lanes of the checkpoint or none: one may have been trained elsewhere meanwhile.
    if (!this.#anew.has(programId) && lanes.length > 0 && placed.every(({ program }) => program.lanes === lanes.length))
      return { lanes, stored: true };
    await request({ type: 'forget', runId: programId });
    return { lanes: left, stored: false };
  }

  async #close(
    id: string,
    group: QueuedGroup,
    { run, kept, group: { programId } }: GroupTraining,
    { outcome, stored }: { readonly outcome: Outcome; readonly stored: boolean },
  ): Promise<void> {
    const { request, notice, report } = this.#ports;
    const { failure } = run;
    switch (outcome) {
      case 'finished':
      case 'diverged':
        this.#anew.delete(programId);
        if (outcome === 'diverged')
          notice(`${groupWords(group)} diverged, and is over at step ${run.step}. ${failure?.message ?? ''}`);
        // Stopped first: a run that has finished may be about to write its last checkpoint.
        if (outcome === 'finished') await request({ type: 'stop', runId: programId }).catch(() => undefined);
        // What another tab kept from being stored is nowhere else.
        if (kept) await request({ type: 'forget', runId: programId }).catch(() => undefined);
        break;
      case 'failed':
      case 'refused':
        if (outcome === 'refused' && stored) this.#anew.add(programId);
        await this.#failed(id, group, failure?.message ?? 'It stopped, and nobody knows why.');
        break;
      case 'unavailable':
      case 'crashed':
        if (outcome === 'unavailable') report(new Error(failure?.message), 'sweep');
        this.runningId = null;
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
