import { ProtocolError, unreachable, type IsoflopError } from '../base/errors.ts';
import type { Fetch } from '../data/index.ts';
import type { Gpu } from '../gpu/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { decodeCheckpoint, lanesOf, measurePeak } from '../train/index.ts';
import { toWireError } from './client.ts';
import { idOf, readCommand } from './command-check.ts';
import { Comparison, type ComparisonPorts } from './comparison.ts';
import { Figures } from './figures.ts';
import { GpuKeeper, type GpuKeeperOptions } from './gpu-keeper.ts';
import { Library, type Opened } from './library.ts';
import { holdsDevice, isActive } from './machine.ts';
import { Measuring, type MeasuringPorts } from './measuring.ts';
import {
  PROTOCOL_VERSION,
  type CheckpointReport,
  type Command,
  type Event,
  type Forecast,
  type PeakReport,
  type Replies,
} from './protocol.ts';
import {
  CHECKPOINTS,
  checkpointKey,
  checkpointReport,
  dataReport,
  deviceReport,
  fileKeyOf,
  forecastOf,
  storedReport,
  type ForecastParts,
} from './reports.ts';
import { Session, type Origin, type SessionPorts } from './session.ts';
import { planRuns } from './sweep-planning.ts';
import { Vault, type Files } from './storage.ts';

/** What the host takes from the place it runs in. */
export interface HostPorts
  extends
    Pick<GpuKeeperOptions, 'open'>,
    Pick<SessionPorts, 'now' | 'wallClock' | 'sleep' | 'plan'>,
    Pick<ComparisonPorts, 'createTrainer'>,
    Pick<MeasuringPorts, 'measurers'> {
  readonly post: (event: Event, transfer: Transferable[]) => void;
  readonly files: Files;
  readonly fetch?: Fetch;
  readonly userAgent: string;
  /** Which build of Isoflop this is. */
  readonly build: string;
  /** Sides of the matrices that the peak is measured with. */
  readonly peakSizes?: readonly number[];
}

type Of<T extends Command['type']> = Extract<Command, { type: T }>;
/** What a command is answered with, and what is to be done once the answer is on its way. */
type Answer = { readonly value: Replies[keyof Replies]; readonly transfer?: Transferable[]; readonly afterwards?: () => void };

/** Longest that a forecast waits for data which is not at hand yet. */
const FORECAST_DATA_MS = 1500;

/** The worker's side of the protocol: answers every command, owns the device, the storage and the one run. */
export class TrainingHost {
  private readonly ports: HostPorts;
  private readonly vault: Vault;
  private readonly figures: Figures;
  private readonly library: Library;
  private readonly keeper: GpuKeeper;
  private session: Session | null = null;
  /** The run before {@link session}, while that one is not built: it stays, and comes back if that one cannot be. */
  private previous: Session | null = null;
  private comparison: Comparison | null = null;
  private measurement: Measuring | null = null;
  private measuringPeak = false;
  private prefetched: Promise<void> | null = null;

  constructor(ports: HostPorts) {
    this.ports = ports;
    this.vault = new Vault(ports.files);
    this.figures = new Figures(this.vault, ports.wallClock, { build: ports.build, browser: ports.userAgent });
    this.library = new Library({
      vault: this.vault,
      wallClock: ports.wallClock,
      notice: (text) => this.post({ type: 'notice', runId: null, text }),
      ...(ports.fetch === undefined ? {} : { fetch: ports.fetch }),
    });
    this.keeper = new GpuKeeper({
      open: ports.open,
      onLost: (error) => this.onLost(error),
      onError: (error) => this.onGpuError(error),
    });
  }

  /** Takes one message of the page's. Never rejects: what goes wrong is the reply, or a fault where there is nothing to reply to. */
  async receive(message: unknown): Promise<void> {
    const id = idOf(message);
    try {
      const command = readCommand(message);
      const { value, transfer = [], afterwards } = await this.answer(command);
      this.post({ type: 'reply', id: command.id, ok: true, value }, transfer);
      afterwards?.();
    } catch (error) {
      const wire = toWireError(error, 'worker');
      if (id === null) this.post({ type: 'fault', runId: null, error: wire, recovering: false });
      else this.post({ type: 'reply', id, ok: false, error: wire });
    }
  }

