import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { flopsPerToken, parameterCount, tokensPerStep, totalSteps } from '../spec/index.ts';
import { bytes, count, duration, si } from './format.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-forecast': LabForecast;
  }
}

/** What the form's spec will cost, before it starts. */
@customElement('lab-forecast')
export class LabForecast extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      dl {
        display: grid;
        grid-template-columns: 1fr 1fr;
        gap: 1px 16px;
      }
      div {
        display: flex;
        justify-content: space-between;
        gap: 8px;
        padding: 2px 0;
        min-width: 0;
      }
      dt,
      dd {
        font-size: 12px;
        white-space: nowrap;
      }
      dd {
        font-weight: 560;
      }
      .error {
        margin-top: 4px;
      }
    `,
  ];

  protected override readonly topics = ['spec', 'forecast'] as const;

  override render(): unknown {
    const { form, forecast, forecastError } = this.lab;
    const { spec } = form;
    // Counting needs no worker; memory, time and a tokenizer's vocabulary do.
    const steps = forecast?.totalSteps ?? totalSteps(spec);
    const rows: readonly (readonly [string, string, string])[] = [
      ['Parameters', count(forecast?.parameters ?? parameterCount(spec).total), 'All trained parameters, embeddings included'],
      ['Steps', count(steps), 'Optimizer steps'],
      [
        'FLOPs/token',
        si(forecast?.flopsPerToken ?? flopsPerToken(spec).total, ''),
        'Matmuls and full attention, forward and backward',
      ],
      ['Tokens', count(steps * tokensPerStep(spec)), 'Training tokens in all'],
      ['GPU memory', forecast === null ? '—' : bytes(forecast.peakBytes), 'At the peak, known from the plan'],
      ['Time', this.#time(), 'From the measured speed of this adapter'],
    ];
    return html`<dl aria-label="Forecast">
        ${rows.map(
          ([term, value, help]) =>
            html`<div title=${help}>
              <dt>${term}</dt>
              <dd>${value}</dd>
            </div>`,
        )}
      </dl>
      ${forecastError === null ? nothing : html`<p class="error">${forecastError.message}</p>`}`;
  }

  #time(): string {
    const ms = this.lab.forecast?.estimatedMs ?? null;
    return ms === null ? 'after a first run' : `about ${duration(ms)}`;
  }
}
