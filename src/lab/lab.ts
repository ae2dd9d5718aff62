import { ProtocolError, SpecError } from '../base/errors.ts';
import { specFaults, type BudgetKind, type RunSpec, type SpecPath } from '../spec/index.ts';
import { toWireError, WorkerClient, type Request, type WorkerEvent, type WorkerPort } from '../worker/client.ts';
import type {
  CheckpointReport,
  DataReport,
  DeviceReport,
  Forecast,
  PeakReport,
  Replies,
  SamplingSettings,
  WireError,
} from '../worker/protocol.ts';
import { ComparisonDesk } from './comparison-desk.ts';
import { KernelsDesk } from './kernels-desk.ts';
import { FitClient } from './laws/fit-client.ts';
import { backWords, Messages } from './messages.ts';
import { Observable } from './observable.ts';
import { newRunId, Run, runTitle, type Progress } from './run.ts';
import { importWords } from './runs-desk.ts';
import { SpecDraft, type FormValue } from './spec-draft.ts';
import { RunRecorder, type RecorderPorts } from './store/recorder.ts';
import { isRunsFile, runsFromJson } from './store/runs-json.ts';
import type { RunStore } from './store/store.ts';
import { openStore } from './store/tell.ts';
import { SweepDesk } from './sweep/sweep-desk.ts';
import { KeptLaws } from './laws/kept-laws.ts';
import { InterruptedRun, type KeyValue } from './storage.ts';
import { NOTHING_STORED, oldestStored, orderStored } from './stored.ts';

export type LabTopic = 'spec' | 'forecast' | 'device' | 'run' | 'data' | 'stored' | 'messages' | 'progress';

/** `opening`: the worker looks for a GPU; `none`: it found none, {@link Lab.deviceError} says why. */
export type DeviceState = 'opening' | 'ready' | 'none' | 'crashed';

export interface LabOptions {
  /** Starts a training worker; called again after a crash. */
  readonly connect: () => WorkerPort;
  /** Starts a fit worker; without it nothing can be fitted. */
  readonly connectFit?: () => WorkerPort;
  /** Where the interrupted run's name is kept; `null` keeps nothing. */
  readonly storage: KeyValue | null;
  /** Where runs are kept; without it they are gone with the page, which is said once. */
  readonly store?: RunStore;
  /** Tells the store when the page is left. */
  readonly whenLeaving?: RecorderPorts['whenLeaving'];
}

/** A checkpoint file that was read and waits for the user's word. */
export interface Imported {
  readonly fileName: string;
  readonly report: CheckpointReport;
  readonly bytes: ArrayBuffer;
}

const FORECAST_DELAY_MS = 150;

