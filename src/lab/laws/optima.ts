import { hashName } from '../../base/random.ts';
import { optimumOf } from '../sweep/views.ts';
import type { LawPoints, PointRow } from './run-points.ts';

/** Best learning rates and best batches, interpolated between those that were swept. */

/** Sweeps that give no optimum, or one to be minded. */
export interface SweepCounts {
  /** Groups of runs that differ in what is swept, and whose least loss lies at an end of it, or that have less than three values. */
  readonly edges: number;
  readonly short: number;
  /** Best batches among batches that were not all tried with three learning rates around their best. */
  readonly untuned: number;
  /** Sizes and lengths at which runs differ in more than learning rate, batch and seed: those are sweeps of their own. */
  readonly mixed: number;
}

export const NO_SWEEPS: SweepCounts = { edges: 0, short: 0, untuned: 0, mixed: 0 };

/** Points of optima: N, D and what is best there, with the loss that it gives. */
export interface Optima extends LawPoints, SweepCounts {}

type Counts = { -readonly [K in keyof SweepCounts]: number };

/** What own runs say of learning rate and batch; null where there are no points. */
export interface OwnOptima {
  readonly rates: Optima | null;
  readonly batches: Optima | null;
  /** Each measured on one model. */
  readonly critical: readonly CriticalBatch[];
}

/** The batch from which on steps to a loss fall too little, measured on one model. */
export interface CriticalBatch {
  readonly N: number;
  /** Tokens that its runs were trained on. */
  readonly D: number;
  /** Reached by all of them. */
  readonly lossNats: number;
  readonly tokens: number;
  readonly interval: readonly [number, number] | null;
  /** How many batch sizes were tried. */
  readonly batches: number;
}

export const NO_OPTIMA: OwnOptima = { rates: null, batches: null, critical: [] };

/** Whether two numbers of tokens are one but for whole steps. */
export function isSameLength(a: number, b: number): boolean {
  return Math.max(a, b) <= Math.min(a, b) * (1 + SAME_LENGTH);
}

interface Row {
  readonly N: number;
  readonly D: number;
  readonly B: number;
  readonly lr: number;
  readonly loss: number;
  readonly row: PointRow;
}

/** Values that a parabola needs. */
const FEWEST = 3;
/** Token counts that differ by less are one: lengths are whole steps of different batches. */
const SAME_LENGTH = 0.03;

/**
 * The learning rate of each size and number of tokens at which the loss is least, on the parabola in ln lr through the best mean over seeds
 * and its two neighbours, at the batch of the lowest mean: where that one has no optimum, a worse batch stands in for none. Columns N, D, B,
 * lr, loss.
 */
export function optimalRates(whole: LawPoints): Optima {
  const counted = { ...NO_SWEEPS };
  const found = sweepsOf(readRows(whole, ['N', 'D', 'lr', 'loss']), counted).flatMap((rows) => {
    const batches = groups(rows, ({ B }) => B);
    const [own] = batches.toSorted((a, b) => mean(atBestRate(a)) - mean(atBestRate(b)));
    if (own === undefined || batches.every((one) => groups(one, ({ lr }) => lr).length < 2)) return [];
    const least = leastOver(own, ({ lr }) => lr);
    count(least, counted);
    return typeof least === 'string' ? [] : [{ ...least, own }];
  });
  return optima(
    whole,
    found.map(({ own, x, loss }) => ({ own, lr: x, B: middle(own, ({ B }) => B), loss })),
    'lr',
    counted,
  );
}

/** The same of batches: each counts with the best learning rate that was tried at it. Columns N, D, B, lr, loss. */
export function optimalBatches(whole: LawPoints): Optima {
  const counted = { ...NO_SWEEPS };
  const found = sweepsOf(readRows(whole, ['N', 'D', 'B', 'loss']), counted).flatMap((rows) => {
    const batches = groups(rows, ({ B }) => B);
    if (batches.length < 2) return [];
    const tuned = batches.flatMap(atBestRate);
    const least = leastOver(tuned, ({ B }) => B);
    count(least, counted);
    if (typeof least === 'string') return [];
    if (batches.some((own) => typeof leastOver(own, ({ lr }) => lr) === 'string')) counted.untuned += 1;
    return [{ own: tuned, B: least.x, lr: middle(tuned, ({ lr }) => lr), loss: least.loss }];
  });
  return optima(whole, found, 'B', counted);
}

/** Of one batch, the rows of the learning rate whose mean loss is lowest. */
function atBestRate(rows: readonly Row[]): readonly Row[] {
  const byRate = groups(rows, ({ lr }) => lr).toSorted((a, b) => mean(a) - mean(b));
  return byRate[0] ?? [];
}

