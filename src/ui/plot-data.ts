import { align, decimate, lowerBound, type Points } from '../lab/index.ts';

/** One curve as the plot is given it, all points, x ascending. */
export interface Curve {
  readonly label: string;
  /** Name of the custom property that holds its colour, such as `--train`. */
  readonly color: string;
  readonly width: number;
  /** Opacity, 0..1. */
  readonly alpha: number;
  readonly dash?: readonly number[];
  /** Draws the points too. */
  readonly dots?: boolean;
  /** Diameter of its points, CSS pixels; 5 where it is left out. */
  readonly dotSize?: number;
  /** Draws the points alone. */
  readonly lineless?: boolean;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
}

/** A horizontal line with its name. */
export interface ReferenceLine {
  readonly label: string;
  readonly y: number;
}

/** What lies between two curves, filled; where either is not finite there is a gap. */
export interface PlotBand {
  /** Name of the custom property that holds its colour. */
  readonly color: string;
  readonly x: ArrayLike<number>;
  readonly low: ArrayLike<number>;
  readonly high: ArrayLike<number>;
}

/** A step whose value is not finite. */
export interface Mark {
  readonly x: number;
  readonly label: string;
}

/** A value that is not certain: a dot with its interval. */
export interface Whisker {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  /** Name of the custom property that holds its colour. */
  readonly color: string;
}

/** Everything a plot draws, asked for at most once a frame. */
export interface PlotFrame {
  readonly xLabel: string;
  readonly xLog: boolean;
  readonly yLabel: string;
  readonly yLog: boolean;
  /** What x spans while there is nothing to draw. */
  readonly emptyX: Range;
  /** x spans at least this. */
  readonly leastX?: Range;
  readonly curves: readonly Curve[];
  /** Under the curves. */
  readonly bands?: readonly PlotBand[];
  readonly lines: readonly ReferenceLine[];
  readonly marks: readonly Mark[];
  /** Over the curves. */
  readonly whiskers?: readonly Whisker[];
  /** y reaches no further than this, whatever is drawn. */
  readonly limitY?: Range;
}

/** A frame with nothing in it. */
export const NO_FRAME: PlotFrame = {
  xLabel: '',
  xLog: false,
  yLabel: '',
  yLog: false,
  emptyX: [1, 10],
  curves: [],
  lines: [],
  marks: [],
};

export type Range = readonly [min: number, max: number];

/** What is drawn of a frame: few points that look like all of them, and the ranges of both axes. */
export interface Drawn {
  readonly data: [number[], ...(number | null | undefined)[][]];
  readonly x: Range;
  readonly y: Range;
}

/** Chooses the points that a plot of `width` pixels needs; a zoom narrows the ranges. */
export function draw(frame: PlotFrame, width: number, zoomX: Range | null, zoomY: Range | null): Drawn {
  const x = zoomX ?? extentOfX(frame);
  const buckets = Math.max(32, width);
  const curves = isCrowded(frame)
    ? frame.curves.map((curve) =>
        snapped(visible(curve, x, frame.xLog, Math.ceil((2 * buckets) / SLOTS)), x, frame.xLog, 2 * buckets),
      )
    : frame.curves.map((curve) => visible(curve, x, frame.xLog, buckets));
  const edges = (frame.bands ?? []).flatMap((band) => bandEdges(band, frame, x, width));
  return { data: align(curves), x, y: zoomY ?? limited(extentOfY(frame, [...curves, ...edges], zoomX === null), frame.limitY) };
}

/** The edges of a band, `[low, high]`, as few points as a plot of `width` pixels needs. */
export function bandEdges({ x, low, high }: PlotBand, { xLog }: PlotFrame, range: Range, width: number): [Points, Points] {
  const window = { min: range[0], max: range[1], log: xLog };
  const buckets = Math.max(32, width >> 1);
  const kept = new Set([...decimate(x, low, window, buckets), ...decimate(x, high, window, buckets)]);
  const indices = [...kept].sort((a, b) => a - b).filter((i) => Number.isFinite(x[i]) && (!xLog || (x[i] ?? 0) > 0));
  const edge = (y: ArrayLike<number>): Points => ({
    x: indices.map((i) => x[i] ?? 0),
    y: indices.map((i) => y[i] ?? Number.NaN),
  });
  return [edge(low), edge(high)];
}

const CROWD = 24;
/** Points that a bucket keeps at most. */
const SLOTS = 5;

/** So many curves that they share few places on x: with places of its own for each, hundreds would take seconds to draw. */
export function isCrowded({ curves }: PlotFrame): boolean {
  return curves.length > CROWD;
}