  private async answer(command: Command): Promise<Answer> {
    switch (command.type) {
      case 'hello':
        return { value: await this.hello(command) };
      case 'forecast':
        return { value: await this.forecast(command.spec) };
      case 'planSweep':
        return { value: await planRuns(command, { ...this.ports, ...(await this.planning()) }) };
      case 'addFile':
        return { value: dataReport(await this.library.addFile(command.name, new Uint8Array(command.bytes))) };
      case 'files':
        return { value: await this.library.files() };
      case 'start':
        return this.start(command);
      case 'pause':
        await this.sessionOf(command).pause();
        return { value: null };
      case 'resume':
        this.refuseWhileBusy(`run ${command.runId}`);
        this.sessionOf(command).resume();
        return { value: null };
      case 'step':
        this.refuseWhileBusy(`run ${command.runId}`);
        await this.sessionOf(command).step();
        return { value: null };
      case 'stop':
        await this.sessionOf(command).stop();
        return { value: null };
      case 'extend':
        this.refuseWhileBusy(`run ${command.runId}`);
        this.sessionOf(command).extend(command.steps);
        return { value: null };
      case 'sampling':
        this.sessionOf(command).sampling(command.settings);
        return { value: null };
      case 'export': {
        const bytes = await this.export(command);
        return { value: bytes, transfer: [bytes] };
      }
      case 'inspect':
        return { value: checkpointReport(decodeCheckpoint(command.bytes, 'checkpoint file'), command.bytes.byteLength) };
      case 'stored':
        return { value: await this.stored() };
      case 'forget':
        return { value: await this.forget(command) };
      case 'compare':
        return this.compare(command);
      case 'comparePause':
        await this.comparisonOf(command).pause();
        return { value: null };
      case 'compareResume':
        this.comparisonOf(command).resume();
        return { value: null };
      case 'compareStop':
        await this.comparisonOf(command).stop();
        return { value: null };
      case 'measure':
        return this.measure(command);
      case 'measureStop':
        await this.measurementOf(command).stop();
        return { value: null };
      case 'measurePeak':
        return { value: await this.measurePeak() };
      case 'tuned': {
        const { report } = await this.keeper.get();
        await this.figures.load(report);
        return { value: this.figures.tunings.report(report) };
      }
      case 'forgetTuned':
        this.refuseWhileMeasuring('tuner');
        await this.figures.tunings.clear((await this.keeper.get()).report);
        return { value: null };
      case 'destroyDevice':
        (await this.keeper.get()).simulateLoss();
        return { value: null };
      default:
        return unreachable(command);
    }
  }

  private async hello({ version, baseUrl }: Of<'hello'>): Promise<Replies['hello']> {
    if (version !== PROTOCOL_VERSION) {
      const got = `version ${version}`;
      throw new ProtocolError({
        where: 'worker',
        rule: 'the page speaks another protocol',
        got,
        expected: `version ${PROTOCOL_VERSION}`,
        cure: 'Reload the page.',
      });
    }
    if (baseUrl !== undefined) this.prefetch(baseUrl);
    this.post({ type: 'progress', runId: null, task: 'adapter', done: 0, total: 0 });
    const gpu = await this.keeper.get();
    await this.figures.load(gpu.report);
    return deviceReport(gpu.report, this.figures.disabled(gpu.report), this.ports.userAgent, this.ports.build);
  }

  private prefetch(baseUrl: string): void {
    this.prefetched ??= this.library.prefetch(baseUrl).catch((error: unknown) => {
      this.prefetched = null;
      this.post({ type: 'fault', runId: null, error: toWireError(error, 'corpora'), recovering: false });
    });
  }

  private async forecast(spec: RunSpec): Promise<Forecast> {
    const planning = await this.planning();
    const opened = await this.dataAtHand(spec);
    return forecastOf(spec, { ...planning, dataset: opened?.dataset ?? null });
  }

  /** What plans are made with, as a run that began now would have it. */
  private async planning(): Promise<Pick<ForecastParts, 'caps' | 'plan' | 'estimateMs'>> {
    const { caps, report } = await this.keeper.get();
    const { figures, ports } = this;
    await figures.load(report);
    return {
      caps,
      plan: { ...ports.plan, disabled: figures.disabled(report), choices: figures.tunings.choices(report) },
      estimateMs: (flops, steps) => figures.estimateMs(report, flops, steps),
    };
  }

  /** The spec's data where it costs little to have; a run that is training is not slowed down for it. */
  private async dataAtHand({ data }: RunSpec): Promise<Opened | null> {
    const known = this.library.peek(data);
    const busy = this.sideJob !== null || (this.session !== null && isActive(this.session.state));
    if (known === null && (busy || (data.tokenizer === 'bpe' && data.source !== 'markov') || data.source === 'file')) return null;
    const late = this.ports.sleep(FORECAST_DATA_MS).then(() => null);
    // What is being prepared for a run may be given up with that run; why, is no business of a forecast's.
    const wanted = known === null ? this.library.open(data) : known.catch(() => null);
    const first = await Promise.race([wanted, late]);
    if (first === null && known === null)
      wanted.then(
        () => this.post({ type: 'dataAtHand' }),
        () => undefined,
      );
    return first;
  }

