import type { IsoflopCurve, LossCurve, LossesAt, SweptAxis } from '../lab/index.ts';
import { styled } from './compare-frames.ts';
import { short } from './format.ts';
import type { Curve, Mark, PlotBand, PlotFrame, Range } from './plot-data.ts';
import { axisWords, namesOf } from './sweep-words.ts';

/** A frame, and which of the given curves each drawn one is of. */
export interface SweepFrame {
  readonly frame: PlotFrame;
  readonly owners: readonly number[];
}

const OPTIMUM_SIZE = 13;
const PARABOLA_POINTS = 64;
const MARGIN = 0.06;

interface Drawing {
  readonly name: string;
  readonly points: readonly (LossesAt & { readonly x: number })[];
  /** The least of it, where that is known. */
  readonly least: { readonly x: number; readonly y: number } | null;
  /** What is drawn through the points; undefined: the line from point to point. */
  readonly fitted?: { readonly x: readonly number[]; readonly y: readonly number[] };
}

/** Loss against an axis: means with bands from the lowest run to the highest, a large dot where a curve is least. @param highest loss that is drawn. */
export function curvesFrame(
  curves: readonly LossCurve[],
  x: SweptAxis,
  apart: readonly SweptAxis[],
  hidden: ReadonlySet<string>,
  highest = Infinity,
): SweepFrame {
  const drawings = curves.map(({ values, points, optimum, uneven }): Drawing => ({
    name: namesOf(apart, values),
    points,
    least: optimum?.kind === 'inside' && !uneven ? { x: optimum.x, y: optimum.loss } : null,
  }));
  const { frame, owners } = framed(drawings, hidden, { xLabel: axisWords(x.path), xLog: x.log });
  if (!Number.isFinite(highest)) return { frame, owners };
  const lows = frame.bands?.flatMap(({ low }) => Array.from(low)) ?? [];
  const lowest = Math.min(...lows, ...frame.curves.flatMap(({ y }) => Array.from(y)));
  return { frame: { ...frame, limitY: [lowest - MARGIN * (highest - lowest), highest] }, owners };
}

/** IsoFLOP curves: the runs of each budget, its parabola between the smallest and the largest size, and a large dot at its minimum. */
export function isoflopFrame(curves: readonly IsoflopCurve[], hidden: ReadonlySet<string>): SweepFrame {
  const drawings = curves.map(({ flops, points, parabola }): Drawing => {
    const name = budgetName(flops);
    if (parabola === null) return { name, points, least: null };
    const sizes = points.filter(({ losses }) => losses.length > 0).map(({ x }) => x);
    const [from, to] = [Math.log(Math.min(...sizes)), Math.log(Math.max(...sizes))];
    const logs = Array.from({ length: PARABOLA_POINTS }, (_, i) => from + ((to - from) * i) / (PARABOLA_POINTS - 1));
    const [c0, c1, c2] = parabola.coefficients;
    const inside = parabola.place >= 0 && parabola.place <= 1;
    return {
      name,
      points,
      least: inside ? { x: parabola.N, y: parabola.loss } : null,
      fitted: { x: logs.map(Math.exp), y: logs.map((z) => c0 + c1 * z + c2 * z * z) },
    };
  });
  return framed(drawings, hidden, { xLabel: 'Parameters N', xLog: true });
}

export function budgetName(flops: number): string {
  return `${short(flops)}FLOPs`.replace(/(\d)([A-Za-z])/, '$1 $2');
}

function framed(
  drawings: readonly Drawing[],
  hidden: ReadonlySet<string>,
  { xLabel, xLog }: Pick<PlotFrame, 'xLabel' | 'xLog'>,
): SweepFrame {
  const curves: Curve[] = [];
  const owners: number[] = [];
  const bands: PlotBand[] = [];
  const diverged = new Map<number, string[]>();
  for (const [place, { name, points, least, fitted }] of drawings.entries()) {
    if (hidden.has(name)) continue;
    const style = { ...styled(place), alpha: 1 };
    const { color } = style;
    const done = points.filter(({ losses }) => losses.length > 0);
    for (const point of points) {
      if (point.diverged === 0) continue;
      const all = point.losses.length === 0 && point.open === 0;
      const words = all ? name : `${name}, ${point.diverged} of ${point.runs.length}`;
      diverged.set(point.x, [...(diverged.get(point.x) ?? []), words]);
    }
    const add = (curve: Curve): void => {
      if (curve.x.length === 0) return;
      curves.push(curve);
      owners.push(place);
    };
    const [x, y] = [done.map((point) => point.x), done.map(({ mean }) => mean)];
    if (done.some(({ losses }) => losses.length > 1))
      bands.push({ color, x, low: done.map(({ low }) => low), high: done.map(({ high }) => high) });
    add({ label: name, ...style, width: 2, dots: true, dotSize: 6, lineless: fitted !== undefined, x, y });
    if (fitted !== undefined) add({ label: `${name}, parabola`, ...style, width: 1.75, x: fitted.x, y: fitted.y });
    if (least !== null)
      add({
        label: `${name}, least`,
        color,
        alpha: 1,
        width: 1,
        dots: true,
        dotSize: OPTIMUM_SIZE,
        lineless: true,
        x: [least.x],
        y: [least.y],
      });
  }
  const marks = [...diverged].map(([x, names]): Mark => ({ x, label: `diverged: ${names.join('; ')}` }));
  const every = drawings.flatMap(({ points }) => points.map(({ x }) => x));
  const frame: PlotFrame = {
    xLabel,
    xLog,
    yLabel: 'loss at the end, nats per token',
    yLog: false,
    emptyX: xLog ? [1e-3, 1] : [0, 1],
    ...(every.length === 0 ? {} : { leastX: widened([Math.min(...every), Math.max(...every)], xLog) }),
    curves,
    bands,
    lines: [],
    marks: marks.toSorted((a, b) => a.x - b.x),
  };
  return { frame, owners };
}

/** A little more than a range, so that points at its ends are drawn whole. */
function widened([min, max]: Range, log: boolean): Range {
  if (log) return [min / (max / min || 2) ** 0.04, max * (max / min || 2) ** 0.04];
  const margin = 0.04 * (max - min || 1);
  return [min - margin, max + margin];
}
