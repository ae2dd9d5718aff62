import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { cast, decode, defineFormat, encode, floatOf, FORMATS, formatNamed } from '../../src/numerics/index.ts';
import { named, oracleOf, small, valueOf } from './oracle.ts';

describe.each(small)('$name', (format) => {
  const oracle = oracleOf(format);

  it('decodes every code to the number of its definition', () => {
    const wrong: string[] = [];
    for (let code = 0; code < 2 ** format.bits; code += 1) {
      const got = floatOf(decode(code, format));
      if (!Object.is(got, valueOf(oracle, code))) wrong.push(`0x${code.toString(16)} is ${got}`);
    }
    expect(wrong).toEqual([]);
  });

  it('encodes every number back to its code, and every NaN to a NaN of its sign', () => {
    const wrong: number[] = [];
    for (const round of ['nearest', 'zero', 'stochastic'] as const) {
      for (let code = 0; code < 2 ** format.bits; code += 1) {
        const back = encode(decode(code, format), format, { round, saturate: false }, 0xffffffff);
        const isNaN = Number.isNaN(valueOf(oracle, code));
        if (
          isNaN
            ? back >>> format.signShift !== code >>> format.signShift || decode(back, format) !== decode(code, format)
            : back !== code
        )
          wrong.push(code);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('knows its largest number, its smallest and its smallest normal one', () => {
    const { numbers } = oracle;
    expect(format.maxValue).toBe(numbers.at(-2));
    expect(format.minValue).toBe(numbers[format.special === 'scale' ? 0 : 1]);
    expect(format.minNormal).toBe(numbers[format.special === 'scale' ? 0 : 2 ** format.mantissaBits]);
    expect(2 ** format.emax <= format.maxValue && format.maxValue < 2 ** (format.emax + 1)).toBe(true);
  });
});

describe('the named formats', () => {
  it('have the ranges that their specifications print', () => {
    const ranges = named.map(({ name, maxValue, minNormal, minValue }) => [name, maxValue, minNormal, minValue]);
    expect(ranges).toEqual([
      ['f32', 3.4028234663852886e38, 2 ** -126, 2 ** -149],
      ['bf16', 3.3895313892515355e38, 2 ** -126, 2 ** -133],
      ['fp16', 65504, 2 ** -14, 2 ** -24],
      ['e4m3', 448, 2 ** -6, 2 ** -9],
      ['e5m2', 57344, 2 ** -14, 2 ** -16],
      ['e2m3', 7.5, 1, 0.125],
      ['e3m2', 28, 0.25, 0.0625],
      ['e2m1', 6, 1, 0.5],
      ['e8m0', 2 ** 127, 2 ** -127, 2 ** -127],
    ]);
  });

  it('have the codes of NaN and Inf that their specifications print', () => {
    const codes = (name: keyof typeof FORMATS): string[] =>
      [Infinity, -Infinity, NaN].map((x) =>
        encode(x === Infinity ? 0x7f800000 : x === -Infinity ? 0xff800000 : 0x7fc00000, FORMATS[name], {
          round: 'nearest',
          saturate: false,
        }).toString(16),
      );
    expect(codes('e5m2')).toEqual(['7c', 'fc', '7e']);
    expect(codes('e4m3')).toEqual(['7f', 'ff', '7f']);
    expect(codes('e8m0')).toEqual(['ff', 'ff', 'ff']);
    expect(codes('bf16')).toEqual(['7f80', 'ff80', '7fc0']);
    expect(codes('e2m1')).toEqual(['7', 'f', '7']);
  });

  it('leave every f32 word as it is in f32, NaN made quiet', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (word) => {
        const isNaN = (word & 0x7fffffff) > 0x7f800000;
        expect(decode(encode(word, FORMATS.f32, { round: 'nearest', saturate: false }), FORMATS.f32)).toBe(
          isNaN ? ((word & 0x80000000) | 0x7fc00000) >>> 0 : word,
        );
      }),
    );
  });

  it('are found in any case, and others by their bits', () => {
    expect(formatNamed('BF16')).toBe(FORMATS.bf16);
    expect(formatNamed('E4M3')).toBe(FORMATS.e4m3);
    expect(formatNamed('e4m3-ieee')).toMatchObject({ maxValue: 240, bits: 8 });
    expect(formatNamed('E3M4')).toMatchObject({ maxValue: 15.5, bits: 8, special: 'ieee' });
    expect(formatNamed('e3m4-fn').maxValue).toBe(30);
    expect(formatNamed('e8m10')).toMatchObject({ bits: 19, maxValue: (2 - 2 ** -10) * 2 ** 127 });
    expect(cast(1.0625, formatNamed('e3m0-finite'))).toBe(1);
  });

  it.each([
    ['e0m7', 'format e0m7: exponent bits out of bounds: got 0, expected 1..8.'],
    ['e9m2', 'format e9m2: exponent bits out of bounds: got 9, expected 1..8.'],
    ['e4m24', 'format e4m24: mantissa bits out of bounds: got 24, expected 0..23.'],
    [
      'e3m0',
      'format e3m0: without mantissa bits there is no NaN beside Inf: got mantissa bits 0, expected at least 1. Choose the convention fn or finite.',
    ],
    ['e1m0-fn', 'format e1m0-fn: zero is its only number. Give it more exponent or mantissa bits.'],
    [
      'e8m1-fn',
      'format e8m1-fn: f32 does not hold its numbers: got numbers from 2^-127 to 3.402823669209385e+38, expected 2^-149 to below 2^128. Choose another bias.',
    ],
    [
      'fp9',
      'format: there is no such format: got "fp9", expected f32, bf16, fp16, e4m3, e5m2, e2m3, e3m2, e2m1, e8m0 or e<X>m<Y>, which -fn or -finite may follow.',
    ],
    ['', 'format: there is no such format: got "", expected f32'],
    ['constructor', 'format: there is no such format: got "constructor"'],
  ])('refuse %j in one line', (name, says) => {
    expect(() => formatNamed(name)).toThrow(SpecError);
    expect(() => formatNamed(name)).toThrow(says);
  });

  it('take any bias that keeps their numbers within f32', () => {
    expect(defineFormat('low', { exponentBits: 4, mantissaBits: 3, special: 'fn', bias: 140 }).minValue).toBe(2 ** -142);
    const parts = { exponentBits: 4, mantissaBits: 3, special: 'finite' } as const;
    expect(() => defineFormat('lower', { ...parts, bias: 148 })).toThrow('f32 does not hold its numbers');
    expect(() => defineFormat('high', { ...parts, bias: -113 })).toThrow('f32 does not hold its numbers');
    expect(() => defineFormat('half', { ...parts, bias: 0.5 })).toThrow('format half: the bias is not a whole number: got 0.5.');
    expect(() => defineFormat('odd', { exponentBits: 7, mantissaBits: 0, special: 'scale' })).toThrow(
      'only E8M0 is a scale: got E7M0 with bias 63',
    );
  });
});
