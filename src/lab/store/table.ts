import { unreachable } from '../../base/errors.ts';
import { cellOf, SHOWN_PATHS, type ColumnId, type RunCell } from './columns.ts';
import type { RunRecord } from './record.ts';

/** What a column must hold. Of text, case does not count. */
export type Condition =
  | { readonly column: ColumnId; readonly is: 'among' | 'notAmong'; readonly values: readonly RunCell[] }
  | { readonly column: ColumnId; readonly is: 'from' | 'to'; readonly value: number }
  | { readonly column: ColumnId; readonly is: 'containing'; readonly text: string }
  | { readonly column: ColumnId; readonly is: 'finite' };

/** Runs that meet every condition, in their order. */
export function filterRuns(runs: readonly RunRecord[], conditions: readonly Condition[]): readonly RunRecord[] {
  return runs.filter((run) => conditions.every((condition) => meets(cellOf(run, condition.column), condition)));
}

function meets(cell: RunCell, condition: Condition): boolean {
  switch (condition.is) {
    case 'among':
      return condition.values.some((value) => Object.is(value, cell));
    case 'notAmong':
      return !condition.values.some((value) => Object.is(value, cell));
    case 'from':
      return typeof cell === 'number' && cell >= condition.value;
    case 'to':
      return typeof cell === 'number' && cell <= condition.value;
    case 'containing':
      return String(cell ?? '')
        .toLowerCase()
        .includes(condition.text.toLowerCase());
    case 'finite':
      return Number.isFinite(cell);
    default:
      return unreachable(condition);
  }
}

/**
 * Runs by a column; equal ones keep their order. Whichever way, what is not there comes last, and before it what is not a number: a diverged
 * run is no best one.
 */
export function sortRuns(runs: readonly RunRecord[], column: ColumnId, descending = false): readonly RunRecord[] {
  const rows = runs.map((run) => ({ run, cell: cellOf(run, column) }));
  const rank = (cell: RunCell): number => (cell === null ? 2 : Number.isNaN(cell) ? 1 : 0);
  return rows
    .sort((a, b) => rank(a.cell) - rank(b.cell) || (descending ? compare(b.cell, a.cell) : compare(a.cell, b.cell)))
    .map(({ run }) => run);
}

const words = new Intl.Collator('en', { numeric: true });

function compare(a: RunCell, b: RunCell): number {
  if (Object.is(a, b)) return 0;
  if (typeof a === 'number' && typeof b === 'number') return a < b ? -1 : a > b ? 1 : 0;
  return words.compare(String(a), String(b));
}

/** Paths of the spec in which the runs differ, in the order of the form. */
export function differing(runs: readonly RunRecord[]): readonly ColumnId[] {
  const [first, ...others] = runs;
  if (first === undefined) return [];
  return SHOWN_PATHS.filter((path) => {
    const cell = cellOf(first, path);
    return others.some((run) => !Object.is(cellOf(run, path), cell));
  });
}
