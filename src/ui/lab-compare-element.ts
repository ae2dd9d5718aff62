import type { Comparison, ComparisonDeskTopic, ComparisonTopic } from '../lab/index.ts';
import { LabElement } from './lab-element.ts';
import { Throttle } from './throttle.ts';

/** An element that shows a part of a comparison, by default the current one: it renders again when one of its topics changes. */
export abstract class LabCompareElement extends LabElement {
  /** Topics of the desk that this element shows. */
  protected readonly deskTopics: readonly ComparisonDeskTopic[] = ['comparison'];
  /** Topics of the current comparison that this element shows. */
  protected readonly comparisonTopics: readonly ComparisonTopic[] = [];
  /** Least time between two renders that a topic of the comparison brings about. */
  protected readonly everyMs: number = 0;
  #text: Throttle | null = null;
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
    this.#text?.cancel();
    for (const end of [...this.#deskEnds, ...this.#comparisonEnds]) end();
    this.#deskEnds = [];
    this.#comparisonEnds = [];
    this.#followed = null;
  }

  /** A topic of the comparison changed; by default the element renders again, at most once in {@link everyMs}. */
  protected comparisonChanged(_topic: ComparisonTopic): void {
    this.#text ??= new Throttle(() => this.requestUpdate(), this.everyMs);
    this.#text.call();
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
