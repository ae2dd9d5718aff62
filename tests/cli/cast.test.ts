import { describe, expect, it } from 'vitest';
import { isoflop } from './run-cli.ts';

const WORDS = '43e00000\n43e80000\n43E80001\r\n7f800000\nff800000\nffc00000\n80000000\n3b000000\n00000001\n';

describe('isoflop cast', () => {
  it.each(['cpu', 'gpu'])('prints code and value of each word, saturating and to nearest: on %s', async (place) => {
    const said = await isoflop(['cast', 'E4M3', '--on', place], { stdin: WORDS });
    expect(said).toEqual({
      status: 0,
      err: '',
      out: '0x7e 448\n0x7e 448\n0x7e 448\n0x7e 448\n0xfe -448\n0xff nan\n0x80 -0\n0x1 0.001953125\n0x0 0\n',
    });
  });

  it.each(['cpu', 'gpu'])('takes scale, rounding and overflow from flags: on %s', async (place) => {
    const run = async (words: string, stdin: string): Promise<string> =>
      (await isoflop(['cast', ...words.split(' '), '--on', place], { stdin })).out;
    expect(await run('e5m2 --no-saturate', '47700000\nff800000\n')).toBe('0x7c inf\n0xfc -inf\n');
    expect(await run('bf16', '3f818000\n7f7fffff')).toBe('0x3f82 1.015625\n0x7f7f 3.3895313892515355e+38\n');
    expect(await run('bf16 --round zero', '3f818000')).toBe('0x3f81 1.0078125\n');
    expect(await run('e4m3 --scale 64', '3f800000\n42c80000')).toBe('0x68 1\n0x7e 7\n');
    expect(await run('e3m4', '3f880000')).toBe('0x31 1.0625\n');
    const drawn = await run('e2m1 --round stochastic --seed 5', '3fa00000\n'.repeat(64));
    expect(new Set(drawn.trimEnd().split('\n'))).toEqual(new Set(['0x2 1', '0x3 1.5']));
    expect(await run('e2m1 --round stochastic --seed 5', '3fa00000\n'.repeat(64))).toBe(drawn);
    expect(await run('e8m0', '')).toBe('');
  });

  it.each([
    ['cast', '', 2, 'FORMAT: it is missing.'],
    ['cast fp9', '', 1, 'format: there is no such format: got "fp9", expected f32, bf16'],
    ['cast E0M7', '', 1, 'format e0m7: exponent bits out of bounds: got 0, expected 1..8.'],
    ['cast e4m3 --on tpu', '', 2, '--on: there is no such choice: got tpu, expected cpu, gpu.'],
    ['cast e4m3 --round up', '', 2, '--round: there is no such choice: got up, expected nearest, zero, stochastic.'],
    [
      'cast e4m3 --scale 0',
      '',
      2,
      '--scale: it is no scale: got 0, expected a number above 0 that f32 holds, and its reciprocal too.',
    ],
    ['cast e4m3 --scale=-2', '', 2, '--scale: it is no scale: got -2'],
    ['cast e4m3 --scale 1e39', '', 2, '--scale: it is no scale: got 1e39'],
    ['cast e4m3 --scale two', '', 2, '--scale: it is no scale: got two'],
    ['cast e4m3 --seed 5', '', 2, '--seed: nothing is random: got --round nearest. Add --round stochastic.'],
    [
      'cast e4m3 --round stochastic --seed 4294967296',
      '',
      2,
      '--seed: it is not a whole number in bounds: got 4294967296, expected 0..4294967295.',
    ],
    ['cast e4m3', '3f800000\n3f8\n', 2, 'stdin line 2: it is not the bits of an f32: got "3f8", expected 8 hex digits.'],
    ['cast e4m3', '3f800000\n\n3f800000\n', 2, 'stdin line 2: it is not the bits of an f32: got "", expected 8 hex digits.'],
    ['cast e4m3', '0x3f800000\n', 2, 'stdin line 1: it is not the bits of an f32: got "0x3f800000"'],
    ['cast e4m3', `${'1'.repeat(1000)}\n`, 2, `got "${'1'.repeat(40)}...", expected 8 hex digits.`],
  ])('%s on %j exits with %i and says why', async (words, stdin, status, says) => {
    const said = await isoflop(words.split(' '), { stdin });
    expect(said).toMatchObject({ status, out: '' });
    expect(said.err).toMatch(/^isoflop cast: .*\n$/);
    expect(said.err).toContain(says);
  });
});
