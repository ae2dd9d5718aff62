import { SpecError } from '../base/errors.ts';
import { parseSpec } from '../spec/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { readText } from './files.ts';
import type { Io } from './io.ts';

/** How a spec's file is named in errors; `-` is stdin. */
export function specName(path: string): string {
  return path === '-' ? 'stdin' : `file "${path}"`;
}

/**
 * The spec in a JSON file, or on stdin for `-`.
 *
 * @param steps the budget instead of the file's own.
 * @throws SpecError when the file is unreadable, not JSON, or no valid spec.
 */
export async function loadSpec(path: string, io: Io, steps?: number): Promise<RunSpec> {
  const text = path === '-' ? await io.stdin() : readText(path);
  const value = parseJson(text, specName(path));
  const shortened = steps !== undefined && typeof value === 'object' && value !== null && !Array.isArray(value);
  return parseSpec(shortened ? { ...value, budget: { steps } } : value);
}

/** @throws SpecError for text that is not JSON; `where` names it. */
export function parseJson(text: string, where: string): unknown {
  try {
    // A byte-order mark is no part of JSON, and some editors write one.
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (cause) {
    const got =
      text.trim() === '' ? 'an empty file' : cause instanceof Error ? cause.message.replaceAll(/\s+/g, ' ') : String(cause);
    throw new SpecError({ where, rule: 'it is not JSON', got, cause });
  }
}
