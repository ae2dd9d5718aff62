import { scaleLinear, scaleLog } from 'd3-scale';
import type uPlot from 'uplot';
import { short } from './format.ts';
import { bandEdges, isCrowded, type PlotBand, type PlotFrame, type Range } from './plot-data.ts';
import { BAND_ALPHA } from './plot-painter.ts';

/** What the options ask of the element that owns the plot. */
export interface PlotOwner {
  frame(): PlotFrame;
  x(): Range;
  y(): Range;
  /** Value of a colour's custom property. */
  color(name: string): string;
  selected(plot: uPlot): void;
  hovered(plot: uPlot): void;
  /** The place of painted curves in the plot, over bands and lines and under whiskers and marks. */
  paint(plot: uPlot): void;
  /** The plot was drawn. */
  painted(plot: uPlot): void;
}

const FONT = '11px system-ui, sans-serif';

/** Numbers on an axis that are round on its scale. */
export function ticks(min: number, max: number, log: boolean, count: number): number[] {
  return log ? logTicks(min, max, count) : scaleLinear().domain([min, max]).ticks(count);
}

function logTicks(min: number, max: number, count: number): number[] {
  const all = scaleLog().domain([min, max]).ticks(count);
  if (all.length <= count * 1.5) return all;
  const sparse = all.filter((value) => /^[125]/.test(value.toExponential()));
  return sparse.length <= count * 1.5 ? sparse : sparse.filter((value) => value.toExponential().startsWith('1'));
}

function axis(owner: PlotOwner, side: 'x' | 'y', compact: boolean): uPlot.Axis {
  const isX = side === 'x';
  return {
    scale: side,
    stroke: () => owner.color('--muted'),
    font: FONT,
    labelFont: FONT,
    ...(compact ? {} : { label: isX ? owner.frame().xLabel : owner.frame().yLabel, labelSize: 18, labelGap: 2 }),
    size: isX ? 26 : 52,
    gap: 4,
    grid: { stroke: () => owner.color('--grid'), width: 1 },
    ticks: { show: false },
    border: { show: true, stroke: () => owner.color('--line'), width: 1 },
    splits: (plot, _index, min, max) => {
      const pixels = isX ? plot.bbox.width : plot.bbox.height;
      const count = Math.max(3, Math.round(pixels / devicePixelRatio / (isX ? 90 : 44)));
      return ticks(min, max, isX ? owner.frame().xLog : owner.frame().yLog, count);
    },
    filter: (_plot, splits) => splits,
    values: (_plot, splits) => splits.map(short),
  };
}

/** Options of a plot whose curves, scales and colours are read from its owner each time it draws. */
export function plotOptions(owner: PlotOwner, width: number, height: number, compact: boolean): uPlot.Options {
  const frame = owner.frame();
  const scale = (log: boolean, range: () => Range): uPlot.Scale => ({
    time: false,
    distr: log ? 3 : 1,
    range: () => {
      const [min, max] = range();
      return [min, max];
    },
  });
  return {
    width,
    height,
    legend: { show: false },
    padding: [10, 12, 0, 0],
    cursor: {
      drag: { x: true, y: true, uni: 24, setScale: false },
      // One element a curve, each moved with the pointer.
      points: isCrowded(frame) ? { show: false } : { size: 6 },
      focus: { prox: -1 },
      sync: { key: 'isoflop', setSeries: false },
    },
    scales: { x: scale(frame.xLog, () => owner.x()), y: scale(frame.yLog, () => owner.y()) },
    axes: [axis(owner, 'x', compact), axis(owner, 'y', compact)],
    series: [
      {},
      ...(isCrowded(frame) ? [] : frame.curves).map((curve): uPlot.Series => {
        return {
          label: curve.label,
          stroke: () => owner.color(curve.color),
          width: curve.width,
          alpha: curve.alpha,
          points: { show: curve.dots === true, size: curve.dotSize ?? 5, width: 1, fill: () => owner.color(curve.color) },
          ...(curve.dash === undefined ? {} : { dash: [...curve.dash] }),
          ...(curve.lineless === true ? { paths: () => null } : {}),
        };
      }),
    ],
    hooks: {
      drawAxes: [(plot): void => drawBands(plot, owner), (plot): void => drawLines(plot, owner)],
      draw: [
        (plot): void => owner.paint(plot),
        (plot): void => drawWhiskers(plot, owner),
        (plot): void => drawMarks(plot, owner),
        (plot): void => owner.painted(plot),
      ],
      setSelect: [(plot): void => owner.selected(plot)],
      setCursor: [(plot): void => owner.hovered(plot)],
    },
  };
}

