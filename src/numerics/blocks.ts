import { SpecError, unreachable } from '../base/errors.ts';
import { bitsOf, floatOf } from './bits.ts';
import { decode, encode, RoundingBits } from './cast.ts';
import type { Draw, Rounding } from './cast.ts';
import { FORMATS } from './format.ts';
import type { Format } from './format.ts';

/**
 * How the scale of a block is made and kept.
 * - `e8m0`: 2^(floor(log2 amax) - emax) (OCP MX 1.0, section 6.3).
 * - `e4m3`: amax / maximum as E4M3, beside one f32 for the whole tensor (NVFP4, arXiv 2509.25149, appendix C).
 * - `f32`: max(amax, 1e-4) / maximum (DeepSeek-V3, arXiv 2412.19437, section 3.3).
 */
export type BlockScale = 'e8m0' | 'e4m3' | 'f32';

/** Elements of a matrix that share a scale, a block of `rows` x `columns`. */
export interface BlockFormat {
  readonly name: string;
  readonly element: Format;
  readonly scale: BlockScale;
  readonly rows: number;
  readonly columns: number;
}

const MX = { scale: 'e8m0', rows: 1, columns: 32 } as const;

export const BLOCK_FORMATS = {
  'mxfp8-e4m3': { name: 'mxfp8-e4m3', element: FORMATS.e4m3, ...MX },
  'mxfp8-e5m2': { name: 'mxfp8-e5m2', element: FORMATS.e5m2, ...MX },
  'mxfp6-e2m3': { name: 'mxfp6-e2m3', element: FORMATS.e2m3, ...MX },
  'mxfp6-e3m2': { name: 'mxfp6-e3m2', element: FORMATS.e3m2, ...MX },
  mxfp4: { name: 'mxfp4', element: FORMATS.e2m1, ...MX },
  nvfp4: { name: 'nvfp4', element: FORMATS.e2m1, scale: 'e4m3', rows: 1, columns: 16 },
  'fp8-1x128': { name: 'fp8-1x128', element: FORMATS.e4m3, scale: 'f32', rows: 1, columns: 128 },
  'fp8-128x128': { name: 'fp8-128x128', element: FORMATS.e4m3, scale: 'f32', rows: 128, columns: 128 },
} as const satisfies Readonly<Record<string, BlockFormat>>;

/** The same blocks standing upright: for a matrix that is summed over its rows. */
export function upright(format: BlockFormat): BlockFormat {
  return { ...format, rows: format.columns, columns: format.rows };
}

export interface BlockCasts {
  /** Codes of the elements, [rows, columns]. */
  readonly codes: Uint8Array<ArrayBuffer>;
  /** What elements and scales stand for together, [rows, columns]. */
  readonly values: Float32Array<ArrayBuffer>;
  /** Codes of the scales, [rows / block rows, columns / block columns]: of E8M0 or E4M3, or the bits of f32. */
  readonly scales: Uint32Array<ArrayBuffer>;
  /** The f32 that every scale of `nvfp4` is multiplied by; 1 for the others. */
  readonly tensorScale: number;
}

/** A cast of elements in blocks: always saturating. */
export interface BlockMode {
  readonly round: Rounding;
  readonly draw: Draw;
}

const NEAREST_BLOCKS: BlockMode = { round: 'nearest', draw: { seed: 0 } };
const F32_MAX = 3.4028234663852886e38;
/** Written as bits, for a processor may choose those of a NaN. */
const QUIET_NAN = 0x7fc00000;
const LEAST_AMAX = 1e-4;
const E8M0_BIAS = 127;
const E8M0_MAX = 127;

/**
 * Casts a matrix x f32[rows, columns] block by block. A block with NaN or Inf has the scale NaN, and all its values are NaN.
 *
 * @throws SpecError when the blocks do not divide the matrix.
 */
