import { shouldPart, type SweepRun } from '../../spec/index.ts';
import type { EndPredictor } from '../ends/asked-end.ts';
import { toWireError, type Request, type WorkerEvent } from '../../worker/client.ts';
import type { Replies, RunState, WireError } from '../../worker/protocol.ts';
import { Run } from '../run.ts';
import type { NewRun, SweepPlace } from '../store/record.ts';
import type { RunRecorder } from '../store/recorder.ts';
import { plain } from './axes.ts';
import { LaneWatch } from './lane-watch.ts';
import type { LiveGroup } from './queue.ts';

/**
 * `diverged`: in every lane; `parted`: some lanes diverged, and the others are to go on from the checkpoint without them; `failed`: with an
 * error of its own, `refused`: before its first step; `unavailable`: the worker does something else; `crashed`: the worker is gone.
 */
export type Outcome = 'finished' | 'diverged' | 'parted' | 'stopped' | 'failed' | 'refused' | 'unavailable' | 'crashed';

export interface TrainingPorts {
  /** Sends a command. @throws what the worker refuses it with. */
  readonly request: <R extends Request>(request: R) => Promise<Replies[R['type']]>;
  readonly recorder: RunRecorder;
  /** Where its lanes' ends are predicted; this thread where it is left out. */
  readonly predictEnd?: EndPredictor;
}

export interface TrainedGroup {
  readonly sweepId: string;
  readonly groupId: string;
  /** The program's name, under which its checkpoint is kept. */
  readonly programId: string;
  /** One run a lane. */
  readonly lanes: readonly SweepRun[];
  /** SHA-256 of the user's file that they are to be trained on; null: they read none, or nobody knows which. */
  readonly fileHash: string | null;
}

const OVER: readonly RunState[] = ['finished', 'stopped', 'failed'];

/** Runs of a sweep as lanes of one program, from its start to its end. */
export class GroupTraining {
  readonly group: TrainedGroup;
  readonly run: Run;
  readonly #ports: TrainingPorts;
  readonly #watch: LaneWatch;
  readonly #over: Promise<void>;
  #end: () => void = () => {};
  #ended = false;
  #crashed = false;
  #stopping = false;
  /** It was asked to part from lanes that have diverged, and it does. */
  #asked = false;
  #parting = false;
  #pausing = false;
  #turned: Promise<void> = Promise.resolve();
  #followed: ReturnType<RunRecorder['follow']> | null = null;
  /** The worker has it, and takes commands about it. */
  #begun = false;

  constructor(group: TrainedGroup, ports: TrainingPorts) {
    const [first] = group.lanes;
    if (first === undefined) throw new TypeError('a group without runs');
    this.group = group;
    this.run = new Run(group.programId, first.spec, ports.predictEnd);
    this.#ports = ports;
    this.#watch = new LaneWatch(this.run);
    this.#over = new Promise((resolve) => (this.#end = resolve));
  }

