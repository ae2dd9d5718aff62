import type { Comparison, ComparisonDeskTopic, ComparisonTopic } from '../lab/index.ts';
import { LabElement } from './lab-element.ts';

/** An element that shows a part of the lab's current comparison: it renders again when one of its topics changes. */
export abstract class LabCompareElement extends LabElement {
  /** Topics of the desk that this element shows. */
  protected readonly deskTopics: readonly ComparisonDeskTopic[] = ['comparison'];
  /** Topics of the current comparison that this element shows. */
  protected readonly comparisonTopics: readonly ComparisonTopic[] = [];
  #deskEnds: (() => void)[] = [];
  #comparisonEnds: (() => void)[] = [];
  #followed: Comparison | null = null;

  protected get comparison(): Comparison | null {
    return this.lab.comparisons.current;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    const { comparisons } = this.lab;
    this.#deskEnds = this.deskTopics.map((topic) => comparisons.on(topic, () => this.requestUpdate()));
    this.#deskEnds.push(comparisons.on('comparison', () => this.#follow()));
    this.#follow();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of [...this.#deskEnds, ...this.#comparisonEnds]) end();
    this.#deskEnds = [];
    this.#comparisonEnds = [];
    this.#followed = null;
  }

  /** A topic of the comparison changed; by default the element renders again. */
  protected comparisonChanged(_topic: ComparisonTopic): void {
    this.requestUpdate();
  }

  #follow(): void {
    const { comparison } = this;
    if (comparison === this.#followed) return;
    for (const end of this.#comparisonEnds) end();
    this.#followed = comparison;
    this.#comparisonEnds =
      comparison === null ? [] : this.comparisonTopics.map((topic) => comparison.on(topic, () => this.comparisonChanged(topic)));
    this.requestUpdate();
  }
}
