import type { RunSpec } from '../spec/index.ts';
import { WorkerError, type Request, type WorkerEvent } from '../worker/client.ts';
import type { AblationRow, DeviceReport, LanesRow, MeasureKind, MeasureOptions, Replies } from '../worker/protocol.ts';
import { kernelsFromJson } from './kernels-import.ts';
import { environmentOf, NO_RESULTS, withResult, type KernelsResults, type MeasuredWith } from './kernels-results.ts';
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
}

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

  /** What the rows that are shown of a kind were measured with; null where there are none. */
  environment(what: MeasureKind): MeasuredWith | null {
    if (this.measuring?.what === what && what !== 'kernels') return this.measuring.environment;
    return this.results[what]?.environment ?? null;
  }

  change(change: Partial<MeasureOptions>): void {
    this.settings = { ...this.settings, ...change };
    this.emit('state');
  }

  /** Measures the step of the base spec. What goes on already goes on; the result of its kind stays until this one has its own. */
  async start(what: MeasureKind): Promise<void> {
    const { settings: options } = this;
    const device = this.#ports.device();
    if (this.busy || device === null) return;
    const spec = this.#ports.base();
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
      this.#over();
      // One that was stopped before it began is no news.
      if (!measuring.stopping) this.#ports.report(error, what);
    }
  }

  /** Ends what goes on, with what it has. */
  async stop(): Promise<void> {
    const { measuring } = this;
    if (measuring === null || measuring.stopping) return;
    this.measuring = { ...measuring, stopping: true };
    this.emit('state');
    try {
      await this.#ports.request({ type: 'measureStop', runId: measuring.runId });
    } catch (error) {
      // It ended by itself meanwhile.
      if (this.measuring?.runId !== measuring.runId) return;
      this.#ports.report(error, 'measureStop');
      this.measuring = { ...this.measuring, stopping: false };
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
        this.measuring =
          event.what === 'ablation'
            ? { ...measuring, ablationRows: [...measuring.ablationRows, event.row] }
            : { ...measuring, lanesRows: [...measuring.lanesRows, event.row] };
        this.emit('results');
        break;
      case 'measureEnd': {
        const { result, stopped, error: failure } = event;
        const { environment } = measuring;
        if (result !== null) this.results = withResult(this.results, result, { environment, stopped, failure });
        this.#over();
        if (failure !== null) this.#ports.report(new WorkerError(failure), measuring.what);
        break;
      }
      default:
        break;
    }
  }

  /** The worker is gone, and what it measured with it. */
  crashed(): void {
    if (this.measuring !== null) this.#over();
  }

  #over(): void {
    this.measuring = null;
    this.emit('state', 'results');
  }
}
