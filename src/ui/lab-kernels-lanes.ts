import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { laneGain, lanesCsv, lanesMarkdown, type LanesReport, type LanesRow, type Measured } from '../lab/index.ts';
import { bytes, si } from './format.ts';
import { deviceWords, originStyles, originWords } from './kernel-origin.ts';
import { lanesWords, rate, shortMs } from './kernel-words.ts';
import type { LabLanesChart } from './lab-lanes-chart.ts';
import { resultHead } from './result-head.ts';
import { sectionStyles } from './section-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import { tableStyles } from './table-styles.ts';
import './lab-lanes-chart.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-lanes': LabKernelsLanes;
  }
}

/** What more runs at once are worth: throughput against lanes, and where the device is full. */
@customElement('lab-kernels-lanes')
export class LabKernelsLanes extends LitElement {
  static override readonly styles = [
    sharedStyles,
    sectionStyles,
    tableStyles,
    originStyles,
    css`
      .pair {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, auto);
        gap: 14px 28px;
        align-items: start;
      }
      .full {
        font-weight: 650;
      }
      @media (max-width: 1100px) {
        .pair {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  @property({ attribute: false }) measured: Measured<LanesReport> | null = null;
  @property({ attribute: false }) other: Measured<LanesReport> | null = null;
  /** File that {@link other} is of. */
  @property() fileName = '';
  /** More rows come: where the device is full is not known yet. */
  @property({ type: Boolean }) going = false;
  @query('lab-lanes-chart') private readonly chart!: LabLanesChart | null;

  override render(): unknown {
    const shown = this.measured ?? this.other;
    const none = shown === null || shown.value.rows.length === 0;
    return html`<section class="card" aria-labelledby="title">
      ${resultHead({
        shown: none ? null : shown,
        title: 'Lanes',
        about: 'runs trained at once',
        name: 'lanes',
        markdown: lanesMarkdown,
        csv: lanesCsv,
        picture: { name: 'lanes', save: (kind) => this.#save(kind) },
      })}
      <slot></slot>
      ${none ? this.#empty() : this.#content(shown)}
    </section>`;
  }

  #empty(): unknown {
    return html`<p class="empty small muted">
      A small model leaves a GPU idle. Lanes train several runs of it in the same dispatches: this finds from how many on the
      device is full, and what a sweep gains until then.
    </p>`;
  }

  #content(shown: Measured<LanesReport>): unknown {
    const other = this.measured === null ? null : (this.other?.value ?? null);
    const { rows, stoppedBy } = shown.value;
    const fullAt = this.going ? Infinity : shown.value.fullAt;
    return html`${this.#headline(shown.value)}
      <div class="pair">
        <lab-lanes-chart source=${deviceWords(shown)} .report=${{ ...shown.value, fullAt }} .other=${other}></lab-lanes-chart>
        <div class="scroll" tabindex="0" role="region" aria-label="Lanes as a table">
          <table>
            <thead>
              <tr>
                <th scope="col">Lanes</th>
                <th scope="col">ms a step</th>
                <th scope="col">quartiles</th>
                <th scope="col">tokens/s</th>
                <th scope="col">of 1 lane</th>
                <th scope="col">Peak memory</th>
                ${other === null ? nothing : html`<th scope="col">there, tokens/s</th>`}
              </tr>
            </thead>
            <tbody>
              ${rows.map((row) => this.#row(row, laneGain(rows, row), fullAt, other))}
            </tbody>
          </table>
        </div>
      </div>
      ${stoppedBy === null ? nothing : html`<p class="small note" data-stopped>More lanes were not tried: ${stoppedBy}</p>`}
      ${originWords(this.measured, this.other, this.fileName, 'Wall time of whole steps of all lanes together, median and quartiles of windows.')}`;
  }

  #headline({ rows, fullAt }: LanesReport): unknown {
    const last = rows.at(-1);
    const full = rows.find(({ lanes }) => lanes === fullAt);
    if (this.going || last === undefined || full === undefined || rows.length < 2) return nothing;
    const times = laneGain(rows, full).toFixed(1);
    const words =
      fullAt === 1
        ? 'One run fills this device: more lanes add little.'
        : fullAt === last.lanes
          ? `Not full yet at ${lanesWords(fullAt)}: ${times} times the throughput of one.`
          : `Full at ${lanesWords(fullAt)}, with ${times} times the throughput of one.`;
    return html`<p class="words" data-full=${fullAt}>${words}</p>`;
  }

  #row(row: LanesRow, gain: number, fullAt: number, other: LanesReport | null): unknown {
    const [low, high] = row.quartilesMs;
    const there = other?.rows.find(({ lanes }) => lanes === row.lanes);
    return html`<tr class=${row.lanes === fullAt ? 'full' : ''}>
      <th scope="row">${row.lanes}</th>
      <td>${shortMs(row.ms)}</td>
      <td>${shortMs(low)} – ${shortMs(high)}</td>
      <td>${si(row.tokensPerSecond, '')}</td>
      <td>${rate(gain)} ×</td>
      <td>${bytes(row.peakBytes)}</td>
      ${other === null ? nothing : html`<td>${there === undefined ? '—' : si(there.tokensPerSecond, '')}</td>`}
    </tr>`;
  }

  async #save(kind: 'svg' | 'png'): Promise<void> {
    const picture = this.chart?.picture;
    if (picture) await saveDrawing(kind, this, 'isoflop-lanes', picture);
  }
}
