import { css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { comparisonToText, type ExplorerState } from '../lab/index.ts';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-compare.ts';
import './lab-format-explorer.ts';
import './lab-unsupported.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-numerics-page': LabNumericsPage;
  }
}

/** What lower precision does: sections one under the other, whose state is the address's view. */
@customElement('lab-numerics-page')
export class LabNumericsPage extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      main {
        display: grid;
        gap: 14px;
        max-width: 1760px;
        margin: 0 auto;
        padding: 16px 20px 48px;
      }
      @media (max-width: 960px) {
        main {
          padding: 12px 14px 40px;
        }
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  protected override readonly topics = ['device'] as const;
  #ends: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ends = [this.address.on('view', () => this.#viewed()), this.lab.comparisons.on('setup', () => this.#setUp())];
    this.#viewed();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  override render(): unknown {
    const { lab, address } = this;
    const { compare, explorer } = address.view;
    return html`<main>
      ${lab.deviceState === 'none' ? html`<lab-unsupported .lab=${lab}></lab-unsupported>` : nothing}
      <lab-compare .lab=${lab} .address=${address} .look=${compare}></lab-compare>
      <lab-format-explorer
        .state=${explorer}
        @lab-explorer=${(event: CustomEvent<Partial<ExplorerState>>): void =>
          address.setView({ explorer: { ...explorer, ...event.detail } })}
      ></lab-format-explorer>
    </main>`;
  }

  /** The setup of the address is that of the desk, whichever changed last. */
  #viewed(): void {
    const { setup } = this.address.view.compare;
    if (comparisonToText(setup) !== comparisonToText(this.lab.comparisons.setup)) this.lab.comparisons.change(setup);
    this.requestUpdate();
  }

  #setUp(): void {
    const { setup } = this.lab.comparisons;
    const { compare } = this.address.view;
    if (compare.setup !== setup) this.address.setView({ compare: { ...compare, setup } });
  }
}
