import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normals, RandomSequence, STREAM } from '../../src/base/random.ts';
import {
  bitsOf,
  cast,
  castWords,
  decode,
  defineFormat,
  encode,
  floatOf,
  FORMATS,
  NEAREST,
  PLAIN,
} from '../../src/numerics/index.ts';
import type { CastMode, Format, FormatParts } from '../../src/numerics/index.ts';
import { codeOf, hardWords, oracleOf, small } from './oracle.ts';
import type { Oracle } from './oracle.ts';

const MODES: readonly CastMode[] = [
  { round: 'nearest', saturate: true },
  { round: 'nearest', saturate: false },
  { round: 'zero', saturate: true },
  { round: 'zero', saturate: false },
];

/** Words whose code is not the oracle's, shown: none where all is well. */
function disagreements(words: Uint32Array, format: Format, oracle: Oracle, mode: CastMode): string[] {
  const shown: string[] = [];
  for (const word of words) {
    const got = encode(word, format, mode);
    const want = codeOf(oracle, floatOf(word), mode);
    const agrees = want === undefined ? Number.isNaN(floatOf(decode(got, format))) : got === want;
    if (!agrees && shown.length < 5) shown.push(`${word.toString(16)} (${floatOf(word)}): got ${got}, want ${want}`);
  }
  return shown;
}

function randomWords(count: number, seed: number): Uint32Array {
  const sequence = new RandomSequence(seed, STREAM.fit);
  return Uint32Array.from({ length: count }, () => sequence.bits());
}

describe.each(small)('a cast to $name', (format) => {
  const oracle = oracleOf(format);
  const hard = hardWords(oracle);
  const random = randomWords(20_000, 3);

  it.each(MODES)('finds the code that a search in f64 finds, beside every number and tie: $round, saturate $saturate', (mode) => {
    expect(disagreements(hard, format, oracle, mode)).toEqual([]);
    expect(disagreements(random, format, oracle, mode)).toEqual([]);
  });

  it('is monotonic, and leaves what it gave', () => {
    const ordered = [...hard].filter((word) => word <= 0x7f800000).toSorted((a, b) => a - b);
    const casts = ordered.map((word) => floatOf(decode(encode(word, format), format)));
    expect(casts).toEqual(casts.toSorted((a, b) => a - b));
    expect(casts.filter((value) => cast(value, format) !== value)).toEqual([]);
  });
});

describe('thresholds', () => {
  const codes = (format: Format, xs: readonly number[], saturate: boolean): string[] =>
    xs.map((x) => encode(bitsOf(x), format, { round: 'nearest', saturate }).toString(16));
  const after = (x: number): number => floatOf(bitsOf(x) + 1);
  const before = (x: number): number => floatOf(bitsOf(x) - 1);

  it('E4M3: 464 ties to 448, what is above is NaN or 448, and 2^-10 ties to 0', () => {
    const xs = [464, after(464), 480, 1e9, Infinity, -Infinity, NaN];
    expect(codes(FORMATS.e4m3, xs, false)).toEqual(['7e', '7f', '7f', '7f', '7f', 'ff', '7f']);
    expect(codes(FORMATS.e4m3, xs, true)).toEqual(['7e', '7e', '7e', '7e', '7e', 'fe', '7f']);
    expect(codes(FORMATS.e4m3, [2 ** -10, after(2 ** -10), -(2 ** -10), -0], true)).toEqual(['0', '1', '80', '80']);
  });

  it('E5M2: 61,440 and what is above is Inf or 57,344', () => {
    const xs = [before(61440), 61440, 65536, Infinity, -Infinity];
    expect(codes(FORMATS.e5m2, xs, false)).toEqual(['7b', '7c', '7c', '7c', 'fc']);
    expect(codes(FORMATS.e5m2, xs, true)).toEqual(['7b', '7b', '7b', '7b', 'fb']);
  });

  it('E2M1: 5 ties to 4, 7 and Inf are 6 in either mode, for it has neither Inf nor NaN', () => {
    for (const saturate of [true, false])
      expect(codes(FORMATS.e2m1, [5, 7, Infinity, -Infinity, 0.25, 0.75], saturate)).toEqual(['6', '7', '7', 'f', '0', '2']);
  });

  it('E8M0: ties go up, zero is the smallest power, negative numbers are NaN', () => {
    expect(codes(FORMATS.e8m0, [1, before(1.5), 1.5, 2, 0, -0, -1, 2 ** -149, 2 ** -127], true)).toEqual([
      '7f',
      '7f',
      '80',
      '80',
      '0',
      '0',
      'ff',
      '0',
      '0',
    ]);
    expect(codes(FORMATS.e8m0, [1.5 * 2 ** 127, Infinity], true)).toEqual(['fe', 'fe']);
    expect(codes(FORMATS.e8m0, [before(1.5 * 2 ** 127), 1.5 * 2 ** 127, Infinity], false)).toEqual(['fe', 'ff', 'ff']);
  });
});

