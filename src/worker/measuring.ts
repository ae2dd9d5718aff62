import { ProtocolError, unreachable, type IsoflopError } from '../base/errors.ts';
import { isTimed } from '../base/tuned.ts';
import type { Dataset } from '../data/index.ts';
import type { Gpu } from '../gpu/index.ts';
import {
  ablate,
  ablationForms,
  fullAt,
  laneThroughput,
  measureKernels,
  tunedShapes,
  tuneStep,
  type Choices,
} from '../measure/index.ts';
import { parameterCount, tokensPerStep } from '../spec/index.ts';
import { planTraining, type KnownVerdicts } from '../train/index.ts';
import { toWireError } from './client.ts';
import type { AblationRow, Command, LanesRow, MeasureReport, MeasureResult, Tuned } from './protocol.ts';
import { dataReport } from './reports.ts';
import type { SessionPorts } from './session.ts';
import { requireStartable } from './start-check.ts';

/** What measures. */
export interface Measurers {
  readonly ablate: typeof ablate;
  readonly laneThroughput: typeof laneThroughput;
  readonly measureKernels: typeof measureKernels;
  readonly tuneStep: typeof tuneStep;
}

const MEASURERS: Measurers = { ablate, laneThroughput, measureKernels, tuneStep };

export interface MeasuringPorts extends Pick<SessionPorts, 'emit' | 'gpu' | 'library' | 'figures' | 'sleep' | 'plan'> {
  /** Left out: those of the engine. */
  readonly measurers?: Measurers;
}

/** Steps from the same weights after which an ablation compares losses. */
const LOSS_STEPS = 20;
/** How long a failed call waits to hear that the device was lost. */
const LOSS_NEWS_MS = 200;

/**
 * One measurement of what the device does with a training step. It has the GPU from {@link prepare} to its last word; a lost device or any
 * other failure ends it, with what was measured by then.
 */
export class Measuring {
  readonly runId: string;
  private readonly command: Extract<Command, { type: 'measure' }>;
  private readonly ports: MeasuringPorts;
  private readonly measurers: Measurers;
  private readonly abort = new AbortController();
  private readonly ablationRows: AblationRow[] = [];
  private readonly lanesRows: LanesRow[] = [];
  private readonly tuningRows: Tuned[] = [];
  /** Rejects with what the GPU refused. */
  private readonly refused: Promise<never>;
  private refuse: (error: unknown) => void = () => undefined;
  private parts: { readonly gpu: Gpu; readonly dataset: Dataset; readonly choices: Choices } | null = null;
  private state: 'preparing' | 'measuring' | 'over' = 'preparing';
  private stopped = false;
  private percent = 0;
  private readonly ended: Promise<void>;
  private end: () => void = () => undefined;

  constructor(command: Extract<Command, { type: 'measure' }>, ports: MeasuringPorts) {
    this.runId = command.runId;
    this.command = command;
    this.ports = ports;
    this.measurers = ports.measurers ?? MEASURERS;
    this.refused = new Promise((_, reject) => {
      this.refuse = reject;
    });
    this.refused.catch(() => undefined);
    this.ended = new Promise((resolve) => {
      this.end = (): void => {
        this.state = 'over';
        resolve();
      };
    });
  }

  /** True where it has the GPU, or will. */
  get active(): boolean {
    return this.state !== 'over';
  }

  /** What goes on, as a sentence says it. */
  get subject(): string {
    return {
      kernels: 'the kernels of a step are being measured',
      ablation: 'fusions are being measured',
      lanes: 'lanes are being measured',
      tuning: 'kernels are being tuned',
    }[this.command.what];
  }

  private get where(): string {
    return `measurement of ${this.command.what}`;
  }

