import { css, html, LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { sliderOf, UNITS, weightOf, type ChartView } from './chart-view.ts';
import type { XUnit } from '../lab/index.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { toolStyles } from './tool-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-chart-tools': LabChartTools;
  }
}

/** What the x axis shows, log scales and smoothing. */
@customElement('lab-chart-tools')
export class LabChartTools extends LitElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    css`
      div {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 6px 14px;
        font-size: 12px;
        color: var(--muted);
      }
      input[type='range'] {
        width: 110px;
      }
      output {
        min-width: 34px;
        color: var(--text);
      }
    `,
  ];

  @property({ attribute: false }) view!: ChartView;
  @property({ attribute: false }) units: readonly XUnit[] = ['step', 'tokens', 'flops', 'time'];

  override render(): unknown {
    const { unit, xLog, yLog, smoothing } = this.view;
    return html`<div>
      <label
        >x
        <select @change=${(event: Event): void => this.#unit(typed(event))}>
          ${this.units.map((key) => html`<option value=${key} .selected=${key === unit}>${UNITS[key]}</option>`)}
        </select></label
      >
      <label
        ><input type="checkbox" role="switch" .checked=${xLog} @change=${(): void => this.#say({ xLog: !xLog })} />log x</label
      >
      <label
        ><input type="checkbox" role="switch" .checked=${yLog} @change=${(): void => this.#say({ yLog: !yLog })} />log y</label
      >
      <label
        >smoothing
        <input
          type="range"
          min="0"
          max="100"
          step="1"
          .value=${String(sliderOf(smoothing))}
          @input=${(event: Event): void => this.#say({ smoothing: weightOf(Number(typed(event))) })}
        />
        <output>${smoothing === 0 ? 'off' : smoothing.toFixed(3).replace(/0$/, '')}</output>
      </label>
    </div>`;
  }

  #unit(unit: string): void {
    if (unit === 'step' || unit === 'tokens' || unit === 'flops' || unit === 'time') this.#say({ unit });
  }

  #say(detail: Partial<ChartView>): void {
    this.dispatchEvent(new CustomEvent('lab-view', { detail, bubbles: true, composed: true }));
  }
}
