import { fieldAt, isSpecPath } from '../../spec/index.ts';
import { get } from '../json-file.ts';
import { parseNumber } from '../typed-number.ts';

/** Values of a field as they are typed: a list, or the ends of a range and how many. What is typed in another form is kept. */
export interface TypedValues {
  readonly form: 'list' | 'log' | 'linear';
  readonly list: string;
  readonly from: string;
  readonly to: string;
  readonly count: string;
}

export const NO_VALUES: TypedValues = { form: 'list', list: '', from: '', to: '', count: '' };

/** What stands for `null`, and for values that are switched. */
const WORDS: { readonly [word: string]: boolean | null } = { on: true, true: true, off: false, false: false };

/** What a text says of a field; text that says nothing of it stays as it is, so that its fault can quote it. */
export function valueOfText(path: string, text: string): unknown {
  const trimmed = text.trim();
  const kind = isSpecPath(path) ? fieldAt(path).kind : 'float';
  switch (kind) {
    case 'int':
    case 'float': {
      const number = parseNumber(trimmed);
      if (!Number.isNaN(number)) return number;
      return ['off', 'null', 'none'].includes(trimmed.toLowerCase()) ? null : trimmed;
    }
    case 'toggle':
      return WORDS[trimmed.toLowerCase()] ?? trimmed;
    case 'rules':
    case 'casts':
      return json(trimmed) ?? trimmed;
    case 'choice':
    case 'text':
      return trimmed;
  }
}

/** The text that {@link valueOfText} reads back. */
export function textOfValue(value: unknown): string {
  if (value === null || value === undefined) return 'off';
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** What typed values come to as plain data, right or wrong. */
export function plainValues(path: string, typed: TypedValues): unknown {
  if (typed.form === 'list') return splitList(path, typed.list).map((text) => valueOfText(path, text));
  const ends = [typed.from, typed.to].map((text) => valueOfText(path, text));
  return { [typed.form]: ends, count: valueOfText('', typed.count) };
}

/** Values of a sweep as a person would have typed them. */
export function typedValues(values: unknown): TypedValues {
  if (Array.isArray(values)) return { ...NO_VALUES, list: joined(values.map(textOfValue)) };
  for (const form of ['log', 'linear'] as const) {
    const ends = get(values, form);
    if (!Array.isArray(ends)) continue;
    const [from, to, count] = [ends[0], ends[1], get(values, 'count')].map(textOfValue);
    return { ...NO_VALUES, form, from: from ?? '', to: to ?? '', count: count ?? '' };
  }
  return NO_VALUES;
}

/** Texts in a list; one that holds a comma is quoted. */
function joined(texts: readonly string[]): string {
  return texts.map((text) => (/^[^{["].*[,;]/.test(text) ? JSON.stringify(text) : text)).join(', ');
}

function splitList(path: string, text: string): readonly string[] {
  // Commas inside of braces, brackets and quotes are the value's own.
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|\{[^}]*\}|\[[^\]]*\]|[^,;])+/g) ?? [];
  const texts = parts.map((part) => part.trim()).filter((part) => part !== '');
  const unquoted = texts.map((part) => {
    const value = part.startsWith('"') ? json(part) : part;
    return typeof value === 'string' ? value : part;
  });
  const kind = isSpecPath(path) ? fieldAt(path).kind : 'float';
  // Numbers and words are parted by blanks too.
  return kind === 'text' || kind === 'rules' || kind === 'casts' ? unquoted : unquoted.flatMap((part) => part.split(/\s+/));
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Sizes as they are typed: `64`, `2x64` (layers x width), `2x64x4` (and heads). What is none of these stays text. */
export function plainSizes(text: string): readonly unknown[] {
  const parts = text.split(/[,;\s]+/).filter((part) => part !== '');
  return parts.map((part) => {
    const numbers = part.split(/[x×*]/i).map(parseNumber);
    if (numbers.some((number) => Number.isNaN(number)) || numbers.length > 3) return part;
    const [first, width, heads] = numbers;
    if (width === undefined) return first;
    return heads === undefined ? { layers: first, width } : { layers: first, width, heads };
  });
}

/** Sizes as {@link plainSizes} reads them back. */
export function textOfSizes(sizes: unknown): string {
  if (!Array.isArray(sizes)) return '';
  return sizes
    .map((size: unknown) => {
      if (typeof size !== 'object' || size === null) return String(size);
      const parts = ['layers', 'width', 'heads'].map((key) => get(size, key)).filter((part) => part !== undefined);
      return parts.map(textOfValue).join('x');
    })
    .join(', ');
}
