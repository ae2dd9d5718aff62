import { css, html, LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { EvalSeries, Run } from '../lab/index.ts';
import { whole, nats, short } from './format.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-loss-table': LabLossTable;
  }
}

const MAX_ROWS = 200;

/** The numbers behind the loss chart: every step of a short run, evenly spaced ones and the evaluated ones of a long run. */
@customElement('lab-loss-table')
export class LabLossTable extends LitElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      .scroll {
        max-height: 320px;
        margin-top: 10px;
      }
      th,
      td {
        padding: 4px 12px;
      }
      th:first-child {
        text-align: right;
      }
      tbody th {
        font-weight: 400;
      }
    `,
  ];

  @property({ attribute: false }) run!: Run;
  #timer: ReturnType<typeof setInterval> | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#timer = setInterval(() => this.requestUpdate(), 1000);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearInterval(this.#timer);
  }

  override render(): unknown {
    const { run } = this;
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Losses as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">Step</th>
            <th scope="col">Train</th>
            <th scope="col">Validation</th>
            <th scope="col">Out of distribution</th>
            <th scope="col">Gradient norm</th>
            <th scope="col">Learning rate</th>
          </tr>
        </thead>
        <tbody>
          ${this.#steps().map((step) => {
            const at = step - run.steps.at(0);
            return html`<tr>
              <th scope="row">${whole(step)}</th>
              <td>${at < run.steps.length ? nats(run.lane0.lossNats.at(at)) : ''}</td>
              <td>${evalAt(run.evals.validation, step)}</td>
              <td>${evalAt(run.evals.ood, step)}</td>
              <td>${short(run.lane0.gradNorm.at(at))}</td>
              <td>${short(run.lane0.learningRate.at(at))}</td>
            </tr>`;
          })}
        </tbody>
      </table>
    </div>`;
  }

  /** Steps to list, newest first. */
  #steps(): number[] {
    const { run } = this;
    const every = Math.max(1, Math.ceil(run.steps.length / MAX_ROWS));
    const chosen = [...run.steps.view()].filter((_, i) => i % every === every - 1 || i === 0 || i === run.steps.length - 1);
    const evaluated = every === 1 ? [] : [...run.evals.validation.steps.view()].slice(-MAX_ROWS);
    return [...new Set([...chosen, ...evaluated, ...run.broken.slice(0, MAX_ROWS).map(({ step }) => step)])].sort(
      (a, b) => b - a,
    );
  }
}

function evalAt(series: EvalSeries, step: number): string {
  const at = series.steps.view().indexOf(step);
  return at < 0 ? '' : nats(series.lossNats.at(at));
}
