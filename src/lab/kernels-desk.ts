import { unreachable } from '../base/errors.ts';
import type { RunSpec } from '../spec/index.ts';
import { WorkerError, type Request, type WorkerEvent } from '../worker/client.ts';
import type {
  AblationRow,
  DeviceReport,
  LanesRow,
  MeasureKind,
  MeasureOptions,
  Replies,
  Tuned,
  TuningReport,
} from '../worker/protocol.ts';
import { kernelsFromJson } from './kernels-import.ts';
import {
  environmentOf,
  NO_RESULTS,
  rememberedTuning,
  withEarlier,
  withResult,
  type KernelsResults,
  type Measured,
  type MeasuredWith,
} from './kernels-results.ts';
import { Observable } from './observable.ts';

/** `state`: settings, what goes on and how far it is; `results`: rows and results, and what they are compared with. */
export type KernelsTopic = 'state' | 'results';

export interface KernelsDeskPorts {
  /** The spec whose training step is measured. */
  readonly base: () => RunSpec;
  /** What measures; null where there is none. */
  readonly device: () => DeviceReport | null;
  /** Sends a command. @throws what the worker refuses it with. */
  readonly request: <R extends Request>(request: R) => Promise<Replies[R['type']]>;
  /** Shows an error. */
  readonly report: (error: unknown, where: string) => void;
  readonly newRunId: () => string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export const KERNELS_START: MeasureOptions = { rounds: 7, windowMs: 120, lanes: [1, 2, 4, 8, 16, 32], unfused: true };

/** A measurement that goes on. */
export interface Measuring {
  readonly runId: string;
  readonly what: MeasureKind;
  readonly environment: MeasuredWith;
  /** Part `done` of `total` (0: unknown) has begun, which is `part` in words. */
  readonly done: number;
  readonly total: number;
  readonly part: string;
  /** It was asked to stop. */
  readonly stopping: boolean;
  readonly ablationRows: readonly AblationRow[];
  readonly lanesRows: readonly LanesRow[];
  readonly tuningRows: readonly Tuned[];
}

/** What is measured where everything is; variants are tuned on request alone. */
export const EVERYTHING: readonly MeasureKind[] = ['kernels', 'ablation', 'lanes'];

/** Results of another machine, or of another day, beside one's own. */
export interface OpenedResults {
  readonly fileName: string;
  readonly results: KernelsResults;
}

/** What the page does with measurements of kernels: sets them up, runs one at a time, keeps the last of each kind. Failures become alerts. */
export class KernelsDesk extends Observable<KernelsTopic> {
  settings: MeasureOptions = KERNELS_START;
  measuring: Measuring | null = null;
  results: KernelsResults = NO_RESULTS;
  /** What {@link results} are compared with. */
  opened: OpenedResults | null = null;
  /** What is measured after what goes on, and of which spec, where everything is; null where one thing is. Stopped, it has no kinds left. */
  queue: { readonly kinds: readonly MeasureKind[]; readonly spec: RunSpec } | null = null;
  readonly #ports: KernelsDeskPorts;

  constructor(ports: KernelsDeskPorts) {
    super();
    this.#ports = ports;
  }

  /** True while a measurement has the GPU: no run and no comparison can start. */
  get busy(): boolean {
    return this.measuring !== null;
  }

  /** Rows of the ablation that goes on, else of the last. */
  get ablationRows(): readonly AblationRow[] {
    return this.measuring?.what === 'ablation' ? this.measuring.ablationRows : (this.results.ablation?.value.rows ?? []);
  }

  /** Rows of the measurement of lanes that goes on, else of the last. */
  get lanesRows(): readonly LanesRow[] {
    return this.measuring?.what === 'lanes' ? this.measuring.lanesRows : (this.results.lanes?.value.rows ?? []);
  }

  /** Everything that the tuner has found on this adapter, with what it finds now. */
  get tuning(): Measured<TuningReport> | null {
    const { measuring, results } = this;
    if (measuring?.what !== 'tuning' || measuring.tuningRows.length === 0) return results.tuning;
    const { environment, tuningRows: rows } = measuring;
    return withEarlier({ environment, value: { rows }, stopped: false, failure: null }, results.tuning);
  }

  /** What the rows that are shown of a kind were measured with; null where there are none. */
  environment(what: MeasureKind): MeasuredWith | null {
    if (this.measuring?.what === what && what !== 'kernels') return this.measuring.environment;
    return this.results[what]?.environment ?? null;
  }

  change(change: Partial<MeasureOptions>): void {
    this.settings = { ...this.settings, ...change };
    this.emit('state');
  }

