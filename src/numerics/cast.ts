import { philoxInto, STREAM } from '../base/random.ts';
import { bitsOf, floatOf } from './bits.ts';
import type { Format } from './format.ts';

/**
 * Casts from and to f32, wholly on bits, so that they give the same on every machine; `shaders/lib/cast.wgsl` is the same in every bit.
 */

/** `nearest`: to nearest, ties to even. `zero`: toward zero. `stochastic`: up with the probability that keeps the mean. */
export type Rounding = 'nearest' | 'zero' | 'stochastic';

export interface CastMode {
  readonly round: Rounding;
  /**
   * What lies beyond the range, Inf included, becomes the maximum (OCP); else Inf, NaN in formats without Inf, the maximum in formats
   * without NaN. Toward zero no finite number leaves the range (IEEE 754 section 7.4). NaN stays NaN either way.
   */
  readonly saturate: boolean;
}

export const NEAREST: CastMode = { round: 'nearest', saturate: true };

/** Where the random bits of stochastic rounding come from: element i is drawn from (seed, draw, index of i) alone. */
export interface Draw {
  readonly seed: number;
  /** Tells draws of one seed apart: two u32, such as tensor and step. */
  readonly tensor?: number;
  readonly step?: number;
}

const SIGN = 0x80000000;
const F32_INFINITY = 0x7f800000;
const F32_NAN = 0x7fc00000;
const F32_BIAS = 127;
const F32_MANTISSA = 23;
/** Exponent of the smallest f32. */
const F32_EMIN = -149;

/**
 * The code of an f32 word. Where the tie of two neighbours has no even one, as without mantissa bits, it goes to the larger (IEEE 754
 * section 4.3.1).
 *
 * @param word the bits of an f32: u32.
 * @param random u32, uniform; read by stochastic rounding only.
 */
export function encode(word: number, format: Format, { round, saturate }: CastMode = NEAREST, random = 0): number {
  const { mantissaBits, bias, signShift, maxMagnitude, overflowMagnitude, nanMagnitude, special } = format;
  const magnitude = word & 0x7fffffff;
  const negative = word >>> 31 === 1;
  const limit = saturate ? maxMagnitude : overflowMagnitude;
  if (special === 'scale') {
    if (magnitude > F32_INFINITY || (negative && magnitude !== 0)) return nanMagnitude;
    return magnitude === F32_INFINITY
      ? limit
      : encodeScale(magnitude, maxMagnitude, round === 'zero' ? maxMagnitude : limit, round, random);
  }
  const sign = negative ? (1 << signShift) >>> 0 : 0;
  if (magnitude > F32_INFINITY) return nanMagnitude > maxMagnitude ? (sign | nanMagnitude) >>> 0 : nanMagnitude;
  if (magnitude === F32_INFINITY) return (sign | limit) >>> 0;
  if (magnitude === 0) return sign;
  const overflow = round === 'zero' ? maxMagnitude : limit;
  // magnitude = significand * 2^(exponent - 150), the significand's top bit at 23.
  const field = magnitude >>> F32_MANTISSA;
  const shift = field === 0 ? Math.clz32(magnitude) - 8 : 0;
  const significand = field === 0 ? magnitude << shift : (magnitude & 0x7fffff) | 0x800000;
  const exponent = field === 0 ? 1 - shift : field;
  // The exponent field it would have; below 1 it is subnormal and loses more bits.
  const target = exponent - F32_BIAS + bias;
  if (target > (maxMagnitude >>> mantissaBits) + 1) return (sign | overflow) >>> 0;
  const drop = F32_MANTISSA - mantissaBits + Math.max(1 - target, 0);
  // The significand's top bit adds the one that is missing to the exponent field; a carry adds another.
  const rounded = ((Math.max(target, 1) - 1) << mantissaBits) + roundOff(significand, drop, round, random);
  return (sign | (rounded > maxMagnitude ? overflow : rounded)) >>> 0;
}

/** The f32 word of a code; every NaN is the quiet one of its sign. Bits above the code are ignored. */
export function decode(code: number, format: Format): number {
  const { mantissaBits, bias, signShift, maxMagnitude, overflowMagnitude, nanMagnitude, special } = format;
  const magnitude = (code & (2 ** signShift - 1)) >>> 0;
  const sign = special !== 'scale' && (code >>> signShift) & 1 ? SIGN : 0;
  if (magnitude > maxMagnitude) {
    return (sign | (magnitude === overflowMagnitude && overflowMagnitude !== nanMagnitude ? F32_INFINITY : F32_NAN)) >>> 0;
  }
  // value = significand * 2^unit
  const field = magnitude >>> mantissaBits;
  const fraction = magnitude & (2 ** mantissaBits - 1);
  const significand = special === 'scale' ? 1 : field === 0 ? fraction : fraction | (1 << mantissaBits);
  const unit = (special === 'scale' ? field : Math.max(field, 1)) - bias - mantissaBits;
  if (significand === 0) return sign >>> 0;
  const top = 31 - Math.clz32(significand);
  const exponent = top + unit + F32_BIAS;
  if (exponent < 1) return (sign | (significand << (unit - F32_EMIN))) >>> 0;
  return (sign | (exponent << F32_MANTISSA) | ((significand << (F32_MANTISSA - top)) & 0x7fffff)) >>> 0;
}

