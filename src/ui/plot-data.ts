import { align, decimate, lowerBound, type Points } from '../lab/index.ts';
import { extremes } from './plot-blocks.ts';

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

/** What a plot shows: the values of its cursor and of what it draws by itself, and the ranges of both axes. */
export interface Drawn {
  readonly data: [number[], ...(number | null | undefined)[][]];
  readonly x: Range;
  readonly y: Range;
}

/** Chooses the points that a plot of `width` pixels needs; a zoom narrows the ranges. Crowded curves are painted, so that none are chosen. */
export function draw(frame: PlotFrame, width: number, zoomX: Range | null, zoomY: Range | null): Drawn {
  const x = zoomX ?? extentOfX(frame);
  if (isCrowded(frame)) {
    const y = zoomY ?? limited(extentOfY(frame, extremesOf(frame, x), zoomX === null), frame.limitY);
    return { data: [places(x, frame.xLog, width)], x, y };
  }
  const curves = frame.curves.map((curve) => pointsOf(curve, frame, x, width));
  const edges = (frame.bands ?? []).flatMap((band) => bandEdges(band, frame, x, width));
  const values = [...curves, ...edges].map((points) => points.y);
  return { data: align(curves), x, y: zoomY ?? limited(extentOfY(frame, values, zoomX === null), frame.limitY) };
}

/** The points of a curve that a picture of `width` pixels needs. */
export function pointsOf(curve: Pick<Curve, 'x' | 'y'>, { xLog }: PlotFrame, x: Range, width: number): Points {
  return visible(curve, x, xLog, Math.max(32, width));
}

/** One x a pixel: what a cursor can be at where points are too many. */
function places([min, max]: Range, log: boolean, width: number): number[] {
  const count = Math.max(2, width);
  const share = (i: number): number => i / (count - 1);
  if (!log) return Array.from({ length: count }, (_, i) => min + (max - min) * share(i));
  return Array.from({ length: count }, (_, i) => min * (max / min) ** share(i));
}

/** The lowest and the highest value of each curve and band in a range of x. */
function extremesOf({ curves, bands = [], yLog }: PlotFrame, [min, max]: Range): number[][] {
  const within = (x: ArrayLike<number>, y: ArrayLike<number>): number[] => {
    const [from, to] = [Math.max(0, lowerBound(x, min) - 1), Math.min(x.length, lowerBound(x, max) + 2)];
    const [lowest, highest] = extremes(y, from, to);
    // The least that a log axis can show may be any of them.
    return yLog && lowest <= 0 ? Array.from({ length: to - from }, (_, i) => y[from + i] ?? Number.NaN) : [lowest, highest];
  };
  return [...curves.map(({ x, y }) => within(x, y)), ...bands.flatMap(({ x, low, high }) => [within(x, low), within(x, high)])];
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

/** So many curves that the plot's library would take tenths of a second to draw them. */
export function isCrowded({ curves }: PlotFrame): boolean {
  return curves.length > CROWD;
}

/**
 * The curve that passes nearest to a place, in pixels from the top left of what is drawn; null where none is near.
 *
 * @param toPixels of values of x and y.
 * @param x under the place.
 */
export function nearestCurve(
  curves: readonly Pick<Curve, 'x' | 'y'>[],
  place: { readonly left: number; readonly top: number; readonly x: number },
  toPixels: { readonly x: (value: number) => number; readonly y: (value: number) => number },
  reach = 24,
): number | null {
  let [nearest, least]: [number | null, number] = [null, reach];
  curves.forEach(({ x, y }, i) => {
    const at = lowerBound(x, place.x);
    const ends = [at - 1, at].flatMap((end): [number, number][] => {
      const value = y[end];
      return value === undefined || !Number.isFinite(value) ? [] : [[toPixels.x(x[end] ?? Number.NaN), toPixels.y(value)]];
    });
    const [[x0, y0] = [], [x1, y1] = []] = ends;
    if (x0 === undefined || y0 === undefined) return;
    const between = x1 !== undefined && y1 !== undefined && x1 > x0;
    const top = between ? y0 + ((place.left - x0) / (x1 - x0)) * (y1 - y0) : y0;
    const distance = Math.hypot(between ? 0 : place.left - x0, top - place.top);
    if (distance < least) [nearest, least] = [i, distance];
  });
  return nearest;
}

function limited([low, high]: Range, limit: Range | undefined): Range {
  return limit === undefined ? [low, high] : [Math.max(low, limit[0]), Math.min(high, limit[1])];
}

function visible(curve: Pick<Curve, 'x' | 'y'>, x: Range, log: boolean, buckets: number): Points {
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
function extentOfY(frame: PlotFrame, values: readonly (readonly number[])[], withLines: boolean): Range {
  let min = Infinity;
  let max = -Infinity;
  const take = (value: number): void => {
    if (!Number.isFinite(value) || (frame.yLog && value <= 0)) return;
    min = Math.min(min, value);
    max = Math.max(max, value);
  };
  for (const each of values) each.forEach(take);
  if (withLines) {
    for (const { y } of frame.lines) take(y);
    for (const { y, low, high } of frame.whiskers ?? []) [y, low, high].forEach(take);
  }
  if (!(min <= max)) return frame.yLog ? [0.1, 10] : [0, 1];
  if (frame.yLog) return [min / 1.06, max * 1.06];
  const margin = (max - min || Math.abs(max) || 1) * 0.05;
  return [min >= 0 ? Math.max(0, min - margin) : min - margin, max + margin];
}
