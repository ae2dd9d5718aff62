import { describe, expect, it } from 'vitest';
import { fieldAt } from '../../src/spec/index.ts';
import { bytes, clock, count, duration, figure, nats, short, si } from '../../src/ui/format.ts';
import { parseNumber } from '../../src/lab/index.ts';
import { stepped } from '../../src/ui/number-input.ts';

describe('figures', () => {
  it.each([
    [count(131_392), '131,392'],
    [count(2_048_000), '2.05 M'],
    [si(5.9e9, 'FLOP/s'), '5.9 GFLOP/s'],
    [bytes(9.06 * 2 ** 20), '9.1 MiB'],
    [bytes(3 * 2 ** 30), '3.00 GiB'],
    [duration(125_000), '2 min 5 s'],
    [clock(3_727_000), '1:02:07'],
    [nats(Number.NaN), 'NaN'],
    [nats(-Infinity), '−Inf'],
    [nats(1.72551), '1.7255'],
    [figure(2), '2.00'],
    [short(0.00001), '1e-5'],
    [count(Number.NaN), '—'],
  ])('%s', (shown, expected) => expect(shown).toBe(expected));
});

describe('parseNumber', () => {
  it.each([
    ['1,000', 1000],
    [' 3e-4 ', 3e-4],
    ['2.5M', 2.5e6],
    ['1_024', 1024],
    ['-12,345,678.5', -12_345_678.5],
    ['10,000k', 1e7],
  ])('reads %s', (text, value) => expect(parseNumber(text)).toBe(value));
  it.each(['', '6x', 'k', 'one', '0,5', '1,5e3', '1000,500', '1,000,5', '1.000,500', '1,0000'])(
    'reads no number in "%s"',
    (text) => expect(parseNumber(text)).toBeNaN(),
  );
});

describe('stepped', () => {
  const field = fieldAt('data.batch');
  it('moves by a factor on a log scale, and stays within bounds', () => {
    if (field.kind !== 'int') throw new Error('data.batch is not a whole number');
    expect(stepped(field, 16, true)).toBe(32);
    expect(stepped(field, 16, false)).toBe(8);
    expect(stepped(field, field.max, true)).toBe(field.max);
    expect(stepped(field, field.min, false)).toBe(field.min);
  });
});