  /**
   * Loads the data and asks for the GPU, once `idle` resolves: others leave it alone. It then waits for {@link begin}.
   *
   * @throws whatever keeps it from starting.
   */
  async prepare(idle: Promise<void>): Promise<MeasureReport> {
    const { ports, command, abort } = this;
    const { spec } = command;
    try {
      await idle;
      this.sayProgress(0, 0, 'data');
      const { dataset } = await ports.library.open(spec.data, {
        signal: abort.signal,
        onTokenizer: (share) => this.sayTokenizer(Math.round(100 * share)),
      });
      const gpu = await ports.gpu();
      requireStartable({ specs: [spec], dataset, checkpoint: null, plan: { caps: gpu.caps, ...ports.plan } });
      await ports.figures.load(gpu.report);
      abort.signal.throwIfAborted();
      // The tuner looks at every candidate, whatever was chosen before.
      const choices = command.what === 'tuning' ? new Map<string, string>() : ports.figures.tunings.choices(gpu.report);
      this.parts = { gpu, dataset, choices };
      return {
        data: dataReport(dataset),
        parameters: parameterCount(spec, dataset.vocab).total,
        tokensPerStep: tokensPerStep(spec),
        tunedKernels: choices.size === 0 ? 0 : tunedShapes(this.planOf(this.parts), choices),
      };
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** The step as a run would have it that begins now. */
  private planOf({ gpu, dataset, choices }: NonNullable<Measuring['parts']>): ReturnType<typeof planTraining> {
    const { plan, figures } = this.ports;
    const disabled = figures.disabled(gpu.report);
    return planTraining([this.command.spec], dataset.vocab, { caps: gpu.caps, ...plan, disabled, choices });
  }

  begin(): void {
    if (this.state !== 'preparing' || this.parts === null) return;
    this.state = 'measuring';
    void this.live(this.parts);
  }

  /** Ends it; resolves when it has said its last. @throws ProtocolError where it is over. */
  async stop(): Promise<void> {
    if (!this.active) throw new ProtocolError({ where: this.where, rule: 'it is over already' });
    this.stopped = true;
    this.abort.abort(new ProtocolError({ where: this.where, rule: 'it was stopped before it began' }));
    await this.ended;
  }

  /** The GPU refused something that nothing awaited. */
  gpuError(error: IsoflopError): void {
    this.refuse(error);
  }

  private async live(parts: NonNullable<Measuring['parts']>): Promise<void> {
    const { ports } = this;
    const { gpu } = parts;
    const lost = gpu.lost.then((error): never => {
      throw error;
    });
    const verdicts: KnownVerdicts = ports.figures.passed(gpu.report);
    const measured = this.measure(parts, verdicts);
    let result: MeasureResult | null;
    let error: unknown = null;
    try {
      result = await Promise.race([measured, this.refused, lost]);
      // Stopped before the first row; a tuner that found nothing to choose says just that.
      const none = 'ablation' in result ? result.ablation.rows.length === 0 : result.report.rows.length === 0;
      if (none && (this.stopped || result.what !== 'tuning')) result = null;
    } catch (thrown) {
      const news = await Promise.race([gpu.lost, ports.sleep(LOSS_NEWS_MS).then(() => null)]);
      // What a stop cuts short may say just that.
      if (news !== null || thrown !== this.abort.signal.reason) error = news ?? thrown;
      this.abort.abort(error);
      await Promise.race([measured.catch(() => undefined), lost.catch(() => undefined)]);
      result = this.soFar(parts);
    }
    void ports.figures.keepVerdicts(gpu.report, verdicts);
    await ports.figures.tunings.settled(gpu.report);
    const { runId, stopped } = this;
    this.end();
    ports.emit({
      type: 'measureEnd',
      runId,
      result,
      stopped: stopped && error === null,
      error: error === null ? null : toWireError(error, this.where),
    });
  }

  private async measure(
    { gpu, dataset, choices }: NonNullable<Measuring['parts']>,
    verdicts: KnownVerdicts,
  ): Promise<MeasureResult> {
    const { runId, ports, measurers, ablationRows, lanesRows, tuningRows } = this;
    const { what, spec, options } = this.command;
    const { rounds, windowMs, lanes, unfused } = options;
    const onProgress = (done: number, total: number, part: string): void => this.sayProgress(done, total, part);
    const { signal } = this.abort;
    const common = { gpu, spec, dataset, verdicts, choices, windowMs, signal, onProgress };
    switch (what) {
      case 'ablation': {
        const onRow = (row: AblationRow): void => {
          ablationRows.push(row);
          ports.emit({ type: 'measureRow', runId, what: 'ablation', row });
        };
        return { what, ablation: await measurers.ablate({ ...common, rounds, lossSteps: LOSS_STEPS, onRow }) };
      }
      case 'lanes': {
        const onRow = (row: LanesRow): void => {
          lanesRows.push(row);
          ports.emit({ type: 'measureRow', runId, what: 'lanes', row });
        };
        return { what, report: await measurers.laneThroughput({ ...common, lanes, windows: rounds, onRow }) };
      }
      case 'kernels': {
        const how = { unfused, verdicts, choices, signal, onProgress };
        return { what, report: await measurers.measureKernels(gpu, spec, dataset, how) };
      }
      case 'tuning': {
        const onRow = (row: Tuned): void => {
          tuningRows.push(row);
          if (isTimed(row)) void ports.figures.tunings.add(gpu.report, row);
          ports.emit({ type: 'measureRow', runId, what: 'tuning', row });
        };
        return { what, report: await measurers.tuneStep(gpu, spec, dataset, { unfused, verdicts, signal, onRow, onProgress }) };
      }
      default:
        return unreachable(what);
    }
  }

  /** The rows that were measured before a failure; null: none. */
  private soFar({ gpu, dataset, choices }: NonNullable<Measuring['parts']>): MeasureResult | null {
    const { ablationRows, lanesRows, tuningRows, command } = this;
    if (tuningRows.length > 0) return { what: 'tuning', report: { rows: tuningRows } };
    if (ablationRows.length > 0) {
      const { idle } = ablationForms(command.spec, dataset.vocab, gpu, choices);
      const { rounds } = command.options;
      return { what: 'ablation', ablation: { rows: ablationRows, idle, lossSteps: LOSS_STEPS, rounds } };
    }
    if (lanesRows.length === 0) return null;
    return { what: 'lanes', report: { rows: lanesRows, fullAt: fullAt(lanesRows), stoppedBy: null } };
  }

  private sayTokenizer(percent: number): void {
    if (percent === this.percent) return;
    this.percent = percent;
    this.sayProgress(percent, 100, 'tokenizer');
  }

  private sayProgress(done: number, total: number, what: string): void {
    this.ports.emit({ type: 'measureProgress', runId: this.runId, done, total, what });
  }
}
