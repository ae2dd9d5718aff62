import { castOnGpu } from '../engine/index.ts';
import { castWords, floatOf, formatNamed } from '../numerics/index.ts';
import type { CastOptions, Rounding } from '../numerics/index.ts';
import { withGpu } from './adapter.ts';
import type { Command } from './command.ts';
import { fail, readWords, wholeNumber } from './words.ts';

const ROUNDINGS: readonly Rounding[] = ['nearest', 'zero', 'stochastic'];
const WORD = /^[0-9a-f]{8}$/i;
const SHOWN = 40;

export const cast: Command = {
  usage: 'cast FORMAT [--scale S] [--on cpu|gpu] [--round nearest|zero|stochastic] [--seed N] [--no-saturate]',
  summary: 'casts f32 words to a number format, bit by bit',
  help: `Reads f32 words from stdin, 8 hex digits a line, and prints for each the code that it is cast to and the value that the code stands for:
43e00000 in e4m3 gives "0x7e 448".

  FORMAT         bf16, fp16, e4m3, e5m2, e2m3, e3m2, e2m1, e8m0, f32, or e<X>m<Y>: X exponent and Y mantissa bits with Inf and NaN as in
                 IEEE 754; e<X>m<Y>-fn has one NaN and no Inf, e<X>m<Y>-finite neither
  --scale        multiplies each word as an f32 before the cast, and its value by 1/S after it; 1 when left out
  --on           cpu, or gpu for the same arithmetic in WGSL; cpu when left out
  --round        nearest: ties to even, the default. zero: toward zero. stochastic: by random bits that --seed repeats, 0 when left out
  --no-saturate  what is too large, Inf included, becomes Inf, or NaN where the format has no Inf, instead of the format's maximum`,
  run: async (argv, io) => {
    const flags = { scale: 'value', on: 'value', round: 'value', seed: 'value', 'no-saturate': 'switch' } as const;
    const words = readWords(argv, flags, ['FORMAT']);
    const format = formatNamed(words.operands[0] ?? '');
    const round = oneOf('--round', words.value('round') ?? 'nearest', ROUNDINGS);
    const seed = words.value('seed');
    if (seed !== undefined && round !== 'stochastic')
      fail({ where: '--seed', rule: 'nothing is random', got: `--round ${round}`, cure: 'Add --round stochastic.' });
    const options: CastOptions = {
      round,
      saturate: !words.has('no-saturate'),
      scale: scaleOf(words.value('scale') ?? '1'),
      draw: { seed: seed === undefined ? 0 : wholeNumber('--seed', seed, { min: 0, max: 0xffffffff }) },
    };
    const place = oneOf('--on', words.value('on') ?? 'cpu', ['cpu', 'gpu']);
    const input = parseWords(await io.stdin());
    const { codes, values } =
      place === 'cpu' ? castWords(input, format, options) : await withGpu((gpu) => castOnGpu(gpu, input, format, options));
    io.out(Array.from(codes, (code, i) => `0x${code.toString(16)} ${decimal(values[i] ?? 0)}\n`).join(''));
    return 0;
  },
};

function oneOf<T extends string>(flag: string, text: string, choices: readonly T[]): T {
  return (
    choices.find((choice) => choice === text) ??
    fail({ where: flag, rule: 'there is no such choice', got: text, expected: choices.join(', ') })
  );
}

/** An f32 by which a tensor can be multiplied and divided. */
function scaleOf(text: string): number {
  const scale = Math.fround(Number(text));
  const inverse = Math.fround(1 / scale);
  if (text.trim() === '' || !(scale > 0 && scale < Infinity && inverse > 0 && inverse < Infinity)) {
    fail({
      where: '--scale',
      rule: 'it is no scale',
      got: text,
      expected: 'a number above 0 that f32 holds, and its reciprocal too',
    });
  }
  return scale;
}

function parseWords(text: string): Uint32Array<ArrayBuffer> {
  const lines = text.replace(/\r?\n$/, '').split('\n');
  if (lines.length === 1 && lines[0] === '') return new Uint32Array(0);
  return Uint32Array.from(lines, (line, i) => {
    const word = line.trim();
    if (WORD.test(word)) return Number.parseInt(word, 16);
    const got = word.length > SHOWN ? `${word.slice(0, SHOWN)}...` : word;
    return fail({
      where: `stdin line ${i + 1}`,
      rule: 'it is not the bits of an f32',
      got: JSON.stringify(got),
      expected: '8 hex digits',
    });
  });
}

/** The shortest decimal that is this number and no other, in f64 as in f32. */
function decimal(bits: number): string {
  const value = floatOf(bits);
  if (Number.isNaN(value)) return 'nan';
  if (Math.abs(value) === Infinity) return value > 0 ? 'inf' : '-inf';
  return Object.is(value, -0) ? '-0' : String(value);
}
