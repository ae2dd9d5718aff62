import { html, LitElement, nothing, svg, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { kernelFigures, ridge, type KernelRow, type KernelsReport, type Limits } from '../lab/index.ts';
import { bytes, short } from './format.ts';
import { shareWords } from './compare-heat.ts';
import { kindMark, kindOf } from './kernel-kinds.ts';
import { kindLegend } from './kernel-mark.ts';
import { kernelName, nodeName, nodesWords, rate, spreadMs, shortMs } from './kernel-words.ts';
import { roofStyles } from './roof-styles.ts';
import {
  dotLabels,
  limitsAt,
  moverDots,
  moverPanel,
  productDots,
  productPanel,
  roofPoints,
  type RoofBox,
  type RoofDot,
  type RoofPanel,
} from './roofline.ts';
import { sharedStyles } from './shared-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernel-roof': LabKernelRoof;
  }
  interface HTMLElementEventMap {
    /** The user opens a kernel, by its place in the report. */
    'lab-kernel': CustomEvent<number>;
  }
}

/** Narrower than this the panels lie under each other. */
const NARROW = 720;
const AXIS = 50;
const FOOT = 52;
const HEAD = 26;
const REACH = 26;

/** Every kernel of a step against what the device can do at most. */
@customElement('lab-kernel-roof')
export class LabKernelRoof extends LitElement {
  static override readonly styles = [sharedStyles, roofStyles];

  @property({ attribute: false }) report!: KernelsReport;
  /** The same of another machine. */
  @property({ attribute: false }) other: KernelsReport | null = null;
  /** What measured, named in the drawing. */
  @property() source = '';
  @state() private cursor = -1;
  @query('svg.chart') private readonly drawing!: SVGSVGElement | null;
  readonly #width = new Width(this);
  #panels: readonly [products: RoofPanel, movers: RoofPanel] | null = null;

