import { css, html, LitElement, nothing, svg, type PropertyValues } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { timelineMs, type MeasuredStep } from '../lab/index.ts';
import { bytes, figure } from './format.ts';
import { kindStyles } from './kernel-mark.ts';
import { bars, clampSpan, entryAt, kindAt, tracksOf, trackTotals } from './kernel-timeline.ts';
import { shareWords } from './compare-heat.ts';
import { kindMark, type KernelKind } from './kernel-kinds.ts';
import { kernelName, nodeName, timeWords } from './kernel-words.ts';
import type { Range } from './plot-data.ts';
import { ticks } from './plot-options.ts';
import { drawingStyles } from './roof-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernel-strip': LabKernelStrip;
  }
  interface HTMLElementEventMap {
    /** The user opens a dispatch of a step. */
    'lab-dispatch': CustomEvent<DispatchPlace>;
  }
}

export interface DispatchPlace {
  readonly form: number;
  readonly entry: number;
}

const TRACK = 17;
const GAP = 3;
const HEAD = 26;
const BETWEEN = 16;
const FOOT = 54;

/** Dispatches of a step over time, a track for each kind of kernel; several forms of the step share one scale. */
@customElement('lab-kernel-strip')
export class LabKernelStrip extends LitElement {
  static override readonly styles = [
    sharedStyles,
    kindStyles,
    drawingStyles,
    css`
      .wait {
        height: 300px;
      }
      .chart {
        cursor: pointer;
        touch-action: pan-y;
      }
      .chart .name {
        fill: var(--text);
      }
      .chart .total {
        fill: var(--muted);
      }
      .track {
        fill: var(--inset);
      }
      .at {
        fill: none;
        stroke: var(--text);
        stroke-width: 1;
      }
      .now {
        fill: var(--text);
      }
      .select {
        fill: var(--accent);
        fill-opacity: 0.18;
      }
    `,
  ];

  /** What measured, named in the drawing. */
  @property() source = '';
  @property({ attribute: false }) forms: readonly MeasuredStep[] = [];
  @state() private cursor: DispatchPlace | null = null;
  @state() private zoom: Range | null = null;
  /** Milliseconds where a drag began and where it is. */
  @state() private drag: Range | null = null;
  @query('svg.chart') private readonly drawing!: SVGSVGElement | null;
  readonly #width = new Width(this);

