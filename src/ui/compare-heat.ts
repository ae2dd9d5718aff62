import type { MapMeasure, MapRow, TensorMap } from '../lab/index.ts';
import { ROLES } from '../spec/index.ts';
import { short } from './format.ts';

/** Colours of the map, from nothing to the worst: `--heat-0` to `--heat-8`. */
export const HEAT_LEVELS = 9;

/** Which colour a value has, and what each colour means. */
export interface HeatScale {
  /** -1 where there is no value. */
  readonly level: (value: number) => number;
  /** What a level stands for, one a level. */
  readonly words: readonly string[];
  /** What the two ends of the legend say. */
  readonly ends: readonly [string, string];
}

/** Upper bounds of levels 1..7, level 0 is exactly 0. */
const SHARES: { readonly [M in 'underflow' | 'overflow']: readonly number[] } = {
  underflow: [1e-4, 1e-3, 1e-2, 0.03, 0.1, 0.2, 0.4],
  overflow: [1e-6, 1e-5, 1e-4, 1e-3, 3e-3, 0.01, 0.05],
};
const COUNTS = [1, 10, 100, 1e3, 1e4, 1e5, 1e6];
/** Lower bounds of levels 0..7 in dB: E4M3 has about 31, E5M2 about 25. */
const SQNR = [50, 40, 33, 28, 24, 18, 12, 6];

/** The scale of a measure. Shares and dB mean the same in every run; amax, scale and mse are laid out over the values at hand. */
export function heatScale(measure: MapMeasure, values: ArrayLike<number>): HeatScale {
  switch (measure) {
    case 'underflow':
    case 'overflow': {
      const bounds = SHARES[measure];
      const level = (value: number): number => (Number.isNaN(value) ? -1 : value === 0 ? 0 : 1 + above(bounds, value));
      const words = ['none', ...bounds.map((bound) => `up to ${shareWords(bound)}`), `above ${shareWords(bounds.at(-1) ?? 1)}`];
      return { level, words, ends: ['none', `above ${shareWords(bounds.at(-1) ?? 1)}`] };
    }
    case 'sqnrDb': {
      const level = (value: number): number => {
        const place = SQNR.findIndex((bound) => value >= bound);
        return Number.isNaN(value) ? -1 : place < 0 ? SQNR.length : place;
      };
      const words = [...SQNR.map((bound) => `${bound} dB and more`), `below ${SQNR.at(-1)} dB`];
      return { level, words, ends: [`${SQNR[0]} dB and more`, `below ${SQNR.at(-1)} dB`] };
    }
    case 'nonFinite': {
      const level = (value: number): number => (Number.isNaN(value) ? -1 : value === 0 ? 0 : 1 + above(COUNTS, value));
      return {
        level,
        words: ['none', ...COUNTS.map((bound) => `up to ${short(bound)}`), 'more'],
        ends: ['none', 'more than 1 M'],
      };
    }
    case 'amax':
    case 'scale':
    case 'mse':
      return logScale(values);
  }
}

/** Levels of equal width on a log scale over the positive values. */
function logScale(values: ArrayLike<number>): HeatScale {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value) || value <= 0) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const [from, to] = low <= high ? [Math.log2(low), Math.log2(high)] : [0, 1];
  const width = Math.max(to - from, 1e-9) / HEAT_LEVELS;
  const level = (value: number): number =>
    Number.isNaN(value) ? -1 : Math.min(HEAT_LEVELS - 1, Math.max(0, Math.floor((Math.log2(Math.max(0, value)) - from) / width)));
  const at = (place: number): string => short(2 ** (from + place * width));
  const words = Array.from({ length: HEAT_LEVELS }, (_, i) => `${at(i)} to ${at(i + 1)}`);
  return { level, words, ends: [at(0), at(HEAT_LEVELS)] };
}

/** How many bounds lie below the value. */
function above(bounds: readonly number[], value: number): number {
  const place = bounds.findIndex((bound) => value <= bound);
  return place < 0 ? bounds.length : place;
}

/** `0.01 %`. */
export function shareWords(share: number): string {
  if (!Number.isFinite(share)) return '—';
  if (share === 0) return '0 %';
  const percent = 100 * share;
  return `${percent >= 10 ? percent.toFixed(0) : percent >= 1 ? percent.toFixed(1) : short(percent)} %`;
}

/** True where `a` is more trouble than `b`. */
export function isWorse(measure: MapMeasure, a: number, b: number): boolean {
  if (Number.isNaN(a)) return false;
  return Number.isNaN(b) || (measure === 'sqnrDb' ? a < b : a > b);
}

/** One layer and role: a strip over the probed steps. Where several tensors share a name it shows the worst of them. */
export interface HeatStrip {
  readonly layer: string;
  readonly role: string;
  /** Tensors of that name, by their place in the map. */
  readonly rows: readonly number[];
  /** Row of the worst value of each step, -1 where none has one. */
  readonly worst: readonly number[];
  /** `[steps]`. */
  readonly values: readonly number[];
}