  /** The drawing, for a file. */
  get picture(): SVGSVGElement | null {
    return this.drawing;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('report')) this.cursor = -1;
  }

  override render(): unknown {
    const width = this.#width.value;
    if (width === 0) return html`<div class="wait"></div>`;
    const { height, products, movers } = boxes(width);
    const { rows, limits } = this.report;
    const known = [limits, this.other?.limits ?? null].filter((each) => each !== null);
    const [productRows, moverRows] = [productDots(rows), moverDots(rows)];
    const others = this.other?.rows ?? [];
    const panels = [
      productPanel(productRows, productDots(others), known, products),
      moverPanel(moverRows, moverDots(others), known, movers),
    ] as const;
    this.#panels = panels;
    const kinds = new Set(rows.map(({ kernel }) => kindOf(kernel)));
    return html`<div
        class="stage"
        tabindex="0"
        role="application"
        aria-roledescription="chart"
        aria-label="Roofline: every kernel against the limits of the adapter. Arrow keys go from kernel to kernel; Enter shows its WGSL."
        @keydown=${(event: KeyboardEvent): void => this.#key(event)}
        @focus=${(): void => void (this.cursor = this.cursor < 0 ? (this.#order()[0] ?? -1) : this.cursor)}
      >
        <svg
          class="chart"
          width=${width}
          height=${height}
          viewBox=${`0 0 ${width} ${height}`}
          @pointermove=${(event: PointerEvent): void => this.#pointed(event)}
          @pointerleave=${(): void => void (this.cursor = -1)}
          @click=${(event: PointerEvent): void => {
            this.#pointed(event);
            this.#open();
          }}
        >
          ${this.#products(panels[0])} ${this.#movers(panels[1])}
          <text x=${width - 10} y=${height - 4} text-anchor="end">${this.source}</text>
          ${this.#ring(panels)}
        </svg>
      </div>
      <p class="readout" role="status">${this.#readout()}</p>
      ${kindLegend(kinds)}`;
  }

  #products(panel: RoofPanel): unknown {
    const { limits } = this.report;
    const there = this.other?.limits ?? null;
    const others = productDots(this.other?.rows ?? []);
    const path = (of: Limits, share = 1): string =>
      roofPoints(panel, of, share)
        .map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${panel.x(x).toFixed(1)} ${panel.y(y).toFixed(1)}`)
        .join('');
    return svg`<g data-panel="products">
      ${this.#frame(panel, 'Products', 'GFLOP/s', 'FLOP per byte', short)}
      <clipPath id="products"><rect x=${panel.left} y=${panel.top} width=${panel.right - panel.left} height=${panel.bottom - panel.top} /></clipPath>
      <g clip-path="url(#products)">
        ${
          limits === null
            ? nothing
            : svg`<path class="spread" d=${`${path(limitsAt(limits, 'high'))}L${reversed(path(limitsAt(limits, 'low')))}Z`} />
          <path class="tenth" d=${path(limits, 0.1)} />
          <path class="roof" d=${path(limits)} />`
        }
        ${
          there === null
            ? nothing
            : svg`<path class="roof there" d=${path(there)} />
          <text x=${panel.x(ridge(there)) + 12} y=${panel.y(there.fmaGFlops.median) - 6}>there ${rate(there.fmaGFlops.median)} GFLOP/s</text>`
        }
        ${this.#dots(panel, others, true)}
      </g>
      ${limits === null ? nothing : this.#roofWords(panel, limits.copyGBs.median, limits.fmaGFlops.median)}
      ${this.#dots(panel, panel.dots, false, others)}
    </g>`;
  }

  #roofWords(panel: RoofPanel, copy: number, fma: number): unknown {
    const { left, right, x, y, domainX } = panel;
    const corner = Math.min(fma / copy, domainX[1]);
    const from: readonly [number, number] = [left, y(copy * domainX[0])];
    const to: readonly [number, number] = [x(corner), y(copy * corner)];
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    const angle = (Math.atan2(to[1] - from[1], to[0] - from[0]) * 180) / Math.PI;
    const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2] as const;
    return svg`<text class="limit" x=${right - 6} y=${y(fma) - 8} text-anchor="end">${peakWords(fma)}</text>
      ${
        length < 120
          ? nothing
          : svg`<text class="limit" text-anchor="middle" transform=${`translate(${middle[0].toFixed(1)} ${middle[1].toFixed(1)}) rotate(${angle.toFixed(1)}) translate(0 -8)`}>copy ${rate(copy)} GB/s</text>`
      }
      ${y(0.1 * fma) < panel.bottom - 4 ? svg`<text class="tail" x=${right - 6} y=${y(0.1 * fma) - 5} text-anchor="end">10 %</text>` : nothing}`;
  }

  #movers(panel: RoofPanel): unknown {
    const { limits } = this.report;
    const there = this.other?.limits ?? null;
    const others = moverDots(this.other?.rows ?? []);
    const { left, right, y } = panel;
    return svg`<g data-panel="movers">
      ${this.#frame(panel, 'No products', 'GB/s', 'bytes a dispatch', (value) => bytesTick(value))}
      ${
        limits === null
          ? nothing
          : svg`<rect class="spread" x=${left} y=${y(limits.copyGBs.high)} width=${right - left} height=${Math.max(0, y(limits.copyGBs.low) - y(limits.copyGBs.high))} />
        <path class="roof" d=${`M${left} ${y(limits.copyGBs.median)}H${right}`} />
        <text class="limit" x=${copyOnLeft(panel, limits) ? left + 6 : right - 6} y=${y(limits.copyGBs.median) - 8} text-anchor=${copyOnLeft(panel, limits) ? 'start' : 'end'}>${copyWords(limits)}</text>`
      }
      ${
        there === null
          ? nothing
          : svg`<path class="roof there" d=${`M${left} ${y(there.copyGBs.median)}H${right}`} />
        <text x=${left + 6} y=${y(there.copyGBs.median) - 6}>there ${rate(there.copyGBs.median)} GB/s</text>`
      }
      ${this.#dots(panel, others, true)} ${this.#dots(panel, panel.dots, false, others)}
    </g>`;
  }

  #frame(panel: RoofPanel, title: string, unitY: string, unitX: string, words: (x: number) => string): unknown {
    const { left, right, top, bottom, x, y, ticksX, ticksY } = panel;
    return svg`<text class="head" x=${left} y=${top - 12}>${title}</text>
      <text class="tail" x=${right} y=${top - 12} text-anchor="end">${unitY} against ${unitX}</text>
      <path class="grid" d=${[...ticksX.map((tick) => `M${x(tick).toFixed(1)} ${top}V${bottom}`), ...ticksY.map((tick) => `M${left} ${y(tick).toFixed(1)}H${right}`)].join('')} />
      ${ticksX.map((tick) => svg`<text x=${x(tick)} y=${bottom + 16} text-anchor="middle">${words(tick)}</text>`)}
      ${ticksY.map((tick) => svg`<text x=${left - 7} y=${y(tick) + 4} text-anchor="end">${short(tick)}</text>`)}
      <text class="tail" x=${(left + right) / 2} y=${bottom + 34} text-anchor="middle">${unitX}</text>
      <path class="axis" d=${`M${left} ${top}V${bottom}H${right}`} />`;
  }

  #dots(panel: RoofPanel, dots: readonly RoofDot[], there: boolean, others: readonly RoofDot[] = []): unknown {
    const rows = there ? (this.other?.rows ?? []) : this.report.rows;
    // Large ones first: small dots lie on top.
    const drawn = dots.toSorted((a, b) => b.share - a.share);
    const marks = drawn.map((dot) => {
      const kind = kindOf(rows[dot.row]?.kernel ?? '');
      return svg`<path class=${there ? 'dot there' : `dot kind-${kind}`} transform=${`translate(${panel.x(dot.x).toFixed(1)} ${panel.y(dot.y).toFixed(1)})`} d=${kindMark(kind, radius(dot.share))} />`;
    });
    if (there) return marks;
    const most = panel.right - panel.left > 500 ? 12 : 5;
    const labels = dotLabels(panel, (row) => nameAt(rows, row), radius, most, others);
    return svg`${marks}${labels.map(({ text, x, y, anchor }) => svg`<text class="name" x=${x.toFixed(1)} y=${y.toFixed(1)} text-anchor=${anchor}>${text}</text>`)}`;
  }

  #ring(panels: readonly RoofPanel[]): unknown {
    for (const panel of panels) {
      const dot = panel.dots.find(({ row }) => row === this.cursor);
      if (dot === undefined) continue;
      const [x, y] = [panel.x(dot.x), panel.y(dot.y)];
      return svg`<g data-live><path class="cross" d=${`M${x} ${panel.bottom}V${y}M${panel.left} ${y}H${x}`} /><circle class="ring" cx=${x} cy=${y} r=${radius(dot.share) + 5} /></g>`;
    }
    return nothing;
  }

  #readout(): unknown {
    const row = this.report.rows[this.cursor];
    if (row === undefined) return 'Point at a kernel, or use the arrow keys; click or press Enter to read its WGSL.';
    const { gflops, gbps, intensity } = kernelFigures(row);
    const limit = row.ofLimit === null ? '' : `, ${shareWords(row.ofLimit)} of the ${row.bound ?? 'device'} limit`;
    const speed = gflops === null ? `${rate(gbps)} GB/s` : `${rate(gflops)} GFLOP/s at ${rate(intensity)} FLOP per byte`;
    return html`<b>${kernelName(row)}</b> · ${nodesWords(row.nodes)} · ${row.perStep} × ${shortMs(row.ms)} ± ${spreadMs(row)} ms ·
      ${speed}${limit} · ${bytes(row.bytes)} · ${shareWords(row.share)} of the step`;
  }

  /** Kernels in the order of the arrow keys: panel by panel, left to right. */
  #order(): number[] {
    return (this.#panels ?? []).flatMap(({ dots }) => dots.toSorted((a, b) => a.x - b.x || a.y - b.y).map(({ row }) => row));
  }

  #pointed(event: PointerEvent): void {
    const box = this.drawing?.getBoundingClientRect();
    if (box === undefined) return;
    const [px, py] = [event.clientX - box.left, event.clientY - box.top];
    let [best, least] = [-1, REACH];
    for (const panel of this.#panels ?? []) {
      for (const dot of panel.dots) {
        const distance = Math.hypot(panel.x(dot.x) - px, panel.y(dot.y) - py) - radius(dot.share) / 2;
        if (distance < least) [best, least] = [dot.row, distance];
      }
    }
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
      Enter: () => this.#open(),
      ' ': () => this.#open(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #open(): void {
    if (this.cursor < 0) return;
    this.dispatchEvent(new CustomEvent('lab-kernel', { detail: this.cursor, bubbles: true, composed: true }));
  }
}

/** Where the panels lie in a drawing of this width. */
function boxes(width: number): { readonly height: number; readonly products: RoofBox; readonly movers: RoofBox } {
  const right = width - 10;
  if (width < NARROW) {
    const [first, second] = [300, 190];
    const next = HEAD + first + FOOT + HEAD + 8;
    return {
      height: next + second + FOOT,
      products: { left: AXIS, right, top: HEAD, bottom: HEAD + first },
      movers: { left: AXIS, right, top: next, bottom: next + second },
    };
  }
  const height = Math.round(Math.min(460, Math.max(340, width * 0.3)));
  const split = Math.round(width * 0.66);
  const [top, bottom] = [HEAD, height - FOOT];
  return { height, products: { left: AXIS, right: split - 18, top, bottom }, movers: { left: split + AXIS, right, top, bottom } };
}

/** Units; the area grows with the share of the step. */
function radius(share: number): number {
  return 3.2 + 15 * Math.sqrt(Math.max(0, share));
}

function nameAt(rows: readonly KernelRow[], row: number): string {
  const found = rows[row];
  if (found === undefined) return '';
  // The mark says what kind of kernel it is, a name where in the model.
  return nodeName(found.nodes[0] ?? kernelName(found)).replace(/\bblocks\.\d+\./, '');
}

function peakWords(fmaGFlops: number): string {
  return `multiply-add peak ${rate(fmaGFlops)} GFLOP/s`;
}

function copyWords({ copyGBs }: Limits): string {
  return `copy ${rate(copyGBs.median)} GB/s`;
}

/** The name of the copy limit makes way for dots at the right end of its line. */
function copyOnLeft({ dots, x, y, right }: RoofPanel, { copyGBs }: Limits): boolean {
  return dots.some((dot) => x(dot.x) > right - 130 && Math.abs(y(dot.y) - y(copyGBs.median) + 6) < 22);
}

/** Points of a path from its end to its start. */
function reversed(path: string): string {
  return path.slice(1).split('L').reverse().join('L');
}

function bytesTick(value: number): string {
  return `${short(value)}B`;
}