export function castBlocks(
  x: Float32Array,
  [rows, columns]: readonly [number, number],
  format: BlockFormat,
  { round, draw }: BlockMode = NEAREST_BLOCKS,
): BlockCasts {
  checkBlocks(format, rows, columns);
  if (x.length !== rows * columns) throw new RangeError(`castBlocks: ${x.length} values for [${rows},${columns}]`);
  const codes = new Uint8Array(x.length);
  const values = new Float32Array(x.length);
  const words = new Uint32Array(values.buffer);
  const across = columns / format.columns;
  const scales = new Uint32Array((rows / format.rows) * across);
  const encodeScale = tensorEncodeScale(x, format);
  const tensorScale = Math.fround(1 / encodeScale);
  const random = new RoundingBits(draw);
  const mode = { round, saturate: true };
  for (let block = 0; block < scales.length; block += 1) {
    const first = Math.floor(block / across) * format.rows * columns + (block % across) * format.columns;
    const places = Array.from(
      { length: format.rows * format.columns },
      (_, i) => first + Math.floor(i / format.columns) * columns + (i % format.columns),
    );
    const amax = places.reduce((largest, place) => Math.max(largest, Math.abs(x[place] ?? 0)), 0);
    const [code, scale] = blockScale(amax, format, encodeScale);
    scales[block] = code;
    for (const place of places) {
      const element = Number.isNaN(scale) ? QUIET_NAN : bitsOf(quotient(x[place] ?? 0, scale, format.scale));
      const bits = encode(element, format.element, mode, round === 'stochastic' ? random.at(place) : 0);
      codes[place] = bits;
      words[place] = Number.isNaN(scale) ? QUIET_NAN : bitsOf(floatOf(decode(bits, format.element)) * scale);
    }
  }
  return { codes, values, scales, tensorScale };
}

/** @throws SpecError when the blocks of a format do not divide a matrix [rows, columns]. */
export function checkBlocks(format: BlockFormat, rows: number, columns: number): void {
  const where = `format ${format.name}`;
  for (const [what, size, block] of [
    ['rows', rows, format.rows],
    ['columns', columns, format.columns],
  ] as const) {
    if (!Number.isInteger(block) || block < 1)
      throw new SpecError({ where, rule: `a block has no ${block} ${what}`, expected: 'a whole number above 0' });
    if (size % block !== 0) {
      const rule = `blocks of ${format.rows}x${format.columns} do not divide the ${what}`;
      throw new SpecError({ where, rule, got: String(size), expected: `a multiple of ${block}` });
    }
  }
}

/** The code of a block's scale, and the number that it stands for, by which elements are divided: NaN where amax is not finite. */
function blockScale(amax: number, { scale, element }: BlockFormat, encodeScale: number): readonly [code: number, value: number] {
  const isFinite = amax < Infinity;
  switch (scale) {
    case 'e8m0': {
      if (!isFinite) return [FORMATS.e8m0.nanMagnitude, NaN];
      const exponent = Math.min(Math.max(floorLog2(amax) - element.emax, -E8M0_BIAS), E8M0_MAX);
      return [exponent + E8M0_BIAS, 2 ** exponent];
    }
    case 'e4m3': {
      const wanted = isFinite ? bitsOf(Math.fround(amax / element.maxValue) * encodeScale) : QUIET_NAN;
      const code = encode(wanted, FORMATS.e4m3);
      return [code, Math.fround(floatOf(decode(code, FORMATS.e4m3)) * Math.fround(1 / encodeScale))];
    }
    case 'f32': {
      if (!isFinite) return [QUIET_NAN, NaN];
      const value = Math.fround(Math.max(amax, Math.fround(LEAST_AMAX)) / element.maxValue);
      return [bitsOf(value), value];
    }
    default:
      return unreachable(scale);
  }
}

/** An element over its block's scale; NVFP4 multiplies by the scale's f32 reciprocal. */
function quotient(x: number, scale: number, kind: BlockScale): number {
  // A scale of 0 was too small for its format: nothing is left of the block.
  if (scale === 0) return 0;
  return kind === 'e4m3' ? x * Math.min(F32_MAX, Math.fround(1 / scale)) : x / scale;
}

/** What brings the largest block scale of NVFP4 to the maximum of E4M3: 448 * 6 / amax; 1 where no element says anything, and for other formats. */
export function tensorEncodeScale(x: Float32Array, { element, scale }: BlockFormat): number {
  if (scale !== 'e4m3') return 1;
  const amax = x.reduce((largest, value) => (Math.abs(value) < Infinity ? Math.max(largest, Math.abs(value)) : largest), 0);
  return amax === 0 ? 1 : Math.min(F32_MAX, Math.fround((FORMATS.e4m3.maxValue * element.maxValue) / amax));
}

/** floor(log2(x)) of an f32 from its bits; -127 for all that is below the normal range, for E8M0 has nothing smaller. */
function floorLog2(x: number): number {
  return (bitsOf(x) >>> 23) - 127;
}
