import { HISTOGRAM_BINS, HISTOGRAM_FIRST_EXPONENT, type CastStats, type TensorProbe } from '../base/probe.ts';
import { formatChoice, formatFacts, formatTitle } from '../lab/index.ts';

/** What a format holds of a tensor, in exponents of the tensor's own values: the scale is divided out. */
export interface FormatRange {
  readonly title: string;
  /** Smallest number above 0, smallest normal one and largest one, as log2. */
  readonly minSubnormal: number;
  readonly minNormal: number;
  readonly max: number;
}

/** The range of a cast; null where each block has a scale of its own. */
export function rangeOf({ format, scaling, scale }: CastStats): FormatRange | null {
  const choice = formatChoice(format);
  if (choice.block !== null || scaling === 'block') return null;
  const { minNormal, minSubnormal, max } = formatFacts(choice.format);
  const shift = Math.log2(scale);
  if (!Number.isFinite(shift)) return null;
  return {
    title: formatTitle(format),
    minSubnormal: Math.log2(minSubnormal ?? minNormal) - shift,
    minNormal: Math.log2(minNormal) - shift,
    max: Math.log2(max) - shift,
  };
}

export type BarKind = 'under' | 'subnormal' | 'normal' | 'over' | 'plain';

export interface Bar {
  readonly exponent: number;
  readonly count: number;
  readonly share: number;
  readonly kind: BarKind;
}

/** The bins that hold something, each with where it lies in the range of the cast that the run makes. */
export function barsOf({ histogram }: TensorProbe, range: FormatRange | null): Bar[] {
  const total = histogram.reduce((sum, count) => sum + count, 0);
  return histogram.flatMap((count, bin) => {
    const exponent = HISTOGRAM_FIRST_EXPONENT + bin;
    return count === 0 ? [] : [{ exponent, count, share: count / total, kind: kindOf(exponent, range) }];
  });
}

/** A bin is [2^e, 2^(e+1)): below the smallest number where all of it is, above the largest where it begins there. */
function kindOf(exponent: number, range: FormatRange | null): BarKind {
  if (range === null) return 'plain';
  if (exponent + 1 <= range.minSubnormal) return 'under';
  if (exponent < range.minNormal) return 'subnormal';
  return exponent >= range.max ? 'over' : 'normal';
}

/** Exponents that a drawing spans: the tensor and the ranges, with some room, within what a histogram has. */
export function spanOf(bars: readonly Bar[], ranges: readonly FormatRange[]): readonly [from: number, to: number] {
  const lows = [...bars.map(({ exponent }) => exponent), ...ranges.map(({ minSubnormal }) => Math.floor(minSubnormal))];
  const highs = [...bars.map(({ exponent }) => exponent + 1), ...ranges.map(({ max }) => Math.ceil(max))];
  const last = HISTOGRAM_FIRST_EXPONENT + HISTOGRAM_BINS;
  if (lows.length === 0) return [-24, 8];
  // A format as wide as bf16 would push everything else together.
  const [low, high] = [
    Math.min(...bars.map(({ exponent }) => exponent), 0) - 30,
    Math.max(...bars.map(({ exponent }) => exponent), 0) + 24,
  ];
  return [Math.max(HISTOGRAM_FIRST_EXPONENT, low, Math.min(...lows) - 2), Math.min(last, high, Math.max(...highs) + 2)];
}