  /** The drawing, for a file. */
  get picture(): SVGSVGElement | null {
    return this.drawing;
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('forms')) this.cursor = this.zoom = this.drag = null;
  }

  override render(): unknown {
    const width = this.#width.value;
    if (width === 0) return html`<div class="wait"></div>`;
    const tracks = tracksOf(this.forms);
    const each = HEAD + tracks.length * (TRACK + GAP);
    const height = this.forms.length * each + (this.forms.length - 1) * BETWEEN + FOOT;
    return html`<div
        class="stage"
        tabindex="0"
        role="application"
        aria-roledescription="timeline"
        aria-label="Dispatches of one step over time. Left and right go from dispatch to dispatch, up and down between forms, plus and minus zoom, 0 shows everything; Enter shows the WGSL."
        @keydown=${(event: KeyboardEvent): void => this.#key(event)}
        @focus=${(): void => void (this.cursor ??= this.forms.length === 0 ? null : { form: 0, entry: 0 })}
      >
        <svg
          class="chart"
          width=${width}
          height=${height}
          viewBox=${`0 0 ${width} ${height}`}
          @pointerdown=${(event: PointerEvent): void => this.#pressed(event)}
          @pointermove=${(event: PointerEvent): void => this.#moved(event)}
          @pointerup=${(event: PointerEvent): void => this.#released(event)}
          @pointerleave=${(): void => void (this.cursor = this.drag = null)}
          @dblclick=${(): void => void (this.zoom = null)}
        >
          ${this.#axis(height)} ${this.forms.map((form, i) => this.#form(form, i, tracks))} ${this.#live(tracks, height)}
        </svg>
      </div>
      <p class="readout" role="status">${this.#readout()}</p>
      ${
        this.zoom === null
          ? nothing
          : html`<button type="button" data-action="timeline-zoom" @click=${(): void => void (this.zoom = null)}>
              Reset zoom
            </button>`
      }`;
  }

  get #end(): number {
    return Math.max(1e-6, ...this.forms.map(({ timeline }) => timelineMs(timeline)));
  }

  get #span(): Range {
    return this.zoom ?? [0, this.#end];
  }

  /** Left and right edge of the tracks: names stand left of them, totals right where there is room. */
  get #edges(): Range {
    const width = this.#width.value;
    return width < 640 ? [92, width - 4] : [104, width - 118];
  }

  #x(ms: number): number {
    const [from, to] = this.#span;
    const [left, right] = this.#edges;
    return left + ((ms - from) / (to - from)) * (right - left);
  }

  #msAt(event: PointerEvent): number {
    const box = this.drawing?.getBoundingClientRect();
    const [from, to] = this.#span;
    const [left, right] = this.#edges;
    return from + ((event.clientX - (box?.left ?? 0) - left) / (right - left)) * (to - from);
  }

  #top(form: number, tracks: number): number {
    return form * (HEAD + tracks * (TRACK + GAP) + BETWEEN);
  }

  #axis(height: number): unknown {
    const [left, right] = this.#edges;
    const [from, to] = this.#span;
    const all = ticks(from, to, false, Math.max(3, Math.round((right - left) / 90)));
    const bottom = height - FOOT;
    return svg`<path class="grid" d=${all.map((ms) => `M${this.#x(ms).toFixed(1)} ${HEAD}V${bottom}`).join('')} />
      ${all.map((ms) => svg`<text x=${this.#x(ms).toFixed(1)} y=${bottom + 15} text-anchor="middle">${tick(ms, to - from)}</text>`)}
      <text x=${(left + right) / 2} y=${bottom + 33} text-anchor="middle">${right - left < 360 ? 'ms, without gaps' : 'ms from the start of the step, without gaps between dispatches'}</text>
      <text x=${right} y=${bottom + 49} text-anchor="end">${this.source}</text>`;
  }

  #form(form: MeasuredStep, place: number, tracks: readonly KernelKind[]): unknown {
    const top = this.#top(place, tracks.length);
    const [left, right] = this.#edges;
    const totals = trackTotals(form);
    const whole = timelineMs(form.timeline);
    const beside = this.#width.value >= 640;
    return svg`<g data-form=${place}>
      <text class="head" x="0" y=${top + 14}>${form.title}</text>
      <text class="total" x=${right} y=${top + 14} text-anchor="end">${form.timeline.length} dispatches · ${timeWords(whole)}</text>
      ${tracks.map((kind, i) => {
        const y = top + HEAD + i * (TRACK + GAP);
        const total = totals.get(kind);
        const d = bars(form, kind, (ms) => this.#x(ms), this.#span)
          .map(([from, to]) => `M${from.toFixed(2)} ${y}H${to.toFixed(2)}V${y + TRACK}H${from.toFixed(2)}Z`)
          .join('');
        return svg`<path class=${`kind-${kind}`} transform=${`translate(7 ${y + TRACK / 2})`} d=${kindMark(kind, 4.2)} />
          <text class="name" x="18" y=${y + TRACK / 2 + 4}>${kind}</text>
          <rect class="track" x=${left} y=${y} width=${right - left} height=${TRACK} />
          <path class=${`kind-${kind}`} d=${d} />
          ${
            beside
              ? svg`<text class="total" x=${right + 8} y=${y + TRACK / 2 + 4}>${total === undefined ? '—' : `${timeWords(total.ms)} · ${shareWords(total.ms / (whole || 1))}`}</text>`
              : nothing
          }`;
      })}
    </g>`;
  }

  #live(tracks: readonly KernelKind[], height: number): unknown {
    const { cursor, drag } = this;
    const parts: unknown[] = [];
    if (drag !== null && Math.abs(this.#x(drag[1]) - this.#x(drag[0])) >= 4) {
      const [a, b] = [Math.min(...drag), Math.max(...drag)];
      parts.push(
        svg`<rect class="select" x=${this.#x(a)} y=${HEAD} width=${this.#x(b) - this.#x(a)} height=${height - FOOT - HEAD} />`,
      );
    }
    const form = cursor === null ? undefined : this.forms[cursor.form];
    const entry = cursor === null ? undefined : form?.timeline[cursor.entry];
    if (cursor !== null && form !== undefined && entry !== undefined) {
      const top = this.#top(cursor.form, tracks.length) + HEAD;
      const y = top + tracks.indexOf(kindAt(form, cursor.entry)) * (TRACK + GAP);
      const [left, right] = this.#edges;
      const from = Math.max(left, this.#x(entry.atMs));
      const to = Math.min(right, Math.max(from + 1, this.#x(entry.atMs + entry.ms)));
      if (to >= left && from <= right)
        parts.push(
          svg`<path class="grid at" d=${`M${((from + to) / 2).toFixed(1)} ${top}V${top + tracks.length * (TRACK + GAP) - GAP}`} opacity="0.35" />
            <rect class="now" x=${from} y=${y - 1} width=${to - from} height=${TRACK + 2} />`,
        );
    }
    return svg`<g data-live>${parts}</g>`;
  }

  #readout(): unknown {
    const { cursor } = this;
    const form = cursor === null ? undefined : this.forms[cursor.form];
    const entry = cursor === null ? undefined : form?.timeline[cursor.entry];
    if (cursor === null || form === undefined || entry === undefined)
      return 'Point at a dispatch, or use the arrow keys; drag, or plus and minus, zoom; click or Enter shows the WGSL.';
    const row = form.rows[entry.row];
    return html`<b>${row === undefined ? 'a kernel' : kernelName(row)}</b> · ${nodeName(entry.node)} · writes ${entry.writes} ·
      ${timeWords(entry.ms)} from ${figure(entry.atMs)} ms · ${bytes(entry.bytes)} · dispatch ${cursor.entry + 1} of
      ${form.timeline.length}${this.forms.length > 1 ? `, ${form.title.toLowerCase()}` : ''}`;
  }

  #pressed(event: PointerEvent): void {
    if (event.button === 0 && event.pointerType === 'mouse') this.drag = [this.#msAt(event), this.#msAt(event)];
  }

  #moved(event: PointerEvent): void {
    if (this.drag !== null) this.drag = [this.drag[0], this.#msAt(event)];
    const box = this.drawing?.getBoundingClientRect();
    const tracks = tracksOf(this.forms).length;
    const y = event.clientY - (box?.top ?? 0);
    const form = this.forms.findIndex(
      (_, i) => y >= this.#top(i, tracks) && y < this.#top(i, tracks) + HEAD + tracks * (TRACK + GAP),
    );
    const found = this.forms[form];
    const ms = this.#msAt(event);
    const [from, to] = this.#span;
    const entry = found === undefined || ms < from || ms > to ? -1 : entryAt(found, ms);
    this.cursor = entry < 0 ? null : { form, entry };
  }

  #released(event: PointerEvent): void {
    const { drag } = this;
    this.drag = null;
    if (drag !== null && Math.abs(this.#x(drag[1]) - this.#x(drag[0])) >= 4) {
      const [from, to] = this.#span;
      const [a, b] = [Math.max(from, Math.min(...drag)), Math.min(to, Math.max(...drag))];
      this.zoom = clampSpan([a, b], this.#end);
      return;
    }
    this.#moved(event);
    this.#open();
  }

  #zoomBy(factor: number): void {
    const [from, to] = this.#span;
    const entry = this.cursor === null ? undefined : this.forms[this.cursor.form]?.timeline[this.cursor.entry];
    const centre = entry === undefined ? (from + to) / 2 : entry.atMs + entry.ms / 2;
    const half = ((to - from) * factor) / 2;
    this.zoom = clampSpan([centre - half, centre + half], this.#end);
  }

  #go(form: number, entry: number): void {
    const found = this.forms[form];
    if (found === undefined || found.timeline.length === 0) return;
    const at = Math.min(found.timeline.length - 1, Math.max(0, entry));
    this.cursor = { form, entry: at };
    const now = found.timeline[at];
    const [from, to] = this.#span;
    if (this.zoom !== null && now !== undefined && (now.atMs < from || now.atMs + now.ms > to))
      this.zoom = clampSpan([now.atMs - (to - from) / 4, now.atMs + (3 * (to - from)) / 4], this.#end);
  }

  #key(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { form, entry } = this.cursor ?? { form: 0, entry: 0 };
    const time = this.forms[form]?.timeline[entry]?.atMs ?? 0;
    const other = (by: number): void => {
      const next = this.forms[form + by];
      if (next !== undefined) this.#go(form + by, Math.max(0, entryAt(next, time)));
    };
    const actions: Record<string, () => void> = {
      ArrowLeft: () => this.#go(form, entry - (event.shiftKey ? 10 : 1)),
      ArrowRight: () => this.#go(form, entry + (event.shiftKey ? 10 : 1)),
      ArrowUp: () => other(-1),
      ArrowDown: () => other(1),
      Home: () => this.#go(form, 0),
      End: () => this.#go(form, Number.MAX_SAFE_INTEGER),
      '+': () => this.#zoomBy(0.6),
      '=': () => this.#zoomBy(0.6),
      '-': () => this.#zoomBy(1 / 0.6),
      '0': () => void (this.zoom = null),
      Escape: () => void (this.zoom = null),
      Enter: () => this.#open(),
      ' ': () => this.#open(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #open(): void {
    if (this.cursor === null) return;
    this.dispatchEvent(new CustomEvent('lab-dispatch', { detail: this.cursor, bubbles: true, composed: true }));
  }
}

/** A time on the axis, in as many decimals as its step needs. */
function tick(ms: number, span: number): string {
  return ms.toFixed(Math.max(0, Math.min(6, 1 - Math.floor(Math.log10(span / 4)))));
}
