import { scaleLog } from 'd3-scale';
import { ridge, roofGFlops, type KernelRow, type Limits } from '../lab/index.ts';
import { ticks } from './plot-options.ts';
import type { Range } from './plot-data.ts';

/** A kernel as a dot: products by intensity and GFLOP/s, others by the bytes of a dispatch and GB/s. */
export interface RoofDot {
  /** Place of the kernel in the report. */
  readonly row: number;
  readonly x: number;
  readonly y: number;
  readonly share: number;
}

/** One of the two panels, in units of its drawing. */
export interface RoofPanel {
  readonly dots: readonly RoofDot[];
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly domainX: Range;
  readonly domainY: Range;
  readonly ticksX: readonly number[];
  readonly ticksY: readonly number[];
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where a panel lies. */
export type RoofBox = Pick<RoofPanel, 'left' | 'right' | 'top' | 'bottom'>;

/** Products as dots: x in FLOP per byte, y in GFLOP/s. */
export function productDots(rows: readonly KernelRow[]): RoofDot[] {
  return rows.flatMap(({ flops, bytes, ms, share }, row) =>
    flops === null || !(flops > 0 && bytes > 0 && ms > 0) ? [] : [{ row, x: flops / bytes, y: flops / ms / 1e6, share }],
  );
}

/** Kernels without products as dots: x in bytes of a dispatch, y in GB/s. */
export function moverDots(rows: readonly KernelRow[]): RoofDot[] {
  return rows.flatMap(({ flops, bytes, ms, share }, row) =>
    (flops !== null && flops > 0) || !(bytes > 0 && ms > 0) ? [] : [{ row, x: bytes, y: bytes / ms / 1e6, share }],
  );
}

/** The panel of products, wide enough to show the ridge of every device, and the kernels of `others`. */
export function productPanel(
  dots: readonly RoofDot[],
  others: readonly RoofDot[],
  limits: readonly Limits[],
  box: RoofBox,
): RoofPanel {
  const all = [...dots, ...others];
  // As much of the slope as of the flat part, or it says little.
  const ridges = limits.flatMap((each) => [ridge(each) / 5, 2 * ridge(each)]);
  const x = padded([...all.map((dot) => dot.x), ...ridges], [0.1, 100], 1.8);
  const tops = limits.map(({ fmaGFlops }) => fmaGFlops.high);
  return panel(dots, x, padded([...all.map((dot) => dot.y), ...tops], [1, 1000], 2), box);
}

/** The panel of kernels that only move data. */
export function moverPanel(
  dots: readonly RoofDot[],
  others: readonly RoofDot[],
  limits: readonly Limits[],
  box: RoofBox,
): RoofPanel {
  const all = [...dots, ...others];
  const x = padded(
    all.map((dot) => dot.x),
    [1e3, 1e7],
    2.5,
  );
  const tops = limits.map(({ copyGBs }) => copyGBs.high);
  return panel(dots, x, padded([...all.map((dot) => dot.y), ...tops], [1, 100], 2), box);
}

/** Spans the positive values and some room around them; a decade at least. */
function padded(values: readonly number[], empty: Range, factor: number): Range {
  const positive = values.filter((value) => Number.isFinite(value) && value > 0);
  if (positive.length === 0) return empty;
  const [min, max] = [Math.min(...positive) / factor, Math.max(...positive) * factor];
  const widen = Math.max(1, Math.sqrt(10 / (max / min)));
  return [min / widen, max * widen];
}

function panel(dots: readonly RoofDot[], domainX: Range, domainY: Range, box: RoofBox): RoofPanel {
  const x = scaleLog()
    .domain([...domainX])
    .range([box.left, box.right]);
  const y = scaleLog()
    .domain([...domainY])
    .range([box.bottom, box.top]);
  const many = (pixels: number, each: number): number => Math.max(2, Math.round(pixels / each));
  return {
    ...box,
    dots,
    x: (value) => x(value),
    y: (value) => y(value),
    domainX,
    domainY,
    ticksX: ticks(domainX[0], domainX[1], true, many(box.right - box.left, 80)),
    ticksY: ticks(domainY[0], domainY[1], true, many(box.bottom - box.top, 44)),
  };
}

/** The roof of a panel of products as points: along the bandwidth, and flat from the ridge on; `share` of it. */
export function roofPoints({ domainX: [min, max] }: RoofPanel, limits: Limits, share = 1): Range[] {
  const at = (x: number): Range => [x, share * roofGFlops(limits, x)];
  const corner = ridge(limits);
  return [at(min), ...(corner > min && corner < max ? [at(corner)] : []), at(max)];
}

/** Limits as if the device were always as slow, or as fast, as in the quarter of its measurements that were. */
export function limitsAt({ copyGBs, fmaGFlops }: Limits, end: 'low' | 'high'): Limits {
  const all = ({ [end]: value }: Limits['copyGBs']): Limits['copyGBs'] => ({ median: value, low: value, high: value });
  return { copyGBs: all(copyGBs), fmaGFlops: all(fmaGFlops) };
}

/** A name beside a dot, by its lower left corner or, where it ends there, its lower right one. */
export interface DotLabel {
  readonly row: number;
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly anchor: 'start' | 'end';
}

/** Units of a letter of a label. */
const LETTER = 6;
const LINE = 12;

/** Names of the dots that take most of the step, where there is room: right of the dot, left of it, above, below, or nowhere. */
export function dotLabels(
  { dots, x, y, left, right, top, bottom }: RoofPanel,
  nameOf: (row: number) => string,
  radius: (share: number) => number,
  most: number,
  others: readonly RoofDot[] = [],
): DotLabel[] {
  const taken: Box[] = [...dots, ...others].map((dot) => {
    const r = radius(dot.share);
    return [x(dot.x) - r, y(dot.y) - r, x(dot.x) + r, y(dot.y) + r];
  });
  const labels: DotLabel[] = [];
  for (const dot of dots.toSorted((a, b) => b.share - a.share).slice(0, most)) {
    const text = nameOf(dot.row);
    const [px, py, r, wide] = [x(dot.x), y(dot.y), radius(dot.share), LETTER * text.length];
    const own = dots.indexOf(dot);
    const places: DotLabel[] = [
      { row: dot.row, text, x: px + r + 5, y: py + 4, anchor: 'start' },
      { row: dot.row, text, x: px - r - 5, y: py + 4, anchor: 'end' },
      { row: dot.row, text, x: px - 4, y: py - r - 6, anchor: 'start' },
      { row: dot.row, text, x: px - 4, y: py + r + LINE, anchor: 'start' },
    ];
    const place = places.find((each) => {
      const box = boxOf(each, wide);
      if (box[0] < left + 2 || box[2] > right - 2 || box[1] < top || box[3] > bottom) return false;
      return taken.every((other, i) => i === own || !overlap(box, other));
    });
    if (place === undefined) continue;
    labels.push(place);
    taken.push(boxOf(place, wide));
  }
  return labels;
}

type Box = readonly [left: number, top: number, right: number, bottom: number];

function boxOf({ x, y, anchor }: DotLabel, wide: number): Box {
  return anchor === 'start' ? [x, y - LINE + 2, x + wide, y + 3] : [x - wide, y - LINE + 2, x, y + 3];
}

function overlap(a: Box, b: Box): boolean {
  return a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
}
