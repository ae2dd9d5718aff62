import type { RunCell } from '../store/columns.ts';
import { spread } from '../store/groups.ts';
import { byValues, lossesAt, outcomeOf, seedOf, sweptValue, type LossesAt, type SweptAxis, type SweptRun } from './axes.ts';

/** Where along a curve its loss is least. */
export type CurveOptimum =
  | {
      readonly kind: 'inside';
      /** Interpolated in ln x; else in x, of which one is not above 0. */
      readonly log: boolean;
      readonly x: number;
      readonly loss: number;
    }
  /**
   * The least loss is the first or the last one that is known, so that nothing can be said of where it is least. What lies beyond:
   * `nothing` was swept, all runs there `diverged`, or they are still `open`.
   */
  | {
      readonly kind: 'edge';
      readonly side: 'low' | 'high';
      readonly x: number;
      readonly loss: number;
      readonly beyond: 'nothing' | 'diverged' | 'open';
    };

export interface CurvePoint extends LossesAt {
  readonly x: number;
}

/** Loss against an axis of numbers. */
export interface LossCurve {
  /** What the runs of the curve share: a value of each axis that tells curves apart. */
  readonly values: readonly RunCell[];
  /** x ascending; places where no run is done are among them. */
  readonly points: readonly CurvePoint[];
  /** Of the means; null with fewer than two places that are known. */
  readonly optimum: CurveOptimum | null;
  /** Its places are means over different values of the axes that it joins: some runs of them diverged or are to come. */
  readonly uneven: boolean;
  /** Where it is least for the first and the last seed in order of that, interpolated or not; null with fewer than two seeds. */
  readonly seedRange: readonly [number, number] | null;
}

/**
 * Loss against the axis `x`, a curve for each value of `by`, or for each combination of all other axes where that is null. Runs that a
 * curve does not tell apart, seeds above all, are one point.
 */
export function lossCurves(
  runs: readonly SweptRun[],
  axes: readonly SweptAxis[],
  x: SweptAxis,
  by: SweptAxis | null,
): readonly LossCurve[] {
  const apart = by === null ? axes.filter(({ path }) => path !== x.path) : [by];
  const joined = axes.filter(({ path }) => path !== x.path && !apart.some((axis) => axis.path === path));
  return byValues(runs, apart).map(({ values, runs: members }) => {
    const places = byValues(members, [x]).filter(({ values: [at] }) => typeof at === 'number');
    const uneven = isUneven(
      places.map((place) => place.runs),
      joined,
    );
    const points = pointsOf(members, x);
    const seeds = [...new Set(members.map(seedOf))];
    const optima = seeds.flatMap(
      (seed) =>
        optimumOf(
          pointsOf(
            members.filter((run) => seedOf(run) === seed),
            x,
          ),
        )?.x ?? [],
    );
    const several = seeds.length > 1 && optima.length > 1;
    const seedRange = several ? ([Math.min(...optima), Math.max(...optima)] as const) : null;
    return { values, points, optimum: optimumOf(points), uneven, seedRange };
  });
}

/** Whether means over the runs of places are means over different values of the axes that they join; a place where none is done has no mean. */
function isUneven(places: readonly (readonly SweptRun[])[], joined: readonly SweptAxis[]): boolean {
  const mixes = places
    .map((runs) => runs.filter((run) => outcomeOf(run) === 'done'))
    .filter((done) => done.length > 0)
    .map((done) => JSON.stringify(byValues(done, joined).map(({ values }) => values)));
  return new Set(mixes).size > 1;
}

function pointsOf(runs: readonly SweptRun[], x: SweptAxis): readonly CurvePoint[] {
  return byValues(runs, [x]).flatMap(({ runs: members }) => {
    const [first] = members;
    const at = first === undefined ? null : sweptValue(first, x.path);
    return typeof at === 'number' ? [{ x: at, ...lossesAt(members) }] : [];
  });
}

