import { scaleLinear, scaleLog } from 'd3-scale';
import { ticks } from './plot-options.ts';
import type { Range } from './plot-data.ts';

/** A measured point. */
export interface LawDot {
  /** What a click leaves out or takes in again; null for a dot that is no measurement. */
  readonly key: string | null;
  readonly x: number;
  readonly y: number;
  /** In the palette. */
  readonly place: number;
  /** Left out of the fit. */
  readonly hollow: boolean;
  /** In words, for the line under the chart. */
  readonly words: string;
}

/** `fit` where data are, `beyond` where none are, `published` of other people, `rule` for orientation. */
export type LawLineKind = 'fit' | 'beyond' | 'published' | 'rule';

export interface LawLine {
  readonly kind: LawLineKind;
  readonly place: number;
  readonly points: readonly Range[];
  /** At its right end. */
  readonly label?: string;
}

export interface LawRibbon {
  readonly place: number;
  readonly x: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/** What is drawn of a fit in one coordinate system. */
export interface LawChart {
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xLog: boolean;
  readonly yLog: boolean;
  readonly groups: readonly { readonly place: number; readonly name: string }[];
  readonly dots: readonly LawDot[];
  readonly lines: readonly LawLine[];
  readonly ribbons: readonly LawRibbon[];
  /** Where no data are, along x. */
  readonly shaded: readonly Range[];
}

export interface LawBox {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** A chart laid out in a box, in units of its drawing. */
export interface LawPanel extends LawBox {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly ticksX: readonly number[];
  readonly ticksY: readonly number[];
  readonly spanX: Range;
}

export function layOut(chart: LawChart, box: LawBox): LawPanel {
  const solid = chart.lines.filter(({ kind }) => kind !== 'rule');
  const isNear = nearness(chart);
  const xs = [...chart.dots.map(({ x }) => x), ...solid.flatMap(({ points }) => points.map(([x]) => x))];
  const ys = [
    ...chart.dots.map(({ y }) => y),
    ...chart.lines.flatMap(({ points }) => points.map(([, y]) => y)),
    // A ribbon that nothing bounds would leave no room for what it is around.
    ...chart.ribbons.flatMap(({ low, high }) => [...low, ...high]).filter(isNear),
  ];
  const spanX = spanOf(xs, chart.xLog, 0.02);
  const spanY = spanOf(ys, chart.yLog, 0.06);
  const x = (chart.xLog ? scaleLog() : scaleLinear()).domain([...spanX]).range([box.left, box.right]);
  const y = (chart.yLog ? scaleLog() : scaleLinear()).domain([...spanY]).range([box.bottom, box.top]);
  return {
    ...box,
    x: (value) => x(value),
    y: (value) => y(value),
    spanX,
    ticksX: ticks(...spanX, chart.xLog, Math.max(2, Math.round((box.right - box.left) / 90))),
    ticksY: ticks(...spanY, chart.yLog, Math.max(3, Math.round((box.bottom - box.top) / 46))),
  };
}

/** Tells values that are not further from the dots and lines than these from each other; the span is found once, for charts have thousands of values. */
function nearness({ dots, lines, yLog }: LawChart): (y: number) => boolean {
  const own = [...dots.map((dot) => dot.y), ...lines.flatMap(({ points }) => points.map(([, value]) => value))].filter(
    Number.isFinite,
  );
  const at = yLog ? Math.log : (value: number): number => value;
  const [low, high] = [Math.min(...own.map(at)), Math.max(...own.map(at))];
  const room = 0.5 * (high - low);
  return (y) => at(y) >= low - room && at(y) <= high + room;
}

function spanOf(values: readonly number[], log: boolean, margin: number): Range {
  const drawable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  if (drawable.length === 0) return log ? [1, 10] : [-1, 1];
  const at = log ? Math.log : (value: number): number => value;
  const back = log ? Math.exp : (value: number): number => value;
  const [low, high] = [Math.min(...drawable.map(at)), Math.max(...drawable.map(at))];
  const room = high > low ? margin * (high - low) : log ? 0.5 : Math.abs(high) || 1;
  return [back(low - room), back(high + room)];
}

/** A line as path data; what cannot be drawn breaks it. */
export function linePath(points: readonly Range[], { x, y }: LawPanel): string {
  let broken = true;
  return points
    .map(([px, py]) => {
      const [left, top] = [x(px), y(py)];
      const drawable = Number.isFinite(left) && Number.isFinite(top);
      const step = drawable ? `${broken ? 'M' : 'L'}${left.toFixed(1)} ${top.toFixed(1)}` : '';
      broken = !drawable;
      return step;
    })
    .join('');
}

/** A ribbon as path data: along its upper edge and back along the lower one. */
export function ribbonPath({ x, low, high }: LawRibbon, panel: LawPanel): string {
  const edge = (values: readonly number[]): string[] =>
    values.flatMap((value, i) => {
      const [left, top] = [panel.x(x[i] ?? NaN), panel.y(value)];
      // Far outside is as good as infinitely far.
      const shown = Math.max(panel.top - 1e3, Math.min(panel.bottom + 1e3, top));
      return Number.isFinite(left) && !Number.isNaN(top) ? [`${left.toFixed(1)} ${shown.toFixed(1)}`] : [];
    });
  const outline = [...edge(high), ...edge(low).reverse()];
  return outline.length < 4 ? '' : `M${outline.join('L')}Z`;
}
