import { findColumn, type Points } from './law.ts';

/** FLOPs that a token of a parameter takes, C / (N D): 6, or more of it where attention and the last layer are counted. */

const USUAL_WORK = 6;

/** C / (N D) of a row: what the points say, 6 where they have no tokens of their own. */
export function workOf(points: Points): (row: number) => number {
  const { D } = points.columns;
  if (D === undefined) return () => USUAL_WORK;
  const [N, C] = [findColumn(points, 'N'), findColumn(points, 'C')];
  return (row) => {
    const work = (C?.[row] ?? NaN) / ((N?.[row] ?? NaN) * (D[row] ?? NaN));
    return work > 0 && work < Infinity ? work : USUAL_WORK;
  };
}

/**
 * The same at a size among those of rows: straight between its two neighbours in ln N and ln k, since small models spend more beside their
 * parameters than large ones. Beyond the sizes it is that of the last.
 */
export function workAt(points: Points, rows: readonly number[], size: number): number {
  const N = findColumn(points, 'N');
  const work = workOf(points);
  const sums = new Map<number, { sum: number; count: number }>();
  for (const row of rows) {
    const x = Math.log(N?.[row] ?? NaN);
    const own = sums.get(x) ?? { sum: 0, count: 0 };
    sums.set(x, { sum: own.sum + Math.log(work(row)), count: own.count + 1 });
  }
  const known = [...sums].map(([x, { sum, count }]) => ({ x, y: sum / count })).toSorted((a, b) => a.x - b.x);
  const x = Math.log(size);
  const after = known.findIndex((one) => one.x >= x);
  const [low, high] = [known[after - 1], known[after]];
  if (low === undefined || high === undefined)
    return Math.exp((after === -1 ? known.at(-1) : known[0])?.y ?? Math.log(USUAL_WORK));
  return Math.exp(low.y + ((x - low.x) / (high.x - low.x)) * (high.y - low.y));
}
