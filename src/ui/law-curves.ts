import type { LawFit, LawPoints, LawsView } from '../lab/index.ts';
import { derivedInterval, findColumn, predictCurve, type Law, type Params, type Points } from '../laws/index.ts';
import { spanWords, valueWords } from './law-words.ts';
import type { LawChart, LawDot, LawLine, LawRibbon } from './law-chart.ts';
import type { Range } from './plot-data.ts';

/** Points and the curves of a fitted law through them. */

/** Points that share what the law reads beside the column along x. */
interface Group {
  readonly place: number;
  readonly name: string;
  /** Rows of the points. */
  readonly rows: readonly number[];
  /** Mean of the logarithm of each column, back as a value. */
  readonly values: Params;
}

const MOST_GROUPS = 8;
const GRID = 40;
const UNITS: Readonly<Record<string, string>> = {
  N: 'parameters',
  D: 'tokens',
  C: 'FLOPs',
  M: 'tokens per parameter',
  S: 'steps',
  B: 'tokens a batch',
  step: 'steps',
  lr: 'learning rate',
  loss: 'nats per token',
};

/** `N, parameters`. */
export function axisWords(column: string): string {
  const unit = UNITS[column];
  return unit === undefined ? column : column === 'loss' ? `loss, ${unit}` : column === 'lr' ? unit : `${column}, ${unit}`;
}

/** Columns that a law's points can be drawn along, the first by default. */
export function columnsAlong(law: Law): readonly string[] {
  const names = law.columns.map(({ name }) => name);
  if (names.includes('S1')) return ['step'];
  if (law.model === null) return ['C', 'N'];
  return names.includes('N') && names.includes('D') ? ['D', 'N', 'C'] : names;
}

export function columnAlong(law: Law, view: LawsView): string {
  const columns = columnsAlong(law);
  return columns.find((name) => name === view.x) ?? columns[0] ?? 'N';
}

/** What of a law's columns tells groups apart when `x` lies along the axis. */
function keysOf(law: Law, x: string): readonly string[] {
  const names = law.columns.filter(({ raw }) => raw !== true).map(({ name }) => name);
  if (names.includes('S1')) return [];
  if (x === 'C' && names.includes('N')) return names.filter((name) => name !== 'D' && name !== 'C');
  if (law.model === null) return x === 'N' ? ['C'] : ['N'];
  return names.filter((name) => name !== x);
}

/** The points that can be drawn, in groups by size, by budget or by what else the law reads. */
export function groupsOf(law: Law, { points }: LawPoints, x: string): readonly Group[] {
  const count = Object.values(points.columns)[0]?.length ?? 0;
  const keys = keysOf(law, x);
  const rows = Array.from({ length: count }, (_, row) => row);
  const columns = keys.map((name) => findColumn(points, name));
  const keyOf = (row: number): string => columns.map((values) => (values?.[row] ?? NaN).toPrecision(3)).join(' ');
  const byKey = new Map<string, number[]>();
  if (law.columns.some(({ name }) => name === 'S1')) for (const row of rows) append(byKey, points.runs?.[row] ?? '', row);
  else for (const row of rows) append(byKey, keyOf(row), row);
  const sorted = [...byKey.values()].toSorted((a, b) => (columns[0]?.[a[0] ?? 0] ?? 0) - (columns[0]?.[b[0] ?? 0] ?? 0));
  const many = sorted.length > MOST_GROUPS;
  const bins = many ? binned(sorted) : sorted;
  return bins.map((own, place) => ({
    place,
    name: nameOf(points, keys, own, many),
    rows: own,
    values: meansOf(points, law, own),
  }));
}

function append(map: Map<string, number[]>, key: string, row: number): void {
  const own = map.get(key);
  if (own === undefined) map.set(key, [row]);
  else own.push(row);
}

/** Neighbours together, about as many groups in each. */
function binned(groups: readonly (readonly number[])[]): number[][] {
  const bins: number[][] = Array.from({ length: MOST_GROUPS }, () => []);
  groups.forEach((rows, i) => bins[Math.floor((i * MOST_GROUPS) / groups.length)]?.push(...rows));
  return bins.filter((rows) => rows.length > 0);
}

