import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellWords, errorWords, f32Words, numberWords, power } from '../../src/lab/number-words.ts';

describe('numbers of formats in words', () => {
  it.each([
    [0.1015625, '0.1015625'],
    [57344, '57344'],
    [-0, '−0'],
    [2 ** -127, '2⁻¹²⁷'],
    [-(2 ** 20) * 2 ** 20, '−2⁴⁰'],
    [1.75 * 2 ** -20, '1.75 · 2⁻²⁰'],
    [Math.fround(1e-20), '1e−20'],
    [3.4028234663852886e38, '3.4028235e38'],
    [Math.PI, '≈\u00a03.141592654'],
    [Number.NaN, 'NaN'],
    [-Infinity, '−Inf'],
  ])('%d is %s', (x, words) => {
    expect(numberWords(x)).toBe(words);
  });

  it('an f32 is the shortest decimal that comes back to it', () => {
    expect(f32Words(Math.fround(0.1))).toBe('0.1');
    expect(f32Words(-3)).toBe('−3');
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), (x) => {
        const words = f32Words(x);
        expect(Math.fround(Number(words.replaceAll('−', '-')))).toBe(x);
      }),
    );
  });

  it('cells are short, errors carry their sign, powers have raised digits', () => {
    expect([0.001953125, 448, 2 ** 100, 0.015625].map(cellWords)).toEqual(['0.001953', '448', '2¹⁰⁰', '0.01563']);
    expect([1.5625, -1e-9, 0, Number.NaN].map((x) => errorWords(x, ' %'))).toEqual(['+1.56 %', '−1.00e−9 %', '0 %', '—']);
    expect(power(-10)).toBe('2⁻¹⁰');
  });
});
