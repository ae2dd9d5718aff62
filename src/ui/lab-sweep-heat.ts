import { css, html, nothing, svg, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { heatCsv, heatView, type HeatView, type LossesAt, type SweptAxis, type SweptRun } from '../lab/index.ts';
import { HEAT_LEVELS } from './compare-heat.ts';
import { mapStyles } from './compare-map-styles.ts';
import { figuresTable } from './figures-table.ts';
import { nats } from './format.ts';
import { LabSweepElement } from './lab-sweep-element.ts';
import { typed } from './number-input.ts';
import { pictureButtons } from './picture-buttons.ts';
import { saveFile, type PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import { lossScale, type LossScale } from './sweep-heat.ts';
import { axisWords, meanWords, outcomeWords, UNEVEN, valueWords } from './sweep-words.ts';
import { tableStyles } from './table-styles.ts';
import { toolStyles } from './tool-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-heat': LabSweepHeat;
  }
}

const HEAD = 24;
const FOOT = 22;
const ROW = 30;
const GAP = 2;
const LEAST_CELL = 26;
const MOST_CELL = 120;
/** Cells that are narrower have no room for a loss. */
const WORDS_CELL = 46;
const CHARACTER = 6.6;

interface Cursor {
  readonly row: number;
  readonly column: number;
}

