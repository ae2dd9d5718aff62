import { written } from './formats.ts';

const DIGITS = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** `2⁻⁹`. */
export function power(exponent: number): string {
  const digits = String(Math.abs(exponent)).replaceAll(/\d/g, (digit) => DIGITS.charAt(Number(digit)));
  return `2${exponent < 0 ? '⁻' : ''}${digits}`;
}

/** floor(log2 |x|) of a finite x that is not 0. */
function exponentOf(x: number): number {
  const size = Math.abs(x);
  const guess = Math.floor(Math.log2(size));
  return 2 ** guess > size ? guess - 1 : 2 ** (guess + 1) <= size ? guess + 1 : guess;
}

/** Digits of a number as people read it, with a real minus. */
const minus = (text: string): string => text.replaceAll('-', '−');

/**
 * A number in full where that is short (`0.1015625`, `57344`), else as a power of two (`2⁻¹²⁷`, `1.75 · 2⁻⁹`); NaN and infinities in words.
 * An f32 that is long even so is the shortest decimal that comes back to it (`3.4028235e38`); other numbers are rounded and say `≈`.
 */
export function numberWords(x: number): string {
  if (Number.isNaN(x)) return 'NaN';
  if (!Number.isFinite(x)) return x > 0 ? '+Inf' : '−Inf';
  const plain = written(x);
  const size = Math.abs(x);
  if (size === 0 || (size >= 1e-4 && size < 1e7 && plain.length <= 16)) return minus(plain);
  const exponent = exponentOf(x);
  const factor = x / 2 ** exponent;
  if (Math.abs(factor) === 1) return `${x < 0 ? '−' : ''}${power(exponent)}`;
  if (String(factor).length > 16 && Math.fround(x) === x) return f32Words(x);
  if (size >= 1e-4 && size < 1e7) return minus(rounded(x));
  return `${minus(rounded(factor))} · ${power(exponent)}`;
}

function rounded(x: number): string {
  const full = String(x);
  return full.replace(/[-.]/g, '').length <= 14 ? full : `≈\u00a0${Number(x.toPrecision(10))}`;
}

/** The shortest decimal that is this f32: `0.1`. */
export function f32Words(x: number): string {
  if (!Number.isFinite(x) || x === 0) return numberWords(x);
  for (let digits = 1; digits <= 9; digits += 1) {
    const short = Number(x.toPrecision(digits));
    if (Math.fround(short) === x) return minus(written(short).replace('e+', 'e'));
  }
  return numberWords(x);
}

/** At most five digits, for a cell of a table or an axis: `0.00195`, `1.7e38`. */
export function cellWords(x: number): string {
  if (!Number.isFinite(x)) return numberWords(x);
  const exact = written(x);
  if (exact.length <= 7) return minus(exact);
  const size = Math.abs(x);
  if (size >= 1e-3 && size < 1e6) return minus(String(Number(x.toPrecision(4))));
  const exponent = exponentOf(x);
  return Math.abs(x) === 2 ** exponent ? `${x < 0 ? '−' : ''}${power(exponent)}` : minus(x.toExponential(2));
}

/** A signed error in three digits: `+0.00156`, `−3.1e-7`, `0`. */
export function errorWords(x: number, unit = ''): string {
  if (!Number.isFinite(x)) return '—';
  if (x === 0) return `0${unit}`;
  const size = Math.abs(x);
  const digits = size >= 1e-4 && size < 1e6 ? String(Number(size.toPrecision(3))) : size.toExponential(2);
  return `${x < 0 ? '−' : '+'}${digits.replace('-', '−')}${unit}`;
}
