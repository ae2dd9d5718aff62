import { DeviceError, ProtocolError, SpecError, type IsoflopError } from '../base/errors.ts';
import type { Gpu } from '../gpu/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { encodeCheckpoint, type Checkpoint, type NotFinite, type StepMetrics, type TrainerOptions } from '../train/index.ts';
import { buildRun, runFlopsPerStep, runReport, runSpeed, type Built } from './build.ts';
import { Divergence } from './divergence.ts';
import type { Figures } from './figures.ts';
import { Herald, type Emit } from './herald.ts';
import { wordsOf, type Library, type Opened } from './library.ts';
import { LossLimit } from './loss-limit.ts';
import { follow, holdsDevice, INITIAL, obey, type Position, type RunCommand, type RunFact } from './machine.ts';
import type { RunReport, RunState, SamplingSettings } from './protocol.ts';
import { Saver } from './saver.ts';
import { requireStartable } from './start-check.ts';
import type { Vault } from './storage.ts';
import { Texts } from './texts.ts';
import { Bell } from './wake.ts';

/** What a run needs of the worker around it. */
export interface SessionPorts {
  readonly emit: Emit;
  /** The device, opened anew after a loss. */
  readonly gpu: () => Promise<Gpu>;
  readonly library: Library;
  readonly vault: Vault;
  readonly figures: Figures;
  /** Milliseconds since any fixed time. */
  readonly now: () => number;
  /** Milliseconds since the epoch. */
  readonly wallClock: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly plan?: Pick<NonNullable<TrainerOptions['plan']>, 'slots' | 'variants'>;
}

/** What a run is. */
interface SessionRun {
  readonly runId: string;
  /** One a lane. */
  readonly specs: readonly RunSpec[];
  /** SHA-256 of the user's file that it must be trained on. */
  readonly fileHash?: string;
}

/** Where a run goes on, and the user's file that it trains on if that is known. */
export interface Origin {
  readonly checkpoint: Checkpoint;
  readonly fileKey: string | null;
}

const SPEED_MS = 500;
/** Between two tries to open a device. */
const RETRY_MS = 500;
/** How long a failed call waits to hear that the device was lost. */
const LOSS_NEWS_MS = 200;

/**
 * One run from its data to its end: builds the trainer, keeps it busy, saves, samples, and brings it back after a lost device.
 * Commands may come at any time; what they want is done by one task, {@link Session.live}, between two submits.
 */
export class Session {
  readonly runId: string;
  private readonly specs: readonly RunSpec[];
  private readonly fileHash: string | undefined;
  private readonly spec: RunSpec;
  private readonly ports: SessionPorts;
  private readonly herald: Herald;
  private readonly bell = new Bell();
  private readonly abort = new AbortController();
  private readonly divergence: Divergence;
  private readonly lossLimit: LossLimit;
  private readonly texts: Texts;
  private position: Position = INITIAL;
  private targetStep: number | null = null;
  private readonly stepsWanted: (() => void)[] = [];
  private readonly waiting: (() => void)[] = [];
  private saveWanted = false;
  private raised: { readonly error: unknown } | null = null;
  private lastSpeedAt = -Infinity;
  private data: Opened | null = null;
  private saver: Saver | null = null;
  private built: Built | null = null;
  /** The tuner's, as they were when the run was first built: what is tuned or cleared later is of no account to it. */
  private choices: Built['choices'] | null = null;
  private over: Promise<unknown> = Promise.resolve();

  constructor({ runId, specs, fileHash }: SessionRun, ports: SessionPorts) {
    const [spec] = specs;
    if (spec === undefined) throw new SpecError({ where: `run ${runId}`, rule: 'there is no spec' });
    this.runId = runId;
    this.specs = specs;
    this.fileHash = fileHash;
    this.spec = spec;
    this.ports = ports;
    this.herald = new Herald(runId, ports.emit, ports.now);
    this.divergence = new Divergence(specs.length, (text) => this.herald.notice(text));
    this.lossLimit = new LossLimit(ports.now);
    this.texts = new Texts({
      now: ports.now,
      onText: (step, prompt, text) => this.herald.sample(step, prompt, text),
      notice: (text) => this.herald.notice(text),
    });
  }

  get state(): RunState {
    return this.position.state;
  }

