import { css, html, LitElement, unsafeCSS, type PropertyValues } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import uPlot from 'uplot';
import plotStyles from 'uplot/dist/uPlot.min.css?inline';
import { draw, isCrowded, nearestCurve, NO_FRAME, type Drawn, type PlotFrame, type Range } from './plot-data.ts';
import { PlotHighlight } from './plot-highlight.ts';
import { clipped, drawDots, plotOptions } from './plot-options.ts';
import { CurvePainter, type Place } from './plot-painter.ts';
import { rgbOf } from './plot-colors.ts';
import { sharedStyles } from './shared-styles.ts';
import { onThemeChange } from './theme.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-plot': LabPlot;
  }
  interface HTMLElementEventMap {
    /** The user zoomed along x (`null`: all of it). */
    'lab-zoom': CustomEvent<Range | null>;
    /** The pointer or the arrow keys are at this x (`null`: nowhere). */
    'lab-cursor': CustomEvent<number | null>;
    /** The pointer is near the curve of this place in the frame (`null`: near none). */
    'lab-near': CustomEvent<number | null>;
  }
}

/** A canvas plot of growing curves. It asks `source` for its frame at most once an animation frame, after {@link invalidate}. */
@customElement('lab-plot')
export class LabPlot extends LitElement {
  static override readonly styles = [
    sharedStyles,
    unsafeCSS(plotStyles),
    css`
      .plot {
        position: relative;
        overflow: hidden;
        border-radius: 4px;
      }
      .u-select {
        background: color-mix(in srgb, var(--accent) 18%, transparent);
      }
      .u-over .highlight {
        position: absolute;
        inset: 0;
        pointer-events: none;
      }
      .u-over .highlight[hidden] {
        display: none;
      }
      .u-hz .u-cursor-x,
      .u-hz .u-cursor-y {
        border-color: var(--edge);
      }
    `,
  ];

  @property({ attribute: false }) source: () => PlotFrame = () => NO_FRAME;
  /** What the plot is of, for people who do not see it. */
  @property() label = '';
  @property({ type: Number }) height = 360;
  @property({ type: Boolean }) compact = false;
  @property({ attribute: false }) zoom: Range | null = null;
  /** Place in the frame of the curve that stands out. */
  @property({ attribute: false }) highlight: number | null = null;
  @query('.plot') private readonly box!: HTMLDivElement;

