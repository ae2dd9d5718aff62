import { css, html, LitElement } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-copy-button': LabCopyButton;
  }
}

/** Puts a text into the clipboard, and says so. */
@customElement('lab-copy-button')
export class LabCopyButton extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      :host {
        display: inline-block;
      }
    `,
  ];

  @property() label = 'Copy';
  /** What is copied, in words, for people who do not see where the button stands. */
  @property() what = '';
  @property() action = 'copy';
  @property({ attribute: false }) text: () => string = () => '';
  @property({ type: Boolean }) disabled = false;
  @state() private copied: 'no' | 'yes' | 'refused' = 'no';

  override render(): unknown {
    const words = { no: this.label, yes: 'Copied', refused: 'Not allowed' };
    return html`<button
        type="button"
        class="quiet"
        data-action=${this.action}
        aria-label=${this.what === '' ? this.label : `${this.label}: ${this.what}`}
        ?disabled=${this.disabled}
        @click=${(): Promise<void> => this.#copy()}
      >
        ${words[this.copied]}
      </button>
      <span class="hidden-text" role="status">${this.copied === 'no' ? '' : words[this.copied]}</span>`;
  }

  async #copy(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.text());
      this.copied = 'yes';
    } catch {
      this.copied = 'refused';
    }
    setTimeout(() => (this.copied = 'no'), 2500);
  }
}