  /**
   * Loads the data and builds the trainer, from `origin`'s checkpoint where that gives one. The run then waits for {@link begin}.
   *
   * @param makeRoom frees the GPU for this run; called once nothing but the GPU itself can refuse it any more.
   * @throws whatever keeps it from starting; everything of it is freed then.
   */
  prepare(origin: () => Promise<Origin | null>, makeRoom: () => Promise<void>): Promise<RunReport> {
    const report = this.prepareOnce(origin, makeRoom);
    this.over = report.catch(() => undefined);
    return report;
  }

  /** Trains, or waits paused; a silent one samples no text until it is told how to. */
  begin(hold: boolean, silent: boolean): void {
    if (this.state !== 'preparing') return;
    this.move(hold ? 'held' : 'built');
    this.sayState();
    this.texts.begin();
    if (silent) this.texts.off();
    this.saver?.begin();
    this.over = this.live();
  }

  // Commands. Each throws ProtocolError where the run's state forbids it.

  async pause(): Promise<void> {
    this.obey('pause');
    await this.quiet();
    this.afterPause();
  }

  resume(): void {
    this.obey('resume');
    this.sayState();
  }

  /** Resolves when one step is done and measured. */
  async step(): Promise<void> {
    this.obey('step');
    await new Promise<void>((resolve) => {
      this.stepsWanted.push(resolve);
      this.bell.ring();
    });
  }

  /** Ends the run, saves it and frees its memory. */
  async stop(): Promise<void> {
    this.obey('stop');
    this.abort.abort(new ProtocolError({ where: `run ${this.runId}`, rule: 'it was stopped before its first step' }));
    await this.quiet();
    this.sayState();
    await this.over;
  }

  extend(steps: number): void {
    this.obey('extend');
    this.targetStep = (this.targetStep ?? 0) + steps;
    if (this.built !== null) this.built.loop.targetStep = this.targetStep;
    this.sayState();
  }

  sampling(settings: SamplingSettings): void {
    this.obey('sampling');
    this.texts.set(settings);
  }

  async export(): Promise<ArrayBuffer> {
    this.obey('export');
    const { built, ports } = this;
    // What is over is about to be freed, or is: its last good state is what there is.
    const live = holdsDevice(this.state)
      ? built?.trainer.snapshot(this.runId, built.loop.targetStep, ports.wallClock())
      : undefined;
    const checkpoint = (await live) ?? this.saver?.latest ?? null;
    if (checkpoint === null)
      throw new ProtocolError({ where: `run ${this.runId}`, rule: 'it ended before anything of it was kept' });
    return encodeCheckpoint(checkpoint);
  }

  /** Makes room for another run, without a word; a run that is not over is stopped. */
  async release(): Promise<void> {
    if (holdsDevice(this.state)) this.obey('stop');
    this.abort.abort();
    await this.over;
  }

  /** Resolves when a run that is paused or over has done what it does besides training, and leaves the GPU alone. */
  async rest(): Promise<void> {
    if (!holdsDevice(this.state)) return this.over.then(() => undefined);
    await new Promise<void>((resolve) => {
      this.waiting.push(resolve);
      this.bell.ring();
    });
  }

  /** The GPU refused something of this run that nothing awaited. */
  gpuError(error: IsoflopError): void {
    this.raise(error);
  }

  // Building.

  private async prepareOnce(origin: () => Promise<Origin | null>, makeRoom: () => Promise<void>): Promise<RunReport> {
    const { ports, herald, spec, specs } = this;
    this.sayState();
    try {
      const from = await origin();
      herald.progress('data', 0, 0);
      this.data = await ports.library.open(spec.data, {
        signal: this.abort.signal,
        onTokenizer: (share) => herald.progress('tokenizer', Math.round(100 * share), 100),
        ...(this.fileHash === undefined ? {} : { fileHash: this.fileHash }),
        ...(from === null ? {} : { wanted: { dataHash: from.checkpoint.dataHash, fileKey: from.fileKey } }),
      });
      this.saver = new Saver({
        ...ports,
        runId: this.runId,
        fileKey: this.data.fileKey,
        from: from?.checkpoint ?? null,
        diverged: this.divergence.lanes,
        onSaved: (step, sizeBytes) => herald.saved(step, sizeBytes),
        notice: (text) => herald.notice(text),
      });
      const { caps } = await ports.gpu();
      requireStartable({
        specs,
        dataset: this.data.dataset,
        checkpoint: from?.checkpoint ?? null,
        plan: { caps, ...ports.plan },
      });
      this.abort.signal.throwIfAborted();
      await makeRoom();
      await this.build();
      this.abort.signal.throwIfAborted();
      return runReport(this.parts(), ports.figures);
    } catch (error) {
      this.free();
      if (this.state === 'preparing') {
        this.move('failed');
        this.sayState();
      }
      throw error;
    }
  }

