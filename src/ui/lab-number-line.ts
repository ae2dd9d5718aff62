import { html, LitElement, nothing, svg } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import {
  bitsText,
  codeAt,
  codeBits,
  codeHex,
  codeKind,
  codeValue,
  distanceAbove,
  f32Words,
  numberWords,
  placeNear,
  places,
  type CastSteps,
  type Format,
  type FormatChoice,
} from '../lab/index.ts';
import { whole } from './format.ts';
import { numberLine, type Lane, type Line, type LineOptions } from './number-line.ts';
import { lineStyles } from './number-line-styles.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-number-line': LabNumberLine;
  }
  interface HTMLElementEventMap {
    /** The user points at a number to be cast. */
    'lab-number': CustomEvent<string>;
  }
}

const HEIGHT = 236;
const MIDDLE = 118;
const GAP = 3;
const REACH = 76;
const LENGTHS = { anchor: 62, normal: 44, subnormal: 28 } as const;
const SIDES = ['a', 'b'] as const;

/** The numbers of two formats back to back on one axis, and where a number falls on them. */
@customElement('lab-number-line')
export class LabNumberLine extends LitElement {
  static override readonly styles = [sharedStyles, lineStyles];

  @property({ attribute: false }) a!: FormatChoice;
  @property({ attribute: false }) b!: FormatChoice;
  @property({ attribute: false }) casts!: readonly [CastSteps, CastSteps];
  /** The scaled number that is cast. */
  @property({ type: Number }) number = 0;
  @property() axis: LineOptions['axis'] = 'log';
  @property() range: 'both' | 'a' | 'b' = 'both';
  @state() private width = 0;
  /** The place that each lane tells about; `null`: the one that the number is cast to. */
  @state() private pointed: readonly [number | null, number | null] = [null, null];
  @query('svg') readonly picture!: SVGSVGElement;
  readonly #resize = new ResizeObserver(([entry]) => {
    this.width = Math.floor(entry?.contentRect.width ?? 0);
  });

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resize.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resize.disconnect();
  }

  override willUpdate(changed: Map<PropertyKey, unknown>): void {
    if (changed.has('a')) this.pointed = [null, this.pointed[1]];
    if (changed.has('b')) this.pointed = [this.pointed[0], null];
  }

  override render(): unknown {
    const width = Math.max(280, this.width);
    const [a, b] = [this.a, this.b];
    const spanned = { both: [a.format, b.format], a: [a.format], b: [b.format] }[this.range];
    const line = numberLine({ formats: [a.format, b.format], spanned, axis: this.axis, width });
    return html`<svg
        viewBox="0 0 ${width} ${HEIGHT}"
        height=${HEIGHT}
        role="group"
        aria-label="Number line"
        @pointermove=${(event: PointerEvent): void => this.#point(event, line, width)}
        @pointerleave=${(): void => void (this.pointed = [null, null])}
        @click=${(event: MouseEvent): void => this.#take(event, line, width)}
      >
        ${line.ticks.map(
          ({ x, label }) =>
            svg`<line class="grid" x1=${x} x2=${x} y1=${MIDDLE - REACH} y2=${MIDDLE + REACH} />
            <text class="middle" x=${x} y=${HEIGHT - 8}>${label}</text>`,
        )}
        <line class="axis" x1="0" x2=${width} y1=${MIDDLE} y2=${MIDDLE} />
        ${this.#lane(0, line, width)} ${this.#lane(1, line, width)} ${this.#number(line)}
      </svg>
      <div class="readout">${this.#readout(0)}${this.#readout(1)}</div>`;
  }

  #choice(side: 0 | 1): FormatChoice {
    return side === 0 ? this.a : this.b;
  }

  #lane(side: 0 | 1, line: Line, width: number): unknown {
    const lane = line.lanes[side];
    const { title, block } = this.#choice(side);
    const { format } = lane;
    const place = this.#place(side);
    const [low, high] = places(format);
    const up = side === 0;
    const cursor = line.place(codeValue(codeAt(place, format), format));
    const own = this.pointed[side] !== null && cursor.beyond === null;
    const [from, to] = up ? [MIDDLE - GAP - REACH + 6, MIDDLE - GAP] : [MIDDLE + GAP, MIDDLE + GAP + REACH - 6];
    const detail =
      lane.bars.length > 0
        ? `height: numbers a binade, up to ${whole(2 ** format.mantissaBits)} (log scale)`
        : 'dashed: subnormal';
    return svg`<g
      class="lane ${SIDES[side] ?? ''}"
      role="slider"
      tabindex="0"
      aria-label=${`Numbers of ${title}`}
      aria-orientation="horizontal"
      aria-valuemin=${low}
      aria-valuemax=${high}
      aria-valuenow=${place}
      aria-valuetext=${`${numberWords(codeValue(codeAt(place, format), format))}, code ${codeHex(codeAt(place, format), format)}`}
      @keydown=${(event: KeyboardEvent): void => this.#key(event, side)}
    >
      <rect class="frame" data-live x="-6" width=${width + 12} y=${up ? 0 : MIDDLE + 2} height=${up ? MIDDLE - 2 : REACH + 20} rx="4" />
      <text class="name ${SIDES[side] ?? ''}" x="0" y=${up ? 14 : MIDDLE + REACH + 16}>${block === null ? title : `${title} element`}</text>
      <text class="end" x=${width} y=${up ? 14 : MIDDLE + REACH + 16}>${width > 480 ? detail : ''}</text>
      ${bars(lane, up)} ${marks(lane, up)} ${this.#hits(side, line)}
      ${own ? svg`<line class="cursor" data-live x1=${cursor.x} x2=${cursor.x} y1=${from} y2=${to} />` : nothing}
    </g>`;
  }

  /** What the number becomes: the more probable, the larger. */
  #hits(side: 0 | 1, line: Line): unknown {
    return this.casts[side]?.outcomes.map(({ value, probability }) => {
      if (!Number.isFinite(value)) return nothing;
      const { x, beyond } = line.place(value);
      const y = side === 0 ? MIDDLE - GAP - 14 : MIDDLE + GAP + 14;
      return beyond !== null || (this.axis === 'log' && value === 0 && this.number !== 0 && probability === 0)
        ? nothing
        : svg`<circle class="hit" cx=${x} cy=${y} r=${3 + 4 * Math.sqrt(probability)} />`;
    });
  }

  #number(line: Line): unknown {
    if (!Number.isFinite(this.number)) return nothing;
    const { x, beyond } = line.place(this.number);
    const words = `${beyond === 'low' ? '◂ ' : ''}${f32Words(this.number)}${beyond === 'high' ? ' ▸' : ''}`;
    const near = Math.min(Math.max(x, words.length * 3.2 + 2), Math.max(280, this.width) - words.length * 3.2 - 2);
    return svg`<line class="number" x1=${x} x2=${x} y1="32" y2=${MIDDLE + REACH} />
      <text class="said middle" x=${near} y="28">${words}</text>`;
  }

  #readout(side: 0 | 1): unknown {
    const choice = this.#choice(side);
    const { format } = choice;
    const pointed = this.pointed[side] !== null;
    const fallback = this.casts[side]?.outcomes[0]?.code ?? 0;
    const code = pointed ? codeAt(this.#place(side), format) : fallback;
    const gap = distanceAbove(code % 2 ** format.signShift, format);
    const kind = codeKind(code, format);
    return html`<p class=${SIDES[side] ?? ''}>
      <b>${choice.title}</b>
      <span class="mono">${codeHex(code, format)}</span>
      <span class="mono">${bitsText(codeBits(code, format))}</span>
      <span class="value">${numberWords(codeValue(code, format))}</span>
      <span class="muted"
        >${kind}${gap === null || kind === 'inf' || kind === 'nan' ? '' : `, next is ${numberWords(gap)} away`}</span
      >
    </p>`;
  }

  /** Where the lane's cursor is: at what is pointed at, or at what the number is cast to. */
  #place(side: 0 | 1): number {
    const { format } = this.#choice(side);
    const value = this.casts[side]?.outcomes[0]?.value ?? 0;
    return this.pointed[side] ?? placeNear(value, format);
  }

  #set(side: 0 | 1, place: number): void {
    this.pointed = side === 0 ? [place, null] : [null, place];
  }

  #at(event: MouseEvent, width: number): { x: number; y: number } {
    const box = this.picture.getBoundingClientRect();
    return { x: ((event.clientX - box.left) / box.width) * width, y: ((event.clientY - box.top) / box.height) * HEIGHT };
  }

  #point(event: PointerEvent, line: Line, width: number): void {
    const { x, y } = this.#at(event, width);
    const side = y < MIDDLE ? 0 : 1;
    this.#set(side, placeNear(line.value(x), this.#choice(side).format));
  }

  #take(event: MouseEvent, line: Line, width: number): void {
    this.#say(String(Number(line.value(this.#at(event, width).x).toPrecision(3))));
  }

  #key(event: KeyboardEvent, side: 0 | 1): void {
    const { format } = this.#choice(side);
    const [low, high] = places(format);
    const place = this.#place(side);
    const binade = 2 ** format.mantissaBits;
    const moves: Record<string, number> = {
      ArrowRight: place + 1,
      ArrowUp: place + 1,
      ArrowLeft: place - 1,
      ArrowDown: place - 1,
      PageUp: place + binade,
      PageDown: place - binade,
      Home: low,
      End: high,
    };
    const next = moves[event.key];
    if (event.key === 'Escape') this.pointed = [null, null];
    else if (event.key === 'Enter' || event.key === ' ') this.#say(exactly(place, format));
    else if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    else this.#set(side, Math.min(high, Math.max(low, next)));
    event.preventDefault();
  }

  /** The number under the pointer, freed of the scale by whoever has it. */
  #say(detail: string): void {
    this.pointed = [null, null];
    this.dispatchEvent(new CustomEvent('lab-number', { detail, bubbles: true, composed: true }));
  }
}

