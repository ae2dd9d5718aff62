import { html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import {
  cellOf,
  columnLabel,
  groupRuns,
  recordTitle,
  RUNS_VIEW_START,
  spreadOf,
  type ColumnId,
  type RunGroup,
  type RunRecord,
  type RunsView,
} from '../lab/index.ts';
import { LabRunsElement } from './lab-runs-element.ts';
import { cellWords, differenceWords, headOf, isLoss, spreadWords } from './runs-words.ts';
import type { Places } from './runs-frames.ts';
import { runsTableStyles } from './runs-table-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { sortHead, sortStyles } from './sort-head.ts';
import { tableStyles } from './table-styles.ts';
import './lab-compare-swatch.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-table': LabRunsTable;
  }
}

/** The shown runs, one a row, or group by group with mean and deviation. */
@customElement('lab-runs-table')
export class LabRunsTable extends LabRunsElement {
  static override readonly styles = [sharedStyles, tableStyles, sortStyles, runsTableStyles];

  @property({ attribute: false }) runs: readonly RunRecord[] = [];
  @property({ attribute: false }) columns: readonly ColumnId[] = [];
  @property({ attribute: false }) view: RunsView = RUNS_VIEW_START;
  @property({ attribute: false }) baseline: RunRecord | null = null;
  @property({ attribute: false }) chosen: ReadonlySet<string> = new Set();
  @property({ attribute: false }) places: Places = new Map();

  override render(): unknown {
    const { runs, chosen } = this;
    const all = runs.length > 0 && runs.every(({ id }) => chosen.has(id));
    const { group } = this.view;
    return html`<div
      class="scroll"
      tabindex="0"
      role="region"
      aria-label="Kept runs"
      @mouseleave=${(): void => this.say('lab-runs-near', [])}
    >
      <table>
        <thead>
          <tr>
            ${this.#nameHead(all)} ${this.columns.map((column) => this.#head(column))}
          </tr>
        </thead>
        <tbody>
          ${
            group.length === 0
              ? this.#rows(runs)
              : groupRuns(runs, group).map((members) => [this.#groupRow(group, members), this.#rows(members.runs)])
          }
        </tbody>
      </table>
    </div>`;
  }

  /** Makes the rows of these runs stand out. */
  highlight(ids: readonly string[]): void {
    for (const row of this.renderRoot.querySelectorAll<HTMLElement>('tr[data-run]'))
      row.toggleAttribute('data-near', ids.includes(row.dataset['run'] ?? ''));
  }

  #nameHead(all: boolean): unknown {
    const everyone = (): void => this.say('lab-runs-chosen', all ? [] : this.runs.map(({ id }) => id));
    return this.#head(
      'name',
      'Run',
      html`<input type="checkbox" aria-label="Mark all shown runs" .checked=${all} @change=${everyone} />`,
    );
  }

  #head(column: ColumnId, label = headOf(column), before: unknown = nothing): unknown {
    const press = (): void => this.#sort(column);
    return sortHead({ sort: column, label, help: columnLabel(column), order: this.#order(column), press }, before);
  }

  #order(column: ColumnId): 'ascending' | 'descending' | 'none' {
    if (column !== this.view.sort) return 'none';
    return this.view.descending ? 'descending' : 'ascending';
  }

  #sort(column: ColumnId): void {
    // Names and losses read from the least, dates from the latest.
    const descending = column === this.view.sort ? !this.view.descending : column === 'created';
    this.say('lab-runs-view', { sort: column, descending });
  }

  #groupRow(group: readonly ColumnId[], { values, runs }: RunGroup): unknown {
    const label = group.map((column, i) => `${headOf(column)}: ${cellWords(column, values[i] ?? null)}`).join(' · ');
    const figure = (column: ColumnId): string => (isLoss(column) ? spreadWords(spreadOf(runs, column)) : '');
    return html`<tr class="group">
      <th scope="rowgroup">${label} <span class="muted">${runs.length === 1 ? '1 run' : `${runs.length} runs`}</span></th>
      ${this.columns.map((column) => html`<td>${figure(column)}</td>`)}
    </tr>`;
  }

  #rows(runs: readonly RunRecord[]): unknown {
    return repeat(
      runs,
      ({ id }) => id,
      (run) => this.#row(run),
    );
  }

  #row(run: RunRecord): unknown {
    const near = (): void => this.say('lab-runs-near', [run.id]);
    const title = recordTitle(run);
    return html`<tr data-run=${run.id} class=${run.hidden ? 'hidden' : ''} @mouseenter=${near} @focusin=${near}>
      <th scope="row" title=${run.note === '' ? title : `${title}: ${run.note}`}>
        <label
          ><input
            type="checkbox"
            aria-label=${`Mark ${title}`}
            .checked=${this.chosen.has(run.id)}
            @change=${(): void => this.mark(run.id, this.chosen)}
          /><lab-compare-swatch place=${this.places.get(run.id) ?? 0}></lab-compare-swatch><span class="title">${title}</span>${
            run.baseline ? html`<span class="badge">BASELINE</span>` : nothing
          }${run.tags.map((tag) => html`<span class="badge">${tag}</span>`)}</label
        >
      </th>
      ${this.columns.map((column) => this.#cell(run, column))}
    </tr>`;
  }

  #cell(run: RunRecord, column: ColumnId): unknown {
    const cell = cellOf(run, column);
    const words = cellWords(column, cell);
    if (column === 'state') return html`<td><span class=${badge(run)} title=${run.failure ?? ''}>${words}</span></td>`;
    const difference = differenceWords(column, run, this.baseline);
    const isText = typeof cell === 'string';
    return html`<td class=${isText ? 'words' : ''} title=${isText ? words : ''}>
      ${words}${difference === '' ? nothing : html`<small>${difference}</small>`}
    </td>`;
  }
}

function badge({ state }: RunRecord): string {
  return state === 'failed' || state === 'interrupted' ? 'badge warn' : 'badge';
}