  /** Measures a step, of the base spec unless it is told another. What goes on already goes on; the result of its kind stays until this one has its own. */
  async start(what: MeasureKind, spec = this.#ports.base()): Promise<void> {
    const { settings: options } = this;
    const device = this.#ports.device();
    if (this.busy || device === null) return;
    const runId = this.#ports.newRunId();
    this.measuring = {
      runId,
      what,
      environment: environmentOf(device, spec, options, this.#ports.now()),
      done: 0,
      total: 0,
      part: '',
      stopping: false,
      ablationRows: [],
      lanesRows: [],
      tuningRows: [],
    };
    this.emit('state', 'results');
    try {
      const report = await this.#ports.request({ type: 'measure', runId, what, spec, options });
      const { measuring } = this;
      if (measuring?.runId !== runId) return;
      this.measuring = { ...measuring, environment: { ...measuring.environment, report } };
      this.emit('results');
    } catch (error) {
      const { measuring } = this;
      // The worker is gone, and said so.
      if (measuring?.runId !== runId) return;
      // One that was stopped before it began is no news.
      if (!measuring.stopping) this.#ports.report(error, what);
      this.#over();
    }
  }

  /** Measures kernels, fusions and lanes, one after another; {@link stop} ends all of it. What fails keeps none of the others back. */
  async startAll(): Promise<void> {
    if (this.busy) return;
    this.queue = { kinds: EVERYTHING, spec: this.#ports.base() };
    await this.#next();
  }

  /** Asks the worker what its tuner found in earlier visits. */
  async recall(): Promise<void> {
    const device = this.#ports.device();
    if (device === null) return;
    try {
      const report = await this.#ports.request({ type: 'tuned' });
      this.results = { ...this.results, tuning: rememberedTuning(device, report, this.settings) };
      this.emit('results');
    } catch (error) {
      this.#ports.report(error, 'tuned');
    }
  }

  /** Forgets what the tuner found, here and in the browser's storage. True where that worked. */
  async forgetTuning(): Promise<boolean> {
    try {
      await this.#ports.request({ type: 'forgetTuned' });
    } catch (error) {
      this.#ports.report(error, 'forgetTuned');
      return false;
    }
    this.results = { ...this.results, tuning: null };
    this.emit('results');
    return true;
  }

  /** Ends what goes on, with what it has. */
  async stop(): Promise<void> {
    const { measuring, queue } = this;
    if (measuring === null || measuring.stopping) return;
    this.measuring = { ...measuring, stopping: true };
    if (queue !== null) this.queue = { ...queue, kinds: [] };
    this.emit('state');
    try {
      await this.#ports.request({ type: 'measureStop', runId: measuring.runId });
    } catch (error) {
      // It ended by itself meanwhile.
      if (this.measuring?.runId !== measuring.runId) return;
      this.#ports.report(error, 'measureStop');
      this.measuring = { ...this.measuring, stopping: false };
      this.queue = queue;
      this.emit('state');
    }
  }

  /** Compares with the results of an exported file. */
  open(text: string, fileName: string): void {
    try {
      this.opened = { fileName, results: kernelsFromJson(text, fileName) };
      this.emit('results');
    } catch (error) {
      this.#ports.report(error, fileName);
    }
  }

  /** Compares with nothing any more. */
  close(): void {
    this.opened = null;
    this.emit('results');
  }

  /** Takes an event of the worker's in where it is about the measurement. */
  receive(event: WorkerEvent): void {
    const { measuring } = this;
    if (measuring === null || !('runId' in event) || event.runId !== measuring.runId) return;
    switch (event.type) {
      case 'measureProgress':
        this.measuring = { ...measuring, done: event.done, total: event.total, part: event.what };
        this.emit('state');
        break;
      case 'measureRow':
        this.measuring = withRow(measuring, event);
        this.emit('results');
        break;
      case 'measureEnd': {
        const { result, stopped, error: failure } = event;
        const { environment } = measuring;
        if (result !== null) this.results = withResult(this.results, result, { environment, stopped, failure });
        if (failure !== null) this.#ports.report(new WorkerError(failure), measuring.what);
        this.#over();
        break;
      }
      default:
        break;
    }
  }

  /** The worker is gone, and what it measured with it. */
  crashed(): void {
    this.queue = null;
    if (this.measuring !== null) this.#over();
  }

  /** What goes on is over; what is next begins. */
  #over(): void {
    this.measuring = null;
    void this.#next();
    if (!this.busy) this.emit('state', 'results');
  }

  async #next(): Promise<void> {
    const { queue } = this;
    const [next, ...kinds] = queue?.kinds ?? [];
    this.queue = queue === null || next === undefined ? null : { ...queue, kinds };
    if (queue === null || next === undefined) return;
    const started = this.start(next, queue.spec);
    // There is nothing that measures any more.
    if (!this.busy) this.queue = null;
    await started;
  }
}

function withRow(measuring: Measuring, event: Extract<WorkerEvent, { type: 'measureRow' }>): Measuring {
  switch (event.what) {
    case 'ablation':
      return { ...measuring, ablationRows: [...measuring.ablationRows, event.row] };
    case 'lanes':
      return { ...measuring, lanesRows: [...measuring.lanesRows, event.row] };
    case 'tuning':
      return { ...measuring, tuningRows: [...measuring.tuningRows, event.row] };
    default:
      return unreachable(event);
  }
}
