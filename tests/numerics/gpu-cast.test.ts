import { describe, expect, it } from 'vitest';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import { castBlocksOnGpu, castOnGpu } from '../../src/engine/index.ts';
import { BLOCK_FORMATS, castBlocks, castWords, decode, formatNamed, FORMATS, PLAIN, upright } from '../../src/numerics/index.ts';
import type { BlockFormat, CastOptions, Format } from '../../src/numerics/index.ts';
import { testGpu } from '../support/run-graph.ts';
import { hardWords, named, oracleOf } from './oracle.ts';

function randomWords(count: number, seed: number): Uint32Array<ArrayBuffer> {
  const sequence = new RandomSequence(seed, STREAM.fit);
  return Uint32Array.from({ length: count }, () => sequence.bits());
}

/** Every code of the format as an f32 word, what is beside it, and words at random. */
function wordsFor(format: Format, random: number): Uint32Array<ArrayBuffer> {
  const hard = format.bits <= 19 ? hardWords(oracleOf(format), format.bits <= 8 ? 1 : 97) : new Uint32Array(0);
  const codes =
    format.bits <= 16 ? Uint32Array.from({ length: 2 ** format.bits }, (_, code) => decode(code, format)) : new Uint32Array(0);
  return Uint32Array.from([...hard, ...codes, ...randomWords(random, format.bits)]);
}

/** The first words that the GPU casts otherwise than the CPU; none where all is well. */
async function differences(words: Uint32Array<ArrayBuffer>, format: Format, options: CastOptions): Promise<readonly string[]> {
  const want = castWords(words, format, options);
  const got = await castOnGpu(await testGpu(), words, format, options);
  const hex = (word: number | undefined): string => (word ?? 0).toString(16);
  const shown: string[] = [];
  for (const [i, word] of words.entries()) {
    if (got.codes[i] === want.codes[i] && got.values[i] === want.values[i]) continue;
    shown.push(`${hex(word)}: got ${hex(got.codes[i])} ${hex(got.values[i])}, want ${hex(want.codes[i])} ${hex(want.values[i])}`);
    if (shown.length === 5) break;
  }
  return shown;
}

const formats = [...named, ...['e3m4', 'e8m10', 'e3m0-finite', 'e5m9-fn', 'e1m6-finite'].map(formatNamed)];
const DRAW = { seed: 0xfedcba98, tensor: 3, step: 0x80000001 };

describe('a cast on the GPU is the cast on the CPU in every bit', () => {
  it.each(formats)('$name: every code, tie and neighbour, random words; all ways to round', async (format) => {
    const words = wordsFor(format, 4000);
    expect(await differences(words, format, PLAIN)).toEqual([]);
    const fewer = words.filter((_, i) => i % Math.ceil(words.length / 5000) === 0);
    const modes: readonly Partial<CastOptions>[] = [
      { saturate: false },
      { round: 'zero', saturate: false },
      { round: 'stochastic', draw: DRAW },
    ];
    for (const mode of modes) expect(await differences(fewer, format, { ...PLAIN, ...mode })).toEqual([]);
  });

  it.each([64, 0.1, 3e38, 1.5 * 2 ** -126, 2 ** -100, Math.fround(448 / 3)])(
    'under the scale %f, powers of two and others',
    async (scale) => {
      const words = Uint32Array.from([...wordsFor(FORMATS.e4m3, 2000), ...wordsFor(FORMATS.f32, 2000)]);
      for (const format of [FORMATS.e4m3, FORMATS.e5m2, FORMATS.f32])
        expect(await differences(words, format, { ...PLAIN, scale: Math.fround(scale) })).toEqual([]);
    },
  );

  it('for more words than one dispatch takes, stochastically', async () => {
    const words = randomWords(2 ** 18 + 5, 9);
    expect(await differences(words, FORMATS.e4m3, { ...PLAIN, round: 'stochastic', draw: { seed: 1 } })).toEqual([]);
    expect(await castOnGpu(await testGpu(), new Uint32Array(0), FORMATS.e4m3)).toEqual({
      codes: new Uint32Array(0),
      values: new Uint32Array(0),
    });
  });
});

describe('a cast in blocks on the GPU is the cast on the CPU in every bit', () => {
  /**
   * On the left any words, NaN and Inf among them; on the right numbers whose size changes every 16 columns, below a row of zeros and
   * one of subnormals.
   */
  function matrix(rows: number, columns: number): Float32Array<ArrayBuffer> {
    const words = randomWords(rows * columns, 6).map((word, i) => {
      const [row, column] = [Math.floor(i / columns), i % columns];
      if (column < columns / 2) return word;
      if (row < 2) return row * (word & 0x803fffff);
      return ((word & 0x81ffffff) + ((100 + 3 * ((row + Math.floor(column / 16)) % 7)) << 23)) >>> 0;
    });
    return new Float32Array(words.buffer);
  }

  const firstDifference = (got: ArrayLike<number>, want: ArrayLike<number>): number =>
    got.length === want.length ? Array.from(want).findIndex((value, i) => value !== got[i]) : 0;

  const formats: readonly BlockFormat[] = Object.values(BLOCK_FORMATS);
  it.each([...formats, upright(BLOCK_FORMATS['mxfp8-e4m3'])])('$name, blocks of $rows x $columns', async (format) => {
    const shape = [128, 256] as const;
    const x = matrix(...shape);
    for (const round of ['nearest', 'stochastic'] as const) {
      const mode = { round, draw: DRAW };
      const got = await castBlocksOnGpu(await testGpu(), x, shape, format, mode);
      const want = castBlocks(x, shape, format, mode);
      const words = new Uint32Array(want.values.buffer);
      expect([words.some((word) => word === 0x7fc00000), new Set(words).size > 30]).toEqual([true, true]);
      expect(got.tensorScale).toBe(want.tensorScale);
      expect(firstDifference(got.scales, want.scales)).toBe(-1);
      expect(firstDifference(got.codes, want.codes)).toBe(-1);
      expect(firstDifference(new Uint32Array(got.values.buffer), words)).toBe(-1);
    }
  });
});