function nameOf(points: Points, keys: readonly string[], rows: readonly number[], many: boolean): string {
  if (keys.length === 0) return rows.length === 0 ? '' : (points.runs?.[rows[0] ?? 0] ?? '');
  // Of groups that were put together only the first key still tells them apart.
  return (many ? keys.slice(0, 1) : keys)
    .map((name) => {
      const values = findColumn(points, name);
      const own = rows.map((row) => values?.[row] ?? NaN);
      return spanWords(name, Math.min(...own), Math.max(...own));
    })
    .join(', ');
}

function meansOf(points: Points, law: Law, rows: readonly number[]): Params {
  const names = new Set([...law.columns.map(({ name }) => name), 'N', 'D', 'C', 'M']);
  return Object.fromEntries(
    [...names].flatMap((name) => {
      const values = findColumn(points, name);
      if (values === null) return [];
      // Rows of a file need not have what the law does not read.
      const logs = rows.map((row) => Math.log(values[row] ?? NaN)).filter((log) => !Number.isNaN(log));
      return [[name, Math.exp(logs.reduce((sum, log) => sum + log, 0) / logs.length)]];
    }),
  );
}

/** The law's columns where the column along x is at a value and the group's others stay what they are. */
function placedAt(group: Group, x: string, value: number, law: Law): Params {
  const { N = NaN, D = NaN, C = NaN } = group.values;
  // FLOPs per parameter and token: 6, or what the exact count makes of it.
  const k = C / (N * D);
  if (x === 'C' && law.columns.some(({ name }) => name === 'D')) return { ...group.values, C: value, D: value / (k * N) };
  if (x === 'N') return { ...group.values, N: value, C: k * value * D, M: D / value };
  if (x === 'D') return { ...group.values, D: value, C: k * N * value, M: value / N };
  return { ...group.values, [x]: value };
}

/** Points of a law at every value of `xs` in every group, and their predictions by parameters, `[groups, xs]`. */
function gridOf(law: Law, groups: readonly Group[], x: string, xs: readonly number[]): (params: Params) => Float64Array {
  const at = groups.flatMap((group) => xs.map((value) => placedAt(group, x, value, law)));
  const columns = Object.fromEntries(law.columns.map(({ name }) => [name, Float64Array.from(at, (row) => row[name] ?? NaN)]));
  return (params) => predictCurve(law, params, { columns });
}

/** Predictions of a fit at its own points; NaN for a procedure, which predicts no loss. */
export function predictionsOf({ law, outcome, points }: LawFit): Float64Array {
  if (law.model !== null) return predictCurve(law, outcome.params, points.points);
  return new Float64Array(points.rows.length).fill(Number.NaN);
}

/** The measured column against another, and the fitted law through it as far as `view` draws it. */
export function pointsChart(law: Law, shown: LawPoints, out: ReadonlySet<string>, fit: LawFit | null, view: LawsView): LawChart {
  const x = columnAlong(law, view);
  const groups = groupsOf(law, shown, x);
  const dots = dotsOf(law, shown, out, groups, x);
  const own = fit !== null && fit.law.id === law.id ? fit : null;
  const curves =
    own === null || law.model === null ? null : x === 'step' ? alongRuns(own, groups) : alongGrid(own, groups, x, dots, view);
  return {
    xLabel: axisWords(x),
    yLabel: axisWords(law.target),
    xLog: true,
    yLog: true,
    groups: groups.map(({ place, name }) => ({ place, name })),
    dots,
    lines: curves?.lines ?? [],
    ribbons: curves?.ribbons ?? [],
    shaded: curves?.shaded ?? [],
  };
}

type Curves = Pick<LawChart, 'lines' | 'ribbons' | 'shaded'>;

function dotsOf(law: Law, { points, rows }: LawPoints, out: ReadonlySet<string>, groups: readonly Group[], x: string): LawDot[] {
  const [xs, ys] = [findColumn(points, x), findColumn(points, law.target)];
  return groups.flatMap(({ place, rows: own }) =>
    own.flatMap((row): LawDot[] => {
      const [px, py] = [xs?.[row] ?? NaN, ys?.[row] ?? NaN];
      const { key = '', label = '' } = rows[row] ?? {};
      if (!(px > 0 && py > 0 && px < Infinity && py < Infinity)) return [];
      const words = `${label}: ${axisWords(x).split(',')[0]} ${valueWords(x, px)}, ${law.target} ${valueWords(law.target, py)}`;
      return [{ key, x: px, y: py, place, hollow: out.has(key), words }];
    }),
  );
}

