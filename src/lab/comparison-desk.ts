import type { RunSpec } from '../spec/index.ts';
import { toWireError, type Request, type WorkerEvent } from '../worker/client.ts';
import type { Replies, WireError } from '../worker/protocol.ts';
import { comparisonFromJson } from './comparison-import.ts';
import { armSpecs, COMPARISON_START, type ComparisonSetup } from './comparison-setup.ts';
import { Comparison } from './comparison.ts';
import { Observable } from './observable.ts';

export type ComparisonDeskTopic = 'setup' | 'comparison';

export interface ComparisonDeskPorts {
  /** The spec that arms change. */
  readonly base: () => RunSpec;
  /** Sends a command. @throws what the worker refuses it with. */
  readonly request: <R extends Request>(request: R) => Promise<Replies[R['type']]>;
  /** Shows an error. */
  readonly report: (error: unknown, where: string) => void;
  readonly newRunId: () => string;
}

/** What the page does with comparisons: sets one up, runs it, keeps those before. Failures become alerts. */
export class ComparisonDesk extends Observable<ComparisonDeskTopic> {
  setup: ComparisonSetup = COMPARISON_START;
  /** The one that the page shows. */
  current: Comparison | null = null;
  /** Earlier ones of this page, oldest first. */
  readonly earlier: Comparison[] = [];
  readonly #ports: ComparisonDeskPorts;

  constructor(ports: ComparisonDeskPorts) {
    super();
    this.#ports = ports;
  }

  /** True while a comparison has the GPU: no run can start. */
  get busy(): boolean {
    return this.current?.active === true;
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
    this.#show(comparison);
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

  /** Shows the comparison of an exported file, and sets up the same. */
  open(text: string, fileName: string): void {
    try {
      const comparison = comparisonFromJson(text, fileName);
      this.#show(comparison);
      this.change(comparison.setup);
    } catch (error) {
      this.#ports.report(error, fileName);
    }
  }

  /** Takes an event of the worker's in where it is about the comparison. */
  receive(event: WorkerEvent): void {
    const { current } = this;
    if (current === null || current.imported || !('runId' in event) || event.runId !== current.runId) return;
    current.apply(event);
    if (event.type === 'comparisonState') this.emit('comparison');
  }

  /** The worker is gone. */
  crashed(error: WireError): void {
    if (this.current?.active === true) this.current.failed(error);
    this.emit('comparison');
  }

  async #command(type: 'comparePause' | 'compareResume' | 'compareStop'): Promise<void> {
    if (this.current === null || this.current.imported) return;
    try {
      await this.#ports.request({ type, runId: this.current.runId });
    } catch (error) {
      this.#ports.report(error, type);
    }
  }

  #show(comparison: Comparison): void {
    if (this.current !== null && this.current.step > 0) this.earlier.push(this.current);
    this.current = comparison;
    this.emit('comparison');
  }
}
