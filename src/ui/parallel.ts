import { scaleLinear, scaleLog } from 'd3-scale';
import { cellOf, differing, type ColumnId, type RunRecord } from '../lab/index.ts';
import { cellWords, headOf } from './runs-words.ts';

/** One axis of parallel coordinates: what a column holds, from 0 at the foot to 1 at the head. */
export interface ParallelAxis {
  readonly column: ColumnId;
  readonly label: string;
  /** A logarithm is possible: every value is a number above 0. */
  readonly canLog: boolean;
  readonly log: boolean;
  readonly ticks: readonly { readonly at: number; readonly words: string }[];
  /** null where the run has no such value, or one that is not finite. */
  readonly placeOf: (run: RunRecord) => number | null;
}

/** What runs came to, after what they were given. */
const OUTCOMES: readonly ColumnId[] = ['parameters', 'tokens', 'trainedSeconds', 'smoothTrainNats', 'validationNats'];
/** More axes than these are a thicket. */
const MOST_AXES = 9;
const TICKS = 5;
/** Values of an axis of words that are still named one by one. */
const MOST_WORDS = 12;

/** The axes of these runs: settings in which they differ, then what they came to; what is the same in all has none. */
export function parallelAxes(runs: readonly RunRecord[], logAxes: readonly ColumnId[]): readonly ParallelAxis[] {
  const outcomes = OUTCOMES.filter((column) => new Set(finite(runs, column)).size > 1);
  const settings = differing(runs).slice(0, MOST_AXES - outcomes.length);
  return [...settings, ...outcomes].map((column) => axisOf(runs, column, logAxes.includes(column)));
}

function finite(runs: readonly RunRecord[], column: ColumnId): number[] {
  return runs
    .map((run) => cellOf(run, column))
    .filter((cell): cell is number => typeof cell === 'number' && Number.isFinite(cell));
}

function axisOf(runs: readonly RunRecord[], column: ColumnId, wantsLog: boolean): ParallelAxis {
  const cells = runs.map((run) => cellOf(run, column)).filter((cell) => cell !== null);
  const words = (value: number): string => cellWords(column, value);
  if (cells.some((cell) => typeof cell !== 'number')) return namedAxis(column, cells.map(String));
  const values = finite(runs, column);
  const canLog = values.every((value) => value > 0);
  const log = wantsLog && canLog;
  const ends = [Math.min(...values), Math.max(...values)];
  const scale = (log ? scaleLog() : scaleLinear()).domain(ends).range([0, 1]);
  const own = [...new Set(values)].toSorted((a, b) => a - b);
  // A setting that takes few values has them as its ticks, round ones or not.
  const marks = own.length <= TICKS ? own : thinned(scale.ticks(TICKS), TICKS);
  return {
    column,
    label: headOf(column),
    canLog,
    log,
    ticks: marks.map((value) => ({ at: scale(value), words: words(value) })),
    placeOf: (run) => {
      const cell = cellOf(run, column);
      return typeof cell === 'number' && Number.isFinite(cell) ? scale(cell) : null;
    },
  };
}

/** Every so many of them, so that `most` or fewer are left. */
function thinned(values: readonly number[], most: number): readonly number[] {
  const every = Math.ceil(values.length / most);
  return values.filter((_, i) => i % every === 0);
}

function namedAxis(column: ColumnId, cells: readonly string[]): ParallelAxis {
  const names = [...new Set(cells)].toSorted();
  const at = new Map(names.map((name, i) => [name, names.length === 1 ? 0.5 : i / (names.length - 1)]));
  return {
    column,
    label: headOf(column),
    canLog: false,
    log: false,
    ticks: names.length > MOST_WORDS ? [] : names.map((name) => ({ at: at.get(name) ?? 0, words: name })),
    placeOf: (run) => {
      const cell = cellOf(run, column);
      return cell === null ? null : (at.get(String(cell)) ?? null);
    },
  };
}
