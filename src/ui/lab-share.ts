import { css, html } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { specFromHash, specToHash } from '../spec/index.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-share': LabShare;
  }
}

/** Keeps the spec in the address, reads it from there, and copies the link. A link that cannot be read changes nothing. */
@customElement('lab-share')
export class LabShare extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      :host {
        display: inline-block;
      }
    `,
  ];

  @state() private copied: 'no' | 'yes' | 'refused' = 'no';
  #endSpec = (): void => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#read();
    addEventListener('hashchange', this.#read);
    this.#endSpec = this.lab.on('spec', () => this.#write());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('hashchange', this.#read);
    this.#endSpec();
  }

  override render(): unknown {
    const words = { no: 'Copy link', yes: 'Link copied', refused: 'Copy it from the address bar' };
    return html`<button type="button" data-action="copy-link" @click=${(): Promise<void> => this.#copy()}>
        ${words[this.copied]}
      </button>
      <span class="hidden-text" role="status">${this.copied === 'no' ? '' : words[this.copied]}</span>`;
  }

  readonly #read = (): void => {
    if (location.hash.length < 2) return;
    try {
      this.lab.setSpec(specFromHash(location.hash));
    } catch (error) {
      this.lab.report(error, 'URL');
    }
  };

  #write(): void {
    if (this.lab.form.valid) history.replaceState(null, '', `#${specToHash(this.lab.form.spec)}`);
  }

  async #copy(): Promise<void> {
    this.#write();
    try {
      await navigator.clipboard.writeText(location.href);
      this.copied = 'yes';
    } catch {
      this.copied = 'refused';
    }
    setTimeout(() => (this.copied = 'no'), 2500);
  }
}
