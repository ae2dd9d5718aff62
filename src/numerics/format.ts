import { SpecError } from '../base/errors.ts';

/**
 * Which codes are no numbers.
 * - `ieee`: the highest exponent field holds Inf (mantissa 0) and NaN, as in IEEE 754.
 * - `fn`: no Inf; NaN is the one magnitude with every bit set, as in OCP E4M3.
 * - `finite`: every code is a number, as in OCP E2M1, E2M3 and E3M2. NaN becomes the positive maximum, as CUDA has it.
 * - `scale`: OCP E8M0. Code c is 2^(c - bias), no sign, no zero, all bits set is NaN. Zero and what is smaller than any code becomes code 0,
 *   a negative number becomes NaN.
 */
export type Special = 'ieee' | 'fn' | 'finite' | 'scale';

/** What a binary floating-point format is made of: value = +-1.f * 2^(e - bias), and +-0.f * 2^(1 - bias) where e = 0. */
export interface FormatParts {
  readonly exponentBits: number;
  readonly mantissaBits: number;
  readonly special: Special;
  /** 2^(exponentBits - 1) - 1 when left out. */
  readonly bias?: number;
}

/**
 * A number format of at most 32 bits whose every number is an f32. A code is sign | exponent | mantissa; its magnitude is the code without
 * the sign, and magnitudes are in the order of their values.
 */
export interface Format extends Required<FormatParts> {
  readonly name: string;
  /** Bits of a code. */
  readonly bits: number;
  /** Place of the sign bit: bits of a magnitude. */
  readonly signShift: number;
  /** Magnitude of the largest number. */
  readonly maxMagnitude: number;
  /** What is too large becomes this when not saturating: Inf, NaN where there is no Inf, the maximum where there is neither. */
  readonly overflowMagnitude: number;
  /** The NaN that casts give: quiet, as few bits as can be. The maximum where there is none. */
  readonly nanMagnitude: number;
  readonly maxValue: number;
  readonly minNormal: number;
  /** The smallest number above 0. */
  readonly minValue: number;
  /** Exponent of the largest number: floor(log2(maxValue)). */
  readonly emax: number;
}

/** Exponents of the f32 numbers: largest, and smallest of a subnormal. */
const F32_EMAX = 127;
const F32_EMIN = -149;
const MAX_EXPONENT_BITS = 8;
const MAX_MANTISSA_BITS = 23;

/**
 * A format from its parts.
 *
 * @throws SpecError for parts that make no format, or one with numbers that f32 does not have.
 */
export function defineFormat(name: string, { exponentBits, mantissaBits, special, bias }: FormatParts): Format {
  const where = `format ${name}`;
  checkBits(where, 'exponent bits', exponentBits, 1, MAX_EXPONENT_BITS);
  checkBits(where, 'mantissa bits', mantissaBits, 0, MAX_MANTISSA_BITS);
  const b = bias ?? 2 ** (exponentBits - 1) - 1;
  if (!Number.isSafeInteger(b)) throw new SpecError({ where, rule: 'the bias is not a whole number', got: String(b) });
  if (special === 'scale' && (exponentBits !== 8 || mantissaBits !== 0 || b !== 127)) {
    const got = `E${exponentBits}M${mantissaBits} with bias ${b}`;
    throw new SpecError({ where, rule: 'only E8M0 is a scale', got, expected: 'E8M0 with bias 127' });
  }
  if (special === 'ieee' && mantissaBits === 0) {
    const cure = 'Choose the convention fn or finite.';
    throw new SpecError({
      where,
      rule: 'without mantissa bits there is no NaN beside Inf',
      got: 'mantissa bits 0',
      expected: 'at least 1',
      cure,
    });
  }
  const signShift = exponentBits + mantissaBits;
  const top = 2 ** signShift - 1;
  const infinity = (2 ** exponentBits - 1) * 2 ** mantissaBits;
  const [maxMagnitude, overflowMagnitude, nanMagnitude] = {
    ieee: [infinity - 1, infinity, infinity + 2 ** (mantissaBits - 1)] as const,
    fn: [top - 1, top, top] as const,
    finite: [top, top, top] as const,
    scale: [top - 1, top, top] as const,
  }[special];
  if (maxMagnitude < 1)
    throw new SpecError({ where, rule: 'zero is its only number', cure: 'Give it more exponent or mantissa bits.' });
  const value = (magnitude: number): number => magnitudeValue(magnitude, mantissaBits, b, special);
  const maxValue = value(maxMagnitude);
  const minExponent = special === 'scale' ? -b : 1 - b - mantissaBits;
  if (maxValue >= 2 ** (F32_EMAX + 1) || minExponent < F32_EMIN) {
    const got = `numbers from 2^${minExponent} to ${maxValue}`;
    throw new SpecError({
      where,
      rule: 'f32 does not hold its numbers',
      got,
      expected: `2^${F32_EMIN} to below 2^${F32_EMAX + 1}`,
      cure: 'Choose another bias.',
    });
  }
  return {
    name,
    exponentBits,
    mantissaBits,
    special,
    bias: b,
    bits: special === 'scale' ? signShift : signShift + 1,
    signShift,
    maxMagnitude,
    overflowMagnitude,
    nanMagnitude,
    maxValue,
    minNormal: special === 'scale' ? value(0) : 2 ** (1 - b),
    minValue: value(special === 'scale' ? 0 : 1),
    emax: exponentOf(maxValue),
  };
}

