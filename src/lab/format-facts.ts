import { codeValue } from './formats.ts';
import type { BlockFormat, Format } from '../numerics/index.ts';

/** What a format can and cannot hold. */
export interface FormatFacts {
  /** 2^bits. */
  readonly codes: number;
  /** Codes that are numbers; +0 and -0 are two. */
  readonly finite: number;
  readonly infinities: number;
  readonly nans: number;
  readonly max: number;
  readonly minNormal: number;
  /** `null` where there is no subnormal number. */
  readonly minSubnormal: number | null;
  /** Distance of neighbours over their size, just above a power of two: 2^-mantissaBits. */
  readonly spacing: number;
  /** 2^-(mantissaBits + 1): the relative error of rounding a number of the normal range to nearest stays below it. */
  readonly roundoff: number;
  /** To nearest, numbers from here on leave the range; `inclusive` tells of the number itself. */
  readonly overflow: { readonly from: number; readonly inclusive: boolean };
  /** Powers of two with all their mantissas, and powers of two below them that subnormals reach. */
  readonly binades: { readonly normal: number; readonly subnormal: number };
  /** 20 log10 of the largest over the smallest number above 0. */
  readonly rangeDb: number;
}

export function formatFacts(format: Format): FormatFacts {
  const { bits, special, maxMagnitude, overflowMagnitude, nanMagnitude, mantissaBits, maxValue, minNormal, minValue, emax } =
    format;
  const signs = special === 'scale' ? 1 : 2;
  const codes = 2 ** bits;
  const finite = signs * (maxMagnitude + 1);
  const infinities = overflowMagnitude > maxMagnitude && overflowMagnitude !== nanMagnitude ? signs : 0;
  const step = 2 ** (emax - mantissaBits);
  return {
    codes,
    finite,
    infinities,
    nans: codes - finite - infinities,
    max: maxValue,
    minNormal,
    minSubnormal: minValue < minNormal ? minValue : null,
    spacing: 2 ** -mantissaBits,
    roundoff: 2 ** -(mantissaBits + 1),
    // A tie goes to the even code, without mantissa bits to the larger number.
    overflow: { from: maxValue + step / 2, inclusive: maxMagnitude % 2 === 1 || mantissaBits === 0 },
    binades: {
      normal: emax - Math.log2(minNormal) + 1,
      subnormal: Math.log2(minNormal) - Math.log2(minValue),
    },
    rangeDb: 20 * Math.log10(maxValue / minValue),
  };
}

/** How many numbers lie in [2^exponent, 2^(exponent + 1)). */
export interface Binade {
  readonly exponent: number;
  readonly numbers: number;
  readonly subnormal: boolean;
}

/** The binades of the numbers above 0, lowest first. */
export function binades(format: Format): readonly Binade[] {
  const { mantissaBits, emax, minNormal, minValue, maxMagnitude } = format;
  const lowest = Math.log2(minValue);
  const normal = Math.log2(minNormal);
  return Array.from({ length: emax - lowest + 1 }, (_, i) => {
    const exponent = lowest + i;
    const subnormal = exponent < normal;
    // The top binade may end early, where codes are no numbers.
    const full = subnormal ? 2 ** i : 2 ** mantissaBits;
    const numbers = exponent === emax ? Math.min(full, (maxMagnitude % 2 ** mantissaBits) + 1) : full;
    return { exponent, numbers, subnormal };
  });
}

/** A block format in words: what shares a scale, how the scale is made, what an element costs. */
export function blockWords({ element, scale, rows, columns }: BlockFormat): string {
  const count = rows * columns;
  const shape = rows === 1 ? `${columns} neighbours` : `${rows} × ${columns} neighbours`;
  const { bits, how } = {
    e8m0: { bits: 8, how: `an E8M0 scale, 2^(⌊log₂ amax⌋ − ${element.emax}), so the largest element may saturate` },
    e4m3: { bits: 8, how: `an E4M3 scale, amax / ${element.maxValue}, beside one f32 for the whole tensor` },
    f32: { bits: 32, how: `an f32 scale, amax / ${element.maxValue}` },
  }[scale];
  const cost = Number((element.bits + bits / count).toFixed(3));
  return `Blocks: ${shape} share ${how}. ${cost} bits an element. The explorer shows the elements; its scale 2ⁿ is 1 over the block’s scale.`;
}

/** From a number to the next larger one; `null` at the largest. */
export function distanceAbove(magnitude: number, format: Format): number | null {
  return magnitude < format.maxMagnitude ? codeValue(magnitude + 1, format) - codeValue(magnitude, format) : null;
}
