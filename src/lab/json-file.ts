import { SpecError } from '../base/errors.ts';
import type { WireError } from '../worker/protocol.ts';

const UNREAL: { readonly [word: string]: number } = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity };

/** JSON has no such numbers, and they are results. */
export function written(value: number): number | string {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
}

/** Content as a file; {@link real} undoes what becomes of its numbers. */
export function jsonText(content: object): string {
  return `${JSON.stringify(content, (_, value: unknown) => (typeof value === 'number' ? written(value) : value))}\n`;
}

/** Numbers that JSON has no form for, come back from the words that stand for them. @param texts keys whose values are text, whatever it says. */
export function real(value: unknown, texts: ReadonlySet<string> = new Set()): unknown {
  if (typeof value === 'string') return UNREAL[value] ?? value;
  if (Array.isArray(value)) return value.map((item) => real(item, texts));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, texts.has(key) ? inner : real(inner, texts)]));
}

/** What a file must be, and how to read it. */
export interface FileForm<T> {
  readonly format: string;
  readonly version: number;
  /** Earlier versions that {@link read} takes too. */
  readonly earlier?: readonly number[];
  /** What it holds, as an object: `comparison`. */
  readonly holds: string;
  /** What to do about a file of a later version; left out, it is refused as any other. */
  readonly later?: string;
  /** Reads its content; whatever it throws makes the file unreadable. */
  readonly read: (content: unknown) => T;
}

/**
 * What is in a file of the page's own.
 *
 * @param fileName named in errors.
 * @throws SpecError for any other file.
 */
export function readJsonFile<T>(
  text: string,
  fileName: string,
  { format, version, earlier = [], holds, later, read }: FileForm<T>,
): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(fileName, 'it is not JSON', cause);
  }
  if (get(value, 'format') !== format) throw unreadable(fileName, `it holds no ${holds}`);
  const written = get(value, 'version');
  if (later !== undefined && typeof written === 'number' && written > version) {
    const [got, expected] = [`version ${written}`, `version ${version} at most`];
    throw new SpecError({ where: fileName, rule: 'it was written by a later build', got, expected, cure: later });
  }
  if (![version, ...earlier].some((known) => known === written))
    throw unreadable(fileName, 'it is of a version that this build does not read');
  try {
    return read(value);
  } catch (cause) {
    throw unreadable(fileName, cause instanceof Error ? cause.message.replace(/\.$/, '') : 'it is mangled', cause);
  }
}

function unreadable(fileName: string, rule: string, cause?: unknown): SpecError {
  return new SpecError({ where: fileName, rule, cure: 'Choose a file that this page exported as JSON.', cause });
}

/** What something failed with; of its causes and stack a reader of the file has no use. @throws TypeError where it is no failure. */
export function failureOf(value: unknown): WireError {
  const [name, message, where] = ['name', 'message', 'where'].map((key) => get(value, key));
  if (typeof name !== 'string' || typeof message !== 'string' || typeof where !== 'string')
    throw new TypeError('its failure is mangled');
  return { name, message, where };
}

export function get(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
}