/** Everything the page knows, and everything it can do. Elements subscribe to topics and call methods; failures become alerts. */
export class Lab extends Observable<LabTopic> {
  readonly form = new SpecDraft();
  readonly messages = new Messages();
  deviceState: DeviceState = 'opening';
  device: DeviceReport | null = null;
  deviceError: WireError | null = null;
  peak: PeakReport | null = null;
  /** Work of the worker's that belongs to no run. */
  progress: Progress | null = null;
  /** Of the last valid spec; `null` while it is asked for or could not be made. */
  forecast: Forecast | null = null;
  forecastError: WireError | null = null;
  /** The user's own file, once the worker has it. */
  file: DataReport | null = null;
  imported: Imported | null = null;
  /** The run that the page shows. */
  run: Run | null = null;
  /** Earlier runs of this page, oldest first. */
  readonly earlier: Run[] = [];
  readonly #deskPorts = {
    base: () => this.form.spec,
    device: () => this.device,
    request: <R extends Request>(request: R) => this.#requestGpu(request),
    report: (error: unknown, where: string) => this.report(error, where),
    newRunId,
    now: () => Date.now(),
  };
  readonly comparisons = new ComparisonDesk(this.#deskPorts);
  readonly kernels = new KernelsDesk(this.#deskPorts);
  sampling: SamplingSettings = { prompt: 'The ', temperature: 0.8, tokens: 240, everyMs: 2000 };

  readonly fits: FitClient;
  readonly keptLaws: KeptLaws;
  readonly store: RunStore | null;
  /** null without a store. */
  readonly recorder: RunRecorder | null;
  /** null without a store. */
  readonly sweeps: SweepDesk | null;
  #stored = NOTHING_STORED;
  readonly #connect: () => WorkerPort;
  readonly #interrupted: InterruptedRun;
  #client: WorkerClient | null = null;
  #forecastTimer: ReturnType<typeof setTimeout> | undefined;
  #forecastId = 0;
  #saidNotKept = false;

  constructor({ connect, connectFit = noFitWorker, storage, store, whenLeaving = () => () => undefined }: LabOptions) {
    super();
    this.#connect = connect;
    this.fits = new FitClient(connectFit);
    this.#interrupted = new InterruptedRun(storage);
    this.keptLaws = new KeptLaws(storage);
    this.store = store ?? null;
    const notice = (text: string): void => this.notice(text);
    if (store === undefined) {
      this.recorder = null;
      this.sweeps = null;
    } else {
      const shared = { store, device: () => this.device, notice, whenLeaving };
      this.recorder = new RunRecorder(shared);
      this.sweeps = new SweepDesk({
        ...shared,
        recorder: this.recorder,
        request: (request) => this.#request(request),
        predictEnd: this.fits.predictEnd,
        file: () => this.file,
        otherwise: () => this.#gpuHolder(),
        report: (error, where) => this.report(error, where),
      });
      const settled = (error: WireError): boolean => this.messages.settled(error);
      openStore(store, { alert: (error) => this.#alert(error, null), settled, notice });
      void this.sweeps.open();
    }
    // Whether a run can be started hangs on it.
    this.comparisons.on('comparison', () => this.emit('run'));
    this.kernels.on('state', () => this.emit('run'));
    this.sweeps?.on('sweeps', () => this.emit('run'));
  }

  /** True while something beside runs has the GPU: no run can start. */
  get busy(): boolean {
    return this.comparisons.busy || this.kernels.busy || this.sweeps?.busy === true;
  }

  /** What keeps a sweep from the GPU, as the beginning of a sentence; null: nothing. */
  #gpuHolder(): string | null {
    if (this.run?.active === true) return `a run is ${this.run.state}`;
    if (this.comparisons.busy) return 'a comparison has begun and is not over';
    return this.kernels.busy ? 'a measurement of kernels is going on' : null;
  }

  /** The run that was training when the page went away, if storage still holds it. */
  get interruptedRunId(): string | null {
    return this.#interrupted.runId;
  }

  /** Checkpoints of runs that can be continued; one that was interrupted comes first. */
  get stored(): readonly CheckpointReport[] {
    return this.#stored.runs;
  }

  /** Forgets the oldest checkpoint that no run of this page needs. @returns whether there was one. */
  async makeRoom(): Promise<boolean> {
    await this.listStored();
    const last = oldestStored(this.#stored, [this.run?.runId, this.interruptedRunId, this.sweeps?.run?.runId]);
    if (last === undefined || (await this.#ask({ type: 'forget', runId: last.runId })) === undefined) return false;
    this.notice(
      `Storage is full: the checkpoint of ${runTitle(last.spec)} at step ${last.step} was removed. What was measured is kept.`,
    );
    await this.listStored();
    return true;
  }

  /** Starts the worker and opens the device; again after a crash. */
  async open(): Promise<void> {
    this.#client?.close();
    this.deviceState = 'opening';
    this.deviceError = null;
    this.emit('device');
    try {
      const client = new WorkerClient(this.#connect(), (event) => this.#receive(event));
      this.#client = client;
      this.device = await client.hello();
      this.deviceState = 'ready';
      this.emit('device');
      this.#askForecast();
      await this.listStored();
      await this.kernels.recall();
      await this.sweeps?.tidy();
    } catch (error) {
      if (this.deviceState === 'opening') this.deviceState = 'none';
      this.deviceError = toWireError(error, 'device');
      this.emit('device');
    }
  }

  // The form.

  setField(path: SpecPath, value: FormValue): void {
    this.form.change(path, value);
    this.#specChanged();
  }

  toggleField(path: SpecPath, on: boolean): void {
    this.form.toggle(path, on);
    this.#specChanged();
  }

  setBudgetKind(kind: BudgetKind): void {
    this.form.budgetIn(kind);
    this.#specChanged();
  }

  setSpec(spec: RunSpec): void {
    this.form.replace(spec);
    this.#specChanged();
  }

  #specChanged(): void {
    this.emit('spec');
    clearTimeout(this.#forecastTimer);
    this.#forecastTimer = setTimeout(() => this.#askForecast(), FORECAST_DELAY_MS);
  }

  #askForecast(): void {
    if (!this.form.valid || this.deviceState !== 'ready') return;
    const id = ++this.#forecastId;
    this.#client?.request({ type: 'forecast', spec: this.form.spec }).then(
      (forecast) => this.#forecastArrived(id, forecast, null),
      (error: unknown) => this.#forecastArrived(id, null, toWireError(error, 'forecast')),
    );
  }

  #forecastArrived(id: number, forecast: Forecast | null, error: WireError | null): void {
    if (id !== this.#forecastId) return;
    this.forecast = forecast;
    this.forecastError = error;
    this.emit('forecast');
  }

  // Runs.

  /** Trains the form's spec; `hold` leaves it before its first step. */
  async start(hold = false): Promise<void> {
    if (!this.form.valid) return;
    await this.#begin(newRunId(), this.form.spec, hold ? { hold } : {});
  }

  /** Trains one step: of the run that is paused, or of a new one. */
  async step(): Promise<void> {
    if (this.run === null || !this.run.active) await this.start(true);
    if (this.run?.state === 'paused') await this.#command('step');
  }

  pause(): Promise<void> {
    return this.#command('pause');
  }

  resume(): Promise<void> {
    return this.#command('resume');
  }

  async stop(): Promise<void> {
    await this.#command('stop');
    await this.listStored();
  }

  /** Goes on beyond the end by so many steps. */
  async extend(steps: number): Promise<void> {
    if (this.run !== null) await this.#ask({ type: 'extend', runId: this.run.runId, steps });
  }

  /** Continues a checkpoint of the browser's storage. */
  async continueStored(report: CheckpointReport): Promise<void> {
    this.setSpec(report.spec);
    await this.#begin(report.runId, report.spec, { stored: true });
  }

  /** Continues the checkpoint file that was read last. */
  async continueImported(): Promise<void> {
    const { imported } = this;
    if (imported === null) return;
    this.imported = null;
    this.emit('stored');
    this.setSpec(imported.report.spec);
    // Under a name of its own: what storage holds of the run it came from stays.
    await this.#begin(newRunId(), imported.report.spec, { checkpoint: imported.bytes });
  }

  dismissImported(): void {
    this.imported = null;
    this.emit('stored');
  }

  async #begin(runId: string, spec: RunSpec, how: { hold?: true; stored?: true; checkpoint?: ArrayBuffer }): Promise<void> {
    const client = this.#client;
    if (client === null) return;
    try {
      await this.sweeps?.giveWay('start');
    } catch (error) {
      this.report(error, 'start');
      return;
    }
    if (this.run?.active === true) await this.#command('stop');
    if (this.run !== null && this.run.steps.length > 0 && this.run.runId !== runId) this.earlier.push(this.run);
    const run = new Run(runId, spec, this.fits.predictEnd);
    this.run = run;
    if (this.recorder === null) this.#sayNotKept();
    else this.recorder.follow(run);
    this.emit('run');
    try {
      const request: Request = { type: 'start', runId, specs: [spec], ...how };
      run.started(await client.request(request, how.checkpoint === undefined ? [] : [how.checkpoint]));
      this.#interrupted.remember(runId);
      this.emit('run', 'data');
      await this.#sendSampling();
    } catch (error) {
      const wire = toWireError(error, 'start');
      run.failed(wire);
      this.emit('run');
      this.#alert(wire, runId);
    }
  }

  #sayNotKept(): void {
    if (this.#saidNotKept) return;
    this.#saidNotKept = true;
    this.notice('Runs are not stored: they are gone with this page. Export what you want to keep.');
  }

  async #command(type: 'pause' | 'resume' | 'step' | 'stop'): Promise<void> {
    if (this.run !== null) await this.#ask({ type, runId: this.run.runId });
  }

  // Sampling, data, checkpoints, device.

  setSampling(settings: Partial<SamplingSettings>): void {
    this.sampling = { ...this.sampling, ...settings };
    this.emit('run');
    void this.#sendSampling();
  }

  async #sendSampling(): Promise<void> {
    const { run } = this;
    if (run?.active === true && run.report !== null)
      await this.#ask({ type: 'sampling', runId: run.runId, settings: this.sampling });
  }

  /** Takes a file in: a checkpoint is read and offered, exported runs are kept, anything else becomes the data of the next run. */
  async addFile(name: string, bytes: ArrayBuffer): Promise<void> {
    if (name.toLowerCase().endsWith('.safetensors')) {
      const copy = bytes.slice(0);
      const report = await this.#ask({ type: 'inspect', bytes: copy }, [copy]);
      if (report === undefined) return;
      const [fault] = specFaults(report.spec);
      if (fault === undefined) this.imported = { fileName: name, report, bytes };
      else this.report(new SpecError({ ...fault, where: `${name}, ${fault.where}` }), 'inspect');
      this.emit('stored');
      return;
    }
    if (this.store !== null && isRunsFile(bytes)) return this.#importRuns(this.store, name, bytes);
    const report = await this.#ask({ type: 'addFile', name, bytes }, [bytes]);
    if (report === undefined) return;
    this.file = report;
    this.sweeps?.fileChanged();
    this.notice(`${name} is ready: it is the data of the next run.`);
    this.emit('data');
    this.setField('data.source', 'file');
  }

  async #importRuns(store: RunStore, name: string, bytes: ArrayBuffer): Promise<void> {
    try {
      this.notice(`${name}: ${importWords(await store.import(runsFromJson(new TextDecoder().decode(bytes), name)))}.`);
    } catch (error) {
      this.report(error, name);
    }
  }

  /** The current run as a safetensors file; `undefined` where that failed (an alert says why). */
  exportCheckpoint(): Promise<ArrayBuffer | undefined> {
    return this.run === null ? Promise.resolve(undefined) : this.#ask({ type: 'export', runId: this.run.runId });
  }

  async listStored(): Promise<void> {
    const stored = await this.#ask({ type: 'stored' });
    if (stored !== undefined) this.#stored = orderStored(stored, this.interruptedRunId);
    this.emit('stored');
  }

  async forget(runId: string): Promise<void> {
    if ((await this.#ask({ type: 'forget', runId })) === undefined) return;
    this.#interrupted.forget(runId);
    await this.listStored();
  }

  async measurePeak(): Promise<void> {
    const peak = await this.#ask({ type: 'measurePeak' });
    this.progress = null;
    if (peak !== undefined) this.peak = peak;
    this.emit('device', 'progress');
    this.#askForecast();
  }

  async destroyDevice(): Promise<void> {
    await this.#ask({ type: 'destroyDevice' });
  }

  // Messages.

  notice(text: string): void {
    this.messages.notice(text);
    this.emit('messages');
  }

  /** Shows an error of the page's own, such as a link that cannot be read. */
  report(error: unknown, where: string): void {
    this.#alert(toWireError(error, where), null);
  }

  dismiss(id: number): void {
    this.messages.dismiss(id);
    this.emit('messages');
  }

  #alert(error: WireError, runId: string | null, recovering = false): void {
    this.messages.alert(error, runId, recovering);
    this.emit('messages');
  }

  #request<R extends Request>(request: R): Promise<Replies[R['type']]> {
    const error = this.deviceError?.message ?? 'the worker is not there yet.';
    return this.#client?.request(request) ?? Promise.reject(new Error(error));
  }

  /** Sends a command of a desk that may want the GPU for itself: a sweep that is paused gives way. */
  async #requestGpu<R extends Request>(request: R): Promise<Replies[R['type']]> {
    if (request.type === 'compare' || request.type === 'measure') await this.sweeps?.giveWay(request.type);
    return this.#request(request);
  }

  /** Sends a command; a refusal becomes an alert and `undefined`. */
  async #ask<R extends Request>(request: R, transfer: Transferable[] = []): Promise<Replies[R['type']] | undefined> {
    const client = this.#client;
    if (client === null) return undefined;
    try {
      return await client.request(request, transfer);
    } catch (error) {
      if (client.alive) this.#alert(toWireError(error, request.type), null);
      return undefined;
    }
  }

  #receive(event: WorkerEvent): void {
    if (event.type === 'notice') this.notice(event.text);
    if (event.type === 'fault') this.#faulted(event.error, event.runId, event.recovering);
    if (event.type === 'dataAtHand') this.#askForecast();
    if (event.type === 'recovered' && this.messages.recovered(null)) this.notice('Recovered: the GPU is there again.');
    if (event.type === 'progress' && event.runId === null) {
      this.progress = { task: event.task, done: event.done, total: event.total };
      this.emit('progress');
    }
    this.comparisons.receive(event);
    this.kernels.receive(event);
    const ofSweep = this.sweeps?.receive(event) ?? null;
    if (ofSweep !== null) this.#recovered(ofSweep, event);
    const { run } = this;
    if (run === null || !('runId' in event) || event.runId !== run.runId) return;
    run.apply(event, performance.now());
    if (event.type === 'saved' && !run.active) void this.listStored();
    this.#recovered(run, event);
    if (event.type !== 'state') return;
    if (event.state === 'finished' || event.state === 'stopped') this.#interrupted.forget(run.runId);
    if (event.state === 'running') this.#interrupted.remember(run.runId);
    if (event.state === 'finished' || event.state === 'failed') void this.listStored();
    this.emit('run');
  }

  /** Takes back what was said of a lost device, once the run is back. */
  #recovered(run: Run, event: WorkerEvent): void {
    if (event.type !== 'state' || event.state === 'recovering' || !this.messages.recovered(run.runId)) return;
    const back = backWords(run);
    if (back !== null) this.notice(back);
    this.emit('messages');
  }

  #faulted(error: WireError, runId: string | null, recovering: boolean): void {
    // What ends a group of a sweep stands in its queue; the others go on.
    if (runId !== null && runId === this.sweeps?.run?.runId && !recovering) {
      if (this.messages.recovered(runId)) this.emit('messages');
      return;
    }
    if (this.#client?.alive === false) {
      this.deviceState = 'crashed';
      this.deviceError = error;
      if (this.run?.active === true) this.run.failed(error);
      this.comparisons.crashed(error);
      this.kernels.crashed();
      this.sweeps?.crashed(error);
      this.emit('device', 'run');
    }
    this.#alert(error, runId, recovering);
  }
}

function noFitWorker(): never {
  throw new ProtocolError({ where: 'fit worker', rule: 'this page has none, so nothing can be fitted' });
}