  #plot: uPlot | null = null;
  #shape = '';
  #frame: PlotFrame = NO_FRAME;
  #drawn: Drawn = { data: [[]], x: [0, 1], y: [0, 1] };
  #zoomY: Range | null = null;
  readonly #highlight = new PlotHighlight();
  readonly #painter = new CurvePainter();
  #painting = 0;
  #near: number | null = null;
  #request = 0;
  #width = 0;
  #colors = new Map<string, string>();
  #endTheme = (): void => {};
  readonly #resize = new ResizeObserver(([entry]) => {
    this.#width = Math.floor(entry?.contentRect.width ?? 0);
    this.invalidate();
  });

  /** Draws again in the next animation frame. */
  invalidate(): void {
    if (this.#request === 0 && this.isConnected) this.#request = requestAnimationFrame(() => this.#drawFrame());
  }

  /** The plot as a picture on the page's background. */
  async toPng(): Promise<Blob | null> {
    if (this.#plot === null) return null;
    if (this.#painter.work(true)) this.#plot.redraw(false);
    // What is asked to be drawn is drawn in a microtask.
    await Promise.resolve();
    const { canvas } = this.#plot.ctx;
    const copy = new OffscreenCanvas(canvas.width, canvas.height);
    const context = copy.getContext('2d');
    if (context === null) return null;
    context.fillStyle = this.#color('--surface');
    context.fillRect(0, 0, copy.width, copy.height);
    context.drawImage(canvas, 0, 0);
    return copy.convertToBlob({ type: 'image/png' });
  }

  resetZoom(): void {
    this.#zoomTo(null, null);
  }

  override render(): unknown {
    return html`<div
      class="plot"
      tabindex="0"
      role="application"
      aria-roledescription="chart"
      aria-label=${`${this.label}. Arrow keys move the cursor, plus and minus zoom, 0 shows everything.`}
      @keydown=${(event: KeyboardEvent): void => this.#key(event)}
      @dblclick=${(): void => this.resetZoom()}
    ></div>`;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#endTheme = onThemeChange(() => {
      this.#colors.clear();
      this.invalidate();
    });
  }

  override updated(changed: PropertyValues<this>): void {
    if (changed.has('zoom') && this.zoom === null) this.#zoomY = null;
    this.#resize.observe(this.box);
    // What stands out lies over the plot: nothing else is drawn for it.
    if (changed.size === 1 && changed.has('highlight') && this.#plot !== null) this.#painted(this.#plot);
    else this.invalidate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const request of [this.#request, this.#painting]) cancelAnimationFrame(request);
    [this.#request, this.#painting] = [0, 0];
    this.#resize.disconnect();
    this.#endTheme();
    this.#plot?.destroy();
    this.#plot = null;
    // Connected again elsewhere, `updated` observes the box and draws anew.
    this.requestUpdate();
  }

  #drawFrame(): void {
    this.#request = 0;
    if (this.#width < 40) return;
    this.#frame = this.source();
    const { curves, xLog, yLog, xLabel, yLabel } = this.#frame;
    this.#drawn = draw(this.#frame, this.#width, this.zoom, this.#zoomY);
    const crowded = isCrowded(this.#frame);
    const styles = crowded ? [] : curves.map(({ x: _x, y: _y, ...style }) => style);
    const shape = JSON.stringify([xLog, yLog, xLabel, yLabel, this.height, crowded, ...styles]);
    if (this.#plot === null || shape !== this.#shape) this.#make(shape);
    else if (this.#plot.width !== this.#width) this.#plot.setSize({ width: this.#width, height: this.height });
    if (this.#plot !== null && crowded) this.#painter.want(this.#frame, this.#place(this.#plot), this.#rgb, devicePixelRatio);
    this.#plot?.setData(this.#drawn.data);
  }

  /** Where values lie in the plot, in pixels of the screen. */
  #place({ bbox }: uPlot): Place {
    const { xLog, yLog } = this.#frame;
    const { x, y } = this.#drawn;
    return { x, xLog, y, yLog, width: Math.round(bbox.width), height: Math.round(bbox.height) };
  }

  readonly #rgb = (name: string): ReturnType<typeof rgbOf> => rgbOf(this.#color(name));

  /** Draws what is painted of a crowd, and paints on. */
  #paint(plot: uPlot): void {
    if (!isCrowded(this.#frame)) return;
    // The frame that draws axes has enough to do, as soon as there is a picture to be stretched.
    if (!this.#painter.hasPicture) this.#painter.work();
    clipped(plot, (context) => {
      this.#painter.draw(context, this.#place(plot), plot.bbox.left, plot.bbox.top);
      drawDots(plot, context, this.#frame, (name) => this.#color(name));
    });
    this.#paintOn();
  }

  #paintOn(): void {
    if (!this.#painter.busy || this.#painting !== 0) return;
    this.#painting = requestAnimationFrame(() => {
      this.#painting = 0;
      // A new frame that is asked for anyway draws what is done by then.
      if (this.#request === 0 && this.#painter.work()) this.#plot?.redraw(false);
      this.#paintOn();
    });
  }

  #make(shape: string): void {
    this.#plot?.destroy();
    this.#shape = shape;
    const owner = {
      frame: (): PlotFrame => this.#frame,
      x: (): Range => this.#drawn.x,
      y: (): Range => this.#drawn.y,
      color: (name: string): string => this.#color(name),
      selected: (plot: uPlot): void => this.#selected(plot),
      hovered: (plot: uPlot): void => this.#hovered(plot),
      paint: (plot: uPlot): void => this.#paint(plot),
      painted: (plot: uPlot): void => this.#painted(plot),
    };
    this.#plot = new uPlot(plotOptions(owner, this.#width, this.height, this.compact), undefined, this.box);
  }

  #color(name: string): string {
    let color = this.#colors.get(name);
    if (color === undefined) this.#colors.set(name, (color = getComputedStyle(this).getPropertyValue(name).trim()));
    return color;
  }

  #selected(plot: uPlot): void {
    const { left, top, width, height } = plot.select;
    if (width < 4 && height < 4) return;
    const wide = width >= 4 && width < plot.over.clientWidth - 1;
    const tall = height >= 4 && height < plot.over.clientHeight - 1;
    const x: Range | null = wide ? [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')] : this.zoom;
    const y: Range | null = tall ? [plot.posToVal(top + height, 'y'), plot.posToVal(top, 'y')] : this.#zoomY;
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.#zoomTo(x, y);
  }

  #zoomTo(x: Range | null, y: Range | null): void {
    this.zoom = x;
    this.#zoomY = y;
    this.dispatchEvent(new CustomEvent('lab-zoom', { detail: x, bubbles: true, composed: true }));
    this.invalidate();
  }

  #hovered(plot: uPlot): void {
    const { idx } = plot.cursor;
    const x = idx === null || idx === undefined ? null : (plot.data[0]?.[idx] ?? null);
    this.dispatchEvent(new CustomEvent('lab-cursor', { detail: x, bubbles: true, composed: true }));
    const { left = -1, top = -1 } = plot.cursor;
    const toPixels = { x: (value: number) => plot.valToPos(value, 'x'), y: (value: number) => plot.valToPos(value, 'y') };
    const near = left < 0 ? null : nearestCurve(this.#frame.curves, { left, top, x: plot.posToVal(left, 'x') }, toPixels);
    if (near === this.#near) return;
    this.#near = near;
    this.dispatchEvent(new CustomEvent('lab-near', { detail: near, bubbles: true, composed: true }));
  }

  #painted(plot: uPlot): void {
    const curve = this.highlight === null ? undefined : this.#frame.curves[this.highlight];
    if (curve === undefined) this.#highlight.clear();
    else this.#highlight.draw(plot, curve, this.#place(plot), this.#rgb);
  }

  #key(event: KeyboardEvent): void {
    const plot = this.#plot;
    if (plot === null || event.ctrlKey || event.metaKey || event.altKey) return;
    const width = plot.over.clientWidth;
    const at = plot.cursor.left !== undefined && plot.cursor.left >= 0 ? plot.cursor.left : width;
    const move = (left: number): void =>
      plot.setCursor({ left: Math.min(width - 1, Math.max(0, left)), top: plot.over.clientHeight / 2 });
    const scale = (factor: number): void => {
      if (factor > 1 && this.zoom === null) return;
      const left = at - at * factor;
      this.#zoomTo([plot.posToVal(left, 'x'), plot.posToVal(left + width * factor, 'x')], this.#zoomY);
    };
    const actions: Record<string, () => void> = {
      ArrowLeft: () => move(at - (event.shiftKey ? 40 : 4)),
      ArrowRight: () => move(at + (event.shiftKey ? 40 : 4)),
      Home: () => move(0),
      End: () => move(width),
      '+': () => scale(0.7),
      '=': () => scale(0.7),
      '-': () => scale(1 / 0.7),
      '0': () => this.resetZoom(),
      Escape: () => this.resetZoom(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }
}
