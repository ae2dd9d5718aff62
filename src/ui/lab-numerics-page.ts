import { css, html } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { ExplorerState } from '../lab/index.ts';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-format-explorer.ts';

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
  #endView = (): void => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#endView = this.address.on('view', () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#endView();
  }

  override render(): unknown {
    const { explorer } = this.address.view;
    return html`<main>
      <lab-format-explorer
        .state=${explorer}
        @lab-explorer=${(event: CustomEvent<Partial<ExplorerState>>): void =>
          this.address.setView({ explorer: { ...explorer, ...event.detail } })}
      ></lab-format-explorer>
    </main>`;
  }
}