  /** What a queue shows of it. */
  get live(): LiveGroup {
    const { groupId, lanes } = this.group;
    const { state, step, totalSteps, speed } = this.run;
    const diverged = new Set([...this.#watch.diverged].map((lane) => lanes[lane]?.id ?? ''));
    return { groupId, paused: state === 'paused', step, totalSteps, msPerStep: speed?.msPerStep ?? null, diverged };
  }

  /** True once all that was measured is stored, runs that someone removed left out. */
  get kept(): boolean {
    return this.#followed?.kept === true;
  }

  /** Trains to the end. @param stored goes on from the checkpoint in storage. Never rejects. */
  async train(stored: boolean): Promise<Outcome> {
    const { run, group } = this;
    const { request, recorder } = this.#ports;
    if (this.#stopping) return 'stopped';
    this.#followed = recorder.follow(run, newRuns(group));
    try {
      const specs = group.lanes.map(({ spec }) => spec);
      const { fileHash } = group;
      const how = { silent: true, ...(stored ? { stored } : {}), ...(fileHash === null ? {} : { fileHash }) };
      const starting = request({ type: 'start', runId: run.runId, specs, ...how });
      this.#begun = true;
      run.started(await starting);
    } catch (error) {
      const wire = toWireError(error, 'start');
      if (this.#crashed) return 'crashed';
      if (this.#stopping) return 'stopped';
      run.failed(wire);
      this.#ended = true;
      return wire.name === 'ProtocolError' ? 'unavailable' : 'refused';
    }
    if (this.#pausing) await this.pause().catch(() => undefined);
    await this.#over;
    if (this.#crashed) return 'crashed';
    if (run.state === 'failed') return this.#watch.diverged.size === group.lanes.length ? 'diverged' : 'failed';
    return run.state === 'finished' ? 'finished' : this.#parting ? 'parted' : 'stopped';
  }

  /** Stops after the step that is under way; all of it stays on the GPU. */
  pause(): Promise<void> {
    this.#pausing = true;
    return this.#turn();
  }

  resume(): Promise<void> {
    this.#pausing = false;
    return this.#turn();
  }

  /** Pauses or resumes, whichever was asked for last, once what was asked for before is done. */
  #turn(): Promise<void> {
    const turned = this.#turned.then(async () => {
      const { report, state } = this.run;
      // Its worker says that it runs only after it has said that it is prepared.
      const going = report !== null && (state === 'preparing' || state === 'running' || state === 'recovering');
      if (this.#pausing && going) await this.#command('pause');
      if (!this.#pausing && (state === 'paused' || state === 'recovering')) await this.#command('resume');
    });
    this.#turned = turned.catch(() => undefined);
    return turned;
  }

  /** So many lanes have diverged that the others had better go on from a checkpoint without them. */
  get #shouldPart(): boolean {
    const { run, group } = this;
    const { state, step, totalSteps: steps, savedStep } = run;
    // Where storage takes no checkpoint, what was trained would be lost.
    if (state !== 'running' || savedStep === null || this.#asked) return false;
    return shouldPart({ lanes: group.lanes.length, diverged: this.#watch.diverged.size, step, steps });
  }

  /** Asks once; where the worker refuses, all lanes go on together. */
  #part(): void {
    [this.#asked, this.#parting] = [true, true];
    this.stop().catch(() => (this.#parting = false));
  }

  /** Ends it with a checkpoint, and frees the GPU. @throws what the worker refuses it with; it goes on then. */
  async stop(): Promise<void> {
    if (this.#stopping) return;
    this.#stopping = true;
    try {
      if (this.#begun) await this.#command('stop');
    } catch (error) {
      this.#stopping = false;
      throw error;
    }
  }

  /** Takes an event in where it is about this run; `nowMs` is the page's clock. @returns whether it was. */
  receive(event: WorkerEvent, nowMs: number): boolean {
    const { run } = this;
    if (this.#ended || !('runId' in event) || event.runId !== run.runId) return false;
    run.apply(event, nowMs);
    if (event.type === 'metrics') {
      this.#watch.look();
      if (this.#shouldPart) this.#part();
    }
    if (event.type === 'state' && OVER.includes(event.state)) this.#finish();
    return true;
  }

  /** The worker is gone. */
  crashed(error: WireError): void {
    if (this.#ended) return;
    this.#crashed = true;
    this.run.failed(error);
    this.#finish();
  }

  #finish(): void {
    this.#ended = true;
    this.#end();
  }

  async #command(type: 'pause' | 'resume' | 'stop'): Promise<void> {
    if (this.#ended) return;
    try {
      await this.#ports.request({ type, runId: this.run.runId });
    } catch (error) {
      // It may have ended while the command was on its way.
      if (!this.#ended) throw error;
    }
  }
}

/** What the store is told of the lanes. */
function newRuns({ sweepId, programId, lanes }: TrainedGroup): readonly NewRun[] {
  return lanes.map(({ id, spec, values }, lane) => {
    const axes = Object.fromEntries(Object.entries(values).map(([path, value]) => [path, plain(value)]));
    const sweep: SweepPlace = { id: sweepId, axes };
    return { id, spec, sweep, program: { id: programId, lane, lanes: lanes.length } };
  });
}
