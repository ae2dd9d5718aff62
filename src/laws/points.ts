import { SpecError } from '../base/errors.ts';
import { columnOf, findColumn, type Law, type Params, type Points } from './law.ts';

/** What a row is called in an error: counted from 1 where the points have no names of their own. */
export function rowName({ rowNames }: Points, i: number): string {
  return rowNames?.[i] ?? `row ${i + 1}`;
}

/**
 * That a law can be fitted to points: its columns are there, with numbers above zero; no row is there twice; there are more points than
 * free parameters; and what the law tells apart differs between rows.
 *
 * @param fixed parameters that keep a value.
 * @throws SpecError for the first thing that is wrong, with row and column.
 */
export function checkPoints(law: Law, points: Points, free: number, fixed: Params = {}): void {
  const inputs = law.columns.filter(({ name }) => !(points.drops !== undefined && points.columns[name] === undefined));
  const needed = [...inputs, { name: law.target, raw: false }];
  const missing = needed.filter(({ name }) => findColumn(points, name) === null);
  if (missing.length > 0)
    throw new SpecError({
      where: 'points',
      rule: missing.length === 1 ? `column ${missing[0]?.name} is missing` : `columns ${namesOf(missing)} are missing`,
      got: Object.keys(points.columns).join(', ') || 'no columns',
      expected: `${namesOf(needed)} for law ${law.id}`,
    });
  const data = needed.map(({ name, raw }) => ({ name, raw, values: columnOf(points, name) }));
  const count = data[0]?.values.length ?? 0;
  for (let i = 0; i < count; i++)
    for (const { name, raw, values } of data) {
      const value = values[i] ?? NaN;
      if (raw === true ? Number.isFinite(value) : value > 0 && value < Infinity) continue;
      throw new SpecError({
        where: `${rowName(points, i)}, column ${name}`,
        rule: raw === true ? 'it is not a number' : 'it is not a number above 0',
        got: String(value),
        cure: 'Correct the row, or take it out.',
      });
    }
  checkTwins(points, count);
  if (count <= free)
    throw new SpecError({
      where: 'points',
      rule: `law ${law.id} has ${free} free parameter${free === 1 ? '' : 's'}`,
      got: count === 1 ? '1 point' : `${count} points`,
      expected: `${free + 1} or more`,
      cure: 'Add points, or fit a law with fewer parameters.',
    });
  for (const { name, mayBeConstant, exponent, raw } of inputs) {
    if (mayBeConstant === true || (exponent !== undefined && exponent in fixed)) continue;
    if (raw === true || !isConstant(columnOf(points, name))) continue;
    throw new SpecError({
      where: `points, column ${name}`,
      rule: 'all points have the same value, so nothing can be said of how the loss changes with it',
      got: String(columnOf(points, name)[0]),
      expected: 'two different values or more',
    });
  }
}

/** The same numbers in every column, and the same run: one measurement that is there twice. */
function checkTwins(points: Points, count: number): void {
  const columns = Object.values(points.columns);
  const seen = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const key = [points.runs?.[i] ?? '', ...columns.map((values) => values[i])].join(' ');
    const first = seen.get(key);
    if (first !== undefined)
      throw new SpecError({
        where: rowName(points, i),
        rule: `it repeats ${rowName(points, first)}`,
        cure: 'A measurement counts once: take one of them out, or name different runs in a column run.',
      });
    seen.set(key, i);
  }
}

function isConstant(values: Float64Array): boolean {
  return values.every((value) => Math.abs(value - (values[0] ?? NaN)) <= 1e-12 * Math.abs(value));
}

function namesOf(columns: readonly { readonly name: string }[]): string {
  return columns.map(({ name }) => name).join(', ');
}

/** The rows for which `keep` holds. */
export function filterPoints(points: Points, keep: (row: number) => boolean): Points {
  const length = Object.values(points.columns)[0]?.length ?? 0;
  const kept = Array.from({ length }, (_, i) => i).filter(keep);
  const pick = <T>(values: readonly T[]): T[] => kept.flatMap((i) => values.slice(i, i + 1));
  return {
    columns: Object.fromEntries(
      Object.entries(points.columns).map(([name, values]) => [name, Float64Array.from(kept, (i) => values[i] ?? NaN)]),
    ),
    ...(points.runs === undefined ? {} : { runs: pick(points.runs) }),
    ...(points.drops === undefined ? {} : { drops: pick(points.drops) }),
    rowNames: kept.map((i) => rowName(points, i)),
  };
}

/**
 * Of the points that agree in the columns `by`, the one of lowest `target`: only the best learning rate per size, say. That is a choice,
 * and it moves exponents by more than their intervals.
 */
export function bestOf(points: Points, by: readonly string[], target = 'loss'): Points {
  const keys = by.map((name) => columnOf(points, name));
  const values = columnOf(points, target);
  const best = new Map<string, number>();
  values.forEach((value, i) => {
    const key = keys.map((column) => column[i]).join(' ');
    const other = best.get(key);
    if (other === undefined || value < (values[other] ?? Infinity)) best.set(key, i);
  });
  const kept = new Set(best.values());
  return filterPoints(points, (i) => kept.has(i));
}