/** The number of a format that `x`, rounded to f32, is cast to. */
export function cast(x: number, format: Format, mode: CastMode = NEAREST, random = 0): number {
  return floatOf(decode(encode(bitsOf(x), format, mode, random), format));
}

export interface CastOptions extends CastMode {
  /** x * scale is cast, as an f32 product; values are multiplied by 1/scale again. A finite f32 above 0 with a finite 1/scale. */
  readonly scale: number;
  readonly draw: Draw;
}

export const PLAIN: CastOptions = { ...NEAREST, scale: 1, draw: { seed: 0 } };

export interface Casts {
  readonly codes: Uint32Array<ArrayBuffer>;
  /** The f32 words that the codes stand for. */
  readonly values: Uint32Array<ArrayBuffer>;
}

/** Casts f32 words. `draw` gives element i its random bits by its index. */
export function castWords(words: Uint32Array, format: Format, { round, saturate, scale, draw }: CastOptions = PLAIN): Casts {
  const codes = new Uint32Array(words.length);
  const values = new Uint32Array(words.length);
  const mode = { round, saturate };
  const random = new RoundingBits(draw);
  const inverse = Math.fround(1 / scale);
  for (let i = 0; i < words.length; i += 1) {
    const code = encode(scaled(words[i] ?? 0, scale), format, mode, round === 'stochastic' ? random.at(i) : 0);
    codes[i] = code;
    values[i] = scaled(decode(code, format), inverse);
  }
  return { codes, values };
}

/** The random words of one draw: Philox at (index / 4, 0, tensor, step) under (seed, rounding), word index % 4. */
export class RoundingBits {
  readonly #draw: Draw;
  readonly #words = new Uint32Array(4);
  #block = -1;

  constructor(draw: Draw) {
    this.#draw = draw;
  }

  /** @param index below 2^34. */
  at(index: number): number {
    const block = Math.floor(index / 4);
    if (block !== this.#block) {
      const { seed, tensor = 0, step = 0 } = this.#draw;
      philoxInto(this.#words, block, 0, tensor, step, seed, STREAM.rounding);
      this.#block = block;
    }
    return this.#words[index % 4] ?? 0;
  }
}

/** The f32 product of a word and a positive factor. NaN passes as it stands, whose bits a processor may choose. */
function scaled(word: number, factor: number): number {
  const isNaN = (word & 0x7fffffff) > F32_INFINITY;
  // The product of two f32 is exact in f64.
  return factor === 1 || isNaN ? word : bitsOf(floatOf(word) * factor);
}

/** E8M0 of a positive f32's bits: as if with one significant bit, whose ties go up. */
function encodeScale(magnitude: number, max: number, overflow: number, round: Rounding, random: number): number {
  const field = magnitude >>> F32_MANTISSA;
  // Code 0 is 2^-127, bit 22 of an f32 subnormal.
  if (magnitude < 0x400000) return 0;
  const fraction = field === 0 ? (magnitude - 0x400000) << 1 : magnitude & 0x7fffff;
  const code = field - 1 + roundOff(fraction | 0x800000, F32_MANTISSA, round, random);
  return code > max ? overflow : code;
}

/**
 * significand / 2^drop as a whole number. Stochastic: rounds up where the dropped bits and as many of the highest random ones carry; what lies
 * beyond 32 dropped bits counts as 0.
 *
 * @param significand u32
 */
function roundOff(significand: number, drop: number, round: Rounding, random: number): number {
  if (drop === 0) return significand;
  const whole = drop > 31 ? 0 : significand >>> drop;
  if (round === 'zero') return whole;
  const rest = drop > 31 ? significand : (significand & (2 ** drop - 1)) >>> 0;
  if (round === 'nearest') {
    if (drop > 32) return 0;
    const half = 2 ** (drop - 1);
    return rest > half || (rest === half && whole % 2 === 1) ? whole + 1 : whole;
  }
  const width = Math.min(drop, 32);
  const kept = drop > 63 ? 0 : rest >>> (drop - width);
  const drawn = random >>> (32 - width);
  return kept + drawn >= 2 ** width ? whole + 1 : whole;
}
