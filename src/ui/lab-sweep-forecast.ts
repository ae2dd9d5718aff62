import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { sweptAxes, sweptRuns, type QueuedGroup, type SweepQueue, type SweptAxis } from '../lab/index.ts';
import { bytes, count, duration, si, whole } from './format.ts';
import { sharedStyles } from './shared-styles.ts';
import { groupWords, UNTIMED } from './sweep-words.ts';
import { tableStyles } from './table-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-forecast': LabSweepForecast;
  }
}

const MOST_ROWS = 200;

/** What a sweep will cost, before it starts: the whole, and group by group in the order in which they will train. */
@customElement('lab-sweep-forecast')
export class LabSweepForecast extends LitElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      dl {
        display: flex;
        flex-wrap: wrap;
        gap: 10px 32px;
        margin-bottom: 10px;
      }
      dd {
        font-size: 17px;
        font-weight: 600;
        line-height: 1.3;
      }
      dd.long {
        font-size: 13px;
        font-weight: 500;
        max-width: 24ch;
      }
      th:nth-child(2),
      td:nth-child(2) {
        text-align: left;
        white-space: normal;
        min-width: 180px;
      }
      .scroll {
        max-height: 300px;
      }
      .wait {
        min-height: 20px;
      }
    `,
  ];

  @property({ attribute: false }) queue: SweepQueue | null = null;
  /** Runs of the draft, known before the plan is. */
  @property({ type: Number }) runs = 0;
  /** Why it cannot be planned, in words. */
  @property() failure = '';
  @property({ type: Boolean }) planning = false;

  override render(): unknown {
    const { queue } = this;
    return html`<dl aria-live="polite">
        <div>
          <dt>Runs</dt>
          <dd data-runs=${this.runs}>${this.runs === 0 ? '—' : whole(this.runs)}</dd>
        </div>
        ${queue === null ? nothing : this.#whole(queue)}
      </dl>
      ${this.failure === '' ? nothing : html`<p class="error" role="alert">${this.failure}</p>`}
      ${queue === null ? html`<p class="small muted wait">${this.planning ? 'Planning…' : ''}</p>` : this.#groups(queue)}`;
  }

  #whole({ groups, flops, peakBytes, etaMs }: SweepQueue): unknown {
    const figure = (term: string, value: string, long = false): unknown =>
      html`<div>
        <dt>${term}</dt>
        <dd class=${long ? 'long' : ''}>${value}</dd>
      </div>`;
    return html`${figure('Programs', whole(groups.length))} ${figure('Training', si(flops, 'FLOPs'))}
    ${figure('Memory at most', peakBytes === null ? '—' : bytes(peakBytes))}
    ${figure('Time', etaMs === null ? UNTIMED : `about ${duration(etaMs)}`, etaMs === null)}`;
  }

  #groups({ groups }: SweepQueue): unknown {
    const runs = groups.flatMap((group) => group.runs);
    const axes = sweptAxes(sweptRuns(runs, []));
    const manySeeds = new Set(runs.map(({ spec }) => `${spec.seed.init} ${spec.seed.data}`)).size > 1;
    return html`<details>
      <summary>In the order in which they will train</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Programs in the order in which they will train">
        <table>
          <thead>
            <tr>
              <th scope="col">#</th>
              <th scope="col">Trains</th>
              <th scope="col">Lanes</th>
              <th scope="col">Steps</th>
              <th scope="col">FLOPs</th>
              <th scope="col">Memory</th>
              <th scope="col">Time</th>
            </tr>
          </thead>
          <tbody>
            ${groups.slice(0, MOST_ROWS).map((group, i) => this.#row(group, i, axes, manySeeds))}
          </tbody>
        </table>
      </div>
      ${groups.length > MOST_ROWS ? html`<p class="small muted">And ${whole(groups.length - MOST_ROWS)} more.</p>` : nothing}
    </details>`;
  }

  #row(
    { runs, steps, flops, bytes: size, leftMs, reason }: QueuedGroup,
    i: number,
    axes: readonly SweptAxis[],
    seeds: boolean,
  ): unknown {
    return html`<tr>
      <th scope="row">${i + 1}</th>
      <td>${groupWords(runs, axes, seeds)}${reason === null ? nothing : html`<span class="error"> ${reason}</span>`}</td>
      <td>${runs.length}</td>
      <td>${whole(steps)}</td>
      <td>${count(flops)}</td>
      <td>${size === null ? '—' : bytes(size)}</td>
      <td>${leftMs === null ? '—' : duration(leftMs)}</td>
    </tr>`;
  }
}
