import { FRONTIERS, type FitOutcome, type LawFit, type LawPoints } from '../lab/index.ts';
import {
  allocatorOf,
  budgetsOf,
  computeOptimal,
  derivedInterval,
  filterPoints,
  findColumn,
  isAmongSizes,
  lawNamed,
  parabolaOf,
  type Params,
  type Shares,
} from '../laws/index.ts';
import { spaced } from './law-curves.ts';
import type { LawChart, LawDot, LawLine, LawRibbon } from './law-chart.ts';
import { flops, spanWords, valueWords } from './law-words.ts';
import type { Range } from './plot-data.ts';

/** The best size of a budget, by each of Chinchilla's approaches. */

/** One budget's runs and its parabola. */
export interface ShownBudget {
  readonly C: number;
  readonly runs: number;
  readonly N: number | null;
  readonly D: number | null;
  readonly loss: number | null;
  /** 0 at the smallest size that was run, 1 at the largest. */
  readonly place: number | null;
}

/** Parabolas are drawn so many times beyond the sizes at most. */
const BEYOND = 10;

/** Losses of each budget against the size, with a parabola where there are three sizes and its minimum where that lies among them; null where no budget has them. */
export function parabolasChart(
  shown: LawPoints,
  out: ReadonlySet<string>,
): { readonly chart: LawChart; readonly budgets: readonly ShownBudget[] } | null {
  const { points, rows } = shown;
  const [N, C, L] = ['N', 'C', 'loss'].map((name) => findColumn(points, name));
  if (!N || !C || !L) return null;
  const isUsed = (row: number): boolean =>
    !out.has(rows[row]?.key ?? '') && [N, C, L].every((values) => Number.isFinite(values[row]));
  const used = filterPoints({ columns: { N, C, loss: L } }, isUsed);
  const kept = [...rows.keys()].filter(isUsed);
  const groups = budgetsOf(used)
    .map((own) => ({ rows: own, parabola: parabolaOf(used, own) }))
    .filter((group) => group.rows.length > 2);
  if (!groups.some(({ parabola }) => parabola !== null)) return null;
  const dots: LawDot[] = [];
  const lines: LawLine[] = [];
  const budgets: ShownBudget[] = [];
  groups.forEach(({ rows: own, parabola }, place) => {
    const sizes = own.map((row) => N[kept[row] ?? -1] ?? NaN);
    for (const row of own.map((each) => kept[each] ?? -1)) {
      const words = `${rows[row]?.label}: N ${valueWords('N', N[row] ?? NaN)}, loss ${valueWords('loss', L[row] ?? NaN)} at ${flops(C[row] ?? NaN)} FLOPs`;
      dots.push({ key: rows[row]?.key ?? '', x: N[row] ?? NaN, y: L[row] ?? NaN, place, hollow: false, words });
    }
    const budget = own.reduce((sum, row) => sum + Math.log(C[kept[row] ?? -1] ?? NaN), 0) / own.length;
    const { N: best, D, loss, place: at, coefficients } = parabola ?? {};
    budgets.push({
      C: Math.exp(budget),
      runs: own.length,
      N: best ?? null,
      D: D ?? null,
      loss: loss ?? null,
      place: at ?? null,
    });
    if (coefficients === undefined || best === undefined || loss === undefined) return;
    const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
    const curve = (from: number, to: number): readonly Range[] =>
      spaced(from, to, 40).map((size): Range => {
        const log = Math.log(size);
        return [size, coefficients[0] + coefficients[1] * log + coefficients[2] * log * log];
      });
    lines.push({ kind: 'fit', place, points: curve(least, most) });
    if (best > most) lines.push({ kind: 'beyond', place, points: curve(most, Math.min(best, BEYOND * most)) });
    if (best < least) lines.push({ kind: 'beyond', place, points: curve(Math.max(best, least / BEYOND), least) });
    if (at === undefined || !isAmongSizes({ place: at })) return;
    dots.push({
      key: null,
      x: best,
      y: loss,
      place,
      hollow: true,
      words: `best size at ${flops(Math.exp(budget))} FLOPs: ${valueWords('N', best)} parameters, loss ${valueWords('loss', loss)}`,
    });
  });
  const chart: LawChart = {
    xLabel: 'N, parameters',
    yLabel: 'loss, nats per token',
    xLog: true,
    yLog: true,
    groups: budgets.map((budget, place) => ({ place, name: spanWords('C', budget.C, budget.C) })),
    dots,
    lines,
    ribbons: [],
    shaded: [],
  };
  return { chart, budgets };
}

