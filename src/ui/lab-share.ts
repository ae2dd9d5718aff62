import { css, html, LitElement } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { Address } from './address.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-share': LabShare;
  }
}

/** Copies the link to what is shown. */
@customElement('lab-share')
export class LabShare extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      :host {
        display: inline-block;
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  @state() private copied: 'no' | 'yes' | 'refused' = 'no';
  override render(): unknown {
    const words = { no: 'Copy link', yes: 'Link copied', refused: 'Copy it from the address bar' };
    return html`<button type="button" data-action="copy-link" @click=${(): Promise<void> => this.#copy()}>
        ${words[this.copied]}
      </button>
      <span class="hidden-text" role="status">${this.copied === 'no' ? '' : words[this.copied]}</span>`;
  }

  async #copy(): Promise<void> {
    this.address.write();
    try {
      await navigator.clipboard.writeText(location.href);
      this.copied = 'yes';
    } catch {
      this.copied = 'refused';
    }
    setTimeout(() => (this.copied = 'no'), 2500);
  }
}
