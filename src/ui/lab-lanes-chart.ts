import { scaleLog } from 'd3-scale';
import { css, html, LitElement, nothing, svg } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { laneGain, type LanesReport, type LanesRow } from '../lab/index.ts';
import { bytes, short, si } from './format.ts';
import { lanesWords, rate, shortMs } from './kernel-words.ts';
import { ticks } from './plot-options.ts';
import { drawingStyles } from './roof-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-lanes-chart': LabLanesChart;
  }
}

const [LEFT, RIGHT, TOP, BOTTOM] = [54, 16, 30, 44] as const;

/** Throughput against lanes, both logarithmic: what filled the device at once would go along the diagonal for ever. */
@customElement('lab-lanes-chart')
export class LabLanesChart extends LitElement {
  static override readonly styles = [
    sharedStyles,
    drawingStyles,
    css`
      .wait {
        height: 320px;
      }
      .ideal {
        fill: none;
        stroke: var(--edge);
        stroke-width: 1;
        stroke-dasharray: 2 4;
      }
      .full {
        fill: var(--accent);
        fill-opacity: 0.09;
      }
      .edge {
        stroke: var(--accent);
        stroke-width: 1.25;
        stroke-dasharray: 5 4;
      }
      .chart .filled {
        font-weight: 600;
        fill: var(--accent);
      }
      .line {
        fill: none;
        stroke: var(--train);
        stroke-width: 2;
        stroke-linejoin: round;
      }
      .line.there {
        stroke: var(--reference);
        stroke-dasharray: 6 4;
      }
      .whisker {
        fill: none;
        stroke: var(--train);
        stroke-width: 1.5;
      }
      .dot {
        fill: var(--train);
        stroke: var(--surface);
        stroke-width: 1.5;
      }
      .dot.there {
        fill: var(--surface);
        stroke: var(--reference);
      }
      .chart .times {
        fill: var(--text);
      }
      .ring {
        fill: none;
        stroke: var(--text);
        stroke-width: 1.5;
      }
    `,
  ];

  @property({ attribute: false }) report!: LanesReport;
  /** The same of another machine. */
  @property({ attribute: false }) other: LanesReport | null = null;
  /** What measured, named in the drawing. */
  @property() source = '';
  @state() private cursor = -1;
  @query('svg.chart') private readonly drawing!: SVGSVGElement | null;
  readonly #width = new Width(this);

  /** The drawing, for a file. */
  get picture(): SVGSVGElement | null {
    return this.drawing;
  }