  private async start({ runId, specs, checkpoint, stored, fileHash, hold, silent }: Of<'start'>): Promise<Answer> {
    const { session: previous } = this;
    if (previous !== null && isActive(previous.state)) {
      const rule = `"start" is not possible while run ${previous.runId} is ${previous.state}`;
      throw new ProtocolError({ where: `run ${runId}`, rule, cure: 'Stop that run first.' });
    }
    this.refuseWhileBusy(`run ${runId}`);
    const made = new Session(
      { runId, specs, ...(fileHash === undefined ? {} : { fileHash }) },
      {
        ...this.ports,
        emit: (event, transfer) => this.post(event, transfer),
        gpu: () => this.keeper.get(),
        library: this.library,
        vault: this.vault,
        figures: this.figures,
      },
    );
    // From here on no other run can start.
    this.session = made;
    this.previous = previous;
    try {
      const value = await made.prepare(
        async () => {
          // The same run goes on from its very last step, once that is stored.
          if (previous?.runId === runId) await previous.rest();
          return this.origin({ runId, specs }, checkpoint, stored === true);
        },
        async () => previous?.release(),
      );
      return { value, afterwards: () => made.begin(hold === true, silent === true) };
    } catch (error) {
      this.session = previous ?? made;
      throw error;
    } finally {
      this.previous = null;
    }
  }

  private async compare(command: Of<'compare'>): Promise<Answer> {
    this.refuseUnlessIdle(`comparison ${command.runId}`);
    const made = new Comparison(command, {
      ...this.ports,
      emit: (event, transfer) => this.post(event, transfer),
      gpu: () => this.keeper.get(),
      library: this.library,
      figures: this.figures,
    });
    this.comparison = made;
    const building = this.session?.rest().then(() => made.prepare()) ?? made.prepare();
    return { value: await building, afterwards: () => made.begin() };
  }

  private comparisonOf({ runId }: { readonly runId: string }): Comparison {
    if (this.comparison?.runId === runId) return this.comparison;
    throw new ProtocolError({ where: `comparison ${runId}`, rule: 'the worker has no such comparison', cure: 'Start it anew.' });
  }

  private async measure(command: Of<'measure'>): Promise<Answer> {
    this.refuseUnlessIdle(`measurement of ${command.what}`);
    const made = new Measuring(command, {
      ...this.ports,
      emit: (event, transfer) => this.post(event, transfer),
      gpu: () => this.keeper.get(),
      library: this.library,
      figures: this.figures,
    });
    this.measurement = made;
    return { value: await made.prepare(this.session?.rest() ?? Promise.resolve()), afterwards: () => made.begin() };
  }

  private measurementOf({ runId }: { readonly runId: string }): Measuring {
    if (this.measurement?.runId === runId) return this.measurement;
    throw new ProtocolError({
      where: `measurement ${runId}`,
      rule: 'the worker has no such measurement',
      cure: 'Start it anew.',
    });
  }

  /** Where a run goes on from; null: from its seeds. */
  private async origin(
    { runId, specs }: Pick<Of<'start'>, 'runId' | 'specs'>,
    imported: ArrayBuffer | undefined,
    stored: boolean,
  ): Promise<Origin | null> {
    if (imported !== undefined)
      return { checkpoint: lanesOf(decodeCheckpoint(imported, 'checkpoint file'), specs), fileKey: null };
    if (!stored) return null;
    const kept = await this.vault.get(checkpointKey(runId));
    if (kept !== null) {
      const checkpoint = lanesOf(decodeCheckpoint(kept.bytes, `stored run ${runId}`), specs);
      return { checkpoint, fileKey: fileKeyOf(kept.entry) };
    }
    throw new ProtocolError({
      where: `run ${runId}`,
      rule: "the browser's storage holds no checkpoint of it",
      cure: 'Start it anew.',
    });
  }

  private async export({ runId }: Of<'export'>): Promise<ArrayBuffer> {
    const known = [this.session, this.previous].find((session) => session?.runId === runId);
    if (known !== null && known !== undefined) return known.export();
    const kept = await this.vault.get(checkpointKey(runId));
    if (kept === null) throw noSuchRun(runId);
    return kept.bytes;
  }

  private async stored(): Promise<CheckpointReport[]> {
    const reports = (await this.vault.list(CHECKPOINTS)).map(storedReport);
    return reports.filter((report) => report !== null);
  }

