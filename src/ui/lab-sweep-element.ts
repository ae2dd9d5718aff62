import { LitElement } from 'lit';
import type { SweepsView } from '../lab/index.ts';

declare global {
  interface HTMLElementEventMap {
    /** The user changed what the Sweeps page shows. */
    'lab-sweeps-view': CustomEvent<Partial<SweepsView>>;
  }
}

/** A view of a sweep: it is given what it shows, and says what the user changes. */
export abstract class LabSweepElement extends LitElement {
  protected say(detail: Partial<SweepsView>): void {
    this.dispatchEvent(new CustomEvent('lab-sweeps-view', { detail, bubbles: true, composed: true }));
  }
}
