import { defaultSpec, runIdOf, totalSteps, type RunSpec } from '../../src/spec/index.ts';
import type { WorkerPort } from '../../src/worker/client.ts';
import {
  PROTOCOL_VERSION,
  type CheckpointReport,
  type Command,
  type DeviceReport,
  type Event,
  type FileReport,
  type RunState,
  type Tuned,
} from '../../src/worker/protocol.ts';

import { FakeComparison } from './fake-comparison.ts';
import { FakeMeasuring } from './fake-measuring.ts';
import { dataOf, fakePlan, forecastOf } from './fake-reports.ts';

type Post = (event: Event) => void;
type Reply = Extract<Event, { type: 'reply'; ok: true }>['value'];

interface FakeRun {
  readonly runId: string;
  readonly spec: RunSpec;
  readonly specs: readonly RunSpec[];
  readonly file: FileReport | null;
  state: RunState;
  step: number;
  totalSteps: number;
}

export interface FakeOptions {
  /** Milliseconds between batches of steps; 0: only {@link FakeHost.train} trains. */
  readonly everyMs?: number;
  readonly stepsPerSubmit?: number;
  /** The loss of this step is NaN. */
  readonly nanAt?: number;
  readonly stored?: readonly CheckpointReport[];
  /** Checkpoints that runs of this worker leave, by run; one map for several workers is storage that outlives a page. */
  readonly checkpoints?: Map<string, FakeCheckpoint>;
  /** The user's files, newest first; one list for several workers is storage that outlives a page. */
  readonly files?: FileReport[];
  /** The step at which a run's loss is NaN from then on; null: it never is. */
  readonly divergesAt?: (spec: RunSpec) => number | null;
  /** Why a start is refused; null: it is not. */
  readonly refuses?: (specs: readonly RunSpec[]) => string | null;
  /** Whether it refuses to stop. */
  readonly refusesStop?: () => boolean;
  /** Bytes of these specs as lanes; throws where they do not fit. */
  readonly memory?: (specs: readonly RunSpec[]) => number;
  /** False: its checkpoints do not say which runs their lanes are, as those of earlier builds. */
  readonly namesLanes?: boolean;
  /** What its tuner found in earlier visits. */
  readonly tuned?: readonly Tuned[];
}

export interface FakeCheckpoint {
  readonly specs: readonly RunSpec[];
  readonly step: number;
  readonly file?: FileReport | null;
}

export const DEVICE: DeviceReport = {
  vendor: 'google',
  architecture: 'swiftshader',
  device: '0xc0de',
  description: 'SwiftShader Device (Subzero)',
  software: true,
  features: ['timestamp-query', 'subgroups', 'core-features-and-limits'],
  limits: {
    maxBufferSize: 1073741824,
    maxStorageBufferBindingSize: 134217728,
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxComputeWorkgroupsPerDimension: 65535,
  },
  disabledVariants: ['matmul/subgroup-8x8'],
  userAgent: 'test',
  build: 'test',
};

