import { filterPoints } from '../../laws/index.ts';
import type { RunRecord } from '../store/record.ts';
import { pointsOf, type CountingChoice, type LawPoints } from './run-points.ts';

/**
 * Of the points that agree in the columns `by`, those at the value of `over` whose mean loss is lowest: the best learning rate of each size
 * and amount of data, with all its seeds. Points without one of the columns stay as they are, and a note says so.
 */
export function bestAmong({ points, rows, notes }: LawPoints, by: readonly string[], over: string): LawPoints {
  const { loss, [over]: values } = points.columns;
  const keys = by.map((name) => points.columns[name]);
  const lost = [...by, over, 'loss'].filter((name) => points.columns[name] === undefined);
  if (loss === undefined || values === undefined || lost.length > 0)
    return { points, rows, notes: [...notes, `The best ${over} is not told: the points have no column ${lost.join(' and ')}.`] };
  const means = new Map<string, Map<number, { sum: number; count: number }>>();
  const keyOf = (row: number): string => keys.map((column) => column?.[row]).join(' ');
  loss.forEach((value, row) => {
    const own = means.get(keyOf(row)) ?? new Map<number, { sum: number; count: number }>();
    means.set(keyOf(row), own);
    const at = own.get(values[row] ?? NaN) ?? { sum: 0, count: 0 };
    own.set(values[row] ?? NaN, { sum: at.sum + value, count: at.count + 1 });
  });
  const best = new Map(
    [...means].map(([key, own]) => {
      const sorted = [...own].sort(([, a], [, b]) => a.sum / a.count - b.sum / b.count);
      return [key, sorted[0]?.[0] ?? NaN];
    }),
  );
  const keep = (row: number): boolean => Object.is(best.get(keyOf(row)), values[row]);
  const kept = rows.filter((_, row) => keep(row));
  if (kept.length === rows.length) return { points, rows, notes };
  const left = rows.length - kept.length;
  return {
    points: filterPoints(points, keep),
    rows: kept,
    notes: [
      ...notes,
      `Only the best ${over} of each ${by.join(' and ')} is fitted, by its mean loss: ${left} ${left === 1 ? 'point is' : 'points are'} left out.`,
    ],
  };
}

/** The runs whose ends are those of the best learning rate of their size, data and batch, for points along their curves; in notes, what is left out. */
export function bestRuns(
  runs: readonly RunRecord[],
  counting: CountingChoice,
): { readonly runs: readonly RunRecord[]; readonly notes: readonly string[] } {
  const ends = pointsOf(runs, counting);
  const best = bestAmong({ ...ends, notes: [] }, ['N', 'D', 'B'], 'lr');
  const kept = new Set(best.rows.map(({ runId }) => runId));
  const left = new Set(ends.rows.map(({ runId }) => runId).filter((id) => !kept.has(id)));
  if (left.size === 0) return { runs, notes: [] };
  const words = `${left.size} ${left.size === 1 ? 'run is' : 'runs are'} left out`;
  return {
    runs: runs.filter(({ id }) => !left.has(id)),
    notes: [`Only curves of the best learning rate of each size, data and batch are used, by the loss at their end: ${words}.`],
  };
}
