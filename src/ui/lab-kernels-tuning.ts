import { css, html, LitElement, nothing, svg } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import {
  candidateFigures,
  candidateNote,
  isChanged,
  tuningCsv,
  tuningMarkdown,
  type CandidateFigures,
  type Measured,
  type Tuned,
  type TuningReport,
} from '../lab/index.ts';
import { deviceWords, originStyles, originWords } from './kernel-origin.ts';
import { rate, shortMs } from './kernel-words.ts';
import { resultHead } from './result-head.ts';
import { sectionStyles } from './section-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import { tuningHeadline, tuningUse, tuningVerdict } from './tuning-words.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-tuning': LabKernelsTuning;
  }
}

const BAR = 120;

/** What the tuner found: every variant of every shape with its time, and which is used from now on. */
@customElement('lab-kernels-tuning')
export class LabKernelsTuning extends LitElement {
  static override readonly styles = [
    sharedStyles,
    sectionStyles,
    tableStyles,
    originStyles,
    css`
      .scroll {
        max-height: 520px;
      }
      thead th {
        z-index: 1;
      }
      tbody tr,
      tbody tr:nth-child(even) {
        background: var(--surface);
      }
      td,
      th {
        padding-top: 3px;
        padding-bottom: 3px;
      }
      .words {
        margin-bottom: 2px;
      }
      .after {
        margin-bottom: 10px;
      }
      .shape th {
        padding-top: 10px;
        font-weight: 600;
        text-align: left;
        white-space: normal;
      }
      .shape small {
        margin-left: 10px;
        font-size: 12px;
        font-weight: 500;
        color: var(--muted);
      }
      .shape .changed {
        color: var(--accent);
      }
      tbody tr:not(.shape) > th {
        padding-left: 24px;
        font-family: var(--mono);
        text-align: left;
      }
      .chosen > th {
        font-weight: 650;
      }
      .chosen > th::after {
        content: ' ✓';
        color: var(--accent);
      }
      td small,
      .note {
        font-size: 11px;
        color: var(--muted);
      }
      .drawn {
        width: 1px;
      }
      .drawn svg {
        display: block;
      }
      .fill {
        fill: var(--reference);
        fill-opacity: 0.55;
      }
      .chosen .fill {
        fill: var(--accent);
        fill-opacity: 1;
      }
      td.note {
        width: 34%;
        text-align: left;
      }
      @media (max-width: 560px) {
        th,
        td {
          padding-right: 8px;
          padding-left: 8px;
        }
        tbody tr:not(.shape) > th {
          padding-left: 14px;
        }
        .drawn {
          display: none;
        }
        .shape small {
          display: block;
          margin-left: 0;
        }
      }
    `,
  ];

  @property({ attribute: false }) measured: Measured<TuningReport> | null = null;
  @property({ attribute: false }) other: Measured<TuningReport> | null = null;
  /** File that {@link other} is of. */
  @property() fileName = '';

  override render(): unknown {
    const shown = this.measured ?? this.other;
    const own = this.measured !== null;
    return html`<section class="card" aria-labelledby="title">
      ${resultHead({
        shown,
        title: 'Tuner',
        about: `variants on ${own || shown === null ? 'this adapter' : deviceWords(shown)}`,
        name: 'tuning',
        markdown: tuningMarkdown,
        csv: tuningCsv,
      })}
      <slot></slot>
      ${shown === null ? this.#empty() : this.#content(shown)}
    </section>`;
  }

  #empty(): unknown {
    return html`<p class="empty small muted">
      Some kernels have variants, as none is best on every adapter: tile sizes, with and without subgroups, split sums. A run
      begins with a good guess. This times the candidates for the shapes of the step, each after a check against the plain kernel;
      what is fastest is remembered in this browser and used by new runs and measurements.
    </p>`;
  }

  #content(shown: Measured<TuningReport>): unknown {
    const { rows } = shown.value;
    const other = this.measured === null ? null : (this.other?.value ?? null);
    return html`<p class="words" data-tuned=${rows.length}>${tuningHeadline(rows)}</p>
      <p class="small muted after" data-use>${tuningUse(this.measured === null ? deviceWords(shown) : null)}</p>
      <div class="scroll" ?hidden=${rows.length === 0} tabindex="0" role="region" aria-label="Variants as the tuner found them">
        <table>
          <thead>
            <tr>
              <th scope="col">Shape, and its variants</th>
              <th scope="col" class="drawn"><span class="hidden-text">Time, drawn</span></th>
              <th scope="col">each, ms</th>
              <th scope="col" title="Time over that of the variant that is used untuned">of first guess</th>
              <th scope="col"><span class="hidden-text">Note</span></th>
            </tr>
          </thead>
          ${rows.map((tuned) => this.#shape(tuned, other))}
        </table>
      </div>
      ${originWords(this.measured, this.other, this.fileName, howWords(rows), true)}`;
  }

  #shape(tuned: Tuned, other: TuningReport | null): unknown {
    const there = other?.rows.find(({ signature }) => signature === tuned.signature);
    const candidates = candidateFigures(tuned);
    const most = Math.max(...candidates.map(({ ms }) => ms ?? 0));
    return html`<tbody data-shape=${tuned.shape} data-chosen=${tuned.chosen}>
      <tr class="shape">
        <th scope="rowgroup" colspan="5">
          ${tuned.shape}<small class=${isChanged(tuned) ? 'changed' : ''}>${tuningVerdict(tuned)}</small>${
            there === undefined ? nothing : html`<small>there: ${there.chosen}</small>`
          }
        </th>
      </tr>
      ${candidates.map((candidate) => this.#candidate(candidate, most))}
    </tbody>`;
  }

  #candidate(candidate: CandidateFigures, most: number): unknown {
    const { variant, ms, halfMs, ofFirst, firstGuess, chosen } = candidate;
    const used = this.measured === null ? 'chosen there' : 'used';
    const notes = [chosen && ms !== null ? used : '', firstGuess ? 'first guess' : '', candidateNote(candidate)];
    return html`<tr class=${chosen && ms !== null ? 'chosen' : ''}>
      <th scope="row">${variant}</th>
      <td class="drawn">
        ${
          ms === null
            ? nothing
            : html`<svg width=${BAR} height="8" aria-hidden="true">
                ${svg`<rect class="fill" width=${((BAR * ms) / most).toFixed(1)} height="8" rx="2" />`}
              </svg>`
        }
      </td>
      <td>${ms === null ? '—' : shortMs(ms)} ${halfMs === null ? nothing : html`<small>± ${shortMs(halfMs)}</small>`}</td>
      <td>${ofFirst === null ? '—' : `${rate(ofFirst)} ×`}</td>
      <td class="note">${notes.filter((note) => note !== '').join(', ')}</td>
    </tr>`;
  }
}

function howWords(rows: readonly Tuned[]): string {
  const by = rows.some(({ timedBy }) => timedBy === 'wall') ? 'the wall time of many submits' : 'GPU timestamps';
  return `Candidates are timed in turns by ${by}, on made-up data; ± is half the distance between the quartiles, and a first guess stays unless another is faster by more than that of both.`;
}