  private async forget({ runId }: Of<'forget'>): Promise<null> {
    if (this.session?.runId === runId && isActive(this.session.state)) {
      const rule = `"forget" is not possible while the run is ${this.session.state}`;
      throw new ProtocolError({ where: `run ${runId}`, rule, cure: 'Stop it first.' });
    }
    await this.vault.remove(checkpointKey(runId));
    return null;
  }

  private async measurePeak(): Promise<PeakReport> {
    const state = this.session?.state;
    if (state === 'running' || state === 'preparing' || state === 'recovering') {
      throw new ProtocolError({
        where: 'measurePeak',
        rule: `it is not possible while a run is ${state}`,
        cure: 'Pause the run first.',
      });
    }
    this.refuseWhileBusy('measurePeak');
    this.measuringPeak = true;
    try {
      await this.session?.rest();
      const gpu = await this.keeper.get();
      const peak = await this.whole(gpu, () =>
        measurePeak(gpu, {
          now: this.ports.now,
          disabled: this.figures.disabled(gpu.report),
          ...(this.ports.peakSizes === undefined ? {} : { sizes: this.ports.peakSizes }),
          onProgress: (done, total) => this.post({ type: 'progress', runId: null, task: 'peak', done, total }),
        }),
      );
      await this.figures.keepPeak(gpu.report, peak);
      return peak;
    } finally {
      this.measuringPeak = false;
    }
  }

  /** The comparison or measurement that has the GPU, where one does. */
  private get sideJob(): Comparison | Measuring | null {
    return [this.comparison, this.measurement].find((job) => job?.active === true) ?? null;
  }

  /** The GPU does one thing at a time. */
  private refuseWhileBusy(where: string): void {
    if (this.measuringPeak)
      throw new ProtocolError({ where, rule: "the adapter's peak is being measured", cure: 'Try again in a few seconds.' });
    if (this.comparison?.active === true)
      throw new ProtocolError({
        where,
        rule: `a comparison is ${this.comparison.state}, and the GPU does one thing at a time`,
        cure: 'Stop the comparison first.',
      });
    this.refuseWhileMeasuring(where);
  }

  private refuseWhileMeasuring(where: string): void {
    if (this.measurement?.active === true)
      throw new ProtocolError({
        where,
        rule: `${this.measurement.subject}, and the GPU does one thing at a time`,
        cure: 'Stop that measurement first.',
      });
  }

  /** As {@link refuseWhileBusy}, and no run is paused or under way either. */
  private refuseUnlessIdle(where: string): void {
    if (this.session !== null && isActive(this.session.state)) {
      const rule = `it is not possible while run ${this.session.runId} is ${this.session.state}, as the GPU does one thing at a time`;
      throw new ProtocolError({ where, rule, cure: 'Stop that run first.' });
    }
    this.refuseWhileBusy(where);
  }

  /** Runs `body`; a device that is lost meanwhile is the error, whatever `body` says then. */
  private async whole<T>(gpu: Gpu, body: () => Promise<T>): Promise<T> {
    const lost = gpu.lost.then((error): never => {
      throw error;
    });
    return Promise.race([body(), lost]);
  }

  private sessionOf({ runId }: { readonly runId: string }): Session {
    if (this.session?.runId !== runId) throw noSuchRun(runId);
    return this.session;
  }

  private onLost(error: Error): void {
    // What goes on beside runs says itself that it has failed; a run that is finished comes back by itself.
    if (this.sideJob !== null) {
      if (this.session === null || !holdsDevice(this.session.state)) void this.reopen();
      return;
    }
    // A run that holds the device hears of it by itself, and opens the next one.
    if (this.session !== null && holdsDevice(this.session.state)) return;
    this.post({ type: 'fault', runId: null, error: toWireError(error, 'GPU device'), recovering: true });
    void this.reopen();
  }

  private async reopen(): Promise<void> {
    try {
      await this.keeper.get();
      this.post({ type: 'recovered' });
    } catch (error) {
      this.post({ type: 'fault', runId: null, error: toWireError(error, 'GPU device'), recovering: false });
    }
  }

  private onGpuError(error: IsoflopError): void {
    if (this.sideJob !== null) {
      this.sideJob.gpuError(error);
      return;
    }
    const holder = [this.previous, this.session].find((session) => session !== null && holdsDevice(session.state));
    if (holder !== null && holder !== undefined) holder.gpuError(error);
    else this.post({ type: 'fault', runId: null, error: toWireError(error, 'WebGPU'), recovering: false });
  }

  private post(event: Event, transfer: Transferable[] = []): void {
    this.ports.post(event, transfer);
  }
}

function noSuchRun(runId: string): ProtocolError {
  return new ProtocolError({
    where: `run ${runId}`,
    rule: 'the worker has no such run',
    cure: 'Start it, or continue it from a checkpoint.',
  });
}
