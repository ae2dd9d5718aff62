import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { Address, PAGES, type PageId } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-alerts.ts';
import './lab-drop-zone.ts';
import './lab-header.ts';
import './lab-kernels-page.ts';
import './lab-laws-page.ts';
import './lab-numerics-page.ts';
import './lab-runs-page.ts';
import './lab-sweeps-page.ts';
import './lab-train-page.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-app': LabApp;
  }
}

/** The lab: what all pages share, and the page that the address names. A page that was shown keeps its state while another is. */
@customElement('lab-app')
export class LabApp extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      lab-alerts {
        position: sticky;
        top: 0;
        z-index: 5;
        max-width: 1760px;
        margin: 0 auto;
        padding: 0 20px;
      }
      @media (max-width: 960px) {
        lab-alerts {
          padding: 0 14px;
        }
      }
    `,
  ];

  @state() private page: PageId = 'train';
  #address: Address | null = null;
  readonly #shown = new Set<PageId>();
  /** How far down each page was read, CSS pixels. */
  readonly #scrolled = new Map<PageId, number>();

  override connectedCallback(): void {
    super.connectedCallback();
    this.#address ??= new Address(this.lab);
    this.#address.on('page', () => this.#turn());
    this.#address.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#address?.close();
    this.#address = null;
  }

  override render(): unknown {
    const { lab, page } = this;
    const address = this.#address;
    if (address === null) return nothing;
    this.#shown.add(page);
    return html`
      <lab-header .lab=${lab} .address=${address} page=${page}></lab-header>
      <lab-drop-zone .lab=${lab}></lab-drop-zone>
      <lab-alerts .lab=${lab}></lab-alerts>
      ${this.#shown.has('train') ? html`<lab-train-page .lab=${lab} ?hidden=${page !== 'train'}></lab-train-page>` : nothing}
      ${
        this.#shown.has('runs')
          ? html`<lab-runs-page .lab=${lab} .address=${address} ?hidden=${page !== 'runs'}></lab-runs-page>`
          : nothing
      }
      ${
        this.#shown.has('sweeps')
          ? html`<lab-sweeps-page .lab=${lab} .address=${address} ?hidden=${page !== 'sweeps'}></lab-sweeps-page>`
          : nothing
      }
      ${
        this.#shown.has('laws')
          ? html`<lab-laws-page .lab=${lab} .address=${address} ?hidden=${page !== 'laws'}></lab-laws-page>`
          : nothing
      }
      ${
        this.#shown.has('numerics')
          ? html`<lab-numerics-page .lab=${lab} .address=${address} ?hidden=${page !== 'numerics'}></lab-numerics-page>`
          : nothing
      }
      ${
        this.#shown.has('kernels')
          ? html`<lab-kernels-page .lab=${lab} .address=${address} ?hidden=${page !== 'kernels'}></lab-kernels-page>`
          : nothing
      }
    `;
  }

  #turn(): void {
    const next = this.#address?.page ?? 'train';
    if (next === this.page) return;
    this.#scrolled.set(this.page, scrollY);
    this.page = next;
    const label = PAGES.find(({ id }) => id === next)?.label ?? '';
    document.title = next === 'train' ? 'Isoflop' : `${label} · Isoflop`;
    void this.#scrollBack();
  }

  async #scrollBack(): Promise<void> {
    await this.updateComplete;
    scrollTo({ top: this.#scrolled.get(this.page) ?? 0, behavior: 'instant' });
  }
}
