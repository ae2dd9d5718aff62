import type { RunSpec } from '../spec/index.ts';
import { toWireError, type Request, type WorkerEvent } from '../worker/client.ts';
import type { DeviceReport, Replies, WireError } from '../worker/protocol.ts';
import { comparisonFromJson } from './comparison-import.ts';
import { armSpecs, COMPARISON_START, type ComparisonSetup } from './comparison-setup.ts';
import { Comparison } from './comparison.ts';
import { Observable } from './observable.ts';

export type ComparisonDeskTopic = 'setup' | 'comparison';

export interface ComparisonDeskPorts {
  /** The spec that arms change. */
  readonly base: () => RunSpec;
  /** What measures; null where there is none. */
  readonly device: () => DeviceReport | null;
  /** Sends a command. @throws what the worker refuses it with. */
  readonly request: <R extends Request>(request: R) => Promise<Replies[R['type']]>;
  /** Shows an error. */
  readonly report: (error: unknown, where: string) => void;
  readonly newRunId: () => string;
}

/** What the page does with comparisons: sets one up, runs it, shows it and those before. Failures become alerts. */
export class ComparisonDesk extends Observable<ComparisonDeskTopic> {
  setup: ComparisonSetup = COMPARISON_START;
  /** The one that the page shows. */
  current: Comparison | null = null;
  /** Those that can be shown, oldest first; {@link current} is one of them. */
  kept: readonly Comparison[] = [];
  /** The last that this page started; it goes on while another is shown. */
  started: Comparison | null = null;
  readonly #ports: ComparisonDeskPorts;

  constructor(ports: ComparisonDeskPorts) {
    super();
    this.#ports = ports;
  }

  /** True while a comparison has the GPU: no run can start. */
  get busy(): boolean {
    return this.started?.active === true;
  }

  /** The one that goes on, where one does; else the one that is shown. */
  get live(): Comparison | null {
    return this.busy ? this.started : this.current;
  }

  change(change: Partial<ComparisonSetup>): void {
    this.setup = { ...this.setup, ...change };
    this.emit('setup');
  }

  /** What keeps the setup from being started over the base spec as it is; null where nothing does. */
  fault(): WireError | null {
    try {
      armSpecs(this.#ports.base(), this.setup);
      return null;
    } catch (error) {
      return toWireError(error, 'comparison');
    }
  }

  /** Starts the setup over the base spec. */
  async start(): Promise<void> {
    if (this.busy) await this.stop();
    const { setup } = this;
    const base = this.#ports.base();
    const runId = this.#ports.newRunId();
    let comparison: Comparison;
    try {
      comparison = new Comparison(runId, base, setup, armSpecs(base, setup));
    } catch (error) {
      this.#ports.report(error, 'comparison');
      return;
    }
    comparison.device = this.#ports.device();
    this.started = comparison;
    this.show(comparison);
    const arms = comparison.arms.map(({ name, spec }) => ({ name, spec }));
    const { seeds, probeEvery, whatIf } = setup;
    try {
      comparison.started(await this.#ports.request({ type: 'compare', runId, arms, seeds, probeEvery, whatIf }));
    } catch (error) {
      // One that was stopped while it was built is no news.
      if (comparison.state === 'stopped') return;
      comparison.failed(toWireError(error, 'comparison'));
      this.#ports.report(error, 'comparison');
    }
    this.emit('comparison');
  }

  pause(): Promise<void> {
    return this.#command('comparePause');
  }

  resume(): Promise<void> {
    return this.#command('compareResume');
  }

  stop(): Promise<void> {
    return this.#command('compareStop');
  }

  /** Shows a comparison; the one that was shown is kept, unless it has not trained a step. */
  show(comparison: Comparison): void {
    const kept = this.kept.includes(comparison) ? this.kept : [...this.kept, comparison];
    this.kept = kept.filter((each) => each === comparison || each.active || each.step > 0);
    this.current = comparison;
    this.emit('comparison');
  }

  /** Shows the comparison of an exported file, and sets up the same. */
  open(text: string, fileName: string): void {
    try {
      const comparison = comparisonFromJson(text, fileName);
      this.show(comparison);
      this.change(comparison.setup);
    } catch (error) {
      this.#ports.report(error, fileName);
    }
  }

  /** Takes an event of the worker's in where it is about the comparison. */
  receive(event: WorkerEvent): void {
    const { started } = this;
    if (started === null || !('runId' in event) || event.runId !== started.runId) return;
    started.apply(event);
    if (event.type === 'comparisonState') this.emit('comparison');
  }

  /** The worker is gone. */
  crashed(error: WireError): void {
    if (this.started?.active === true) this.started.failed(error);
    this.emit('comparison');
  }

  async #command(type: 'comparePause' | 'compareResume' | 'compareStop'): Promise<void> {
    if (this.started === null) return;
    try {
      await this.#ports.request({ type, runId: this.started.runId });
    } catch (error) {
      this.#ports.report(error, type);
    }
  }
}
