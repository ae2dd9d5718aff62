import type { Fault } from '../base/errors.ts';

/** What is wrong with a value, wherever that is. */
export type Complaint = Omit<Fault, 'where' | 'cause'>;

const SHOWN_CHARACTERS = 48;

/** Text on one line, quoted, with control characters and line separators escaped, cut where it is long. */
export function quoted(text: string): string {
  const cut = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
  return JSON.stringify(cut).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Any value in a few words on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'bigint') return 'a bigint';
  if (typeof value === 'symbol') return 'a symbol';
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  return String(value);
}

/** A number in its shortest form: `64`, `0.003`, `1e7`, `1e-8`. */
export function numeral(x: number): string {
  const plain = String(x).replace('+', '');
  const exponential = x.toExponential().replace('+', '');
  return (Math.abs(x) >= 1e5 || Math.abs(x) < 1e-3) && exponential.length < plain.length ? exponential : plain;
}

/** Words in a list: `a`, `a or b`, `a, b or c`. */
export function either(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

const plain = (word: string): string => word.toLowerCase().replace(/[\s_-]/g, '');

/** The candidate a person most likely meant, or `undefined` where none is near. Case, `_`, `-` and spaces do not count. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > SHOWN_CHARACTERS) return undefined;
  const sought = plain(word);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(sought.length / 3)) + 0.5;
  for (const candidate of candidates) {
    const distance = editDistance(sought, plain(candidate));
    if (distance < bestDistance && distance < candidate.length) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Insertions, deletions, substitutions and swaps of neighbours that turn a into b (optimal string alignment). */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? (beforeLast[j - 2] ?? 0) + 1 : Infinity;
      const substitution = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, substitution, swap));
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
