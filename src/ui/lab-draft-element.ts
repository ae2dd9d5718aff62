import { html, LitElement } from 'lit';
import { property } from 'lit/decorators.js';
import { faultMessage } from '../base/errors.ts';
import type { SweepDraft } from '../lab/index.ts';

declare global {
  interface HTMLElementEventMap {
    /** Something was typed into the draft of a sweep. */
    'lab-draft': CustomEvent<null>;
  }
}

/** A part of the builder: it changes the draft and says so; the builder renders it again by a new {@link turn}. */
export abstract class LabDraftElement extends LitElement {
  @property({ attribute: false }) draft!: SweepDraft;
  /** Counts changes of the draft. */
  @property({ type: Number }) turn = 0;

  protected changed(): void {
    this.requestUpdate();
    this.dispatchEvent(new CustomEvent('lab-draft', { detail: null, bubbles: true, composed: true }));
  }

  /** Faults of a place, in words; what is typed anew has none until it is read. */
  protected faults(place: string): unknown {
    return this.draft.faultsAt(place).map((fault) => html`<p class="error" data-place=${place}>${faultMessage(fault)}</p>`);
  }
}