  /** Builds from the last good state; a device that is lost meanwhile is replaced, a few times a minute. */
  private async build(): Promise<void> {
    const { state, ports } = this;
    while (this.state === state) {
      let gpu: Gpu | null = null;
      try {
        gpu = await ports.gpu();
        await this.buildOn(gpu);
        return;
      } catch (error) {
        // Right after a loss the browser may have no device to give for a moment.
        const lost = gpu === null ? this.lossLimit.any : (await this.lossOf(gpu)) !== null;
        if (!lost) throw error;
        this.lossLimit.count(error);
        await ports.sleep(RETRY_MS);
      }
    }
  }

  private async buildOn(gpu: Gpu): Promise<void> {
    const { ports, data, saver, herald, runId, specs } = this;
    if (data === null || saver === null) throw new TypeError('built before its data');
    const built = await buildRun({
      runId,
      gpu,
      specs,
      dataset: data.dataset,
      checkpoint: saver.latest,
      targetStep: this.targetStep,
      choices: this.choices,
      plan: ports.plan,
      figures: ports.figures,
      now: ports.now,
      emit: ports.emit,
      onMetrics: (metrics) => this.onMetrics(metrics),
      onProgress: (done, total, task) => herald.progress(task, done, total),
    });
    this.built = built;
    this.choices = built.choices;
    this.targetStep = built.loop.targetStep;
    this.tellDisabled(built.trainer.disabled);
    void gpu.lost.then((error) => this.raise(error, built));
  }

  private tellDisabled(names: readonly string[]): void {
    if (names.length === 0 || this.lossLimit.any) return;
    this.herald.notice(`Switched off on this device, where they do not give what the plain kernels give: ${names.join(', ')}.`);
  }

  // Living.

  private async live(): Promise<void> {
    while (holdsDevice(this.state)) {
      try {
        if (this.raised !== null) throw this.raised.error;
        await this.divergence.tell(this.find);
        if (this.state === 'running') await this.train();
        else if (this.stepsWanted.length > 0) await this.singleStep();
        else if (!(await this.chores(true))) await this.sleep();
      } catch (error) {
        await this.survive(error);
      }
    }
    for (const done of [...this.stepsWanted.splice(0), ...this.waiting.splice(0)]) done();
    await this.divergence.tell(() => Promise.resolve(undefined));
    if (this.state === 'stopped' && this.built !== null) await this.save().catch(() => undefined);
    this.free();
  }

  private async sleep(): Promise<void> {
    for (const resting of this.waiting.splice(0)) resting();
    await this.bell.wait();
  }

  private async train(): Promise<void> {
    const built = this.parts();
    const { loop } = built;
    const more = await loop.turn(() => (this.state === 'running' ? Infinity : 0));
    if (!more && this.state === 'running') return this.finish();
    if (this.ports.now() - this.lastSpeedAt >= SPEED_MS) this.saySpeed();
    if (this.saver?.due(loop.step) === true) void this.save().catch((error: unknown) => this.raise(error, built));
    await this.chores(false);
  }

  private async singleStep(): Promise<void> {
    const { loop } = this.parts();
    const before = loop.step;
    const waiting = (): boolean => this.state === 'paused' && this.raised === null;
    while (waiting() && loop.step === before && loop.step < loop.targetStep) await loop.turn(() => (waiting() ? 1 : 0));
    await loop.drain();
    await loop.evaluateIfDue();
    if (this.raised !== null) throw this.raised.error;
    if (this.state === 'paused' && loop.step >= loop.targetStep) this.finish();
    else this.afterPause();
    this.stepsWanted.shift()?.();
  }

  /** What is due beside training; true where something was. `idle`: nothing is being trained. */
  private async chores(idle: boolean): Promise<boolean> {
    const { trainer, gpu } = this.parts();
    if (this.saveWanted) {
      this.saveWanted = false;
      await this.save();
      return true;
    }
    if (!this.texts.due(idle)) return false;
    try {
      await this.texts.sample(trainer);
    } catch (error) {
      if ((await this.lossOf(gpu)) !== null) throw error;
      this.texts.off();
      this.herald.notice(`Sampling is switched off for this run: ${wordsOf(error)}`);
    }
    return true;
  }

