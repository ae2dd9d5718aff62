import { html } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweeps-page': LabSweepsPage;
  }
}

@customElement('lab-sweeps-page')
export class LabSweepsPage extends LabElement {
  static override readonly styles = sharedStyles;

  @property({ attribute: false }) address!: Address;

  override render(): unknown {
    return html`<main>
      <section class="card"><h2>Sweeps</h2></section>
    </main>`;
  }
}
