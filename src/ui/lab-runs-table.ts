import { html, nothing, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { guard } from 'lit/directives/guard.js';
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
import { differsIn, memo } from './memo.ts';
import { isWindowed, stretches, type RowStretch } from './row-window.ts';
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

/** A row of the table: a run, or the head of a group. */
type Row = RunRecord | RunGroup;

/** Pixels of a row before any was measured. */
const ROW_PX = 30;
/** Rows whose heights say what others have. */
const SAMPLE = 20;

/**
 * The shown runs, one a row, or group by group with mean and deviation. Of hundreds, those are rendered that can be seen; others have their
 * room, so that the scroll bar tells the truth, and their number, so that a screen reader does.
 */
@customElement('lab-runs-table')
export class LabRunsTable extends LabRunsElement {
  static override readonly styles = [sharedStyles, tableStyles, sortStyles, runsTableStyles];

  @property({ attribute: false }) runs: readonly RunRecord[] = [];
  @property({ attribute: false }) columns: readonly ColumnId[] = [];
  @property({ attribute: false, hasChanged: differsIn<RunsView>('sort', 'descending', 'group') }) view: RunsView =
    RUNS_VIEW_START;
  @property({ attribute: false }) baseline: RunRecord | null = null;
  @property({ attribute: false }) chosen: ReadonlySet<string> = new Set();
  @property({ attribute: false }) places: Places = new Map();
  /** Rows that can be seen. */
  @state() private first = 0;
  @state() private last = 0;
  @query('.scroll') private readonly scroller!: HTMLElement | null;
  #rowPx = ROW_PX;
  #focused = -1;
  #near: readonly string[] = [];
  readonly #widths = new Map<number, number>();
  readonly #rowsOf = memo((runs: readonly RunRecord[], group: readonly ColumnId[]): readonly Row[] =>
    group.length === 0 ? runs : groupRuns(runs, group).flatMap((each): Row[] => [each, ...each.runs]),
  );

  override render(): unknown {
    const { runs, chosen } = this;
    const all = runs.length > 0 && runs.every(({ id }) => chosen.has(id));
    const rows = this.#rowsOf(runs, this.view.group);
    return html`<div
      class="scroll"
      tabindex="0"
      role="region"
      aria-label="Kept runs"
      @mouseleave=${(): void => this.say('lab-runs-near', [])}
      @scroll=${(): void => this.#look()}
      @focusin=${(event: FocusEvent): void => this.#focus(event.target)}
      @focusout=${(): void => void (this.#focused = -1)}
    >
      <table aria-rowcount=${rows.length + 1}>
        <thead>
          <tr aria-rowindex="1">
            ${this.#nameHead(all)} ${this.columns.map((column) => this.#head(column))}
          </tr>
        </thead>
        <tbody>
          ${repeat(
            stretches(rows.length, [this.first, this.last], this.#focused).flatMap((stretch) => placed(rows, stretch)),
            ({ key }) => key,
            (item) => ('room' in item ? this.#room(item.room) : this.#shown(item.row, item.place)),
          )}
        </tbody>
      </table>
    </div>`;
  }

  override updated(changed: PropertyValues<this>): void {
    for (const room of this.renderRoot.querySelectorAll<HTMLElement>('tr[data-rows]'))
      room.style.height = `${Number(room.dataset['rows']) * this.#rowPx}px`;
    this.highlight(this.#near);
    if (!isWindowed(this.#rowsOf(this.runs, this.view.group).length)) return;
    if (changed.has('columns') || changed.has('runs') || changed.has('view')) this.#forgetWidths();
    this.#look();
    this.#keepWidths();
  }

  /** Makes the rows of these runs stand out. */
  highlight(ids: readonly string[]): void {
    this.#near = ids;
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

  #groupRow(group: readonly ColumnId[], { values, runs }: RunGroup, number: number): unknown {
    const label = group.map((column, i) => `${headOf(column)}: ${cellWords(column, values[i] ?? null)}`).join(' · ');
    const figure = (column: ColumnId): string => (isLoss(column) ? spreadWords(spreadOf(runs, column)) : '');
    return html`<tr class="group" aria-rowindex=${number}>
      <th scope="rowgroup">${label} <span class="muted">${runs.length === 1 ? '1 run' : `${runs.length} runs`}</span></th>
      ${this.columns.map((column) => html`<td>${figure(column)}</td>`)}
    </tr>`;
  }

  #shown(row: Row, place: number): unknown {
    const number = place + 2;
    if ('runs' in row) return this.#groupRow(this.view.group, row, number);
    const { columns, baseline, chosen, places } = this;
    return guard([row, number, columns, baseline, chosen.has(row.id), places.get(row.id)], () => this.#row(row, number));
  }

  /** Room for rows that are out of sight. */
  #room({ from, to }: RowStretch): unknown {
    return html`<tr class="room" aria-hidden="true" data-rows=${to - from}>
      <td colspan=${this.columns.length + 1}></td>
    </tr>`;
  }

  /** Finds out which rows can be seen. */
  #look(): void {
    const { scroller } = this;
    const [head] = this.renderRoot.querySelectorAll('thead');
    const rows = this.renderRoot.querySelectorAll<HTMLElement>('tr[data-run]');
    if (scroller === null || head === undefined || rows.length === 0) return;
    const heights = [...rows].slice(0, SAMPLE).map(({ offsetHeight }) => offsetHeight);
    this.#rowPx = Math.max(1, heights.reduce((sum, height) => sum + height, 0) / heights.length);
    const top = scroller.scrollTop;
    this.first = Math.floor(top / this.#rowPx);
    this.last = Math.ceil((top + scroller.clientHeight) / this.#rowPx);
  }

  /** A column that was once as wide stays so: other rows in sight would have the whole table jump. */
  #keepWidths(): void {
    const heads = [...this.renderRoot.querySelectorAll<HTMLElement>('thead th')];
    const widths = heads.map(({ offsetWidth }) => offsetWidth);
    heads.forEach((head, i) => {
      const width = widths[i] ?? 0;
      if (width <= (this.#widths.get(i) ?? 0)) return;
      this.#widths.set(i, width);
      head.style.minWidth = `${width}px`;
    });
  }

  #forgetWidths(): void {
    this.#widths.clear();
    for (const head of this.renderRoot.querySelectorAll<HTMLElement>('thead th')) head.style.minWidth = '';
  }

  /** The row with the focus stays when it is scrolled out of sight: the keyboard goes on from there. */
  #focus(target: EventTarget | null): void {
    const row = target instanceof Element ? target.closest('tr[aria-rowindex]') : null;
    this.#focused = row === null ? -1 : Number(row.getAttribute('aria-rowindex')) - 2;
  }

  #row(run: RunRecord, number: number): unknown {
    const near = (): void => this.say('lab-runs-near', [run.id]);
    const title = recordTitle(run);
    return html`<tr
      data-run=${run.id}
      aria-rowindex=${number}
      class=${`${number % 2 === 0 ? '' : 'even'}${run.hidden ? ' hidden' : ''}`}
      @mouseenter=${near}
      @focusin=${near}
    >
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

type Item =
  | { readonly key: string; readonly row: Row; readonly place: number }
  | { readonly key: string; readonly room: RowStretch };

function placed(rows: readonly Row[], stretch: RowStretch): Item[] {
  const { from, to, rendered } = stretch;
  if (!rendered) return [{ key: `room ${from}`, room: stretch }];
  return rows.slice(from, to).map((row, i) => ({ key: 'runs' in row ? `group ${from + i}` : row.id, row, place: from + i }));
}

function badge({ state }: RunRecord): string {
  return state === 'failed' || state === 'interrupted' ? 'badge warn' : 'badge';
}