  private finish(): void {
    const { built, ports } = this;
    this.move('ended');
    this.saySpeed();
    this.sayState();
    this.wantChores();
    if (built === null || !(built.loop.msPerStep > 0)) return;
    void ports.figures.keepRate(built.gpu.report, { flopsPerStep: runFlopsPerStep(built), msPerStep: built.loop.msPerStep });
  }

  private afterPause(): void {
    if (this.state !== 'paused') return;
    this.saySpeed();
    this.sayState();
    this.wantChores();
  }

  private wantChores(): void {
    this.saveWanted = true;
    this.texts.want();
    this.bell.ring();
  }

  private async save(): Promise<void> {
    const { trainer, loop } = this.parts();
    await this.saver?.save(trainer, loop.targetStep);
  }

  private onMetrics(metrics: StepMetrics): void {
    const diverged = this.divergence.check(metrics, this.saver?.latest?.step ?? null);
    if (diverged !== null) this.raise(diverged);
    if (this.divergence.hasNews) this.bell.ring();
    const { firstStep, lossNats, gradNorm, learningRate, epochs } = metrics;
    const arrays = [lossNats.buffer, gradNorm.buffer, learningRate.buffer, epochs.buffer];
    const lanes = this.specs.length;
    this.ports.emit({ type: 'metrics', runId: this.runId, firstStep, lanes, lossNats, gradNorm, learningRate, epochs }, arrays);
  }

  // Failing, and coming back.

  private async survive(error: unknown): Promise<void> {
    this.raised = null;
    const lost = this.built === null ? null : await this.lossOf(this.built.gpu);
    if (!holdsDevice(this.state)) return;
    try {
      if (lost === null) throw error;
      await this.recover(lost);
    } catch (fatal) {
      await this.divergence.tell(this.find);
      await this.fail(await this.divergence.explain(fatal, this.find));
    }
  }

  private readonly find = async (step: number, lane: number): Promise<NotFinite | undefined> =>
    this.built?.trainer.firstNotFinite(step, lane);

  private async recover(error: DeviceError): Promise<void> {
    this.free();
    this.move('lost');
    this.herald.fault(error, true);
    this.sayState();
    this.lossLimit.count(error);
    // Lanes that had diverged do so again when their steps are repeated.
    this.divergence.lanes.clear();
    await this.build();
    this.raised = null;
    if (this.state !== 'recovering') return;
    this.move('recovered');
    this.sayState();
  }

  private async fail(error: unknown): Promise<void> {
    await this.quiet();
    if (!holdsDevice(this.state)) return;
    this.move('failed');
    this.herald.fault(error, false);
    this.sayState();
  }

  private lossOf(gpu: Gpu): Promise<DeviceError | null> {
    return Promise.race([gpu.lost, this.ports.sleep(LOSS_NEWS_MS).then(() => null)]);
  }

  /** Hands an error to {@link live}; one about memory that is already freed is no news. */
  private raise(error: unknown, about: Built | null = this.built): void {
    if (about !== this.built) return;
    this.raised ??= { error };
    this.bell.ring();
  }

  private free(): void {
    const { built } = this;
    this.built = null;
    built?.trainer.destroy();
  }

  private parts(): Built {
    if (this.built === null) throw new DeviceError({ where: `run ${this.runId}`, rule: 'its memory was freed' });
    return this.built;
  }

  /** Waits for what is under way; what goes wrong with it is met in {@link live}. */
  private async quiet(): Promise<void> {
    await this.built?.loop.drain().catch(() => undefined);
  }

  private obey(command: RunCommand): void {
    this.position = obey(this.position, command, this.runId);
    this.bell.ring();
  }

  private move(fact: RunFact): void {
    this.position = follow(this.position, fact) ?? this.position;
  }

  private sayState(): void {
    const step = this.built?.loop.step ?? this.saver?.latest?.step ?? 0;
    this.herald.state(this.state, step, this.targetStep ?? 0);
  }

  private saySpeed(): void {
    const speed = this.built === null ? null : runSpeed(this.runId, this.built, this.ports.figures);
    if (speed === null) return;
    this.lastSpeedAt = this.ports.now();
    this.ports.emit(speed);
  }
}