/** Speaks the protocol with made-up losses: a power law with noise, the same for every run. No GPU, no data. */
export class FakeHost {
  readonly received: Command[] = [];
  run: FakeRun | null = null;
  comparison: FakeComparison | null = null;
  measuring: FakeMeasuring | null = null;
  /** What its tuner found. */
  tuned: readonly Tuned[];
  /** Whether anything was measured that times are estimated from. */
  rated = false;
  readonly #post: Post;
  readonly #options: FakeOptions;
  readonly #files: FileReport[];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(post: Post, options: FakeOptions = {}) {
    this.#post = post;
    this.#options = options;
    this.tuned = options.tuned ?? [];
    this.#files = options.files ?? [];
  }

  receive(command: Command): void {
    this.received.push(command);
    const reply = (value: Reply): void => this.#post({ type: 'reply', id: command.id, ok: true, value });
    const refuse = (name: string, where: string, message: string): void =>
      this.#post({ type: 'reply', id: command.id, ok: false, error: { name, where, message } });
    switch (command.type) {
      case 'hello':
        if (command.version === PROTOCOL_VERSION) reply(DEVICE);
        else refuse('ProtocolError', 'worker', 'worker: another version of the protocol: got 0, expected 1. Reload the page.');
        break;
      case 'forecast':
        reply(forecastOf(command.spec));
        break;
      case 'addFile':
        if (command.bytes.byteLength < 2)
          refuse(
            'SpecError',
            'data',
            `data: ${command.name} is too short: got ${command.bytes.byteLength} bytes, expected 2 at least.`,
          );
        else {
          const file = { name: command.name, hash: hashOf(command.bytes) };
          const others = this.#files.filter(({ hash }) => hash !== file.hash);
          this.#files.splice(0, this.#files.length, file, ...others);
          reply(dataOf('file', file));
        }
        break;
      case 'files':
        reply([...this.#files]);
        break;
      case 'planSweep': {
        const { memory = (specs) => specs.length * forecastOf(specs[0] ?? defaultSpec).peakBytes } = this.#options;
        reply(fakePlan(command, { memory, estimateMs: (flops, steps) => (this.rated ? steps * flops * 1e-9 : null) }));
        break;
      }
      case 'start': {
        const why = this.#options.refuses?.(command.specs) ?? null;
        if (why !== null) refuse('DeviceError', 'start', why);
        else if (command.stored === true && !this.#hasLanes(command.runId, command.specs))
          refuse('SpecError', 'checkpoint', 'checkpoint: it is of other runs.');
        else if (command.stored === true && this.#ofAnotherFile(command))
          refuse('SpecError', 'checkpoint', 'checkpoint: it was trained on another file than the one at hand.');
        else this.#start(command, reply);
        break;
      }
      case 'pause':
        this.#keep();
        this.#to('paused');
        reply(null);
        break;
      case 'resume':
        this.#to('running');
        reply(null);
        break;
      case 'step':
        this.train(1);
        reply(null);
        break;
      case 'stop':
        if (this.#options.refusesStop?.() === true) {
          refuse('ProtocolError', 'run', 'run: it does not stop.');
          break;
        }
        this.#keep();
        this.#to('stopped');
        reply(null);
        break;
      case 'extend':
        if (this.run !== null) this.run.totalSteps += command.steps;
        this.#to('running');
        reply(null);
        break;
      case 'export':
        reply(new ArrayBuffer(64));
        break;
      case 'inspect':
        refuse('SpecError', 'checkpoint', 'checkpoint: is truncated: got 12 bytes, expected 4096. Export it again.');
        break;
      case 'stored':
        reply([...(this.#options.stored ?? []), ...this.#checkpointReports()]);
        break;
      case 'measurePeak':
        reply({ matmulFlopsPerSecond: 5.9e9, kernel: 'matmul-tiled 8x16, 512 x 512 x 512' });
        break;
      case 'compare': {
        const comparison = new FakeComparison(command, this.#post);
        this.comparison = comparison;
        comparison.to('preparing');
        reply(comparison.report());
        comparison.to('running');
        const { everyMs = 0, stepsPerSubmit = 8 } = this.#options;
        if (everyMs === 0) break;
        clearInterval(this.#timer);
        this.#timer = setInterval(() => comparison.state === 'running' && comparison.train(stepsPerSubmit), everyMs);
        break;
      }
      case 'comparePause':
      case 'compareResume':
      case 'compareStop':
        this.comparison?.to(
          ({ comparePause: 'paused', compareResume: 'running', compareStop: 'stopped' } as const)[command.type],
        );
        reply(null);
        break;
      case 'measure': {
        const measuring = new FakeMeasuring(command, (event) => {
          if (event.type === 'measureRow' && event.what === 'tuning') this.tuned = [...this.tuned, event.row];
          this.#post(event);
        });
        this.measuring = measuring;
        reply(measuring.report());
        const { everyMs = 0 } = this.#options;
        if (everyMs === 0) break;
        clearInterval(this.#timer);
        this.#timer = setInterval(() => measuring.next(), everyMs);
        break;
      }
      case 'measureStop':
        this.measuring?.stop();
        reply(null);
        break;
      case 'tuned':
        reply({ rows: this.tuned, tunedAt: this.tuned.length === 0 ? null : 1_700_000_000_000 });
        break;
      case 'forgetTuned':
        this.tuned = [];
        reply(null);
        break;
      case 'destroyDevice':
        reply(null);
        this.#loseDevice();
        break;
      case 'forget':
        this.#options.checkpoints?.delete(command.runId);
        reply(null);
        break;
      case 'sampling':
        reply(null);
        break;
    }
  }

  /** Trains `count` steps of the run. */
  train(count: number): void {
    const { run } = this;
    if (run === null) return;
    const n = Math.min(count, run.totalSteps - run.step);
    const firstStep = run.step + 1;
    const lanes = run.specs.length;
    const each = (value: (step: number, lane: number) => number): Float32Array =>
      Float32Array.from({ length: n * lanes }, (_, i) => value(firstStep + Math.floor(i / lanes), i % lanes));
    const lossNats = each((step, lane) => this.#loss(step, run.specs[lane]));
    const gradNorm = each((step) => 0.4 + 3 / Math.sqrt(step) + 0.2 * noise(7 * step));
    const learningRate = each((step) => 3e-3 * Math.min(1, step / 100, 1.1 - step / run.totalSteps));
    const epochs = Float32Array.from({ length: n }, (_, i) => (firstStep + i) / 900);
    this.#post({ type: 'metrics', runId: run.runId, firstStep, lanes, lossNats, gradNorm, learningRate, epochs });
    run.step += n;
    for (let step = firstStep; step <= run.step; step++) if (step % 50 === 0) this.#evaluate(run.runId, step);
    if (run.specs.every((spec) => this.#diverged(spec, run.step))) {
      this.fail({ name: 'SpecError', where: `step ${run.step}`, message: `step ${run.step}: the loss is not finite: got NaN.` });
      return;
    }
    if (run.step >= run.totalSteps) this.#keep();
    this.#to(run.step >= run.totalSteps ? 'finished' : run.state);
    this.#post({
      type: 'speed',
      runId: run.runId,
      msPerStep: 6.4,
      tokensPerSecond: 160_000,
      stepsPerSubmit: n,
      mfu: 0.31,
      etaMs: (run.totalSteps - run.step) * 6.4,
    });
    if (run.step % 40 === 0) {
      this.#post({
        type: 'sample',
        runId: run.runId,
        step: run.step,
        prompt: 'The ',
        text: 'The Congress of the several States has been provided for the present session, and the people of',
      });
    }
  }

  /** Keeps a checkpoint of the run where it is, and says so. */
  save(): void {
    this.#keep();
    if (this.run !== null) this.#post({ type: 'saved', runId: this.run.runId, step: this.run.step, sizeBytes: 1000 });
  }

  /** The run fails with an error. */
  fail(error: { readonly name: string; readonly where: string; readonly message: string }): void {
    if (this.run !== null) this.#post({ type: 'fault', runId: this.run.runId, error, recovering: false });
    this.#to('failed');
  }

  /** Keeps a checkpoint of the run where it is. */
  #keep(): void {
    if (this.run !== null && this.run.step > 0) this.#options.checkpoints?.set(this.run.runId, { ...this.run });
  }

  #checkpointReports(): CheckpointReport[] {
    return [...(this.#options.checkpoints ?? [])].flatMap(([runId, { specs, step }]) => {
      const [spec] = specs;
      const lanes = this.#options.namesLanes === false ? {} : { lanes: specs.map(runIdOf) };
      return spec === undefined
        ? []
        : [{ runId, spec, ...lanes, step, totalSteps: totalSteps(spec), sizeBytes: 1000, savedAt: 1 }];
    });
  }

  /** Whether the checkpoint, where there is one, has these lanes, perhaps among others. */
  #hasLanes(runId: string, specs: readonly RunSpec[]): boolean {
    const kept = this.#options.checkpoints?.get(runId);
    const lanes = kept?.specs.map((spec) => JSON.stringify(spec));
    return lanes === undefined || specs.every((spec) => lanes.includes(JSON.stringify(spec)));
  }

  #ofAnotherFile({ runId, fileHash }: Extract<Command, { type: 'start' }>): boolean {
    const kept = this.#options.checkpoints?.get(runId)?.file ?? null;
    return kept !== null && fileHash !== undefined && kept.hash !== fileHash;
  }

  #diverged(spec: RunSpec | undefined, step: number): boolean {
    const at = spec === undefined ? null : (this.#options.divergesAt?.(spec) ?? null);
    return at !== null && step >= at;
  }

  #start(command: Extract<Command, { type: 'start' }>, reply: (value: Reply) => void): void {
    const [spec] = command.specs;
    if (spec === undefined) return;
    const forecast = forecastOf(spec);
    const ofFile = spec.data.source === 'file';
    const file = this.#files.find(({ hash }) => command.fileHash === undefined || hash === command.fileHash) ?? null;
    const startStep = command.stored === true ? (this.#options.checkpoints?.get(command.runId)?.step ?? 400) : 0;
    this.run = {
      runId: command.runId,
      spec,
      specs: command.specs,
      file: ofFile ? file : null,
      state: 'preparing',
      step: startStep,
      totalSteps: forecast.totalSteps,
    };
    this.#to('preparing');
    this.#post({ type: 'progress', runId: command.runId, task: 'compile', done: 12, total: 40 });
    reply({
      ...forecast,
      data: dataOf(spec.data.source, file ?? undefined),
      startStep,
      lanes: command.specs.length,
      tunedKernels: 0,
      choices: this.tuned.map(({ signature, chosen }) => [signature, chosen]),
    });
    this.#to(command.hold === true ? 'paused' : 'running');
    const { everyMs = 0, stepsPerSubmit = 8 } = this.#options;
    if (everyMs === 0) return;
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.run?.state === 'running' && this.train(stepsPerSubmit), everyMs);
  }

  #to(state: RunState): void {
    if (this.run === null) return;
    this.run.state = state;
    this.#post({ type: 'state', runId: this.run.runId, state, step: this.run.step, totalSteps: this.run.totalSteps });
  }

  #evaluate(runId: string, step: number): void {
    const loss = this.#smooth(step) + 0.06;
    const lanes = (this.run?.specs ?? []).map((spec) => (this.#diverged(spec, step) ? Number.NaN : loss + laneOffset(spec)));
    this.#post({ type: 'eval', runId, step, split: 'validation', lossNats: Float64Array.from(lanes) });
    this.#post({ type: 'eval', runId, step, split: 'ood', lossNats: Float64Array.from(lanes, (nats) => nats + 0.25) });
  }

  #loseDevice(): void {
    const error = {
      name: 'DeviceError',
      where: 'device',
      message: 'device: the GPU device was lost: got "destroyed". The run restarts from its last checkpoint.',
    };
    this.#post({ type: 'fault', runId: this.run?.runId ?? null, error, recovering: this.run !== null });
    this.#to('recovering');
    if (this.run === null) return;
    this.run.step = Math.floor(this.run.step / 100) * 100;
    setTimeout(() => this.#to('running'), 1500);
  }

  #smooth(step: number): number {
    return 1.35 + 4.3 * (1 + step / 6) ** -0.5;
  }

  #loss(step: number, spec: RunSpec | undefined): number {
    if (step === this.#options.nanAt || this.#diverged(spec, step)) return Number.NaN;
    const spike = step % 700 === 500 ? 1.5 : 0;
    return this.#smooth(step) + 0.12 * noise(step) + spike + laneOffset(spec);
  }
}

/** A file's bytes as text, which is hash enough. */
function hashOf(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16)).join('');
}