  get #height(): number {
    return this.#width.value < 500 ? 280 : 320;
  }

  override render(): unknown {
    const width = this.#width.value;
    if (width === 0) return html`<div class="wait"></div>`;
    return html`<div
        class="stage"
        tabindex="0"
        role="application"
        aria-roledescription="chart"
        aria-label="Throughput against the number of lanes. Arrow keys go from count to count."
        @keydown=${(event: KeyboardEvent): void => this.#key(event)}
        @focus=${(): void => void (this.cursor = Math.max(0, this.cursor))}
      >
        <svg
          class="chart"
          width=${width}
          height=${this.#height}
          viewBox=${`0 0 ${width} ${this.#height}`}
          @pointermove=${(event: PointerEvent): void => this.#pointed(event)}
          @pointerleave=${(): void => void (this.cursor = -1)}
        >
          ${this.#drawn(width)}
        </svg>
      </div>
      <p class="readout" role="status">${this.#readout()}</p>`;
  }

  #x(width: number): (lanes: number) => number {
    const counts = [...this.report.rows, ...(this.other?.rows ?? [])].map(({ lanes }) => lanes);
    const [min, max] = [Math.min(1, ...counts), Math.max(2, ...counts)];
    const scale = scaleLog()
      .domain([min, max])
      .range([LEFT + 18, width - RIGHT - 44]);
    return (lanes) => scale(lanes);
  }

  #drawn(width: number): unknown {
    const { rows, fullAt } = this.report;
    const all = [...rows, ...(this.other?.rows ?? [])];
    const [top, bottom] = [TOP, this.#height - BOTTOM];
    const x = this.#x(width);
    const rates = all.map(({ tokensPerSecond }) => tokensPerSecond);
    const domain = [Math.min(...rates) / 1.5, Math.max(...rates) * 1.7] as const;
    const scale = scaleLog()
      .domain([...domain])
      .range([bottom, top]);
    const y = (tokens: number): number => Math.max(top, Math.min(bottom, scale(tokens)));
    const path = (of: readonly LanesRow[]): string =>
      of
        .map(({ lanes, tokensPerSecond }, i) => `${i === 0 ? 'M' : 'L'}${x(lanes).toFixed(1)} ${y(tokensPerSecond).toFixed(1)}`)
        .join('');
    const [first] = rows;
    const right = width - RIGHT;
    const isFull = rows.length > 1 && fullAt < (rows.at(-1)?.lanes ?? 0);
    return svg`<text class="head" x=${LEFT} y="14">Tokens a second, all lanes</text>
      <path class="grid" d=${ticks(domain[0], domain[1], true, 4)
        .map((tick) => `M${LEFT} ${y(tick).toFixed(1)}H${right}`)
        .join('')} />
      ${ticks(domain[0], domain[1], true, 4).map((tick) => svg`<text x=${LEFT - 7} y=${y(tick) + 4} text-anchor="end">${short(tick)}</text>`)}
      ${[...new Set(all.map(({ lanes }) => lanes))].map((lanes) => svg`<text x=${x(lanes)} y=${bottom + 16} text-anchor="middle">${lanes}</text>`)}
      <text x=${(LEFT + right) / 2} y=${bottom + 34} text-anchor="middle">lanes</text>
      <text x=${right} y="14" text-anchor="end">${this.source}</text>
      <path class="axis" d=${`M${LEFT} ${top}V${bottom}H${right}`} />
      ${
        isFull
          ? svg`<rect class="full" x=${x(fullAt)} y=${top} width=${right - x(fullAt)} height=${bottom - top} />
        <path class="edge" d=${`M${x(fullAt)} ${top}V${bottom}`} />
        <text class="filled" x=${x(fullAt) + 6} y=${bottom - 8}>full at ${lanesWords(fullAt)}</text>`
          : nothing
      }
      ${first === undefined ? nothing : this.#ideal(first, x, scale, top, right)}
      ${this.other === null ? nothing : svg`<path class="line there" d=${path(this.other.rows)} />${this.other.rows.map((row) => svg`<circle class="dot there" cx=${x(row.lanes)} cy=${y(row.tokensPerSecond)} r="3.5" />`)}`}
      <path class="line" d=${path(rows)} />
      ${rows.map((row, i) => {
        const [px, py] = [x(row.lanes), y(row.tokensPerSecond)];
        const [low, high] = row.quartilesMs.map((ms) => y((row.tokensPerSecond * row.ms) / ms));
        return svg`<path class="whisker" d=${`M${px - 4} ${low}h8m-4 0V${high}m-4 0h8`} />
          <circle class="dot" cx=${px} cy=${py} r="4.5" />
          ${i === 0 ? nothing : svg`<text class="times" x=${px + 7} y=${py + 18}>${laneGain(rows, row).toFixed(1)} ×</text>`}
          ${i === this.cursor ? svg`<circle data-live class="ring" cx=${px} cy=${py} r="8" />` : nothing}`;
      })}`;
  }

  /** As many lanes, as many times the throughput: as far as it fits. */
  #ideal(first: LanesRow, x: (lanes: number) => number, y: (tokens: number) => number, top: number, right: number): unknown {
    const [x0, y0] = [x(first.lanes), y(first.tokensPerSecond)];
    const slope = (y(2 * first.tokensPerSecond) - y0) / (x(2 * first.lanes) - x0);
    const end = Math.min(right, x0 + (top - y0) / slope);
    const at = y0 + slope * (end - x0);
    const near = end > right - 60;
    return svg`<path class="ideal" d=${`M${x0.toFixed(1)} ${y0.toFixed(1)}L${end.toFixed(1)} ${at.toFixed(1)}`} />
      <text x=${near ? end - 8 : end + 8} y=${at + 11} text-anchor=${near ? 'end' : 'start'}>were lanes free</text>`;
  }

  #readout(): string {
    const row = this.report.rows[this.cursor];
    if (row === undefined) return 'Point at a count, or use the arrow keys.';
    const [low, high] = row.quartilesMs;
    return `${lanesWords(row.lanes)}: ${si(row.tokensPerSecond, 'tokens/s')}, a step of all in ${shortMs(row.ms)} ms (quartiles ${shortMs(low)} – ${shortMs(high)}), ${rate(row.ms / row.lanes)} ms a lane, ${bytes(row.peakBytes)}`;
  }

  #pointed(event: PointerEvent): void {
    const left = this.drawing?.getBoundingClientRect().left ?? 0;
    const x = this.#x(this.#width.value);
    const away = this.report.rows.map(({ lanes }) => Math.abs(x(lanes) - (event.clientX - left)));
    const least = Math.min(...away);
    this.cursor = least < 40 ? away.indexOf(least) : -1;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const last = this.report.rows.length - 1;
    const places: Record<string, number> = { ArrowLeft: this.cursor - 1, ArrowRight: this.cursor + 1, Home: 0, End: last };
    const place = places[event.key];
    if (place === undefined) return;
    event.preventDefault();
    this.cursor = Math.min(last, Math.max(0, place));
  }
}
