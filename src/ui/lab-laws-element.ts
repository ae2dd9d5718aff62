import { LitElement } from 'lit';
import { property } from 'lit/decorators.js';
import { LAWS_VIEW_START, type LawsDesk, type LawsTopic, type LawsView } from '../lab/index.ts';

declare global {
  interface HTMLElementEventMap {
    /** The user changed what the Laws page shows or fits. */
    'lab-laws-view': CustomEvent<Partial<LawsView>>;
  }
}

/** A card of the Laws page: it shows a part of the desk, and says what the user chooses. */
export abstract class LabLawsElement extends LitElement {
  @property({ attribute: false }) desk!: LawsDesk;
  @property({ attribute: false }) view: LawsView = LAWS_VIEW_START;

  /** Topics of the desk that this card shows. */
  protected readonly topics: readonly LawsTopic[] = ['points', 'fit'];
  #ends: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ends = this.topics.map((topic) => this.desk.on(topic, () => this.requestUpdate()));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
  }

  protected say(change: Partial<LawsView>): void {
    this.dispatchEvent(new CustomEvent('lab-laws-view', { detail: change, bubbles: true, composed: true }));
  }
}
