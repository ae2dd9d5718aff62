import { scaleLinear, scaleLog } from 'd3-scale';
import { armStyle } from './compare-frames.ts';
import { short } from './format.ts';
import type { Points } from '../lab/index.ts';
import { draw, pointsOf, type Curve, type PlotFrame, type Range } from './plot-data.ts';
import { bandParts, ticks } from './plot-options.ts';
import { savePicture, type PictureKind } from './save.ts';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

const SIZE: PictureSize = { width: 960, height: 480 };
const LEFT = 64;
const RIGHT = 16;
const TOP = 34;
const BOTTOM = 44;

interface LegendName {
  readonly name: string;
  readonly place: number;
}

/** A frame as an SVG file with axes and names. `color` gives what a custom property holds. */
export function plotSvg(
  frame: PlotFrame,
  names: readonly LegendName[],
  color: (property: string) => string,
  { width, height }: PictureSize = SIZE,
): string {
  const { x: rangeX, y: rangeY } = draw(frame, width, null, null);
  const [x, y] = [axis(frame.xLog, rangeX, [LEFT, width - RIGHT]), axis(frame.yLog, rangeY, [height - BOTTOM, TOP])];
  const at = (value: number): string => value.toFixed(1);
  const text = (tx: number, ty: number, words: string, more = ''): string =>
    `<text x="${at(tx)}" y="${at(ty)}" fill="${color('--muted')}" ${more}>${escaped(words)}</text>`;
  const parts: string[] = [];
  for (const value of ticks(rangeX[0], rangeX[1], frame.xLog, 9))
    parts.push(
      line(x(value), TOP, x(value), height - BOTTOM, color('--grid')),
      text(x(value), height - BOTTOM + 16, short(value), MIDDLE),
    );
  for (const value of ticks(rangeY[0], rangeY[1], frame.yLog, 8))
    parts.push(line(LEFT, y(value), width - RIGHT, y(value), color('--grid')), text(LEFT - 6, y(value) + 4, short(value), END));
  parts.push(text((LEFT + width) / 2, height - 8, frame.xLabel, MIDDLE));
  parts.push(text(14, height / 2, frame.yLabel, `${MIDDLE} transform="rotate(-90 14 ${height / 2})"`));
  const inside: string[] = [];
  for (const band of frame.bands ?? []) {
    for (const part of bandParts(band, frame, rangeX, width)) {
      const points = part.map(([px, py]) => `${at(x(px))},${at(y(py))}`).join(' ');
      inside.push(`<polygon points="${points}" fill="${color(band.color)}" fill-opacity="0.2"/>`);
    }
  }
  for (const { y: value, label } of frame.lines) {
    inside.push(line(LEFT, y(value), width - RIGHT, y(value), color('--reference'), 'stroke-dasharray="6 4"'));
    inside.push(text(width - RIGHT - 6, y(value) - 4, label, END));
  }
  const marked = frame.marks.filter((mark) => mark.x >= rangeX[0] && mark.x <= rangeX[1]);
  for (const { x: value, label } of marked) {
    const isLeft = x(value) < (LEFT + width) / 2;
    const style = `fill="${color('--danger')}" ${isLeft ? '' : END}`;
    inside.push(line(x(value), TOP, x(value), height - BOTTOM, color('--danger'), 'stroke-dasharray="2 3"'));
    inside.push(`<text x="${at(x(value) + (isLeft ? 6 : -6))}" y="${TOP + 12}" ${style}>${escaped(label)}</text>`);
  }
  for (const curve of frame.curves) {
    const points = pointsOf(curve, frame, rangeX, width);
    inside.push(path(curve, points, (px, py) => `${at(x(px))} ${at(y(py))}`, color));
  }
  for (const { x: px, y: py, low, high, color: name } of frame.whiskers ?? []) {
    parts.push(line(x(px), y(low), x(px), y(high), color(name), 'stroke-width="2"'));
    parts.push(`<circle cx="${at(x(px))}" cy="${at(y(py))}" r="3.5" fill="${color(name)}"/>`);
  }
  let left = LEFT;
  for (const { name, place } of names) {
    const { color: own, dash } = armStyle(place);
    parts.push(line(left, 18, left + 24, 18, color(own), `stroke-width="2.5" stroke-dasharray="${dash.join(' ')}"`));
    parts.push(text(left + 30, 22, name));
    left += 46 + 7 * name.length;
  }
  const box = `x="${LEFT}" y="${TOP}" width="${width - LEFT - RIGHT}" height="${height - TOP - BOTTOM}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `<rect width="${width}" height="${height}" fill="${color('--surface')}"/><clipPath id="inside"><rect ${box}/></clipPath>`,
    ...parts,
    `<g clip-path="url(#inside)">${inside.join('')}</g>`,
    '</svg>',
  ].join('\n');
}

const MIDDLE = 'text-anchor="middle"';
const END = 'text-anchor="end"';

function axis(log: boolean, domain: Range, range: Range): (value: number) => number {
  const scale = log ? scaleLog() : scaleLinear();
  return scale.domain([...domain]).range([...range]);
}

function line(x1: number, y1: number, x2: number, y2: number, stroke: string, more = ''): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${stroke}" ${more}/>`;
}

/** The line of a curve; a value that is not finite breaks it. */
function path(
  curve: Curve,
  { x, y }: Points,
  point: (x: number, y: number) => string,
  color: (property: string) => string,
): string {
  let broken = true;
  const steps: string[] = [];
  x.forEach((px, i) => {
    const value = y[i] ?? Number.NaN;
    if (Number.isFinite(value)) steps.push(`${broken ? 'M' : 'L'}${point(px, value)}`);
    broken = !Number.isFinite(value);
  });
  const dots = curve.dots === true ? dotsOf(curve, { x, y }, point, color) : '';
  if (curve.lineless === true) return dots;
  const dash = curve.dash === undefined ? '' : ` stroke-dasharray="${curve.dash.join(' ')}"`;
  return `${dots}<path d="${steps.join('')}" fill="none" stroke="${color(curve.color)}" stroke-width="${curve.width}"${dash}/>`;
}

function dotsOf(
  { dotSize = 5, color: own }: Curve,
  { x: xs, y: values }: Points,
  point: (x: number, y: number) => string,
  color: (property: string) => string,
): string {
  const drawn = xs.flatMap((px, i) => {
    const value = values[i] ?? Number.NaN;
    if (!Number.isFinite(value)) return [];
    const [x, y] = point(px, value).split(' ');
    return [`<circle cx="${x}" cy="${y}" r="${dotSize / 2}"/>`];
  });
  return `<g fill="${color(own)}">${drawn.join('')}</g>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}

/** Saves a frame in the colours that `host` has now. */
export async function savePlot(
  kind: PictureKind,
  host: Element,
  name: string,
  frame: PlotFrame,
  names: readonly LegendName[],
): Promise<void> {
  const style = getComputedStyle(host);
  const svg = plotSvg(frame, names, (property) => style.getPropertyValue(property).trim());
  await savePicture(kind, name, svg, SIZE);
}
