import { budgetsOf, parabolaOf, type Parabola } from '../../laws/index.ts';
import { COUNT_ALL, countRun, type ParametersCounted } from '../../spec/index.ts';
import { lossesAt, type LossesAt, type SweptRun } from './axes.ts';

export interface IsoflopPoint extends LossesAt {
  /** Parameters, counted as asked for. */
  readonly x: number;
}

/** The runs of one budget. */
export interface IsoflopCurve {
  /** Training FLOPs, everything counted; the mean over its runs, which take whole steps each. */
  readonly flops: number;
  /** Sizes ascending. */
  readonly points: readonly IsoflopPoint[];
  /** Through every run that is done; null with fewer than three sizes, or where it has no minimum. */
  readonly parabola: Parabola | null;
}

/** Sizes that a budget needs for a curve. */
const LEAST_SIZES = 3;

/**
 * Loss against parameters, budget by budget, the smallest first; empty where no budget has three sizes. Budgets within 10 % of their
 * neighbour are one.
 */
export function isoflopCurves(runs: readonly SweptRun[], counted: ParametersCounted): readonly IsoflopCurve[] {
  const counts = runs.map(({ spec, record }) => {
    const vocab = record?.data?.vocab;
    return countRun(spec, vocab === undefined ? {} : { vocab }, { ...COUNT_ALL, parameters: counted });
  });
  const at = (rows: readonly number[], value: (row: number) => number): Float64Array => Float64Array.from(rows, value);
  const N = (row: number): number => counts[row]?.parameters ?? Number.NaN;
  const C = (row: number): number => counts[row]?.flops ?? Number.NaN;
  const every = runs.map((_, row) => row);
  return budgetsOf({ columns: { C: at(every, C) } })
    .filter((rows) => new Set(rows.map(N)).size >= LEAST_SIZES)
    .map((rows): IsoflopCurve => {
      const members = (of: readonly number[]): readonly SweptRun[] => of.flatMap((row) => runs[row] ?? []);
      const sizes = [...new Set(rows.map(N))].toSorted((a, b) => a - b);
      const points = sizes.map((x) => ({ x, ...lossesAt(members(rows.filter((row) => N(row) === x))) }));
      const done = points.flatMap(({ x, losses }) => losses.map((loss) => ({ x, loss })));
      const flops = rows.reduce((sum, row) => sum + C(row), 0) / rows.length;
      const columns = {
        N: Float64Array.from(done, ({ x }) => x),
        C: Float64Array.from(done, () => flops),
        loss: Float64Array.from(done, ({ loss }) => loss),
      };
      return { flops, points, parabola: parabolaOf({ columns }, [...done.keys()]) };
    });
}
