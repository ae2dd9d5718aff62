import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cosTurn, exp, ln, sinTurn } from '../../src/base/elementary.ts';
import { hashName, integerBelow, mulhi, normals, philox, RandomSequence, STREAM, uniform24 } from '../../src/base/random.ts';

const u32 = fc.integer({ min: 0, max: 0xffffffff });

describe('Philox4x32-10', () => {
  // Known answers: Random123, tests/kat_vectors, rows "philox4x32 10".
  it.each([
    [
      [0, 0, 0, 0],
      [0, 0],
      [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    ],
    [
      [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    ],
    [
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
      [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    ],
  ] as const)('gives the published answer for counter %j under key %j', (counter, key, expected) => {
    expect(philox(counter, key)).toEqual(expected);
  });

  it('multiplies high words exactly', () => {
    fc.assert(fc.property(u32, u32, (a, b) => mulhi(a, b) === Number((BigInt(a) * BigInt(b)) >> 32n)));
    expect(mulhi(0xffffffff, 0xffffffff)).toBe(0xfffffffe);
  });

  it('numbers every stream once', () => {
    expect(new Set(Object.values(STREAM)).size).toBe(Object.keys(STREAM).length);
  });
});

describe('uniform24', () => {
  it('stays in [0, 1) and is exact in f32', () => {
    fc.assert(
      fc.property(u32, (bits) => uniform24(bits) === Math.fround(uniform24(bits)) && uniform24(bits) < 1 && uniform24(bits) >= 0),
    );
    expect(uniform24(0xffffffff)).toBe(1 - 2 ** -24);
    expect(uniform24(0xff)).toBe(0);
  });
});

describe('ln, exp, cosTurn and sinTurn', () => {
  it('agree with Math to a few units in the last place', () => {
    fc.assert(
      fc.property(fc.double({ min: 2 ** -1000, max: 2 ** 1000, noNaN: true }), (x) => {
        expect(Math.abs(ln(x) - Math.log(x))).toBeLessThanOrEqual(1e-15 * Math.max(Math.abs(Math.log(x)), 2 ** -10));
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: -700, max: 700, noNaN: true }), (x) => {
        expect(Math.abs(exp(x) / Math.exp(x) - 1)).toBeLessThan(1e-15);
      }),
    );
    fc.assert(
      fc.property(u32, (bits) => {
        const angle = (bits / 2 ** 32) * 2 * Math.PI;
        expect(Math.abs(cosTurn(bits) - Math.cos(angle))).toBeLessThan(1.5e-15);
        expect(Math.abs(sinTurn(bits) - Math.sin(angle))).toBeLessThan(1.5e-15);
      }),
    );
  });

  it('are exact where they can be', () => {
    expect([ln(1), ln(0), exp(0), exp(-1e9)]).toEqual([0, -Infinity, 1, 0]);
    expect([0, 0x40000000, 0x80000000, 0xc0000000].map(cosTurn)).toEqual([1, -0, -1, 0]);
    expect(ln(-1)).toBeNaN();
    expect(exp(NaN)).toBeNaN();
  });
});

describe('normals', () => {
  it('promise 1: an element depends on seed, tensor name and index alone', () => {
    const whole = new Float32Array(1003);
    normals(whole, 7, 'layers/0/qkv', 0.02);
    const part = new Float32Array(10);
    normals(part, 7, 'layers/0/qkv', 0.02, 400);
    expect(part).toEqual(whole.subarray(400, 410));
    const other = new Float32Array(1003);
    normals(other, 7, 'layers/1/qkv', 0.02);
    expect(other).not.toEqual(whole);
    normals(other, 8, 'layers/0/qkv', 0.02);
    expect(other).not.toEqual(whole);
  });

  it('have the moments of a normal distribution', () => {
    const z = new Float32Array(200_000);
    normals(z, 1, 'w');
    const moment = (k: number): number => z.reduce((sum, x) => sum + x ** k, 0) / z.length;
    // Five standard errors each: sd of z^k over sqrt(n).
    const n = Math.sqrt(z.length);
    expect(Math.abs(moment(1))).toBeLessThan(5 / n);
    expect(Math.abs(moment(2) - 1)).toBeLessThan((5 * Math.SQRT2) / n);
    expect(Math.abs(moment(3))).toBeLessThan((5 * Math.sqrt(15)) / n);
    expect(Math.abs(moment(4) - 3)).toBeLessThan((5 * Math.sqrt(96)) / n);
    let lag = 0;
    for (let i = 1; i < z.length; i += 1) lag += (z[i] ?? 0) * (z[i - 1] ?? 0);
    expect(Math.abs(lag / z.length)).toBeLessThan(5 / n);
  });

  it('keep their first values: a saved run must start from the same weights for ever', () => {
    const z = new Float32Array(4);
    normals(z, 1337, 'embedding', 0.02);
    expect([...new Uint32Array(z.buffer)].map((word) => word.toString(16))).toMatchInlineSnapshot(`
      [
        "3cfb7d36",
        "bcce370b",
        "3b75c905",
        "3cd0e87b",
      ]
    `);
  });

  it('refuse a start inside a block of four', () => {
    expect(() => normals(new Float32Array(4), 0, 'w', 1, 2)).toThrow(/multiple of 4/);
  });
});

describe('integers below n', () => {
  it('are in range and repeat for equal coordinates', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 }), u32, u32, (n, seed, a) => {
        const value = integerBelow(n, seed, STREAM.data, a, 0, 0);
        expect(value).toBe(integerBelow(n, seed, STREAM.data, a, 0, 0));
        return value >= 0 && value < n;
      }),
    );
    expect(() => integerBelow(0, 1, STREAM.data, 0, 0, 0)).toThrow(RangeError);
  });

  it('are unbiased where a plain modulo would not be', () => {
    // n = 3 * 2^30: modulo would hit the lowest third twice as often as the rest.
    const n = 3 * 2 ** 30;
    let low = 0;
    for (let i = 0; i < 9000; i += 1) if (integerBelow(n, 5, STREAM.data, i, 0, 0) < 2 ** 30) low += 1;
    expect(Math.abs(low / 9000 - 1 / 3)).toBeLessThan(0.025);
    const sequence = new RandomSequence(5, STREAM.fit);
    const counts = new Array<number>(6).fill(0);
    for (let i = 0; i < 6000; i += 1) {
      const face = sequence.below(6);
      counts[face] = (counts[face] ?? 0) + 1;
    }
    const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
    // 99.99 % point of chi-square with 5 degrees of freedom.
    expect(chiSquare).toBeLessThan(25.7);
  });
});

describe('hashName', () => {
  // FNV-1a 32-bit test vectors of its authors.
  it('is FNV-1a over UTF-8', () => {
    expect([hashName(''), hashName('a'), hashName('foobar')]).toEqual([0x811c9dc5, 0xe40c292c, 0xbf9cf968]);
  });
});
