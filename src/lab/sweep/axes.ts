import { fieldAt, getField, SPEC_PATHS, type RunSpec, type SpecPath, type SweepRun } from '../../spec/index.ts';
import { endLossOf, type RunRecord } from '../store/record.ts';
import type { RunCell } from '../store/columns.ts';

/** What a sweep set in a run, by path. Casts and rules as their JSON. */
export type SweptValues = { readonly [P in SpecPath]?: RunCell };

/** A run of a sweep and what became of it. */
export interface SweptRun {
  readonly id: string;
  readonly values: SweptValues;
  readonly spec: RunSpec;
  /** null: it has not begun. */
  readonly record: RunRecord | null;
}

/** A field that the runs of a sweep differ in, seeds left out: those are what a mean is taken over. */
export interface SweptAxis {
  readonly path: SpecPath;
  /** Fields that follow from it: one value of theirs for each of its own. */
  readonly along: readonly SpecPath[];
  /** Ascending where they are numbers, else as the sweep has them. */
  readonly values: readonly RunCell[];
  readonly numeric: boolean;
  /** Its values spread over orders of magnitude: it is drawn by its logarithm. */
  readonly log: boolean;
}

/** `open`: it waits, trains, or stopped before its end; `diverged`: a loss or a gradient norm of it was not finite. */
export type Outcome = 'done' | 'diverged' | 'open';

const SEEDS: readonly SpecPath[] = ['seed.init', 'seed.data'];
/** Follows from the length of a run wherever a sweep sets it beside others. */
const FOLLOWS: readonly SpecPath[] = ['schedule.warmupSteps', 'name'];
/** Of fields that change together the first of these gives the axis its name. */
const FIRST: readonly SpecPath[] = ['model.width', 'model.layers', 'data.batch', 'optimizer.lr'];

/** The runs of a sweep, each with its record where it has one, in the order given. */
export function sweptRuns(runs: readonly SweepRun[], records: readonly RunRecord[]): readonly SweptRun[] {
  const byId = new Map(records.map((record) => [record.id, record]));
  return runs.map(({ id, values, spec }) => ({
    id,
    spec,
    values: Object.fromEntries(Object.entries(values).map(([path, value]) => [path, plain(value)])),
    record: byId.get(id) ?? null,
  }));
}

/** The same of records alone: a sweep that was computed elsewhere. */
export function sweptRecords(sweepId: string, records: readonly RunRecord[]): readonly SweptRun[] {
  return records.flatMap((record) =>
    record.sweep?.id === sweepId ? [{ id: record.id, values: record.sweep.axes, spec: record.spec, record }] : [],
  );
}

/** A value of a spec as a single one: casts and rules as their JSON. */
export function plain(value: unknown): RunCell {
  if (value === null || typeof value === 'number' || typeof value === 'string' || typeof value === 'boolean') return value;
  return JSON.stringify(value) ?? null;
}

/** What a sweep set of a field, else what the run's spec says. */
export function sweptValue({ values, spec }: SweptRun, path: SpecPath): RunCell {
  const set = values[path];
  return set === undefined ? plain(getField(spec, path) ?? null) : set;
}

/** The axes of a sweep as its runs have them; a field that follows from another is none of its own. */
export function sweptAxes(runs: readonly SweptRun[]): readonly SweptAxis[] {
  const set = new Set(runs.flatMap(({ values }) => Object.keys(values)));
  const varied = [...FIRST, ...SPEC_PATHS.filter((path) => !FIRST.includes(path))].filter(
    (path) => set.has(path) && !SEEDS.includes(path) && new Set(runs.map((run) => sweptValue(run, path))).size > 1,
  );
  const free = varied.filter((path) => !FOLLOWS.includes(path));
  const paths = free.length === 0 ? varied : free;
  const places = new Map(paths.map((path) => [path, partition(runs, path)]));
  const follows = (path: SpecPath, other: SpecPath): boolean =>
    path !== other && isDetermined(places.get(path) ?? [], places.get(other) ?? []);
  // Of fields that determine each other the first stands for all.
  const own = paths.filter((path, i) => !paths.some((other, j) => follows(path, other) && (j < i || !follows(other, path))));
  return own.map((path) =>
    axisOf(
      runs,
      path,
      paths.filter((other) => follows(other, path)),
    ),
  );
}

