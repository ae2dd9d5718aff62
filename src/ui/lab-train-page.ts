import { css, html, nothing } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { DEFAULT_VIEW, type ChartView } from './chart-view.ts';
import { LabElement } from './lab-element.ts';
import type { LabForm } from './lab-form.ts';
import type { Range } from './plot-data.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-checkpoints.ts';
import './lab-data-card.ts';
import './lab-device-card.ts';
import './lab-form.ts';
import './lab-launch.ts';
import './lab-loss-chart.ts';
import './lab-notices.ts';
import './lab-run-bar.ts';
import './lab-sample.ts';
import './lab-small-chart.ts';
import './lab-stats.ts';
import './lab-unsupported.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-train-page': LabTrainPage;
  }
}

/** One run: settings beside charts where there is room, one under the other where there is not. */
@customElement('lab-train-page')
export class LabTrainPage extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .page {
        display: grid;
        grid-template-columns: 372px minmax(0, 1fr);
        max-width: 1760px;
        margin: 0 auto;
      }
      aside {
        padding: 16px 0 40px 20px;
      }
      .sticky {
        position: sticky;
        top: 0;
        max-height: 100vh;
        overflow-y: auto;
        padding: 0 4px 24px 0;
        scrollbar-width: thin;
      }
      main {
        display: grid;
        gap: 14px;
        align-content: start;
        padding: 16px 20px 48px;
        min-width: 0;
      }
      .pair {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 14px;
        align-items: start;
      }
      .column {
        display: grid;
        gap: 14px;
        min-width: 0;
      }
      .settings {
        margin-top: 8px;
      }
      .settings > summary {
        display: none;
      }
      @media (max-width: 960px) {
        .page,
        .pair {
          grid-template-columns: minmax(0, 1fr);
        }
        aside {
          padding: 12px 14px 0;
        }
        .sticky {
          position: static;
          max-height: none;
          overflow: visible;
          padding: 0;
        }
        main {
          padding: 12px 14px 40px;
        }
        .settings {
          margin-top: 12px;
          padding: 0 14px;
          border: 1px solid var(--line);
          border-radius: 8px;
          background: var(--surface);
        }
        .settings > summary {
          display: list-item;
          padding: 12px 0;
          font-weight: 600;
          cursor: pointer;
        }
      }
    `,
  ];

  protected override readonly topics = ['device'] as const;
  @state() private view: ChartView = DEFAULT_VIEW;
  @state() private zoom: Range | null = null;
  @state() private cursor: number | null = null;
  @state() private settingsOpen = innerWidth > 960;
  @query('lab-form') private readonly form!: LabForm;
  readonly #wide = matchMedia('(min-width: 961px)');

  override connectedCallback(): void {
    super.connectedCallback();
    this.#wide.addEventListener('change', this.#resized);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#wide.removeEventListener('change', this.#resized);
  }

  override render(): unknown {
    const { lab } = this;
    return html`
      <div class="page" @lab-show-fault=${(): void => this.#showFault()}>
        <aside aria-label="Settings">
          <div class="sticky">
            <lab-launch .lab=${lab}></lab-launch>
            <details class="settings" ?open=${this.settingsOpen} @toggle=${(event: Event): void => this.#toggled(event)}>
              <summary>Settings</summary>
              <lab-form .lab=${lab}></lab-form>
            </details>
          </div>
        </aside>
        <main
          @lab-zoom=${(event: CustomEvent<Range | null>): void => void (this.zoom = event.detail)}
          @lab-cursor=${(event: CustomEvent<number | null>): void => void (this.cursor = event.detail)}
          @lab-view=${(event: CustomEvent<Partial<ChartView>>): void => this.#look(event.detail)}
        >
          <div>
            ${lab.deviceState === 'none' ? html`<lab-unsupported .lab=${lab}></lab-unsupported>` : nothing}
            <lab-run-bar .lab=${lab}></lab-run-bar>
          </div>
          <lab-stats .lab=${lab}></lab-stats>
          <lab-loss-chart .lab=${lab} .view=${this.view} .zoom=${this.zoom} .cursor=${this.cursor}></lab-loss-chart>
          <div class="pair">${this.#small('gradNorm')}${this.#small('learningRate')}</div>
          <div class="pair">
            <div class="column">
              <lab-sample .lab=${lab}></lab-sample>
              <lab-checkpoints .lab=${lab}></lab-checkpoints>
            </div>
            <div class="column">
              <lab-data-card .lab=${lab}></lab-data-card>
              <lab-device-card .lab=${lab}></lab-device-card>
            </div>
          </div>
          <lab-notices .lab=${lab}></lab-notices>
        </main>
      </div>
    `;
  }

  #small(quantity: 'gradNorm' | 'learningRate'): unknown {
    return html`<lab-small-chart
      .lab=${this.lab}
      quantity=${quantity}
      .view=${this.view}
      .zoom=${this.zoom}
      .cursor=${this.cursor}
    ></lab-small-chart>`;
  }

  #look(change: Partial<ChartView>): void {
    if (change.unit !== undefined && change.unit !== this.view.unit) this.zoom = null;
    this.view = { ...this.view, ...change };
  }

  readonly #resized = (): void => {
    this.settingsOpen = this.#wide.matches;
  };

  #toggled(event: Event): void {
    if (event.target instanceof HTMLDetailsElement && event.target.classList.contains('settings'))
      this.settingsOpen = event.target.open;
  }

  #showFault(): void {
    this.settingsOpen = true;
    void this.updateComplete.then(() => this.form.showFault());
  }
}
