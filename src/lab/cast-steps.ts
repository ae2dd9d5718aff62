import { SpecError } from '../base/errors.ts';
import { bitsOf, decode, encode, floatOf, type CastMode, type Format } from '../numerics/index.ts';

const SIGNIFICAND = 24;
const F32_BIAS = 127;
const RANDOM_BITS = 32;
const HIGHEST = 0xffffffff;
const F32_INFINITY = 0x7f800000;

/**
 * What becomes of a number.
 * - `exact`: the format has it. `rounded`: it has neighbours on either side. `overflow`: what it rounds to is beyond the range.
 * - `clamped`: 0, or less than a scale can be. `nan`, `inf`, `zero`: the number is that. `negative`: a scale has no sign.
 */
export type CastKind = 'nan' | 'inf' | 'zero' | 'exact' | 'rounded' | 'overflow' | 'clamped' | 'negative';

export interface CastOutcome {
  readonly code: number;
  /** What the code stands for, in the format. */
  readonly value: number;
  /** With the scale taken out again: f32. */
  readonly unscaled: number;
  readonly probability: number;
  /** Of {@link unscaled} against the f32 that was cast; NaN where either is not finite, and relative to 0. */
  readonly error: number;
  readonly relativeError: number;
}

/** One cast from f32, step by step. */
export interface CastSteps {
  readonly word: number;
  /** word x 2^scale as f32: what is rounded. */
  readonly scaledWord: number;
  readonly kind: CastKind;
  /** Bits of the significand 1.f that are dropped; more than 24 where the number lies far below the subnormals. */
  readonly drop: number;
  /** How many of the last digits of the 24 bits hidden bit | mantissa of `scaledWord` those are. */
  readonly dropShown: number;
  /** The dropped bits over half a unit of the last kept place. */
  readonly half: 'exact' | 'below' | 'tie' | 'above';
  /** The result is below the smallest normal number. */
  readonly subnormal: boolean;
  /** One, or with stochastic rounding two: the one nearer to zero first. */
  readonly outcomes: readonly CastOutcome[];
}

/**
 * Casts the f32 `word` times 2^scale, and tells how. The codes are those of `encode`.
 *
 * @param scale exponent, -126..126.
 */
export function castSteps(word: number, format: Format, mode: CastMode, scale = 0): CastSteps {
  const factor = 2 ** scale;
  const scaledWord = scale === 0 ? word : bitsOf(floatOf(word) * factor);
  const { drop, shift, rest, kept, whole, target } = parts(scaledWord, format);
  const half = rest === 0 ? 'exact' : rest * 2 < 2 ** drop ? 'below' : rest * 2 === 2 ** drop ? 'tie' : 'above';
  const codes = [encode(scaledWord, format, mode, 0), encode(scaledWord, format, mode, HIGHEST)] as const;
  const up = probabilityUp(rest, drop);
  const chances = codes[0] === codes[1] ? [[codes[0], 1] as const] : [[codes[0], 1 - up] as const, [codes[1], up] as const];
  const kind = kindOf(scaledWord, format, mode, { half, kept, whole });
  const x = floatOf(word);
  const outcomes = chances.map(([code, probability]): CastOutcome => {
    const value = floatOf(decode(code, format));
    const unscaled = Math.fround(value / factor);
    const error = unscaled - x;
    const relativeError = Number.isFinite(error) ? (error === 0 ? 0 : error / Math.abs(x)) : Number.NaN;
    return { code, value, unscaled, probability, error, relativeError };
  });
  return {
    word,
    scaledWord,
    kind,
    drop,
    dropShown: Math.min(SIGNIFICAND, Math.max(0, drop - shift)),
    half,
    subnormal: (kind === 'exact' || kind === 'rounded') && format.special !== 'scale' && target < 1,
    outcomes,
  };
}

interface Parts {
  readonly drop: number;
  /** How far the significand of an f32 subnormal is moved up. */
  readonly shift: number;
  /** The dropped bits as a number. */
  readonly rest: number;
  /** What is kept of the significand. */
  readonly kept: number;
  /** Magnitude toward zero, in a format that went on for ever. */
  readonly whole: number;
  /** Exponent field, before it is bounded below by 1. */
  readonly target: number;
}