/** A way to the best size of a budget: N_opt and D_opt of C. */
export interface Frontier {
  readonly name: string;
  readonly place: number;
  readonly published: boolean;
  readonly optimum: (params: Params, C: number) => Readonly<Record<'N' | 'D', number>>;
  readonly params: Params;
  readonly replicates: readonly Params[];
  readonly shares: Shares;
  /** The exponent of N_opt. */
  readonly exponent: (params: Params) => number;
}

const line: Frontier['optimum'] = (params, C) => allocatorOf('chinchilla-isoflop')?.optimal(params, C) ?? { N: NaN, D: NaN };
const slope = (params: Params): number => params['a'] ?? NaN;
const ratio = ({ alpha = NaN, beta = NaN }: Params): number => beta / (alpha + beta);

/** Frontiers of one's own points, by approach 3, 2 and 1 as far as there are fits. */
export function ownFrontiers(
  fit: LawFit | null,
  { 'chinchilla-isoflop': isoflop, 'chinchilla-envelope': envelope }: Readonly<Record<string, FitOutcome | null>>,
): readonly Frontier[] {
  const of = (outcome: FitOutcome, name: string, place: number, parametric: boolean): Frontier => ({
    name,
    place,
    published: false,
    optimum: parametric ? computeOptimal : line,
    params: outcome.params,
    replicates: outcome.replicates,
    shares: outcome.shares,
    exponent: parametric ? ratio : slope,
  });
  return [
    ...(fit?.law.id === 'chinchilla' ? [of(fit.outcome, 'Approach 3: this fit', 0, true)] : []),
    ...(isoflop ? [of(isoflop, 'Approach 2: isoFLOP minima', 1, false)] : []),
    ...(envelope ? [of(envelope, 'Approach 1: envelope of curves', 2, false)] : []),
  ];
}

/** Published without resamples. */
const UNSURE: Pick<Frontier, 'replicates' | 'shares'> = { replicates: [], shares: [0, 1] };

/** Frontiers that others have published; Kaplan's by the two laws of the table. */
export function publishedFrontiers(): readonly Frontier[] {
  const [size, data] = [lawNamed('kaplan-model'), lawNamed('kaplan-data-of-compute')];
  const [N, D] = [size.constants[0]?.params ?? {}, data.constants[0]?.params ?? {}];
  return FRONTIERS.map((name, i): Frontier => {
    const shown = { name, place: 3 + i, published: true, ...UNSURE };
    const chinchilla = lawNamed('chinchilla').constants.find((set) => set.name === name);
    if (chinchilla !== undefined) return { ...shown, optimum: computeOptimal, params: chinchilla.params, exponent: ratio };
    return {
      ...shown,
      optimum: (_, C) => ({ N: size.predict(N, { C }), D: data.predict(D, { C }) }),
      params: N,
      exponent: (params) => params['m'] ?? NaN,
    };
  });
}

/** N_opt or D_opt against the budget. */
export function frontierChart(
  frontiers: readonly Frontier[],
  of: 'N' | 'D',
  [from, to]: Range,
  reach: number,
  optima: FitOutcome['optima'] = [],
): LawChart {
  const inside = spaced(from, to, 24);
  const outside = reach > 1 ? spaced(to, to * reach, 12) : [];
  const lines: LawLine[] = [];
  const ribbons: LawRibbon[] = [];
  for (const { place, params, optimum, published, replicates, shares } of frontiers) {
    const points = (xs: readonly number[]): Range[] => xs.map((C): Range => [C, optimum(params, C)[of]]);
    lines.push({
      kind: published ? 'published' : 'fit',
      place,
      points: published ? points([...inside, ...outside]) : points(inside),
    });
    if (!published && outside.length > 0) lines.push({ kind: 'beyond', place, points: points(outside) });
    if (replicates.length === 0) continue;
    const x = [...inside, ...outside];
    const ends = x.map((C) => derivedInterval({ shares, replicates }, (each) => optimum(each, C)[of]));
    ribbons.push({ place, x, low: ends.map(([low]) => low), high: ends.map(([, high]) => high) });
  }
  const dots = optima.map((each): LawDot => ({
    key: null,
    x: each.C,
    y: each[of],
    place: 1,
    hollow: false,
    words: `isoFLOP minimum at ${flops(each.C)} FLOPs: ${of} ${valueWords(of, each[of])}`,
  }));
  return {
    xLabel: 'C, FLOPs',
    yLabel: of === 'N' ? 'N_opt, parameters' : 'D_opt, tokens',
    xLog: true,
    yLog: true,
    groups: frontiers.map(({ place, name }) => ({ place, name })),
    dots,
    lines,
    ribbons,
    shaded: outside.length === 0 ? [] : [[to, to * reach]],
  };
}