describe('any ExMy format', () => {
  const parts = fc
    .record({
      exponentBits: fc.integer({ min: 1, max: 8 }),
      mantissaBits: fc.integer({ min: 0, max: 10 }),
      special: fc.constantFrom('ieee', 'fn', 'finite'),
      shift: fc.integer({ min: -20, max: 20 }),
    })
    .map(({ shift, ...rest }): FormatParts => ({
      ...rest,
      bias: Math.max(2 ** (rest.exponentBits - 1) - 1 + shift, 2 ** rest.exponentBits - 128),
    }))
    .filter(({ exponentBits, mantissaBits, special, bias = 0 }) => {
      const hasNumbers = special === 'ieee' ? mantissaBits > 0 : special === 'finite' || exponentBits + mantissaBits > 1;
      return hasNumbers && bias + mantissaBits <= 150;
    });

  it('casts as a search among its numbers does, in every mode', () => {
    fc.assert(
      fc.property(parts, fc.constantFrom(...MODES), fc.integer({ min: 1, max: 1000 }), (parts, mode, seed) => {
        const format = defineFormat('any', parts);
        const oracle = oracleOf(parts);
        const random = new RandomSequence(seed, STREAM.fit);
        // Random words, half of them moved into the format's range.
        const words = Uint32Array.from({ length: 60 }, (_, i) => {
          const word = random.bits();
          const inRange =
            (word & 0x807fffff) +
            (Math.min(
              Math.max(127 + format.emax - random.below(2 ** format.exponentBits + format.mantissaBits + 3) + 2, 0),
              254,
            ) <<
              23);
          return i % 2 === 0 ? word : inRange;
        });
        expect(disagreements(words, format, oracle, mode)).toEqual([]);
        expect(disagreements(hardWords(oracle, Math.ceil(oracle.numbers.length / 40)), format, oracle, mode)).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('stochastic rounding', () => {
  const STOCHASTIC = { round: 'stochastic', saturate: true } as const;

  it('rounds up in exactly that share of all random words which keeps the mean', () => {
    // 2^8 even-spaced random words, and numbers that lie k/2^8 of the way between neighbours, normal and subnormal ones.
    for (const [format, low, high] of [
      [FORMATS.bf16, 1, 1 + 2 ** -7],
      [FORMATS.e4m3, 1.125, 1.25],
      [FORMATS.e4m3, 2 ** -9, 2 ** -8],
      [FORMATS.e2m1, 0, 0.5],
      [FORMATS.e5m2, 0, 2 ** -16],
      [FORMATS.e8m0, 2, 4],
      [FORMATS.e8m0, 2 ** -127, 2 ** -126],
    ] as const) {
      const randoms = Array.from({ length: 256 }, (_, r) => (r * 2 ** 24 + 0xffffff) >>> 0);
      const ups = randoms.map((_, k) => {
        const x = low + (high - low) * (k / 256);
        const got = randoms.map((random) => cast(x, format, STOCHASTIC, random));
        return got.every((value) => value === low || value === high) ? got.filter((value) => value === high).length : NaN;
      });
      expect(ups).toEqual(randoms.map((_, k) => k));
    }
  });

  it('gives a number far below the smallest one its chance, down to 2^-32', () => {
    const luckiest = (x: number): number => cast(x, FORMATS.e2m1, STOCHASTIC, 0xffffffff);
    expect([2 ** -9, 2 ** -20, 2 ** -33].map(luckiest)).toEqual([0.5, 0.5, 0.5]);
    expect([2 ** -34, 2 ** -100, 2 ** -149].map(luckiest)).toEqual([0, 0, 0]);
    expect(cast(0.5 - 2 ** -25, FORMATS.e2m1, STOCHASTIC, 0)).toBe(0);
  });

  it('never moves a number of the format, nor leaves the two neighbours', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...small),
        fc.integer({ min: 0, max: 0x7f7fffff }),
        fc.integer({ min: 0, max: 0xffffffff }),
        (format, word, random) => {
          const down = encode(word, format, { round: 'zero', saturate: true });
          const got = encode(word, format, STOCHASTIC, random);
          expect(got === down || got === Math.min(down + 1, format.maxMagnitude)).toBe(true);
          if (floatOf(decode(down, format)) === floatOf(word)) expect(got).toBe(down);
        },
      ),
    );
  });

  it('promise 1: depends on seed, draw and index alone', () => {
    const words = Uint32Array.from({ length: 1001 }, (_, i) => bitsOf(1 + i / 3001));
    const options = { ...PLAIN, round: 'stochastic', draw: { seed: 7, tensor: 2, step: 3 } } as const;
    const { codes } = castWords(words, FORMATS.e4m3, options);
    expect(castWords(words.slice(0, 500), FORMATS.e4m3, options).codes).toEqual(codes.slice(0, 500));
    for (const draw of [
      { seed: 8, tensor: 2, step: 3 },
      { seed: 7, tensor: 1, step: 3 },
      { seed: 7, tensor: 2, step: 4 },
    ]) {
      expect(castWords(words, FORMATS.e4m3, { ...options, draw }).codes).not.toEqual(codes);
    }
  });
});

describe('a scaled cast', () => {
  it('casts the f32 product and divides the value by the scale again', () => {
    const words = Uint32Array.from([1, -3.3, 1e-4, 1000, Infinity, 0], bitsOf);
    const { codes, values } = castWords(words, FORMATS.e4m3, { ...PLAIN, scale: 64 });
    expect([...codes].map((code) => floatOf(decode(code, FORMATS.e4m3)))).toEqual([64, -208, 0.005859375, 448, 448, 0]);
    expect([...values].map(floatOf)).toEqual([1, -3.25, 0.000091552734375, 7, 7, 0]);
  });
});

describe('signal to quantisation noise on N(0,1)', () => {
  const x = new Float32Array(200_000);
  normals(x, 0, 'sqnr');

  it.each([
    ['bf16', 55, 56.5],
    ['e4m3', 31.4, 32],
    ['e5m2', 25.4, 26],
  ] as const)('%s has %d dB', (name, least, most) => {
    let signal = 0;
    let noise = 0;
    for (const value of x) {
      signal += value * value;
      noise += (value - cast(value, FORMATS[name], NEAREST)) ** 2;
    }
    const db = 10 * Math.log10(signal / noise);
    expect(db).toBeGreaterThanOrEqual(least);
    expect(db).toBeLessThan(most);
  });
});