function parts(word: number, { mantissaBits, bias, special }: Format): Parts {
  const magnitude = word & 0x7fffffff;
  if (magnitude === 0 || magnitude >= F32_INFINITY) return { drop: 0, shift: 0, rest: 0, kept: 0, whole: 0, target: 0 };
  const field = magnitude >>> 23;
  const shift = field === 0 ? Math.clz32(magnitude) - 8 : 0;
  const significand = field === 0 ? magnitude * 2 ** shift : (magnitude & 0x7fffff) + 2 ** 23;
  const target = (field === 0 ? 1 - shift : field) - F32_BIAS + bias;
  const drop = 23 - mantissaBits + (special === 'scale' ? 0 : Math.max(1 - target, 0));
  const rest = significand % 2 ** drop;
  const kept = (significand - rest) / 2 ** drop;
  const whole = special === 'scale' ? target : (Math.max(target, 1) - 1) * 2 ** mantissaBits + kept;
  return { drop, shift, rest, kept, whole, target };
}

function kindOf(
  word: number,
  format: Format,
  { round }: CastMode,
  { half, kept, whole }: { readonly half: CastSteps['half']; readonly kept: number; readonly whole: number },
): CastKind {
  const magnitude = word & 0x7fffffff;
  const isScale = format.special === 'scale';
  if (magnitude > F32_INFINITY) return 'nan';
  if (isScale && word >>> 31 === 1 && magnitude !== 0) return 'negative';
  if (magnitude === F32_INFINITY) return 'inf';
  if (isScale && floatOf(magnitude) < format.minValue) return 'clamped';
  if (magnitude === 0) return 'zero';
  const goesUp = round === 'nearest' && (half === 'above' || (half === 'tie' && kept % 2 === 1));
  if (whole + (goesUp ? 1 : 0) > format.maxMagnitude) return 'overflow';
  return half === 'exact' ? 'exact' : 'rounded';
}

/** That the dropped bits and as many random ones carry; beyond 32 bits they count as 0. */
function probabilityUp(rest: number, drop: number): number {
  return drop > RANDOM_BITS ? Math.floor(rest / 2 ** (drop - RANDOM_BITS)) / 2 ** RANDOM_BITS : rest / 2 ** drop;
}

const WORDS: ReadonlyMap<string, number> = new Map([
  ['inf', F32_INFINITY],
  ['infinity', F32_INFINITY],
  ['nan', 0x7fc00000],
]);
const MAX_TEXT = 64;
const HEX_WORD = /^0x([0-9a-f]{8})$/;
const SIGNED = /^([+-]?)(.*)$/;
const POWER = /^(?:(\d+(?:\.\d*)?|\.\d+)\s*[*·×x]\s*)?2\s*\^\s*([+-]?\d{1,4})$/;
const FRACTION = /^(\d+(?:\.\d+)?)\s*\/\s*(\d+(?:\.\d+)?)$/;
const DECIMAL = /^(\d+(\.\d*)?|\.\d+)(e[+-]?\d{1,4})?$/;

/**
 * The f32 word that a text says: a decimal, `1/3`, `1.5*2^-7`, `inf`, `nan`, or the word itself as `0x` and 8 hex digits.
 *
 * @throws SpecError for any other text.
 */
export function wordOf(text: string): number {
  const plain = text
    .trim()
    .toLowerCase()
    .replaceAll('−', '-')
    .replaceAll(/[,_](?=\d{3})/g, '');
  const word = HEX_WORD.exec(plain)?.[1];
  if (word !== undefined && text.length <= MAX_TEXT) return Number.parseInt(word, 16);
  const [, sign = '', body = ''] = SIGNED.exec(plain) ?? [];
  const magnitude = text.length > MAX_TEXT ? undefined : (WORDS.get(body) ?? finite(body));
  if (magnitude === undefined) {
    throw new SpecError({
      where: 'number',
      rule: 'cannot be read',
      got: JSON.stringify(text.slice(0, MAX_TEXT)),
      expected: 'a decimal, a fraction 1/3, a power 1.5*2^-7, inf, nan, or an f32 word 0x3dcccccd',
    });
  }
  return (magnitude | (sign === '-' ? 0x80000000 : 0)) >>> 0;
}

function finite(text: string): number | undefined {
  const [power, factor = '1', exponent] = POWER.exec(text) ?? [];
  if (power !== undefined) return bitsOf(Number(factor) * 2 ** Number(exponent));
  const [fraction, above, below] = FRACTION.exec(text) ?? [];
  if (fraction !== undefined) {
    const quotient = Number(above) / Number(below);
    return Number.isNaN(quotient) ? WORDS.get('nan') : bitsOf(quotient);
  }
  return DECIMAL.test(text) ? bitsOf(Number(text)) : undefined;
}
