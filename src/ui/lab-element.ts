import { LitElement } from 'lit';
import { property } from 'lit/decorators.js';
import type { Lab, LabTopic, Run, RunTopic } from '../lab/index.ts';

/** An element that shows a part of the lab: it renders again when one of its topics, or one of the current run's, changes. */
export abstract class LabElement extends LitElement {
  @property({ attribute: false }) lab!: Lab;

  /** Topics of the lab that this element shows. */
  protected readonly topics: readonly LabTopic[] = [];
  /** Topics of the lab's current run that this element shows. */
  protected readonly runTopics: readonly RunTopic[] = [];
  #ends: (() => void)[] = [];
  #runEnds: (() => void)[] = [];
  #run: Run | null = null;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ends = this.topics.map((topic) => this.lab.on(topic, () => this.requestUpdate()));
    if (this.runTopics.length > 0) {
      this.#ends.push(this.lab.on('run', () => this.#followRun()));
      this.#followRun();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of [...this.#ends, ...this.#runEnds]) end();
    this.#ends = [];
    this.#runEnds = [];
    this.#run = null;
  }

  /** A topic of the run changed; by default the element renders again. */
  protected runChanged(_topic: RunTopic): void {
    this.requestUpdate();
  }

  #followRun(): void {
    const { run } = this.lab;
    this.requestUpdate();
    if (run === this.#run) return;
    for (const end of this.#runEnds) end();
    this.#run = run;
    this.#runEnds = run === null ? [] : this.runTopics.map((topic) => run.on(topic, () => this.runChanged(topic)));
  }
}
