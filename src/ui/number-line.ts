import { scaleLinear } from 'd3-scale';
import { binades, codeAt, codeKind, codeValue, places, power, type Format } from '../lab/index.ts';
import { short } from './format.ts';

export interface LineOptions {
  /** The upper format and the lower one. */
  readonly formats: readonly [Format, Format];
  /** Whose numbers the axis spans. */
  readonly spanned: readonly Format[];
  readonly axis: 'log' | 'linear';
  /** CSS pixels. */
  readonly width: number;
}

/** A number of a format on the line. */
export interface Mark {
  readonly place: number;
  readonly x: number;
  /** `anchor`: zero, and powers of two. */
  readonly kind: 'anchor' | 'normal' | 'subnormal';
}

/** A binade of a format with too many numbers to draw. */
export interface Bar {
  readonly x: number;
  readonly width: number;
  /** 0..1 on a log scale. */
  readonly height: number;
  readonly subnormal: boolean;
}

export interface Lane {
  readonly format: Format;
  readonly marks: readonly Mark[];
  readonly bars: readonly Bar[];
  /** Numbers of the fullest binade of the bars. */
  readonly densest: number;
}

export interface Line {
  readonly lanes: readonly [Lane, Lane];
  readonly ticks: readonly { readonly x: number; readonly label: string }[];
  /** Where a number lies; `null` beyond the axis, to the left (`low`) or the right. On a log axis 0 has a place of its own. */
  readonly place: (value: number) => { readonly x: number; readonly beyond: 'low' | 'high' | null };
  /** The number at a position. */
  readonly value: (x: number) => number;
}

/** Formats of at most so many bits have a mark for every number. */
const MARKED_BITS = 8;
const PAD = 14;
/** Room for 0 at the left of a log axis. */
const ZERO = 26;
const TICK_SPACING = 52;
const STEPS = [1, 2, 4, 8, 16, 32, 64];

/** Places everything on the line; nothing is drawn. */
export function numberLine({ formats, spanned, axis, width }: LineOptions): Line {
  const max = Math.max(...spanned.map(({ maxValue }) => maxValue));
  const min = Math.min(...spanned.map(({ minValue }) => minValue));
  const signed = spanned.some(({ special }) => special !== 'scale');
  const scale = axis === 'log' ? logScale(Math.log2(min), Math.log2(max), width) : linearScale(signed ? -max : 0, max, width);
  const densest = Math.max(1, ...formats.filter(({ bits }) => bits > MARKED_BITS).map(({ mantissaBits }) => 2 ** mantissaBits));
  const lane = (format: Format): Lane =>
    format.bits <= MARKED_BITS
      ? { format, marks: marks(format, scale, axis), bars: [], densest }
      : { format, marks: [], bars: bars(format, scale, axis, densest), densest };
  const [upper, lower] = formats;
  return { ...scale, lanes: [lane(upper), lane(lower)] };
}

type Scale = Pick<Line, 'ticks' | 'place' | 'value'>;

function logScale(low: number, high: number, width: number): Scale {
  const [left, right] = [PAD + ZERO, width - PAD];
  const scale = scaleLinear()
    .domain([low - 0.4, high + 0.4])
    .range([left, right]);
  const step = STEPS.find((each) => scale(each) - scale(0) >= TICK_SPACING) ?? 64;
  const first = Math.ceil(low / step) * step;
  const count = Math.max(0, Math.floor((Math.floor(high) - first) / step) + 1);
  const ticks = Array.from({ length: count }, (_, i) => first + i * step).map((at) => ({ x: scale(at), label: power(at) }));
  return {
    ticks: [{ x: PAD, label: '0' }, ...ticks.filter(({ x }) => x > left + 8)],
    place: (value) => {
      const size = Math.abs(value);
      if (size === 0) return { x: PAD, beyond: null };
      const x = scale(Math.log2(size));
      return x < left ? { x: left, beyond: 'low' } : x > right ? { x: right, beyond: 'high' } : { x, beyond: null };
    },
    value: (x) => (x < left - ZERO / 2 ? 0 : 2 ** scale.invert(Math.min(right, Math.max(left, x)))),
  };
}

function linearScale(low: number, high: number, width: number): Scale {
  const [left, right] = [PAD, width - PAD];
  const scale = scaleLinear().domain([low, high]).range([left, right]);
  const ticks = scale.ticks(Math.max(2, Math.floor(width / (TICK_SPACING * 1.6))));
  return {
    ticks: ticks.map((at) => ({ x: scale(at), label: at === 0 ? '0' : short(at).replace('-', '−') })),
    place: (value) => {
      const x = scale(value);
      return x < left ? { x: left, beyond: 'low' } : x > right ? { x: right, beyond: 'high' } : { x, beyond: null };
    },
    value: (x) => scale.invert(Math.min(right, Math.max(left, x))),
  };
}

function marks(format: Format, { place }: Scale, axis: LineOptions['axis']): Mark[] {
  const [low, high] = places(format);
  const first = axis === 'log' ? 0 : low;
  const found: Mark[] = [];
  for (let at = first; at <= high; at += 1) {
    const code = codeAt(at, format);
    const { x, beyond } = place(codeValue(code, format));
    if (beyond !== null) continue;
    const kind = codeKind(code, format);
    const anchor = at % 2 ** format.mantissaBits === 0;
    found.push({ place: at, x, kind: anchor ? 'anchor' : kind === 'subnormal' ? 'subnormal' : 'normal' });
  }
  return found;
}

function bars(format: Format, { place }: Scale, axis: LineOptions['axis'], densest: number): Bar[] {
  const signs = axis === 'log' ? [1] : [-1, 1];
  return signs.flatMap((sign) =>
    binades(format).flatMap(({ exponent, numbers, subnormal }) => {
      const from = place(sign * 2 ** exponent);
      const to = place(sign * Math.min(2 ** (exponent + 1), format.maxValue));
      if (from.beyond !== null && from.beyond === to.beyond) return [];
      const height = (Math.log2(numbers) + 1) / (Math.log2(densest) + 1);
      return [{ x: Math.min(from.x, to.x), width: Math.max(0.5, Math.abs(to.x - from.x)), height, subnormal }];
    }),
  );
}