function exactly(place: number, format: Format): string {
  return String(codeValue(codeAt(place, format), format));
}

function bars({ bars: all }: Lane, up: boolean): unknown {
  return [false, true].map((subnormal) => {
    const path = all
      .filter((bar) => bar.subnormal === subnormal)
      .map(({ x, width, height }) => {
        const long = height * LENGTHS.anchor;
        const y = up ? MIDDLE - GAP : MIDDLE + GAP;
        return `M${x.toFixed(2)} ${y}v${(up ? -long : long).toFixed(2)}h${width.toFixed(2)}V${y}z`;
      });
    return path.length === 0 ? nothing : svg`<path class="bars ${subnormal ? 'subnormal' : ''}" d=${path.join('')} />`;
  });
}

function marks({ marks: all }: Lane, up: boolean): unknown {
  return (['subnormal', 'normal', 'anchor'] as const).map((kind) => {
    const long = LENGTHS[kind];
    const path = all
      .filter((mark) => mark.kind === kind)
      .map(({ x }) => (up ? `M${x.toFixed(2)} ${MIDDLE - GAP}v${-long}` : `M${x.toFixed(2)} ${MIDDLE + GAP}v${long}`));
    return path.length === 0 ? nothing : svg`<path class="marks ${kind}" d=${path.join('')} />`;
  });
}