/** The least of a curve: of the parabola in ln x (in x, where an x is not above 0) through the least mean and its two neighbours. */
export function optimumOf(points: readonly CurvePoint[]): CurveOptimum | null {
  const known = points.filter(({ mean }) => Number.isFinite(mean));
  const best = known.reduce<CurvePoint | null>(
    (least, point) => (least === null || point.mean < least.mean ? point : least),
    null,
  );
  if (best === null || known.length < 2) return null;
  const at = known.indexOf(best);
  const [before, after] = [known[at - 1], known[at + 1]];
  if (before === undefined || after === undefined) {
    const side = before === undefined ? 'low' : 'high';
    const next = points[points.indexOf(best) + (side === 'low' ? -1 : 1)];
    const beyond = next === undefined ? 'nothing' : next.open > 0 ? 'open' : 'diverged';
    return { kind: 'edge', side, x: best.x, loss: best.mean, beyond };
  }
  const log = points.every(({ x }) => x > 0);
  const place = (x: number): number => (log ? Math.log(x) : x);
  const vertex = vertexOf([place(before.x), before.mean], [place(best.x), best.mean], [place(after.x), after.mean]);
  return { kind: 'inside', log, x: log ? Math.exp(vertex[0]) : vertex[0], loss: vertex[1] };
}

type Point = readonly [number, number];

/** The lowest point of the parabola through three points of which the middle one is not above the others. */
function vertexOf([x0, y0]: Point, [x1, y1]: Point, [x2, y2]: Point): Point {
  // About the middle: y = y1 + b z + c z^2, by divided differences.
  const [left, right] = [(y1 - y0) / (x1 - x0), (y2 - y1) / (x2 - x1)];
  const c = (right - left) / (x2 - x0);
  const b = left + c * (x1 - x0);
  // All three alike: the middle is as low as any.
  if (!(c > 0)) return [x1, y1];
  return [x1 - b / (2 * c), y1 - b ** 2 / (4 * c)];
}

/** Two axes and what the runs of each pair of values came to. */
export interface HeatView {
  readonly rows: readonly RunCell[];
  readonly columns: readonly RunCell[];
  /** `rows x columns`; null where the sweep has no run. */
  readonly cells: readonly (readonly (LossesAt | null)[])[];
  /** The lowest and the highest mean; NaN where no run is done. */
  readonly low: number;
  readonly high: number;
  /** Cells are means over different values of the axes that they join, as in {@link LossCurve}. */
  readonly uneven: boolean;
}

/** `axes`: all that the sweep has. */
export function heatView(runs: readonly SweptRun[], axes: readonly SweptAxis[], rows: SweptAxis, columns: SweptAxis): HeatView {
  const joined = axes.filter(({ path }) => path !== rows.path && path !== columns.path);
  const found = new Map(byValues(runs, [rows, columns]).map(({ values, runs: members }) => [JSON.stringify(values), members]));
  const cells = rows.values.map((row) =>
    columns.values.map((column) => {
      const members = found.get(JSON.stringify([row, column]));
      return members === undefined ? null : lossesAt(members);
    }),
  );
  const means = cells.flat().flatMap((cell) => (cell !== null && Number.isFinite(cell.mean) ? [cell.mean] : []));
  const [low, high] = means.length === 0 ? [Number.NaN, Number.NaN] : [Math.min(...means), Math.max(...means)];
  return { rows: rows.values, columns: columns.values, cells, low, high, uneven: isUneven([...found.values()], joined) };
}

/** One combination of the values of all axes, and the losses of its seeds. */
export interface SweptPoint extends LossesAt {
  readonly values: readonly RunCell[];
  /** Standard deviation of the sample; NaN of fewer than two losses. */
  readonly deviation: number;
}

/** Every combination that the sweep has, the lowest mean first, those without one last. */
export function sweptPoints(runs: readonly SweptRun[], axes: readonly SweptAxis[]): readonly SweptPoint[] {
  const rank = ({ mean }: SweptPoint): number => (Number.isFinite(mean) ? mean : Infinity);
  return byValues(runs, axes)
    .map(({ values, runs: members }): SweptPoint => {
      const at = lossesAt(members);
      return { ...at, values, deviation: spread(at.losses).standardDeviation };
    })
    .toSorted((a, b) => (rank(a) === rank(b) ? 0 : rank(a) - rank(b)));
}
