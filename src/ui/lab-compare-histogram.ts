import { css, html, LitElement, nothing, svg } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { TensorProbe } from '../base/probe.ts';
import { power } from '../lab/index.ts';
import { whole } from './format.ts';
import { barsOf, rangeOf, spanOf, type Bar, type FormatRange } from './histogram.ts';
import { shareWords } from './compare-heat.ts';
import { sharedStyles } from './shared-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-histogram': LabCompareHistogram;
  }
}

const TOP = 18;
const PLOT = 150;
const AXIS = 22;
const LANE = 24;
/** Width of the word that may stand at the right end. */
const WORD = 18;

/** Exponents of a tensor's elements against what the formats hold of them. */
@customElement('lab-compare-histogram')
export class LabCompareHistogram extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      svg {
        display: block;
        width: 100%;
      }
      text {
        font-family: var(--sans);
        font-size: 11px;
        fill: var(--muted);
      }
      .middle {
        text-anchor: middle;
      }
      .end {
        text-anchor: end;
      }
      .normal,
      .plain {
        fill: var(--train);
      }
      .subnormal {
        fill: var(--warn);
      }
      .under,
      .over {
        fill: var(--danger);
      }
      .outside {
        fill: var(--danger);
        fill-opacity: 0.09;
      }
      .edge {
        stroke: var(--edge);
        stroke-width: 1;
        stroke-dasharray: 3 3;
      }
      .axis {
        stroke: var(--edge);
      }
      .lane {
        fill: var(--train);
        fill-opacity: 0.75;
      }
      .lane.low {
        fill: var(--warn);
      }
      .other .lane {
        fill-opacity: 0.35;
      }
    `,
  ];

  @property({ attribute: false }) tensor!: TensorProbe;
  @query('svg') private readonly drawing!: SVGSVGElement;
  readonly #width = new Width(this);

  /** The drawing, for a file. */
  get picture(): SVGSVGElement {
    return this.drawing;
  }

  override render(): unknown {
    const { cast, whatIf } = this.tensor;
    const range = cast === null ? null : rangeOf(cast);
    const ranges = [...(range === null ? [] : [range]), ...whatIf.flatMap((stats) => rangeOf(stats) ?? [])];
    const bars = barsOf(this.tensor, range);
    const width = Math.max(260, this.#width.value);
    const span = spanOf(bars, ranges);
    const x = (exponent: number): number =>
      8 + ((Math.min(span[1], Math.max(span[0], exponent)) - span[0]) / (span[1] - span[0])) * (width - 16);
    const height = TOP + PLOT + AXIS + ranges.length * LANE + 2;
    return html`<svg
      width=${width}
      height=${height}
      viewBox=${`0 0 ${width} ${height}`}
      role="img"
      aria-label=${this.#words(bars, range)}
    >
      ${range === null ? nothing : this.#edges(range, x, span)} ${this.#bars(bars, x)} ${this.#axis(span, x, width)}
      ${ranges.map((each, i) => this.#lane(each, TOP + PLOT + AXIS + i * LANE, x, each !== range))}
    </svg>`;
  }

  /** On a log scale, so that tails show: those are what a format loses. */
  #bars(bars: readonly Bar[], x: (exponent: number) => number): unknown {
    const most = Math.max(1, ...bars.map(({ count }) => count));
    return bars.map(({ exponent, count, share, kind }) => {
      const height = (PLOT * (Math.log10(count) + 0.3)) / (Math.log10(most) + 0.3);
      const [left, right] = [x(exponent), x(exponent + 1)];
      return svg`<rect class=${kind} x=${left + 0.5} y=${TOP + PLOT - height} width=${Math.max(0.5, right - left - 1)} height=${height}>
        <title>${power(exponent)} to ${power(exponent + 1)}: ${whole(count)} elements, ${shareWords(share)}</title></rect>`;
    });
  }

  #edges(
    { minSubnormal, minNormal, max }: FormatRange,
    x: (exponent: number) => number,
    [from, to]: readonly [number, number],
  ): unknown {
    const edge = (at: number, words: string, place: string): unknown =>
      at <= from || at >= to
        ? nothing
        : svg`<line class="edge" x1=${x(at)} x2=${x(at)} y1=${TOP - 4} y2=${TOP + PLOT} /><text class=${place} x=${place === 'end' ? x(at) - 3 : Math.min(x(at) + 3, x(to) - WORD)} y="11">${words}</text>`;
    return svg`<rect class="outside" x=${x(from)} y=${TOP} width=${Math.max(0, x(minSubnormal) - x(from))} height=${PLOT} />
      <rect class="outside" x=${x(max)} y=${TOP} width=${Math.max(0, x(to) - x(max))} height=${PLOT} />
      ${minSubnormal < minNormal ? edge(minSubnormal, 'min subnormal', 'end') : nothing}
      ${edge(minNormal, 'min normal', 'start')} ${edge(max, 'max', 'start')}`;
  }

  #axis([from, to]: readonly [number, number], x: (exponent: number) => number, width: number): unknown {
    const step = [1, 2, 4, 8, 16].find((each) => ((to - from) / each) * 38 < width) ?? 16;
    const ticks: number[] = [];
    for (let at = Math.ceil(from / step) * step; at <= to; at += step) ticks.push(at);
    return svg`<line class="axis" x1="8" x2=${width - 8} y1=${TOP + PLOT} y2=${TOP + PLOT} />
      ${ticks.map((at) => svg`<text class="middle" x=${x(at)} y=${TOP + PLOT + 15}>${power(at)}</text>`)}`;
  }

  /** The range of a format as a bar: subnormal numbers in front of normal ones. */
  #lane(
    { title, minSubnormal, minNormal, max }: FormatRange,
    y: number,
    x: (exponent: number) => number,
    other: boolean,
  ): unknown {
    return svg`<g class=${other ? 'other' : ''}>
      <rect class="lane low" x=${x(minSubnormal)} y=${y + 3} width=${Math.max(0, x(minNormal) - x(minSubnormal))} height="5" />
      <rect class="lane" x=${x(minNormal)} y=${y + 3} width=${Math.max(0, x(max) - x(minNormal))} height="5" />
      <text x=${x(minSubnormal)} y=${y + 18}>${title}${other ? ', what if' : ''}</text></g>`;
  }

  #words(bars: readonly Bar[], range: FormatRange | null): string {
    const [first, last] = [bars[0], bars.at(-1)];
    if (first === undefined || last === undefined) return 'Every element is 0';
    const span = `Exponents of the elements, from 2 to the ${first.exponent} to 2 to the ${last.exponent}`;
    if (range === null) return span;
    const share = (kind: Bar['kind']): string =>
      shareWords(bars.filter((bar) => bar.kind === kind).reduce((sum, bar) => sum + bar.share, 0));
    return `${span}; below the range of ${range.title} ${share('under')}, subnormal ${share('subnormal')}, above it ${share('over')}`;
  }
}