export function clipped(plot: uPlot, paint: (context: CanvasRenderingContext2D, ratio: number) => void): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  paint(ctx, devicePixelRatio);
  ctx.restore();
}

/** The points of curves that show them; the library draws those of its own curves. */
export function drawDots(
  plot: uPlot,
  ctx: CanvasRenderingContext2D,
  { curves }: PlotFrame,
  colorOf: (name: string) => string,
): void {
  for (const { x, y, dots, dotSize = 5, color } of curves) {
    if (dots !== true) continue;
    ctx.fillStyle = colorOf(color);
    ctx.beginPath();
    for (let i = 0; i < x.length; i++) {
      const [at, height] = [plot.valToPos(x[i] ?? Number.NaN, 'x', true), plot.valToPos(y[i] ?? Number.NaN, 'y', true)];
      if (!Number.isFinite(at) || !Number.isFinite(height)) continue;
      ctx.moveTo(at, height);
      ctx.arc(at, height, (dotSize / 2) * devicePixelRatio, 0, 2 * Math.PI);
    }
    ctx.fill();
  }
}

/** Text that stays readable over the grid. */
function haloed(ctx: CanvasRenderingContext2D, owner: PlotOwner, text: string, x: number, y: number): void {
  ctx.save();
  ctx.setLineDash([]);
  ctx.lineJoin = 'round';
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeStyle = owner.color('--surface');
  ctx.strokeText(text, x, y);
  ctx.fillText(text, x, y);
  ctx.restore();
}

function drawBands(plot: uPlot, owner: PlotOwner): void {
  const frame = owner.frame();
  // Painted with the curves.
  if (isCrowded(frame)) return;
  clipped(plot, (ctx) => {
    ctx.globalAlpha = BAND_ALPHA;
    for (const band of frame.bands ?? []) {
      ctx.fillStyle = owner.color(band.color);
      for (const part of bandParts(band, frame, owner.x(), plot.bbox.width)) {
        ctx.beginPath();
        for (const [x, y] of part) ctx.lineTo(plot.valToPos(x, 'x', true), plot.valToPos(y, 'y', true));
        ctx.fill();
      }
    }
  });
}

/** Outlines of the stretches of a band where both edges can be drawn: along the upper edge and back along the lower one. */
export function bandParts(band: PlotBand, frame: PlotFrame, range: Range, width: number): Range[][] {
  const [low, high] = bandEdges(band, frame, range, width);
  const drawable = (value: number | undefined): value is number =>
    value !== undefined && Number.isFinite(value) && (!frame.yLog || value > 0);
  const parts: Range[][] = [];
  let [upper, lower]: [Range[], Range[]] = [[], []];
  const end = (): void => {
    if (upper.length > 1) parts.push([...upper, ...lower.reverse()]);
    [upper, lower] = [[], []];
  };
  low.x.forEach((x, i) => {
    const [from, to] = [low.y[i], high.y[i]];
    if (drawable(from) && drawable(to)) {
      upper.push([x, to]);
      lower.push([x, from]);
    } else end();
  });
  end();
  return parts;
}