/** Two axes of a sweep and the mean loss of each pair of values, coloured. */
@customElement('lab-sweep-heat')
export class LabSweepHeat extends LabSweepElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    toolStyles,
    mapStyles,
    css`
      .tools {
        margin-bottom: 8px;
        font-size: 12px;
        color: var(--muted);
      }
      .map {
        max-height: none;
        border: 0;
      }
      svg {
        cursor: default;
      }
      .cell {
        font-weight: 600;
        text-anchor: middle;
        fill: var(--text);
      }
      .cell.strong {
        fill: var(--surface);
      }
      .gone {
        fill: var(--danger-soft);
        stroke: var(--danger);
        stroke-width: 1;
      }
      .cell.lost {
        fill: var(--danger);
      }
      .best {
        fill: none;
        stroke: var(--accent);
        stroke-width: 2.5;
      }
      .axis {
        font-weight: 600;
        fill: var(--text);
      }
    `,
  ];

  @property({ attribute: false }) runs: readonly SweptRun[] = [];
  @property({ attribute: false }) axes: readonly SweptAxis[] = [];
  @property({ attribute: false }) rows!: SweptAxis;
  @property({ attribute: false }) columns!: SweptAxis;
  @state() private cursor: Cursor | null = null;
  @query('svg') private readonly drawing!: SVGSVGElement | null;
  readonly #width = new Width(this);
  #view: HeatView = { rows: [], columns: [], cells: [], low: Number.NaN, high: Number.NaN, uneven: false };
  #scale: LossScale = lossScale(this.#view);

  override willUpdate(changed: PropertyValues<this>): void {
    if (!['runs', 'axes', 'rows', 'columns'].some((name) => changed.has(name as keyof LabSweepHeat))) return;
    this.#view = heatView(this.runs, this.axes, this.rows, this.columns);
    this.#scale = lossScale(this.#view);
  }

  override render(): unknown {
    const [down, across] = [axisWords(this.rows.path), axisWords(this.columns.path)];
    const title = `${down} and ${across.toLowerCase()}`;
    return html`<section class="card" aria-label=${title}>
      <header>
        <h2>${title} <span class="muted">mean loss at the end, nats per token</span></h2>
        <span class="push bar">
          <button
            type="button"
            class="quiet"
            data-action="sweep-map-csv"
            aria-label=${`${title} as CSV`}
            @click=${(): void => this.#saveCsv()}
          >
            CSV
          </button>
          ${pictureButtons('sweep-map', (kind) => this.#save(kind), title)}
        </span>
      </header>
      ${this.#tools()}
      <div
        class="scroll map"
        tabindex="0"
        role="application"
        aria-roledescription="heat map"
        aria-label=${`Mean loss by ${title.toLowerCase()}. Arrow keys go from cell to cell; the table below has the figures.`}
        @keydown=${(event: KeyboardEvent): void => this.#key(event)}
        @focus=${(): void => void (this.cursor ??= { row: 0, column: 0 })}
      >
        ${this.#width.value === 0 ? nothing : this.#drawn()}
      </div>
      <p class="readout" role="status">${this.#readout()}</p>
      ${this.#legend()}
      <details>
        <summary>As a table</summary>
        ${this.#table()}
      </details>
    </section>`;
  }

  #tools(): unknown {
    const select = (name: 'rows' | 'columns', words: string, chosen: SweptAxis, other: SweptAxis): unknown =>
      html`<label
        >${words}
        <select name=${name} @change=${(event: Event): void => this.#choose(name, typed(event), other)}>
          ${this.axes.map(({ path }) => html`<option value=${path} .selected=${path === chosen.path}>${axisWords(path)}</option>`)}
        </select></label
      >`;
    return html`<div class="tools bar">
      ${select('rows', 'Down', this.rows, this.columns)} ${select('columns', 'Across', this.columns, this.rows)}
      <span
        >${this.axes.length > 2 ? 'A cell is the mean over seeds and all other axes.' : 'A cell is the mean over seeds.'}${
          this.#view.uneven ? ` Not all of them compare: ${UNEVEN}.` : ''
        }</span
      >
    </div>`;
  }

  /** Two axes that would be the same change places. */
  #choose(name: 'rows' | 'columns', value: string, other: SweptAxis): void {
    const path = this.axes.find((axis) => axis.path === value)?.path;
    if (path === undefined) return;
    const own = name === 'rows' ? this.rows.path : this.columns.path;
    const rest = path === other.path ? own : other.path;
    this.say(name === 'rows' ? { rows: path, columns: rest } : { columns: path, rows: rest });
  }

  get #label(): number {
    const longest = Math.max(...this.#view.rows.map((value) => valueWords(this.rows.path, value).length), 0);
    return Math.min(180, 14 + CHARACTER * Math.max(longest, 3));
  }

  get #cell(): number {
    const room = (this.#width.value - 36 - this.#label) / Math.max(1, this.#view.columns.length) - GAP;
    return Math.max(LEAST_CELL, Math.min(MOST_CELL, Math.floor(room)));
  }

  #drawn(): unknown {
    const { rows, columns, cells, low } = this.#view;
    const [label, cell] = [this.#label, this.#cell];
    const x = (column: number): number => label + column * (cell + GAP);
    const y = (row: number): number => HEAD + row * (ROW + GAP);
    const [width, height] = [x(columns.length), y(rows.length) + FOOT];
    const room = Math.max(
      1,
      Math.ceil(
        ((4 + Math.max(...columns.map((value) => valueWords(this.columns.path, value).length))) * CHARACTER) / (cell + GAP),
      ),
    );
    return svg`<svg
      width=${width}
      height=${height}
      viewBox=${`0 0 ${width} ${height}`}
      @pointermove=${(event: PointerEvent): void => this.#pointed(event)}
      @pointerleave=${(): void => void (this.cursor = null)}
    >
      <text class="axis" x="0" y="14">${axisWords(this.rows.path)}</text>
      <text class="axis" x=${width} y="14" text-anchor="end">${axisWords(this.columns.path)} →</text>
      ${rows.map((value, row) => svg`<text x="0" y=${y(row) + ROW / 2 + 4}>${valueWords(this.rows.path, value)}</text>`)}
      ${columns.map((value, column) =>
        column % room === 0
          ? svg`<text x=${x(column) + cell / 2} y=${height - 6} text-anchor="middle">${valueWords(this.columns.path, value)}</text>`
          : nothing,
      )}
      ${cells.map((line, row) => line.map((at, column) => this.#square(at, x(column), y(row), cell, at?.mean === low)))}
      ${this.#framed(x, y, cell)}
    </svg>`;
  }

  #square(at: LossesAt | null, x: number, y: number, width: number, best: boolean): unknown {
    if (at === null) return nothing;
    const level = this.#scale.level(at.mean);
    const [middle, base] = [x + width / 2, y + ROW / 2 + 4];
    if (level < 0) {
      const lost = at.open === 0;
      const words = lost ? (width < WORDS_CELL + 16 ? '✕' : 'diverged') : '…';
      return svg`<rect class=${lost ? 'gone' : 'empty'} x=${x + 0.5} y=${y + 0.5} width=${width - 1} height=${ROW - 1} />
        <text class=${lost ? 'cell lost' : 'cell'} x=${middle} y=${base}>${words}</text>`;
    }
    // The last colours are far from the page's own, whatever its theme.
    const text =
      width < WORDS_CELL ? (at.diverged > 0 ? '✕' : '') : `${at.mean.toFixed(width < 64 ? 2 : 3)}${at.diverged > 0 ? ' ✕' : ''}`;
    return svg`<rect class=${`heat-${level}`} x=${x} y=${y} width=${width} height=${ROW} />
      ${best ? svg`<rect class="best" x=${x + 1.25} y=${y + 1.25} width=${width - 2.5} height=${ROW - 2.5} />` : nothing}
      <text class=${level > STRONG ? 'cell strong' : 'cell'} x=${middle} y=${base}>${text}</text>`;
  }

  #framed(x: (column: number) => number, y: (row: number) => number, cell: number): unknown {
    const { cursor } = this;
    if (cursor === null) return nothing;
    return svg`<rect data-live class="hover" x=${x(cursor.column) - 1} y=${y(cursor.row) - 1} width=${cell + 2} height=${ROW + 2} />`;
  }

  #legend(): unknown {
    const { low, high, capped } = this.#scale;
    if (!Number.isFinite(low)) return nothing;
    return html`<div class="legend">
      <span>${nats(low)}, the best</span>
      <span class="ramp" aria-hidden="true"
        >${Array.from({ length: HEAT_LEVELS }, (_, level) => html`<i class=${`heat-${level}`}></i>`)}</span
      >
      <span>${nats(high)}${capped ? ' and more' : ''}</span>
      <span class="push">✕ some or all of its runs diverged · … to come</span>
    </div>`;
  }

  #readout(): string {
    const { cursor } = this;
    if (cursor === null) return 'Point at a cell, or use the arrow keys, to read its runs.';
    const { rows, columns, cells } = this.#view;
    const at = cells[cursor.row]?.[cursor.column] ?? null;
    const down = `${axisWords(this.rows.path)} ${valueWords(this.rows.path, rows[cursor.row] ?? null)}`;
    const across = `${axisWords(this.columns.path)} ${valueWords(this.columns.path, columns[cursor.column] ?? null)}`;
    return `${down}, ${across}: ${at === null ? 'the sweep has no such run' : `${meanWords(at)}, ${outcomeWords(at)}`}`;
  }

  #table(): unknown {
    const { rows, columns, cells } = this.#view;
    const [down, across] = [axisWords(this.rows.path), this.columns.path];
    return figuresTable(
      `Mean loss by ${down.toLowerCase()} and ${axisWords(across).toLowerCase()}`,
      [down, ...columns.map((value) => `${axisWords(across)} ${valueWords(across, value)}`)],
      rows.map((value, row) => [
        valueWords(this.rows.path, value),
        ...columns.map((_, column) => {
          const at = cells[row]?.[column] ?? null;
          if (at === null) return '—';
          return at.losses.length === 0
            ? outcomeWords(at)
            : `${nats(at.mean)}${at.diverged > 0 ? `, ${at.diverged} diverged` : ''}`;
        }),
      ]),
    );
  }

  #pointed(event: PointerEvent): void {
    const box = this.drawing?.getBoundingClientRect();
    if (box === undefined) return;
    const column = Math.floor((event.clientX - box.left - this.#label) / (this.#cell + GAP));
    const row = Math.floor((event.clientY - box.top - HEAD) / (ROW + GAP));
    const { rows, columns } = this.#view;
    const inside = row >= 0 && column >= 0 && row < rows.length && column < columns.length;
    if (!inside) this.cursor = null;
    else if (this.cursor?.row !== row || this.cursor.column !== column) this.cursor = { row, column };
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moves: Record<string, readonly [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const move = moves[event.key];
    if (move === undefined) return;
    event.preventDefault();
    const { row, column } = this.cursor ?? { row: 0, column: 0 };
    const { rows, columns } = this.#view;
    const within = (value: number, count: number): number => Math.max(0, Math.min(count - 1, value));
    this.cursor = { row: within(row + move[0], rows.length), column: within(column + move[1], columns.length) };
  }

  #saveCsv(): void {
    const text = heatCsv(this.#view, this.rows, this.columns);
    saveFile('isoflop-sweep-map.csv', new Blob([text], { type: 'text/csv' }));
  }

  async #save(kind: PictureKind): Promise<void> {
    if (this.drawing !== null) await saveDrawing(kind, this, 'isoflop-sweep-map', this.drawing);
  }
}

/** Colours above this one have the page's surface as the colour of their text. */
const STRONG = 5;
