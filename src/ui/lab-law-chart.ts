import { css, html, LitElement, nothing, svg, unsafeCSS, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { KERNEL_KINDS, kindMark } from './kernel-kinds.ts';
import { layOut, linePath, ribbonPath, type LawChart, type LawDot, type LawPanel } from './law-chart.ts';
import { flops, valueWords } from './law-words.ts';
import { drawingStyles } from './roof-styles.ts';
import { short } from './format.ts';
import { sharedStyles } from './shared-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-law-chart': LabLawChart;
  }
  interface HTMLElementEventMap {
    /** The user leaves a point out of the fit, or takes it in again, by its key. */
    'lab-law-point': CustomEvent<string>;
  }
}

const [LEFT, RIGHT, TOP, BOTTOM] = [56, 14, 26, 42] as const;
const REACH = 18;
const PLACES = 8;

/** Colour by place: groups are told apart by the form of their marks too. */
const placeStyles = unsafeCSS(
  Array.from({ length: PLACES }, (_, place) => `.place-${place} { --own: var(--arm-${place}); }`).join('\n'),
);

/** The mark of a group: its form says the place as its colour does. */
function markOf(place: number, radius: number): string {
  return kindMark(KERNEL_KINDS[place % KERNEL_KINDS.length] ?? 'matmul', radius);
}

/** Points, curves and ribbons of a law in one coordinate system; a click on a point leaves it out. */
@customElement('lab-law-chart')
export class LabLawChart extends LitElement {
  static override readonly styles = [
    sharedStyles,
    drawingStyles,
    placeStyles,
    css`
      .wait {
        height: 320px;
      }
      .dot {
        fill: var(--own);
        stroke: var(--surface);
        stroke-width: 1;
      }
      .dot.hollow {
        fill: var(--surface);
        stroke: var(--own);
        stroke-width: 1.5;
      }
      .clicks .dot {
        cursor: pointer;
      }
      .line {
        fill: none;
        stroke: var(--own);
        stroke-width: 2;
        stroke-linejoin: round;
      }
      .line.beyond {
        stroke-width: 1.5;
        stroke-dasharray: 6 5;
      }
      .line.published {
        stroke-width: 1.25;
        stroke-dasharray: 1.5 3.5;
        stroke-linecap: round;
      }
      .line.rule {
        stroke: var(--edge);
        stroke-width: 1;
      }
      .ribbon {
        fill: var(--own);
        fill-opacity: 0.14;
      }
      .beyond-data {
        fill: var(--text);
        fill-opacity: 0.045;
      }
      .ring {
        fill: none;
        stroke: var(--text);
        stroke-width: 1.5;
      }
      .legend {
        display: flex;
        flex-wrap: wrap;
        gap: 2px 14px;
        margin: 6px 0 0;
        padding: 0;
        font-size: 12px;
        color: var(--muted);
        list-style: none;
      }
      .legend li {
        display: inline-flex;
        align-items: center;
        gap: 6px;
      }
    `,
  ];

  @property({ attribute: false }) chart!: LawChart;
  /** What it is, for people who do not see it. */
  @property() label = '';
  @property({ type: Number }) height = 340;
  @state() private cursor = -1;
  @query('svg.chart') private readonly drawing!: SVGSVGElement | null;
  readonly #width = new Width(this);
  #panel: LawPanel | null = null;