/** Which runs are alike in a field, whatever its values are: a number for each run, the same for the same value. */
function partition(runs: readonly SweptRun[], path: SpecPath): readonly number[] {
  const places = new Map<RunCell, number>();
  return runs.map((run) => {
    const value = sweptValue(run, path);
    const place = places.get(value) ?? places.size;
    places.set(value, place);
    return place;
  });
}

/** Whether runs that are alike by `other` are alike by `parts`. */
function isDetermined(parts: readonly number[], other: readonly number[]): boolean {
  const found = new Map<number, number>();
  return parts.every((part, i) => {
    const key = other[i] ?? -1;
    const known = found.get(key) ?? part;
    found.set(key, known);
    return known === part;
  });
}

function axisOf(runs: readonly SweptRun[], path: SpecPath, along: readonly SpecPath[]): SweptAxis {
  const found = [...new Set(runs.map((run) => sweptValue(run, path)))];
  const numbers = found.filter((value) => typeof value === 'number');
  const numeric = numbers.length > 1 && found.every((value) => typeof value === 'number' || value === null);
  const values = numeric ? [...found.filter((value) => value === null), ...numbers.toSorted((a, b) => a - b)] : found;
  const field = fieldAt(path);
  const log = numeric && 'log' in field && field.log && numbers.every((value) => value > 0);
  return { path, along, values, numeric, log };
}

/** The seeds of a run, as one word. */
export function seedOf(run: SweptRun): string {
  return SEEDS.map((path) => String(sweptValue(run, path))).join();
}

export function outcomeOf({ record }: SweptRun): Outcome {
  if (record === null) return 'open';
  if (record.summary.divergedStep !== null) return 'diverged';
  if (record.state !== 'finished') return 'open';
  const loss = endLossOf(record);
  return loss === null || !Number.isFinite(loss) ? 'diverged' : 'done';
}

/** The losses of the runs of one place, and how many have none. */
export interface LossesAt {
  /** In the order of the sweep, all of them. */
  readonly runs: readonly SweptRun[];
  /** Of those that are done, nats per token. */
  readonly losses: readonly number[];
  /** Of {@link losses}; NaN where there are none. */
  readonly mean: number;
  readonly low: number;
  readonly high: number;
  readonly diverged: number;
  readonly open: number;
}

export function lossesAt(runs: readonly SweptRun[]): LossesAt {
  const outcomes = runs.map(outcomeOf);
  const losses = runs.flatMap(({ record }, i) => {
    const loss = outcomes[i] === 'done' && record !== null ? endLossOf(record) : null;
    return loss === null ? [] : [loss];
  });
  const [low, high] = losses.length === 0 ? [Number.NaN, Number.NaN] : [Math.min(...losses), Math.max(...losses)];
  const mean = losses.length === 0 ? Number.NaN : losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  return {
    runs,
    losses,
    // Sums round: a mean never leaves what it is the mean of.
    mean: Math.min(high, Math.max(low, mean)),
    low,
    high,
    diverged: outcomes.filter((outcome) => outcome === 'diverged').length,
    open: outcomes.filter((outcome) => outcome === 'open').length,
  };
}

/** Runs by their values of some axes, groups in the order of those values. */
export function byValues(
  runs: readonly SweptRun[],
  axes: readonly SweptAxis[],
): readonly { readonly values: readonly RunCell[]; readonly runs: readonly SweptRun[] }[] {
  const groups = new Map<string, { values: RunCell[]; runs: SweptRun[]; places: number[] }>();
  for (const run of runs) {
    const values = axes.map(({ path }) => sweptValue(run, path));
    const key = JSON.stringify(values);
    const known = groups.get(key);
    if (known === undefined) {
      const places = axes.map((axis, i) => axis.values.indexOf(values[i] ?? null));
      groups.set(key, { values, runs: [run], places });
    } else known.runs.push(run);
  }
  return [...groups.values()].toSorted((a, b) => {
    const at = a.places.findIndex((place, i) => place !== b.places[i]);
    return at < 0 ? 0 : (a.places[at] ?? 0) - (b.places[at] ?? 0);
  });
}