function alongGrid(
  { law, outcome }: LawFit,
  groups: readonly Group[],
  x: string,
  dots: readonly LawDot[],
  view: LawsView,
): Curves {
  const used = dots.filter(({ hollow }) => !hollow).map((dot) => dot.x);
  const [least, most] = [Math.min(...used), Math.max(...used)];
  if (!(least <= most)) return { lines: [], ribbons: [], shaded: [] };
  const inside = spaced(least, most, GRID);
  const outside = view.reach > 1 ? spaced(most, most * view.reach, GRID / 2) : [];
  const xs = [...inside, ...outside];
  const predict = gridOf(law, groups, x, xs);
  const fitted = predict(outcome.params);
  const replicates = outcome.replicates.map(predict);
  const lines: LawLine[] = [];
  const ribbons: LawRibbon[] = [];
  groups.forEach(({ place }, g) => {
    const start = g * xs.length;
    const part = (from: number, to: number, values: Float64Array): Range[] =>
      xs.slice(from, to).map((value, i): Range => [value, values[start + from + i] ?? NaN]);
    lines.push({ kind: 'fit', place, points: part(0, inside.length, fitted) });
    if (outside.length > 0) lines.push({ kind: 'beyond', place, points: part(inside.length, xs.length, fitted) });
    if (replicates.length === 0) return;
    const ends = xs.map((_, i) => derivedInterval({ shares: outcome.shares, replicates }, (said) => said[start + i] ?? NaN));
    ribbons.push({ place, x: xs, low: ends.map(([low]) => low), high: ends.map(([, high]) => high) });
  });
  for (const at of view.published) {
    const set = law.constants[at];
    if (set === undefined) continue;
    const values = predict(set.params);
    groups.forEach(({ place }, g) =>
      lines.push({
        kind: 'published',
        place,
        points: xs.map((value, i): Range => [value, values[g * xs.length + i] ?? NaN]),
        ...(g === 0 ? { label: set.name } : {}),
      }),
    );
  }
  return { lines, ribbons, shaded: outside.length === 0 ? [] : [[most, most * view.reach]] };
}

/** Of a law of learning curves: its predictions at the points of each run, under that run's own schedule. */
function alongRuns(fit: LawFit, groups: readonly Group[]): Curves {
  const steps = fit.points.points.columns['step'];
  const predicted = predictionsOf(fit);
  const lines = groups.map(({ place, rows }): LawLine => ({
    kind: 'fit',
    place,
    points: rows.map((row): Range => [steps?.[row] ?? NaN, predicted[row] ?? NaN]),
  }));
  return { lines, ribbons: [], shaded: [] };
}

/** `count` numbers from `from` to `to`, evenly spaced in logarithms. */
export function spaced(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));
}

/** What the fit leaves of each point, in percent of what was measured less what is predicted, against the prediction. */
export function residualsChart(fit: LawFit, out: ReadonlySet<string>, view: LawsView): LawChart {
  const { law, points } = fit;
  const predicted = predictionsOf(fit);
  const measured = findColumn(points.points, law.target);
  const groups = groupsOf(law, points, columnAlong(law, view));
  const dots = groups.flatMap(({ place, rows }) =>
    rows.flatMap((row): LawDot[] => {
      const [is, said] = [measured?.[row] ?? NaN, predicted[row] ?? NaN];
      const y = 100 * (is / said - 1);
      const { key = '', label = '' } = points.rows[row] ?? {};
      if (!Number.isFinite(y)) return [];
      const words = `${label}: ${valueWords(law.target, is)} measured, ${valueWords(law.target, said)} fitted, ${signed(y)} %`;
      return [{ key, x: said, y, place, hollow: out.has(key), words }];
    }),
  );
  const xs = dots.map(({ x }) => x);
  return {
    xLabel: `fitted ${law.target}`,
    yLabel: 'measured over fitted less 1, %',
    xLog: true,
    yLog: false,
    groups: [],
    dots,
    lines:
      dots.length === 0
        ? []
        : [{ kind: 'rule', place: 0, points: [[Math.min(...xs), 0] as const, [Math.max(...xs), 0] as const] }],
    ribbons: [],
    shaded: [],
  };
}

export function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toPrecision(2)}`;
}