  /** The drawing, for a file. */
  get picture(): SVGSVGElement | null {
    return this.drawing;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('chart') && this.cursor >= this.chart.dots.length) this.cursor = -1;
  }

  override render(): unknown {
    const width = this.#width.value;
    if (width === 0) return html`<div class="wait"></div>`;
    const height = width < 480 ? Math.min(this.height, 280) : this.height;
    const { chart } = this;
    const panel = layOut(chart, { left: LEFT, right: width - RIGHT, top: TOP, bottom: height - BOTTOM });
    this.#panel = panel;
    const clicks = chart.dots.some(({ key }) => key !== null);
    return html`<div
        class="stage"
        tabindex="0"
        role="application"
        aria-roledescription="chart"
        aria-label=${`${this.label}. Arrow keys go from point to point${clicks ? '; Enter leaves a point out or takes it in again' : ''}.`}
        @keydown=${(event: KeyboardEvent): void => this.#key(event)}
        @focus=${(): void => void (this.cursor = this.cursor < 0 ? (this.#order()[0] ?? -1) : this.cursor)}
      >
        <svg
          class=${clicks ? 'chart clicks' : 'chart'}
          width=${width}
          height=${height}
          viewBox=${`0 0 ${width} ${height}`}
          @pointermove=${(event: PointerEvent): void => this.#pointed(event)}
          @pointerleave=${(): void => void (this.cursor = -1)}
          @click=${(event: PointerEvent): void => {
            this.#pointed(event);
            this.#toggle();
          }}
        >
          ${this.#drawn(panel)}
        </svg>
      </div>
      <p class="readout" role="status">${this.#readout(clicks)}</p>
      ${this.#legend()}`;
  }

  #drawn(panel: LawPanel): unknown {
    const { chart } = this;
    const { left, right, top, bottom, x, y, ticksX, ticksY } = panel;
    const words = (label: string, value: number): string =>
      label.startsWith('C,') ? flops(value) : Math.abs(value) >= 1e3 ? valueWords('', value) : short(value);
    // As many dots as are told apart are drawn large.
    const radius = chart.dots.length > 400 ? 2 : chart.dots.length > 120 ? 3 : 4;
    const at = chart.dots[this.cursor];
    return svg`<clipPath id="inside"><rect x=${left} y=${top} width=${Math.max(0, right - left)} height=${Math.max(0, bottom - top)} /></clipPath>
      <path class="grid" d=${[...ticksX.map((tick) => `M${x(tick).toFixed(1)} ${top}V${bottom}`), ...ticksY.map((tick) => `M${left} ${y(tick).toFixed(1)}H${right}`)].join('')} />
      ${ticksX.map((tick) => svg`<text x=${x(tick)} y=${bottom + 16} text-anchor="middle">${words(chart.xLabel, tick)}</text>`)}
      ${ticksY.map((tick) => svg`<text x=${left - 7} y=${y(tick) + 4} text-anchor="end">${words(chart.yLabel, tick)}</text>`)}
      <text x=${(left + right) / 2} y=${bottom + 34} text-anchor="middle">${chart.xLabel}</text>
      <text x="4" y="12">${chart.yLabel}</text>
      <g clip-path="url(#inside)">
        ${chart.shaded.map(([from, to]) => {
          const start = x(from);
          return svg`<rect class="beyond-data" x=${start} y=${top} width=${Math.max(0, Math.min(right, x(to)) - start)} height=${bottom - top} />
            <text x=${start + 6} y=${bottom - 8}>beyond the data</text>`;
        })}
        ${chart.ribbons.map((ribbon) => svg`<path class=${`ribbon place-${ribbon.place % PLACES}`} d=${ribbonPath(ribbon, panel)} />`)}
        ${chart.lines.map((line) => svg`<path class=${`line ${line.kind} place-${line.place % PLACES}`} d=${linePath(line.points, panel)} />`)}
        ${this.#labels(panel)}
      </g>
      <path class="axis" d=${`M${left} ${top}V${bottom}H${right}`} />
      ${this.#sorted().map((dot) => svg`<path class=${`dot place-${dot.place % PLACES}${dot.hollow ? ' hollow' : ''}`} transform=${`translate(${x(dot.x).toFixed(1)} ${y(dot.y).toFixed(1)})`} d=${markOf(dot.place, dot.key === null ? radius + 1.5 : radius)} />`)}
      ${at === undefined ? nothing : svg`<circle data-live class="ring" cx=${x(at.x)} cy=${y(at.y)} r=${radius + 5} />`}`;
  }

  /** Names of published curves where they leave the drawing. */
  #labels({ x, y, right }: LawPanel): unknown {
    return this.chart.lines.map(({ label, points }) => {
      const [px, py] = points.at(-1) ?? [NaN, NaN];
      if (label === undefined || !Number.isFinite(x(px) + y(py))) return nothing;
      return svg`<text x=${Math.min(right, x(px)) - 4} y=${y(py) - 6} text-anchor="end">${label}</text>`;
    });
  }

  #legend(): unknown {
    const { groups, lines, ribbons } = this.chart;
    const kinds = new Set(lines.map(({ kind }) => kind));
    if (groups.length === 0) return nothing;
    const sample = (kind: string, name: string): unknown =>
      html`<li>
        <svg width="22" height="10" viewBox="0 0 22 10" aria-hidden="true">
          <path class=${`line ${kind} place-7`} d="M0 5H22" /></svg
        >${name}
      </li>`;
    return html`<ul class="legend" aria-label="Legend">
      ${groups.map(
        ({ place, name }) =>
          html`<li>
            <svg width="12" height="12" viewBox="-6 -6 12 12" aria-hidden="true">
              <path class=${`dot place-${place % PLACES}`} d=${markOf(place, 4.3)} /></svg
            >${name}
          </li>`,
      )}
      ${kinds.has('beyond') ? sample('beyond', 'beyond the data') : nothing}
      ${kinds.has('published') ? sample('published', 'published') : nothing}
      ${ribbons.length > 0 ? html`<li>ribbons: 90 %</li>` : nothing}
    </ul>`;
  }

  /** What is left out lies under what is fitted. */
  #sorted(): readonly LawDot[] {
    return this.chart.dots.toSorted((a, b) => Number(b.hollow) - Number(a.hollow));
  }

  #readout(clicks: boolean): string {
    const dot = this.chart.dots[this.cursor];
    if (dot === undefined)
      return clicks
        ? 'Point at a dot, or use the arrow keys; a click or Enter leaves it out.'
        : 'Point at a dot, or use the arrow keys.';
    return dot.key === null ? dot.words : `${dot.words}${dot.hollow ? ' (left out)' : ''}`;
  }

  #order(): number[] {
    return [...this.chart.dots.keys()].toSorted((a, b) => {
      const [one, other] = [this.chart.dots[a], this.chart.dots[b]];
      return (one?.x ?? 0) - (other?.x ?? 0) || (one?.y ?? 0) - (other?.y ?? 0);
    });
  }

  #pointed(event: PointerEvent): void {
    const box = this.drawing?.getBoundingClientRect();
    const panel = this.#panel;
    if (box === undefined || panel === null) return;
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [-1, REACH];
    this.chart.dots.forEach((dot, i) => {
      const distance = Math.hypot(panel.x(dot.x) - px, panel.y(dot.y) - py);
      if (distance < least) [best, least] = [i, distance];
    });
    this.cursor = best;
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const order = this.#order();
    const at = order.indexOf(this.cursor);
    const go = (place: number): void => void (this.cursor = order[Math.min(order.length - 1, Math.max(0, place))] ?? this.cursor);
    const actions: Record<string, () => void> = {
      ArrowLeft: () => go(at - 1),
      ArrowUp: () => go(at - 1),
      ArrowRight: () => go(at + 1),
      ArrowDown: () => go(at + 1),
      Home: () => go(0),
      End: () => go(order.length - 1),
      Enter: () => this.#toggle(),
      ' ': () => this.#toggle(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #toggle(): void {
    const key = this.chart.dots[this.cursor]?.key ?? null;
    if (key !== null) this.dispatchEvent(new CustomEvent('lab-law-point', { detail: key, bubbles: true, composed: true }));
  }
}
