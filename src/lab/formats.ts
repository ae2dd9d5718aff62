import { SpecError } from '../base/errors.ts';
import { BLOCK_FORMATS, floatOf, decode, formatNamed, type BlockFormat, type Format } from '../numerics/index.ts';

/** A format as the explorer shows it: of single numbers, or of blocks whose elements it looks at. */
export interface FormatChoice {
  /** As the user or a link names it, in lower case. */
  readonly name: string;
  /** What papers call it. */
  readonly title: string;
  /** Of a number, or of the elements of a block. */
  readonly format: Format;
  readonly block: BlockFormat | null;
}

const TITLES: Readonly<Record<string, string>> = {
  e2m3: 'FP6 E2M3',
  e3m2: 'FP6 E3M2',
  e2m1: 'FP4 E2M1',
  f32: 'f32',
  bf16: 'bf16',
  fp16: 'fp16',
  'mxfp8-e4m3': 'MXFP8 E4M3',
  'mxfp8-e5m2': 'MXFP8 E5M2',
  'mxfp6-e2m3': 'MXFP6 E2M3',
  'mxfp6-e3m2': 'MXFP6 E3M2',
  'fp8-1x128': 'FP8 1x128',
  'fp8-128x128': 'FP8 128x128',
};

/** The formats that the explorer offers by name; any `e<X>m<Y>` may be typed beside them. */
export const FORMAT_GROUPS: readonly { readonly label: string; readonly names: readonly string[] }[] = [
  { label: '8 bits', names: ['e4m3', 'e5m2', 'e8m0'] },
  { label: '6 and 4 bits', names: ['e2m3', 'e3m2', 'e2m1'] },
  { label: '16 and 32 bits', names: ['bf16', 'fp16', 'f32'] },
  { label: 'Blocks that share a scale', names: Object.keys(BLOCK_FORMATS) },
];

const BLOCKS: ReadonlyMap<string, BlockFormat> = new Map(Object.entries(BLOCK_FORMATS));

/** Longest name that is looked at. */
const MAX_NAME = 24;

/**
 * The format of a name in any case: a named one, a block format, or any `e<X>m<Y>[-fn|-finite]`.
 *
 * @throws SpecError for a name of nothing, or of parts that make no format.
 */
export function formatChoice(text: string): FormatChoice {
  const name = text.trim().toLowerCase();
  if (name.length > MAX_NAME)
    throw new SpecError({
      where: 'format',
      rule: 'the name is too long',
      got: `${name.length} characters`,
      expected: `${MAX_NAME} at most`,
    });
  const block = BLOCKS.get(name) ?? null;
  const format = block?.element ?? formatNamed(name);
  return { name, title: formatTitle(name), format, block };
}

export function formatTitle(name: string): string {
  return TITLES[name] ?? name.toUpperCase().replace(/-(FN|FINITE|IEEE)$/, (ending) => ending.toLowerCase());
}

export type CodeKind = 'zero' | 'subnormal' | 'normal' | 'inf' | 'nan';

/** The magnitude of a code: the code without its sign. */
export function magnitudeOf(code: number, { signShift }: Format): number {
  return code % 2 ** signShift;
}

export function codeKind(code: number, format: Format): CodeKind {
  const magnitude = magnitudeOf(code, format);
  if (magnitude > format.maxMagnitude) return Number.isNaN(codeValue(code, format)) ? 'nan' : 'inf';
  if (format.special === 'scale') return 'normal';
  return magnitude === 0 ? 'zero' : magnitude < 2 ** format.mantissaBits ? 'subnormal' : 'normal';
}

/** The number that a code stands for. */
export function codeValue(code: number, format: Format): number {
  return floatOf(decode(code, format));
}

/** `0x7e`, with as many digits as the format's codes need. */
export function codeHex(code: number, { bits }: Format): string {
  return `0x${code.toString(16).padStart(Math.ceil(bits / 4), '0')}`;
}

/** Sign, exponent and mantissa of a code as digits 0 and 1; empty where the format has none. */
export interface CodeBits {
  readonly sign: string;
  readonly exponent: string;
  readonly mantissa: string;
}

export function codeBits(code: number, { bits, exponentBits, mantissaBits, signShift }: Format): CodeBits {
  const digits = code.toString(2).padStart(bits, '0');
  const start = bits - signShift;
  return {
    sign: digits.slice(0, start),
    exponent: digits.slice(start, start + exponentBits),
    mantissa: digits.slice(start + exponentBits, start + exponentBits + mantissaBits),
  };
}

/** `0 1111 110`. */
export function bitsText({ sign, exponent, mantissa }: CodeBits): string {
  return [sign, exponent, mantissa].filter((part) => part !== '').join(' ');
}

/**
 * Numbers of a format in the order of their values: place p >= 0 is magnitude p, place -p its negative. A scale has no negative places.
 */
export function codeAt(place: number, { signShift }: Format): number {
  return place < 0 ? 2 ** signShift - place : place;
}

/** Lowest and highest place of {@link codeAt}. */
export function places({ special, maxMagnitude }: Format): readonly [number, number] {
  return [special === 'scale' ? 0 : -maxMagnitude, maxMagnitude];
}

/** The place of the number nearest to x; NaN is at the place of 0. */
export function placeNear(x: number, format: Format): number {
  const [low, high] = places(format);
  if (Number.isNaN(x)) return 0;
  const size = Math.abs(x);
  const sign = x < 0 && low < 0 ? -1 : 1;
  let [below, above] = [0, high];
  while (above - below > 1) {
    const middle = Math.floor((below + above) / 2);
    if (codeValue(middle, format) <= size) below = middle;
    else above = middle;
  }
  const nearer = size - codeValue(below, format) <= codeValue(above, format) - size ? below : above;
  return x < 0 && low === 0 ? 0 : nearer === 0 ? 0 : sign * nearer;
}

/** The shortest decimal that is the number, `-0` kept; `inf`, `-inf`, `nan`. */
export function written(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
