import { bitsOf, FORMATS } from '../../src/numerics/index.ts';
import type { CastMode, Format, FormatParts } from '../../src/numerics/index.ts';

/**
 * Formats once more, from the definition and in f64: every number is written down, and the nearest one is searched for.
 */
export interface Oracle {
  readonly parts: FormatParts & { readonly bias: number };
  /** Numbers from 0 up, by magnitude; the last one is what would follow the largest. */
  readonly numbers: Float64Array;
}

export function oracleOf({ exponentBits, mantissaBits, special, bias = 2 ** (exponentBits - 1) - 1 }: FormatParts): Oracle {
  const numbers: number[] = [];
  for (let e = 0; e <= 2 ** exponentBits; e += 1) {
    for (let f = 0; f < 2 ** mantissaBits; f += 1) {
      const subnormal = e === 0 && special !== 'scale';
      numbers.push(subnormal ? (f / 2 ** mantissaBits) * 2 ** (1 - bias) : (1 + f / 2 ** mantissaBits) * 2 ** (e - bias));
    }
  }
  const whole = 2 ** (exponentBits + mantissaBits);
  const taken = { ieee: 2 ** mantissaBits, fn: 1, finite: 0, scale: 1 }[special];
  return {
    parts: { exponentBits, mantissaBits, special, bias },
    numbers: Float64Array.from(numbers.slice(0, whole - taken + 1)),
  };
}

/** The value of a code: a magnitude of the oracle, or what its convention says of the codes above. */
export function valueOf({ parts, numbers }: Oracle, code: number): number {
  const { exponentBits, mantissaBits, special } = parts;
  const whole = 2 ** (exponentBits + mantissaBits);
  const magnitude = code % whole;
  const sign = code >= whole ? -1 : 1;
  if (magnitude < numbers.length - 1) return sign * (numbers[magnitude] ?? NaN);
  return special === 'ieee' && magnitude === (2 ** exponentBits - 1) * 2 ** mantissaBits ? sign * Infinity : NaN;
}

/** The code that x is cast to, nearest or toward zero; undefined for any code of NaN. x is an f32. */
export function codeOf({ parts, numbers }: Oracle, x: number, { round, saturate }: CastMode): number | undefined {
  const { exponentBits, mantissaBits, special } = parts;
  const max = numbers.length - 2;
  const infinity = special === 'ieee' ? (2 ** exponentBits - 1) * 2 ** mantissaBits : undefined;
  if (Number.isNaN(x)) return special === 'finite' ? max : undefined;
  if (special === 'scale' && x < 0) return undefined;
  const sign = (x < 0 || Object.is(x, -0)) && special !== 'scale' ? 2 ** (exponentBits + mantissaBits) : 0;
  const magnitude = nearest(numbers, Math.abs(x), round === 'zero', mantissaBits === 0);
  if (magnitude <= max) return sign + magnitude;
  if (saturate || special === 'finite' || (round === 'zero' && Math.abs(x) < Infinity)) return sign + max;
  return infinity === undefined ? undefined : sign + infinity;
}

/** Index of the number nearest to x >= 0; ties go to the even index, or up to a larger number if no mantissa bit makes a difference. */
function nearest(numbers: Float64Array, x: number, toZero: boolean, oneDigit: boolean): number {
  let low = 0;
  let high = numbers.length - 1;
  if (x >= (numbers[high] ?? 0)) return high;
  if (x < (numbers[0] ?? 0)) return 0;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] ?? 0) <= x) low = middle;
    else high = middle;
  }
  const [a = 0, b = 0] = [numbers[low], numbers[high]];
  const tie = (a + b) / 2;
  if (toZero || x < tie) return low;
  if (x > tie) return high;
  if (oneDigit) return a === 0 ? low : high;
  return low % 2 === 0 ? low : high;
}

/** f32 words where casts go wrong: every number, every tie, what lies just beside them, the ends, zeros, Inf and NaN; of both signs. */
export function hardWords({ numbers }: Oracle, every = 1): Uint32Array<ArrayBuffer> {
  const words = new Set<number>();
  for (const [i, number] of numbers.entries()) {
    if (i % every !== 0 && i < numbers.length - 3) continue;
    const next = numbers[i + 1] ?? number * 1.5;
    for (const x of [number, (number + next) / 2]) {
      const word = bitsOf(x);
      for (const near of [word - 1, word, word + 1]) if (near >= 0) words.add(near & 0x7fffffff);
    }
  }
  // Smallest and largest subnormal, smallest normal, 1, largest, Inf, and NaNs of several payloads.
  for (const word of [0, 1, 2, 0x3fffff, 0x400000, 0x400001, 0x5fffff, 0x600000, 0x600001, 0x7fffff, 0x800000, 0x3f800000])
    words.add(word);
  for (const word of [0x7f7fffff, 0x7f800000, 0x7f800001, 0x7fa00000, 0x7fc00000, 0x7fffffff]) words.add(word);
  return Uint32Array.from([...words].flatMap((word) => [word, (word | 0x80000000) >>> 0]));
}

export const named: readonly Format[] = Object.values(FORMATS);
/** All but f32, whose numbers are too many to write down. */
export const small = named.filter(({ bits }) => bits <= 16);
