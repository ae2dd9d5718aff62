import { html, LitElement, nothing, svg, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { MapMeasure, TensorMap } from '../lab/index.ts';
import {
  columnsOf,
  HEAT_LEVELS,
  heatGrid,
  heatScale,
  layerWords,
  roleWords,
  nextStrip,
  worstOf,
  worstStrip,
  type HeatCursor,
  type HeatGrid,
  type HeatScale,
  type HeatStrip,
} from './compare-heat.ts';
import { mapStyles } from './compare-map-styles.ts';
import { measureWords, readingWords } from './measure-words.ts';
import { whole } from './format.ts';
import { sharedStyles } from './shared-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-map': LabCompareMap;
  }
  interface HTMLElementEventMap {
    /** The user opens a tensor at a step. */
    'lab-tensor': CustomEvent<TensorPlace>;
  }
}

export interface TensorPlace {
  readonly site: string;
  readonly step: number;
}

const LABEL = 104;
const HEAD = 32;
const GAP = 3;
const LEAST_STRIP = 40;
const LEAST_COLUMN = 2;

/** Layers down, roles across, and in each field a strip of training steps, coloured by how bad a figure is. */
@customElement('lab-compare-map')
export class LabCompareMap extends LitElement {
  static override readonly styles = [sharedStyles, mapStyles];

  @property({ attribute: false }) map!: TensorMap;
  @property() measure: MapMeasure = 'underflow';
  /** Site of the tensor that is open. */
  @property() open = '';
  @state() private cursor: HeatCursor | null = null;
  @query('svg') private readonly drawing!: SVGSVGElement | null;
  readonly #width = new Width(this);
  #grid: HeatGrid = { layers: [], roles: [], strips: [], steps: [] };
  #scale: HeatScale = heatScale('underflow', []);

