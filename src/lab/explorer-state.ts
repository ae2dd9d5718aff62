import { SpecError } from '../base/errors.ts';
import type { Rounding } from '../numerics/index.ts';
import { wordOf } from './cast-steps.ts';
import { formatChoice } from './formats.ts';

/** What the format explorer shows. Every state is a valid one. */
export interface ExplorerState {
  /** Names that `formatChoice` takes. */
  readonly a: string;
  readonly b: string;
  /** The number that is cast, as it was typed: text that `wordOf` takes. */
  readonly x: string;
  readonly round: Rounding;
  readonly saturate: boolean;
  /** Numbers are cast times 2^scale: -126..126. */
  readonly scale: number;
  readonly axis: 'log' | 'linear';
  /** Whose range the number line spans. */
  readonly range: 'both' | 'a' | 'b';
}

export const EXPLORER_START: ExplorerState = {
  a: 'e4m3',
  b: 'e5m2',
  x: '0.1',
  round: 'nearest',
  saturate: true,
  scale: 0,
  axis: 'log',
  range: 'both',
};

export const MAX_SCALE = 126;

/** Names of the explorer's settings in a link. */
export const EXPLORER_KEYS: readonly string[] = Object.keys(EXPLORER_START);

const ROUNDINGS = ['nearest', 'zero', 'stochastic'] as const;

/** What differs from {@link EXPLORER_START}, for a link. */
export function explorerQuery(state: ExplorerState): URLSearchParams {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(state)) {
    const start: unknown = Object.entries(EXPLORER_START).find(([name]) => name === key)?.[1];
    if (value !== start) query.set(key, String(value));
  }
  return query;
}

/**
 * The state that a link says; other settings of the link are not looked at.
 *
 * @throws SpecError for the first setting that makes no sense here.
 */
export function explorerState(query: URLSearchParams): ExplorerState {
  const read = <T>(key: keyof ExplorerState, start: T, parse: (text: string) => T): T => {
    const text = query.get(key);
    if (text === null) return start;
    try {
      return parse(text);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message.replace(/\.$/, '') : '';
      const cure = 'Copy the whole link again.';
      throw new SpecError({ where: 'URL', rule: `the setting ${key} cannot be shown (${why})`, cure, cause });
    }
  };
  const start = EXPLORER_START;
  return {
    a: read('a', start.a, (text) => formatChoice(text).name),
    b: read('b', start.b, (text) => formatChoice(text).name),
    x: read('x', start.x, number),
    round: read('round', start.round, (text) => oneOf(text, ROUNDINGS)),
    saturate: read('saturate', start.saturate, (text) => oneOf(text, ['true', 'false']) === 'true'),
    scale: read('scale', start.scale, scaleOf),
    axis: read('axis', start.axis, (text) => oneOf(text, ['log', 'linear'])),
    range: read('range', start.range, (text) => oneOf(text, ['both', 'a', 'b'])),
  };
}

/**
 * The exponent of a power-of-two scale.
 *
 * @throws SpecError where it is not whole or f32 does not hold the scale and its inverse.
 */
export function scaleOf(text: string): number {
  const scale = /^[+-]?\d{1,3}$/.test(text.trim().replace('−', '-')) ? Number(text.trim().replace('−', '-')) : Number.NaN;
  if (!(Math.abs(scale) <= MAX_SCALE)) {
    const rule = 'not a power of two that a cast can be scaled by';
    throw new SpecError({
      where: 'scale',
      rule,
      got: JSON.stringify(text),
      expected: `a whole exponent, -${MAX_SCALE}..${MAX_SCALE}`,
    });
  }
  return scale === 0 ? 0 : scale;
}

function number(text: string): string {
  wordOf(text);
  return text;
}

function oneOf<const T extends string>(text: string, choices: readonly T[]): T {
  const chosen = choices.find((choice) => choice === text);
  if (chosen === undefined)
    throw new SpecError({ where: 'setting', rule: 'not a choice', got: JSON.stringify(text), expected: choices.join(', ') });
  return chosen;
}
