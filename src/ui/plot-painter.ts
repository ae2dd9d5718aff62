import { lowerBound } from '../lab/index.ts';
import { thinned } from './plot-blocks.ts';
import type { Curve, PlotBand, PlotFrame, Range } from './plot-data.ts';
import { Raster, type Cover, type Ink } from './plot-raster.ts';

/** Points nearer than this along x, in pixels of the screen, become their lowest and their highest. */
const REACH = 1;

/** Where values lie in a picture. */
export interface Place {
  readonly x: Range;
  readonly xLog: boolean;
  readonly y: Range;
  readonly yLog: boolean;
  /** Pixels of the screen, both. */
  readonly width: number;
  readonly height: number;
}

/** Red, green and blue of a colour's custom property, 0..255. */
export type RgbOf = (name: string) => Ink['rgb'];

/** What is taken from a value, or from its logarithm, and what the rest is multiplied by: pixels along an axis of `length`. */
function factors([min, max]: Range, log: boolean, length: number): readonly [from: number, factor: number] {
  const from = log ? Math.log(min) : min;
  return [from, length / ((log ? Math.log(max) : max) - from)];
}

function scale(range: Range, log: boolean, length: number): (value: number) => number {
  const [from, factor] = factors(range, log, length);
  return log ? (value) => (Math.log(value) - from) * factor : (value) => (value - from) * factor;
}

/** Where the points of the line that is being drawn lie. */
let [xs, ys] = [new Float64Array(0), new Float64Array(0)];

/** Draws a line through the points of a curve that lie in the picture, and one beyond each side. */
export function trace(raster: Raster, x: ArrayLike<number>, y: ArrayLike<number>, place: Place): void {
  const from = Math.max(0, lowerBound(x, place.x[0]) - 1);
  const to = Math.min(x.length, lowerBound(x, place.x[1]) + 2);
  const kept = thinned(x, y, { from, to, reach: REACH, pixelOf: scale(place.x, place.xLog, place.width) });
  const count = kept?.length ?? to - from;
  if (xs.length < count) [xs, ys] = [new Float64Array(count), new Float64Array(count)];
  const [x0, xFactor] = factors(place.x, place.xLog, place.width);
  const [y0, yFactor] = factors(place.y, place.yLog, place.height);
  for (let k = 0; k < count; k++) {
    const i = kept === null ? from + k : (kept[k] ?? 0);
    const [at, value] = [x[i] ?? Number.NaN, y[i] ?? Number.NaN];
    xs[k] = ((place.xLog ? Math.log(at) : at) - x0) * xFactor;
    ys[k] = place.height - ((place.yLog ? Math.log(value) : value) - y0) * yFactor;
  }
  raster.draw(xs, ys, count);
}

/** Paints a frame's bands and curves curve by curve, so that it can be left and taken up again between any two. */
function* painting(
  raster: Raster,
  { curves, bands = [] }: PlotFrame,
  place: Place,
  rgbOf: RgbOf,
  ratio: number,
): Generator<void> {
  raster.clear();
  const edge = ({ x }: PlotBand, y: ArrayLike<number>): Cover => {
    trace(raster, x, y, place);
    return raster.edge();
  };
  for (const band of bands) {
    raster.fill(edge(band, band.high), edge(band, band.low), { rgb: rgbOf(band.color), alpha: BAND_ALPHA });
    yield;
  }
  for (const curve of curves) {
    if (curve.lineless === true) continue;
    trace(raster, curve.x, curve.y, place);
    raster.stroke(inkOf(curve, rgbOf, ratio));
    yield;
  }
}

export const BAND_ALPHA = 0.2;

function inkOf({ color, alpha, width, dash = [] }: Curve, rgbOf: RgbOf, ratio: number): Ink {
  return { rgb: rgbOf(color), alpha, width: width * ratio, dash: dash.map((length) => length * ratio) };
}

/** One painted picture, and what it shows. */
interface Picture {
  readonly canvas: OffscreenCanvas;
  readonly place: Place;
}

interface Job {
  readonly raster: Raster;
  readonly place: Place;
  readonly work: Generator<void>;
}

/** Milliseconds of a frame that painting may take. */
const SLICE_MS = 6;

/**
 * Paints hundreds of curves without holding up the page: some milliseconds a frame, and until a picture is done the one before is shown,
 * stretched to where its curves lie by now. What changes meanwhile is painted next.
 */
export class CurvePainter {
  #job: Job | null = null;
  #shown: Picture | null = null;
  /** Of the job that is done next: the newest. */
  #next: (() => Job) | null = null;
  #raster: Raster | null = null;

  /** True once a picture was done. */
  get hasPicture(): boolean {
    return this.#shown !== null;
  }

  /** True while another {@link work} is needed. */
  get busy(): boolean {
    return this.#job !== null || this.#next !== null;
  }

  /** Takes what is to be painted, in place of what was not begun yet. */
  want(frame: PlotFrame, place: Place, rgbOf: RgbOf, ratio: number): void {
    if (place.width < 1 || place.height < 1) return;
    this.#next = () => {
      const raster = this.#rasterOf(place);
      return { raster, place, work: painting(raster, frame, place, rgbOf, ratio) };
    };
  }

  /** Paints for some milliseconds, or to the end. @returns whether a picture was done. */
  work(toTheEnd = false): boolean {
    const end = toTheEnd ? Infinity : performance.now() + SLICE_MS;
    let done = false;
    while (performance.now() < end) {
      const job = (this.#job ??= this.#begun());
      if (job === null) break;
      if (job.work.next().done !== true) continue;
      this.#shown = shown(job, this.#shown);
      this.#job = null;
      done = true;
    }
    return done;
  }

  /** Draws the newest picture that is done, its values where `place` has them, from `left`, `top` on. */
  draw(context: CanvasRenderingContext2D, place: Place, left: number, top: number): void {
    if (this.#shown === null) return;
    const { canvas, place: own } = this.#shown;
    const sameScales = own.xLog === place.xLog && own.yLog === place.yLog;
    const xOf = scale(place.x, place.xLog, place.width);
    const yOf = scale(place.y, place.yLog, place.height);
    const [x0, x1] = sameScales ? own.x.map(xOf) : [];
    const [y0, y1] = sameScales ? own.y.map((value) => place.height - yOf(value)) : [];
    const ends = [x0, x1, y0, y1];
    if (x0 === undefined || x1 === undefined || y0 === undefined || y1 === undefined || !ends.every(Number.isFinite))
      context.drawImage(canvas, left, top, place.width, place.height);
    else context.drawImage(canvas, left + x0, top + y1, x1 - x0, y0 - y1);
  }

  #begun(): Job | null {
    const next = this.#next;
    this.#next = null;
    return next === null ? null : next();
  }

  /** One picture's memory serves them all while their size stays. */
  #rasterOf({ width, height }: Place): Raster {
    if (this.#raster?.width !== width || this.#raster.height !== height) this.#raster = new Raster(width, height);
    return this.#raster;
  }
}

function shown({ raster, place }: Job, before: Picture | null): Picture {
  const { width, height, pixels } = raster;
  const fits = before?.canvas.width === width && before.canvas.height === height;
  const canvas = fits ? before.canvas : new OffscreenCanvas(width, height);
  canvas.getContext('2d', { willReadFrequently: true })?.putImageData(new ImageData(pixels, width, height), 0, 0);
  return { canvas, place };
}
