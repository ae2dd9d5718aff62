import { html } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-page': LabLawsPage;
  }
}

@customElement('lab-laws-page')
export class LabLawsPage extends LabElement {
  static override readonly styles = sharedStyles;

  @property({ attribute: false }) address!: Address;

  override render(): unknown {
    return html`<main>
      <section class="card"><h2>Laws</h2></section>
    </main>`;
  }
}