/** Reference lines with their names, under the curves. */
function drawLines(plot: uPlot, owner: PlotOwner): void {
  const { bbox } = plot;
  clipped(plot, (ctx, ratio) => {
    ctx.strokeStyle = owner.color('--reference');
    ctx.fillStyle = owner.color('--reference');
    ctx.lineWidth = ratio;
    ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    // Labels that would lie on each other take turns between the two ends.
    const labelled = { right: Number.NaN, left: Number.NaN };
    for (const line of owner.frame().lines) {
      const y = Math.round(plot.valToPos(line.y, 'y', true));
      ctx.setLineDash([6 * ratio, 4 * ratio]);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
      ctx.textBaseline = y - bbox.top < 18 * ratio ? 'top' : 'bottom';
      ctx.textAlign = Math.abs(labelled.right - y) < 16 * ratio ? 'left' : 'right';
      labelled[ctx.textAlign] = y;
      const x = ctx.textAlign === 'right' ? bbox.left + bbox.width - 6 * ratio : bbox.left + 6 * ratio;
      haloed(ctx, owner, line.label, x, y + (ctx.textBaseline === 'top' ? 4 : -4) * ratio);
    }
  });
}

/** Half the length of a whisker's ends, and the radius of its dot. */
const CAP = 5;
const DOT = 3.5;

function drawWhiskers(plot: uPlot, owner: PlotOwner): void {
  const { ctx, bbox } = plot;
  const ratio = devicePixelRatio;
  ctx.save();
  ctx.lineWidth = 2 * ratio;
  for (const { x, y, low, high, color } of owner.frame().whiskers ?? []) {
    const [at, middle, bottom, top] = [
      plot.valToPos(x, 'x', true),
      ...[y, low, high].map((value) => plot.valToPos(value, 'y', true)),
    ];
    // Not clipped, so that one at the end of the axis is drawn whole; one that a zoom leaves out is not drawn.
    const inside = at >= bbox.left - 1 && at <= bbox.left + bbox.width + 1;
    if (!inside || middle === undefined || bottom === undefined || top === undefined) continue;
    const [from, to] = [Math.max(top, bbox.top), Math.min(bottom, bbox.top + bbox.height)];
    if (!(from <= to)) continue;
    ctx.strokeStyle = owner.color(color);
    ctx.fillStyle = owner.color(color);
    ctx.beginPath();
    ctx.moveTo(at, from);
    ctx.lineTo(at, to);
    for (const end of [top, bottom]) {
      if (end < from || end > to) continue;
      ctx.moveTo(at - CAP * ratio, end);
      ctx.lineTo(at + CAP * ratio, end);
    }
    ctx.stroke();
    if (middle < from || middle > to) continue;
    ctx.beginPath();
    ctx.arc(at, middle, DOT * ratio, 0, 2 * Math.PI);
    ctx.fill();
  }
  ctx.restore();
}

/** A flag at the top and a thin line wherever a value is not finite. */
function drawMarks(plot: uPlot, owner: PlotOwner): void {
  const { bbox } = plot;
  const { marks } = owner.frame();
  clipped(plot, (ctx, ratio) => {
    ctx.fillStyle = owner.color('--danger');
    ctx.strokeStyle = owner.color('--danger');
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    let last = -Infinity;
    for (const mark of marks) {
      const x = Math.round(plot.valToPos(mark.x, 'x', true));
      // Marks closer than a pixel look like one.
      if (x - last < ratio) continue;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.beginPath();
      ctx.moveTo(x - 5 * ratio, bbox.top);
      ctx.lineTo(x + 5 * ratio, bbox.top);
      ctx.lineTo(x, bbox.top + 8 * ratio);
      ctx.fill();
      if (x - last > 40 * ratio) {
        ctx.font = `${11 * ratio}px system-ui, sans-serif`;
        ctx.textBaseline = 'top';
        const fits = x + 8 * ratio + ctx.measureText(mark.label).width < bbox.left + bbox.width;
        ctx.textAlign = fits ? 'left' : 'right';
        haloed(ctx, owner, mark.label, x + (fits ? 8 : -8) * ratio, bbox.top + ratio);
      }
      last = x;
    }
  });
}