/** What tells a run from others: nothing for the default ones, something for other learning rates. */
function laneOffset(spec: RunSpec | undefined): number {
  return spec === undefined ? 0 : 0.05 * Math.abs(Math.log(spec.optimizer.lr / defaultSpec.optimizer.lr));
}

/** -1..1, the same for the same step. */
function noise(step: number): number {
  return Math.sin(step * 12.9898) * 0.7 + Math.sin(step * 78.233 + 1) * 0.3;
}

/** A port with a {@link FakeHost} behind it; messages cross as structured clones, later than the call that sent them. */
export class FakeWorker implements WorkerPort {
  readonly host: FakeHost;
  terminated = false;
  readonly #listeners = new Map<string, ((event: unknown) => void)[]>();

  constructor(options: FakeOptions = {}) {
    this.host = new FakeHost((event) => this.emit('message', { data: structuredClone(event) }), options);
  }

  postMessage(message: unknown, transfer: Transferable[]): void {
    const command = structuredClone(message, { transfer });
    // The test's own client wrote it.
    setTimeout(() => !this.terminated && this.host.receive(command as Command), 0);
  }

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, [...(this.#listeners.get(type) ?? []), listener]);
  }

  terminate(): void {
    this.terminated = true;
  }

  /** As the browser would: a message, an unreadable message, or a crash. */
  emit(type: 'message' | 'messageerror' | 'error', event: unknown): void {
    if (this.terminated) return;
    setTimeout(() => {
      if (!this.terminated) for (const listener of this.#listeners.get(type) ?? []) listener(event);
    }, 0);
  }
}