function leastOver(
  rows: readonly Row[],
  of: (row: Row) => number,
): { readonly x: number; readonly loss: number } | 'edges' | 'short' {
  const places = groups(rows, of)
    .map((own) => ({ x: of(own[0] ?? NO_ROW), mean: mean(own) }))
    .toSorted((a, b) => a.x - b.x);
  if (places.length < FEWEST) return 'short';
  const none = { runs: [], losses: [], low: NaN, high: NaN, diverged: 0, open: 0 };
  const least = optimumOf(places.map((place) => ({ ...none, ...place })));
  return least?.kind === 'inside' ? least : 'edges';
}

function count(least: ReturnType<typeof leastOver>, counted: Counts): void {
  if (typeof least === 'string') counted[least] += 1;
}

const NO_ROW: Row = { N: NaN, D: NaN, B: NaN, lr: NaN, loss: NaN, row: { key: '', runId: null, label: '' } };

interface Found {
  readonly own: readonly Row[];
  readonly lr: number;
  readonly B: number;
  readonly loss: number;
}

function optima(whole: LawPoints, found: readonly Found[], over: 'lr' | 'B', counted: SweepCounts): Optima {
  const sized = found.map((each) => ({ ...each, N: each.own[0]?.N ?? NaN, D: middle(each.own, ({ D }) => D) }));
  const what = over === 'lr' ? 'learning rate' : 'batch';
  const rows = sized.map(({ N, D, own }): PointRow => {
    const place = `N ${short(N)}, D ${short(D)}`;
    // Lengths that are apart differ in three digits, sizes need not.
    const recipe = own[0]?.row.recipe;
    const kind = recipe === undefined ? '' : `, ${hashName(recipe).toString(36)}`;
    return {
      key: `best ${over} N ${N}, D ${short(D)}${kind}`,
      runId: null,
      label: `best ${what} of ${own.length} runs at ${place}`,
    };
  });
  const column = (of: (each: (typeof sized)[number]) => number): Float64Array => Float64Array.from(sized, of);
  const left = (count: number, one: string, many: string): string[] =>
    count === 0 ? [] : [`${count} ${count === 1 ? one : many}`];
  return {
    points: {
      columns: {
        N: column(({ N }) => N),
        D: column(({ D }) => D),
        B: column(({ B }) => B),
        lr: column(({ lr }) => lr),
        loss: column(({ loss }) => loss),
      },
      runs: rows.map(({ key }) => key),
      rowNames: rows.map(({ label }) => label),
    },
    rows,
    notes: [
      ...whole.notes,
      `Points are the best ${what} of each size and number of tokens, on a parabola through the best mean and its two neighbours.`,
      ...left(
        counted.edges,
        `sweep has its best ${what} at an edge and is left out.`,
        `sweeps have their best ${what} at an edge and are left out.`,
      ),
      ...left(
        counted.short,
        `sweep has fewer than ${FEWEST} values and is left out.`,
        `sweeps have fewer than ${FEWEST} values and are left out.`,
      ),
    ],
    ...counted,
  };
}

/** Rows with all that is asked for; none where a column is missing. */
function readRows({ points, rows }: LawPoints, needed: readonly string[]): readonly Row[] {
  const { columns } = points;
  if (needed.some((name) => columns[name] === undefined)) return [];
  const at = (name: string, i: number): number => columns[name]?.[i] ?? NaN;
  return rows.flatMap((row, i) => {
    const read = { N: at('N', i), D: at('D', i), B: at('B', i), lr: at('lr', i), loss: at('loss', i), row };
    return needed.every((name) => at(name, i) > 0 && at(name, i) < Infinity) ? [read] : [];
  });
}

/** Rows of one size, number of tokens and recipe. */
function sweepsOf(rows: readonly Row[], counted: Counts): readonly (readonly Row[])[] {
  return bySizeAndLength(rows).flatMap((own) => {
    const recipes = groups(own, ({ row }) => row.recipe);
    if (recipes.length > 1) counted.mixed += 1;
    return recipes;
  });
}

function bySizeAndLength(rows: readonly Row[]): readonly (readonly Row[])[] {
  return groups(rows, ({ N }) => N).flatMap((sized) => {
    const sorted = sized.toSorted((a, b) => a.D - b.D);
    const lengths: Row[][] = [];
    for (const row of sorted) {
      const last = lengths.at(-1);
      if (last !== undefined && isSameLength(last[0]?.D ?? NaN, row.D)) last.push(row);
      else lengths.push([row]);
    }
    return lengths;
  });
}

/** Rows by a value, those that lack it together. */
function groups(rows: readonly Row[], of: (row: Row) => number | string | undefined): readonly (readonly Row[])[] {
  const found = new Map<number | string | undefined, Row[]>();
  for (const row of rows) {
    const own = found.get(of(row));
    if (own === undefined) found.set(of(row), [row]);
    else own.push(row);
  }
  return [...found.values()];
}

function mean(rows: readonly Row[]): number {
  return rows.reduce((sum, { loss }) => sum + loss, 0) / rows.length;
}

/** Geometric. */
function middle(rows: readonly Row[], of: (row: Row) => number): number {
  return Math.exp(rows.reduce((sum, row) => sum + Math.log(of(row)), 0) / rows.length);
}

function short(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en');
}