/** The formats that have a name. `E4M3` is OCP's: E4M3FN of ml_dtypes. */
export const FORMATS = {
  f32: defineFormat('f32', { exponentBits: 8, mantissaBits: 23, special: 'ieee' }),
  bf16: defineFormat('bf16', { exponentBits: 8, mantissaBits: 7, special: 'ieee' }),
  fp16: defineFormat('fp16', { exponentBits: 5, mantissaBits: 10, special: 'ieee' }),
  e4m3: defineFormat('e4m3', { exponentBits: 4, mantissaBits: 3, special: 'fn' }),
  e5m2: defineFormat('e5m2', { exponentBits: 5, mantissaBits: 2, special: 'ieee' }),
  e2m3: defineFormat('e2m3', { exponentBits: 2, mantissaBits: 3, special: 'finite' }),
  e3m2: defineFormat('e3m2', { exponentBits: 3, mantissaBits: 2, special: 'finite' }),
  e2m1: defineFormat('e2m1', { exponentBits: 2, mantissaBits: 1, special: 'finite' }),
  e8m0: defineFormat('e8m0', { exponentBits: 8, mantissaBits: 0, special: 'scale' }),
} as const;

const NAMED: ReadonlyMap<string, Format> = new Map(Object.entries(FORMATS));
const GENERIC = /^e(\d{1,3})m(\d{1,3})(?:-(ieee|fn|finite))?$/;

/**
 * A format by its name, in any case: one of {@link FORMATS}, or `e<X>m<Y>`, an IEEE-like format of X exponent and Y mantissa bits, which
 * `-fn` or `-finite` behind it give another convention (`e3m4`, `e3m4-fn`).
 *
 * @throws SpecError for a name that is neither, or parts that make no format.
 */
export function formatNamed(name: string): Format {
  const key = name.toLowerCase();
  const named = NAMED.get(key);
  if (named !== undefined) return named;
  const [matched, exponentBits, mantissaBits, special = 'ieee'] = GENERIC.exec(key) ?? [];
  if (matched === undefined) {
    const expected = `${[...NAMED.keys()].join(', ')} or e<X>m<Y>, which -fn or -finite may follow`;
    throw new SpecError({ where: 'format', rule: 'there is no such format', got: JSON.stringify(name), expected });
  }
  return defineFormat(key, {
    exponentBits: Number(exponentBits),
    mantissaBits: Number(mantissaBits),
    special: special as Special,
  });
}

/** A magnitude's value by the formula of the format; for `overflowMagnitude` what it would be as a number. Exact in f64. */
function magnitudeValue(magnitude: number, mantissaBits: number, bias: number, special: Special): number {
  if (special === 'scale') return 2 ** (magnitude - bias);
  const unit = 2 ** mantissaBits;
  const exponent = Math.floor(magnitude / unit);
  const fraction = (magnitude % unit) / unit;
  return exponent === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (exponent - bias);
}

/** floor(log2(x)) of a normal f64 above 0. */
function exponentOf(x: number): number {
  const guess = Math.floor(Math.log2(x));
  // The logarithm is rounded: beside a power of two it may land on the wrong side.
  return 2 ** guess > x ? guess - 1 : 2 ** (guess + 1) <= x ? guess + 1 : guess;
}

function checkBits(where: string, what: string, bits: number, min: number, max: number): void {
  if (!Number.isInteger(bits) || bits < min || bits > max) {
    throw new SpecError({ where, rule: `${what} out of bounds`, got: String(bits), expected: `${min}..${max}` });
  }
}