/** Points moved to the nearest of `slots` places along x, half a pixel wide each; those for whom none is free nearby are left out. */
function snapped(points: Points, [min, max]: Range, log: boolean, slots: number): Points {
  const position = log ? Math.log : (value: number): number => value;
  const value = log ? Math.exp : (at: number): number => at;
  const width = (position(max) - position(min)) / slots;
  if (!(width > 0)) return points;
  const [x, y]: [number[], number[]] = [[], []];
  let last = -Infinity;
  points.x.forEach((at, i) => {
    const near = Math.round((position(at) - position(min)) / width);
    const slot = Math.max(near, last + 1);
    if (slot - near > SLOTS) return;
    last = slot;
    x.push(value(position(min) + slot * width));
    y.push(points.y[i] ?? Number.NaN);
  });
  return { x, y };
}

/**
 * The drawn curve that passes nearest to a place, in pixels from the top left of what is drawn; null where none is near.
 *
 * @param toPixels of values of x and y.
 */
export function nearestCurve(
  [xs, ...columns]: Drawn['data'],
  place: { readonly left: number; readonly top: number },
  toPixels: { readonly x: (value: number) => number; readonly y: (value: number) => number },
  reach = 24,
): number | null {
  const at = lowerBound(xs.map(toPixels.x), place.left);
  let [nearest, least]: [number | null, number] = [null, reach];
  columns.forEach((column, i) => {
    let [before, after] = [at - 1, at];
    while (before >= 0 && column[before] === undefined) before--;
    while (after < xs.length && column[after] === undefined) after++;
    const [from, to] = [column[before], column[after]];
    const ends = [from, to].filter((end) => typeof end === 'number');
    if (ends.length === 0) return;
    const [x0, x1] = [toPixels.x(xs[before] ?? Number.NaN), toPixels.x(xs[after] ?? Number.NaN)];
    const share = typeof from === 'number' && typeof to === 'number' && x1 > x0 ? (place.left - x0) / (x1 - x0) : 0;
    const y = toPixels.y((ends[0] ?? 0) + share * ((ends.at(-1) ?? 0) - (ends[0] ?? 0)));
    const aside = ends.length === 2 ? 0 : Math.abs(place.left - (typeof from === 'number' ? x0 : x1));
    const distance = Math.hypot(aside, y - place.top);
    if (distance < least) [nearest, least] = [i, distance];
  });
  return nearest;
}

function limited([low, high]: Range, limit: Range | undefined): Range {
  return limit === undefined ? [low, high] : [Math.max(low, limit[0]), Math.min(high, limit[1])];
}

function visible(curve: Curve, x: Range, log: boolean, buckets: number): Points {
  const indices = decimate(curve.x, curve.y, { min: x[0], max: x[1], log }, buckets).filter(
    (i) => Number.isFinite(curve.x[i]) && (!log || (curve.x[i] ?? 0) > 0),
  );
  return { x: indices.map((i) => curve.x[i] ?? 0), y: indices.map((i) => curve.y[i] ?? Number.NaN) };
}

function extentOfX({ curves, xLog, emptyX, leastX, whiskers = [] }: PlotFrame): Range {
  let [min, max] = leastX ?? [Infinity, -Infinity];
  for (const { x } of curves) {
    const first = xLog ? lowerBound(x, Number.MIN_VALUE) : 0;
    if (first >= x.length) continue;
    min = Math.min(min, x[first] ?? Infinity);
    max = Math.max(max, x[x.length - 1] ?? -Infinity);
  }
  if (!(min <= max)) return emptyX;
  for (const { x } of whiskers) max = Math.max(max, x);
  if (min === max) return xLog ? [min / 2, max * 2] : [Math.max(0, min - 1), max + 1];
  return [min, max];
}

/** Range of what is drawn; the whole chart shows its reference lines too, a zoom shows the curves as large as they can be. */
function extentOfY(frame: PlotFrame, curves: readonly Points[], withLines: boolean): Range {
  let min = Infinity;
  let max = -Infinity;
  const take = (value: number): void => {
    if (!Number.isFinite(value) || (frame.yLog && value <= 0)) return;
    min = Math.min(min, value);
    max = Math.max(max, value);
  };
  for (const { y } of curves) y.forEach(take);
  if (withLines) {
    for (const { y } of frame.lines) take(y);
    for (const { y, low, high } of frame.whiskers ?? []) [y, low, high].forEach(take);
  }
  if (!(min <= max)) return frame.yLog ? [0.1, 10] : [0, 1];
  if (frame.yLog) return [min / 1.06, max * 1.06];
  const margin = (max - min || Math.abs(max) || 1) * 0.05;
  return [min >= 0 ? Math.max(0, min - margin) : min - margin, max + margin];
}
