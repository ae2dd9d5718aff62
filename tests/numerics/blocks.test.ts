import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { normals } from '../../src/base/random.ts';
import { BLOCK_FORMATS, castBlocks, FORMATS, upright } from '../../src/numerics/index.ts';
import type { BlockFormat } from '../../src/numerics/index.ts';
import { codeOf, oracleOf, valueOf } from './oracle.ts';

const NEAREST = { round: 'nearest', saturate: true } as const;
const formats: readonly BlockFormat[] = Object.values(BLOCK_FORMATS);

/** Normals whose size changes from column to column, with a block of zeros and one of subnormals. */
function matrix(rows: number, columns: number): Float32Array {
  const x = new Float32Array(rows * columns);
  normals(x, 3, 'blocks');
  return x.map((value, i) => {
    const block = Math.floor((i % columns) / 16) + Math.floor(i / columns);
    return block % 9 === 4 ? 0 : block % 9 === 5 ? value * 2 ** -133 : value * 2 ** (((block * 7) % 30) - 15);
  });
}

const floats = (bits: Uint32Array<ArrayBuffer>): Float32Array => new Float32Array(bits.buffer);

describe('block formats', () => {
  it.each(formats.filter(({ scale }) => scale === 'e8m0'))(
    '$name: a power of two a block of 32, elements as the search finds them',
    (format) => {
      const x = matrix(2, 320);
      const oracle = oracleOf(format.element);
      const { codes, values, scales, tensorScale } = castBlocks(x, [2, 320], format);
      expect([scales.length, tensorScale]).toEqual([20, 1]);
      for (const [block, code] of scales.entries()) {
        const elements = x.subarray(32 * block, 32 * block + 32);
        const amax = Math.max(...elements.map(Math.abs));
        const wanted = amax === 0 ? -Infinity : Math.floor(Math.log2(amax)) - Math.floor(Math.log2(format.element.maxValue));
        expect(code - 127).toBe(Math.max(-127, wanted));
        const expected = Array.from(elements, (value) => codeOf(oracle, value / 2 ** (code - 127), NEAREST));
        expect([...codes.subarray(32 * block, 32 * block + 32)]).toEqual(expected);
        expect([...values.subarray(32 * block, 32 * block + 32)]).toEqual(
          expected.map((element) => valueOf(oracle, element ?? NaN) * 2 ** (code - 127)),
        );
      }
    },
  );

  it('NVFP4: an E4M3 scale a block of 16 beside one f32, the largest number exact to its formats', () => {
    const x = new Float32Array(64);
    normals(x, 1, 'nvfp4');
    x[40] = 12;
    x.fill(0, 16, 32);
    const { codes, values, scales, tensorScale } = castBlocks(x, [1, 64], BLOCK_FORMATS.nvfp4);
    expect(tensorScale).toBe(Math.fround(1 / Math.fround(2688 / 12)));
    const e4m3 = oracleOf(FORMATS.e4m3);
    for (const [block, code] of scales.entries()) {
      const amax = Math.max(...x.subarray(16 * block, 16 * block + 16).map(Math.abs));
      expect(code).toBe(codeOf(e4m3, Math.fround(Math.fround(amax / 6) * Math.fround(2688 / 12)), NEAREST));
    }
    expect([scales[2], codes[40], Math.abs((values[40] ?? 0) - 12) < 1e-5]).toEqual([0x7e, 0x7, true]);
    expect(values.subarray(16, 32)).toEqual(new Float32Array(16));
    for (const [i, value] of x.entries()) {
      const amax = Math.max(...x.subarray(i - (i % 16), i - (i % 16) + 16).map(Math.abs));
      // Half the widest gap of E2M1, 2 of 6, and what rounding the scale to E4M3 adds.
      expect(Math.abs(value - (values[i] ?? NaN))).toBeLessThanOrEqual(((1 / 6) * (1 + 1 / 16) + 1 / 16) * amax);
    }
  });

  it('blockwise FP8: max(amax, 1e-4) / 448 for a row of 128 or a square', () => {
    const x = matrix(128, 256);
    for (const format of [BLOCK_FORMATS['fp8-1x128'], BLOCK_FORMATS['fp8-128x128']]) {
      const { codes, values, scales } = castBlocks(x, [128, 256], format);
      const e4m3 = oracleOf(FORMATS.e4m3);
      const amaxes = new Float32Array(scales.length);
      const blockOf = (i: number): number => Math.floor(i / 256 / format.rows) * 2 + Math.floor((i % 256) / 128);
      for (const [i, value] of x.entries()) amaxes[blockOf(i)] = Math.max(amaxes[blockOf(i)] ?? 0, Math.abs(value));
      expect(floats(scales)).toEqual(amaxes.map((amax) => Math.max(amax, Math.fround(1e-4)) / 448));
      const expected = Uint8Array.from(
        x,
        (value, i) => codeOf(e4m3, Math.fround(value / (floats(scales)[blockOf(i)] ?? NaN)), NEAREST) ?? NaN,
      );
      expect(codes).toEqual(expected);
      expect(values).toEqual(Float32Array.from(expected, (code, i) => valueOf(e4m3, code) * (floats(scales)[blockOf(i)] ?? NaN)));
    }
  });

  it('a matrix cast by columns is its transpose cast by rows, transposed', () => {
    const x = matrix(64, 32);
    const turned = (from: ArrayLike<number>, rows: number, columns: number): number[] =>
      Array.from({ length: rows * columns }, (_, i) => from[(i % rows) * columns + Math.floor(i / rows)] ?? NaN);
    const byColumns = castBlocks(x, [64, 32], upright(BLOCK_FORMATS['mxfp8-e4m3']));
    const byRows = castBlocks(Float32Array.from(turned(x, 64, 32)), [32, 64], BLOCK_FORMATS['mxfp8-e4m3']);
    expect(turned(byColumns.codes, 64, 32)).toEqual([...byRows.codes]);
    expect(turned(byColumns.scales, 2, 32)).toEqual([...byRows.scales]);
  });

  it.each(formats)('$name: a block with NaN or Inf is NaN throughout, its neighbours are not', (format) => {
    const [rows, columns] = [format.rows, 3 * format.columns];
    const x = new Float32Array(rows * columns).fill(1);
    x[0] = NaN;
    x[format.columns] = -Infinity;
    const { values } = castBlocks(x, [rows, columns], format);
    const isNaN = Array.from(values.subarray(0, columns), Number.isNaN);
    expect(isNaN).toEqual(isNaN.map((_, i) => i < 2 * format.columns));
    expect(Math.abs((values[columns - 1] ?? 0) - 1)).toBeLessThan(0.2);
  });

  it('round stochastically by seed', () => {
    const x = matrix(1, 1024);
    const codes = (seed: number): Uint8Array =>
      castBlocks(x, [1, 1024], BLOCK_FORMATS.nvfp4, { round: 'stochastic', draw: { seed } }).codes;
    expect(codes(1)).toEqual(codes(1));
    expect(codes(1)).not.toEqual(codes(2));
  });

  it('refuse a matrix that they do not divide', () => {
    expect(() => castBlocks(new Float32Array(40), [1, 40], BLOCK_FORMATS.mxfp4)).toThrow(SpecError);
    expect(() => castBlocks(new Float32Array(40), [1, 40], BLOCK_FORMATS.mxfp4)).toThrow(
      'format mxfp4: blocks of 1x32 do not divide the columns: got 40, expected a multiple of 32.',
    );
    expect(() => castBlocks(new Float32Array(128), [1, 128], BLOCK_FORMATS['fp8-128x128'])).toThrow(
      'format fp8-128x128: blocks of 128x128 do not divide the rows: got 1, expected a multiple of 128.',
    );
    expect(() => castBlocks(new Float32Array(4), [2, 2], { ...BLOCK_FORMATS.mxfp4, columns: 0 })).toThrow(
      'format mxfp4: a block has no 0 columns: expected a whole number above 0.',
    );
  });
});
