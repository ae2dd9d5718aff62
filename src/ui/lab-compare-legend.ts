import { html, LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { legendStyles } from './legend-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-compare-swatch.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-legend': LabCompareLegend;
  }
  interface HTMLElementEventMap {
    /** The user shows or hides the arm of this name. */
    'lab-arm-shown': CustomEvent<string>;
  }
}

export interface LegendEntry {
  readonly place: number;
  readonly name: string;
  /** At the cursor, or the last. */
  readonly value: string;
}

/** The arms by name with a value each; a click hides an arm. */
@customElement('lab-compare-legend')
export class LabCompareLegend extends LitElement {
  static override readonly styles = [sharedStyles, legendStyles];

  @property({ attribute: false }) entries: readonly LegendEntry[] = [];
  @property({ attribute: false }) hiddenArms: ReadonlySet<string> = new Set();

  override render(): unknown {
    return html`<div class="bar">
      ${this.entries.map(
        ({ place, name, value }) =>
          html`<button type="button" aria-pressed=${!this.hiddenArms.has(name)} @click=${(): void => this.#toggle(name)}>
            <lab-compare-swatch place=${place}></lab-compare-swatch>${name} <b>${value}</b>
          </button>`,
      )}
    </div>`;
  }

  #toggle(detail: string): void {
    this.dispatchEvent(new CustomEvent('lab-arm-shown', { detail, bubbles: true, composed: true }));
  }
}