export interface HeatGrid {
  readonly layers: readonly string[];
  readonly roles: readonly string[];
  /** By layer and role, `layers x roles`; null where there is no such tensor. */
  readonly strips: readonly (readonly (HeatStrip | null)[])[];
  readonly steps: readonly number[];
}

/**
 * Lays a map out by layer and role: layers in the order of the model, roles in that of the recipes. Layers and roles of which no tensor
 * has a value, because nothing casts them, are left out.
 */
export function heatGrid(map: TensorMap, measure: MapMeasure): HeatGrid {
  const measured = map.rows.filter((_, row) => map.steps.some((_step, column) => !Number.isNaN(valueAt(map, row, column))));
  const layers = distinct(measured.map(({ layer }) => layer)).sort(byPlace);
  const found = distinct(measured.map(({ role }) => role));
  const known = ROLES.filter((role) => found.includes(role));
  const roles = [...known, ...found.filter((role) => !known.some((each) => each === role))];
  const strip = (layer: string, role: string): HeatStrip | null => {
    const rows = map.rows.flatMap((row: MapRow, i) => (row.layer === layer && row.role === role ? [i] : []));
    if (rows.length === 0) return null;
    const worst = map.steps.map((_, column) =>
      rows.reduce((best, row) => (isWorse(measure, valueAt(map, row, column), valueAt(map, best, column)) ? row : best), -1),
    );
    return { layer, role, rows, worst, values: worst.map((row, column) => valueAt(map, row, column)) };
  };
  return { layers, roles, strips: layers.map((layer) => roles.map((role) => strip(layer, role))), steps: map.steps };
}

function valueAt({ values, steps }: TensorMap, row: number, column: number): number {
  return row < 0 ? Number.NaN : (values[row * steps.length + column] ?? Number.NaN);
}

/** The embedding first, blocks by number, then the head, and last what belongs to the whole model. */
function byPlace(a: string, b: string): number {
  const place = (layer: string): number => {
    if (layer === '') return 1e6;
    if (/^(embed|position)/.test(layer)) return -1;
    const block = /^blocks\.(\d+)/.exec(layer)?.[1];
    return block === undefined ? 1e5 : Number(block);
  };
  return place(a) - place(b);
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}

/** Columns of a strip of `width` units: groups of neighbouring steps, none narrower than `least`. */
export function columnsOf(steps: number, width: number, least: number): readonly (readonly [from: number, to: number])[] {
  const count = Math.max(1, Math.min(steps, Math.floor(width / least)));
  return steps === 0
    ? []
    : Array.from({ length: count }, (_, i) => [Math.floor((i * steps) / count), Math.floor(((i + 1) * steps) / count)] as const);
}

/** Where a cursor is: a strip, and a step in it, all by place. */
export interface HeatCursor {
  readonly layer: number;
  readonly role: number;
  readonly column: number;
}

/** The worst value of a stretch of a strip, and its step. */
export function worstOf(
  { values }: HeatStrip,
  [from, to]: readonly [number, number],
  measure: MapMeasure,
): { readonly value: number; readonly column: number } {
  let column = from;
  for (let i = from + 1; i < to; i++) if (isWorse(measure, values[i] ?? Number.NaN, values[column] ?? Number.NaN)) column = i;
  return { value: values[column] ?? Number.NaN, column };
}

/** The strip that is worst at the last step; null where there is none. */
export function worstStrip({ strips, steps }: HeatGrid, measure: MapMeasure): HeatCursor | null {
  const column = steps.length - 1;
  let best: HeatCursor | null = null;
  let worst = Number.NaN;
  for (const [layer, row] of strips.entries()) {
    for (const [role, strip] of row.entries()) {
      const value = strip?.values[column] ?? Number.NaN;
      if (strip === null || (best !== null && !isWorse(measure, value, worst))) continue;
      best = { layer, role, column };
      worst = value;
    }
  }
  return best;
}

/** The next strip in a direction; fields without a tensor are passed over, and at the edge the cursor stays. */
export function nextStrip({ strips }: HeatGrid, cursor: HeatCursor, down: number, right: number): HeatCursor {
  let [layer, role] = [cursor.layer + down, cursor.role + right];
  for (let strip = strips[layer]?.[role]; strip !== undefined; strip = strips[layer]?.[role]) {
    if (strip !== null) return { ...cursor, layer, role };
    layer += down;
    role += right;
  }
  return cursor;
}

const SHORT: Readonly<Record<string, string>> = {
  activation: 'act',
  weight: 'weight',
  gradient: 'grad',
  output: 'out',
  probabilities: 'p',
};

/** The two lines that name a column: `fprop` and `act`. */
export function roleWords(role: string): readonly [string, string] {
  const [head = '', ...rest] = role.split('.');
  const tail = rest.join('.');
  return [head, SHORT[tail] ?? tail];
}

/** `2.mlp.fc` for `blocks.2.mlp.fc`; `model` for what belongs to no layer. */
export function layerWords(layer: string): string {
  return layer === '' ? 'model' : layer.replace(/^blocks\./, '');
}