  /** The drawing, for a file. */
  get picture(): SVGSVGElement | null {
    return this.drawing;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('map') && !changed.has('measure')) return;
    this.#grid = heatGrid(this.map, this.measure);
    this.#scale = heatScale(this.measure, this.map.values);
  }

  override render(): unknown {
    const { layers, roles } = this.#grid;
    const strip = this.#stripWidth();
    const [width, height] = [LABEL + roles.length * (strip + GAP), HEAD + layers.length * (this.#row + GAP)];
    if (layers.length === 0)
      return html`<p class="nothing small muted">
        Nothing to show: this arm casts no tensor. amax shows every tensor, and “what if” what other formats would do.
      </p>`;
    return html`<div
        class="scroll"
        tabindex="0"
        role="application"
        aria-roledescription="heat map"
        aria-label=${`${measureWords(this.measure)} of every tensor over training. Arrow keys choose layer and role, with Shift the step; Enter opens the tensor.`}
        @keydown=${(event: KeyboardEvent): void => this.#key(event)}
        @focus=${(): void => this.#focused()}
      >
        <svg
          width=${width}
          height=${height}
          viewBox=${`0 0 ${width} ${height}`}
          @pointermove=${(event: PointerEvent): void => this.#pointed(event)}
          @pointerleave=${(): void => void (this.cursor = null)}
          @click=${(event: PointerEvent): void => {
            this.#pointed(event);
            this.#take();
          }}
        >
          ${this.#heads(strip)}
          ${layers.map((layer, i) => svg`<text x="0" y=${this.#y(i) + this.#row / 2 + 4}>${layerWords(layer)}</text>`)}
          ${this.#cells(strip)} ${this.#frames(strip)}
        </svg>
      </div>
      <p class="readout" role="status">${this.#readout()}</p>
      ${this.#legend()}`;
  }

  /** Height of a strip: what is little is drawn large. */
  get #row(): number {
    return this.#grid.layers.length > 12 ? 17 : 24;
  }

  #stripWidth(): number {
    const { roles } = this.#grid;
    return roles.length === 0
      ? LEAST_STRIP
      : Math.max(LEAST_STRIP, Math.min(220, Math.floor((this.#width.value - LABEL - 8) / roles.length) - GAP));
  }

  #x(role: number, strip: number): number {
    return LABEL + role * (strip + GAP);
  }

  #y(layer: number): number {
    return HEAD + layer * (this.#row + GAP);
  }

  #heads(strip: number): unknown {
    const words = this.#grid.roles.map(roleWords);
    return words.map(([head, tail], i) => {
      const isFirst = words[i - 1]?.[0] !== head;
      const isAlone = words[i + 1]?.[0] !== head;
      const x = this.#x(i, strip);
      // About 6.4 units a letter: a name that stands over one strip alone is cut where the next begins.
      const shown = isAlone ? head.slice(0, Math.max(1, Math.floor(strip / 6.4))) : head;
      return svg`${isFirst ? svg`<text class="head" x=${x} y="10">${shown}</text>` : nothing}
        <text class="tail" x=${x} y="25">${tail}</text>`;
    });
  }

  /** One path a level: a map of thousands of cells stays a dozen elements. */
  #cells(strip: number): unknown {
    const paths = new Array<string>(HEAT_LEVELS).fill('');
    let empty = '';
    this.#grid.strips.forEach((row, layer) =>
      row.forEach((cell, role) => {
        if (cell === null) return;
        const [x, y] = [this.#x(role, strip), this.#y(layer)];
        empty += `M${x} ${y}h${strip}v${this.#row}h${-strip}z`;
        const columns = columnsOf(cell.values.length, strip, LEAST_COLUMN);
        columns.forEach((column, i) => {
          const level = this.#scale.level(worstOf(cell, column, this.measure).value);
          if (level < 0) return;
          const [from, to] = [(i * strip) / columns.length, ((i + 1) * strip) / columns.length];
          paths[level] += `M${(x + from).toFixed(2)} ${y}h${(to - from).toFixed(2)}v${this.#row}h${(from - to).toFixed(2)}z`;
        });
      }),
    );
    return svg`<path class="empty" d=${empty} />${paths.map((d, level) => svg`<path class=${`heat-${level}`} d=${d} />`)}`;
  }

  #frames(strip: number): unknown {
    const { cursor } = this;
    const frames: unknown[] = [];
    this.#grid.strips.forEach((row, layer) =>
      row.forEach((cell, role) => {
        if (cell === null || this.open === '') return;
        if (cell.rows.some((at) => this.map.rows[at]?.site === this.open))
          frames.push(
            svg`<rect class="open" x=${this.#x(role, strip) - 1} y=${this.#y(layer) - 1} width=${strip + 2} height=${this.#row + 2} />`,
          );
      }),
    );
    const cell = cursor === null ? null : this.#at(cursor);
    if (cursor !== null && cell !== null) {
      const columns = columnsOf(cell.values.length, strip, LEAST_COLUMN);
      const at = columns.findIndex(([from, to]) => cursor.column >= from && cursor.column < to);
      const [x, width] = [this.#x(cursor.role, strip) + (at * strip) / columns.length, strip / columns.length];
      frames.push(
        svg`<g data-live><rect class="hover" x=${this.#x(cursor.role, strip) - 1} y=${this.#y(cursor.layer) - 1} width=${strip + 2} height=${this.#row + 2} />
          <rect class="step" x=${x} y=${this.#y(cursor.layer)} width=${width} height=${this.#row} /></g>`,
      );
    }
    return frames;
  }

  #legend(): unknown {
    const { ends, words } = this.#scale;
    return html`<div class="legend">
      <span>${ends[0]}</span>
      <span class="ramp" aria-hidden="true">
        ${words.map((word, level) => html`<i class=${`heat-${level}`} title=${word}></i>`)}
      </span>
      <span>${ends[1]}</span>
      <span class="push"
        >${this.#grid.steps.length === 0 ? '' : `each strip: step ${whole(this.#grid.steps[0] ?? 0)} to ${whole(this.#grid.steps.at(-1) ?? 0)}; worst of what falls together`}</span
      >
    </div>`;
  }

  #readout(): string {
    const { cursor } = this;
    const cell = cursor === null ? null : this.#at(cursor);
    if (cursor === null || cell === null)
      return this.#grid.layers.length === 0
        ? ''
        : 'Point at a strip, or use the arrow keys; click or press Enter to open the tensor.';
    const step = this.#grid.steps[cursor.column] ?? 0;
    const value = cell.values[cursor.column] ?? Number.NaN;
    const site = cell.layer === '' ? cell.role : `${cell.layer} · ${cell.role}`;
    const words = Number.isNaN(value) ? 'no cast, so nothing to measure' : readingWords(this.measure, value);
    return `${site} · step ${whole(step)}: ${words}`;
  }

  #at({ layer, role }: HeatCursor): HeatStrip | null {
    return this.#grid.strips[layer]?.[role] ?? null;
  }

  #pointed(event: PointerEvent): void {
    const box = this.drawing?.getBoundingClientRect();
    if (box === undefined) return;
    const strip = this.#stripWidth();
    const [x, y] = [event.clientX - box.left - LABEL, event.clientY - box.top - HEAD];
    const [role, layer] = [Math.floor(x / (strip + GAP)), Math.floor(y / (this.#row + GAP))];
    const cell = this.#grid.strips[layer]?.[role] ?? null;
    if (x < 0 || y < 0 || cell === null) {
      this.cursor = null;
      return;
    }
    const columns = columnsOf(cell.values.length, strip, LEAST_COLUMN);
    const place = Math.min(columns.length - 1, Math.floor(((x - role * (strip + GAP)) / strip) * columns.length));
    this.cursor = { layer, role, column: worstOf(cell, columns[Math.max(0, place)] ?? [0, 1], this.measure).column };
  }

  #focused(): void {
    this.cursor ??= worstStrip(this.#grid, this.measure);
  }

  #key(event: KeyboardEvent): void {
    const { cursor } = this;
    if (cursor === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.#grid.steps.length - 1;
    const along = (by: number): void =>
      void (this.cursor = { ...cursor, column: Math.min(last, Math.max(0, cursor.column + by)) });
    const move = (down: number, right: number): void => void (this.cursor = nextStrip(this.#grid, cursor, down, right));
    const actions: Record<string, () => void> = {
      ArrowLeft: () => (event.shiftKey ? along(-1) : move(0, -1)),
      ArrowRight: () => (event.shiftKey ? along(1) : move(0, 1)),
      ArrowUp: () => move(-1, 0),
      ArrowDown: () => move(1, 0),
      Home: () => along(-last),
      End: () => along(last),
      Enter: () => this.#take(),
      ' ': () => this.#take(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #take(): void {
    const { cursor } = this;
    const cell = cursor === null ? null : this.#at(cursor);
    if (cursor === null || cell === null) return;
    const worst = cell.worst[cursor.column] ?? -1;
    const row = this.map.rows[worst < 0 ? (cell.rows[0] ?? 0) : worst];
    const step = this.#grid.steps[cursor.column];
    if (row === undefined || step === undefined) return;
    const detail: TensorPlace = { site: row.site, step };
    this.dispatchEvent(new CustomEvent('lab-tensor', { detail, bubbles: true, composed: true }));
  }
}
