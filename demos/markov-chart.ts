import type { Params } from '../src/laws/index.ts';
import { element } from './page.ts';
import type { StudyPoint } from './markov-study.ts';

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT] = [600, 340];
const PLOT = { left: 46, right: 522, top: 14, bottom: 300 };

/** What the fitted law says the loss falls to, and how sure that is. */
export interface FittedFloor {
  readonly params: Params;
  readonly E: number;
  /** null where the points do not bound it: no bar is drawn. */
  readonly interval: readonly [number, number] | null;
}

export interface StudyPicture {
  /** Points that were kept, drawn hollow, and points that were trained here, drawn full. */
  readonly kept: readonly StudyPoint[];
  readonly own: readonly StudyPoint[];
  /** Of the kept points. */
  readonly fitted: FittedFloor | null;
  readonly ownFitted: FittedFloor | null;
  readonly known: number;
}

/** Held-out loss against training tokens, a curve of the fitted law for each size, and the interval of E beside the entropy that is known. */
export function drawStudy({ kept, own, fitted, ownFitted, known }: StudyPicture): void {
  const points = [...kept, ...own];
  const tokens = points.map(({ D }) => D);
  const [least, most] = [Math.min(...tokens) / 1.25, Math.max(...tokens) * 1.25];
  const losses = [known, ...points.map(({ loss }) => loss)];
  const ends = [fitted, ownFitted].flatMap((floor) => floor?.interval?.[0] ?? []);
  const top = Math.max(...losses) + 0.02;
  // An interval that is wide open is cut off, not the picture squeezed for it.
  const bottom = Math.max(known - 0.35, Math.min(known - 0.12 * (top - known), ...ends.map((end) => end - 0.01)));
  const x = (D: number): number => PLOT.left + ((PLOT.right - PLOT.left) * Math.log(D / least)) / Math.log(most / least);
  const y = (loss: number): number =>
    Math.min(PLOT.bottom, Math.max(PLOT.top, PLOT.top + ((PLOT.bottom - PLOT.top) * (top - loss)) / (top - bottom)));
  const marks: Element[] = [
    ...axes(least, most, bottom, top, x, y),
    make('line', { x1: PLOT.left, x2: WIDTH - 8, y1: y(known), y2: y(known) }),
    text(PLOT.left + 6, y(known) + 14, `entropy rate ${known.toFixed(4)}, known`, 'start', 'truth'),
  ];
  const sizes = [...new Set(kept.map(({ N }) => N))].sort((a, b) => a - b);
  if (fitted !== null) for (const N of sizes) marks.push(curve(fitted.params, N, [least, most, top], x, y));
  const highest = kept.filter(({ N }) => N === sizes[0]).at(-1);
  if (highest !== undefined)
    marks.push(text(PLOT.right, y(highest.loss) - 10, `${highest.N.toLocaleString('en')} parameters`, 'end'));
  for (const { D, loss } of kept) marks.push(make('circle', { cx: x(D), cy: y(loss), r: 3, class: 'kept' }));
  for (const { D, loss } of own) marks.push(make('circle', { cx: x(D), cy: y(loss), r: 4, class: 'own' }));
  if (fitted !== null) marks.push(...floorBar(fitted, PLOT.right + 22, 'E, kept', 'kept', y));
  if (ownFitted !== null) marks.push(...floorBar(ownFitted, PLOT.right + 56, 'E, here', 'own', y));
  element('chart').replaceChildren(...marks);
}

function axes(
  least: number,
  most: number,
  bottom: number,
  top: number,
  x: (D: number) => number,
  y: (loss: number) => number,
): Element[] {
  const every = top - bottom > 0.8 ? 0.2 : 0.1;
  const first = Math.ceil(bottom / every);
  const losses = Array.from({ length: 24 }, (_, i) => (first + i) * every).filter((loss) => loss <= top);
  const tokens = [1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5].filter((D) => D > least && D < most);
  return [
    ...losses.flatMap((loss) => [
      make('path', { d: `M${PLOT.left} ${y(loss)}H${PLOT.right}`, class: 'grid' }),
      text(PLOT.left - 6, y(loss) + 4, loss.toFixed(1), 'end'),
    ]),
    ...tokens.map((D) => text(x(D), PLOT.bottom + 16, D.toLocaleString('en'), 'middle')),
    text((PLOT.left + PLOT.right) / 2, HEIGHT - 6, 'training tokens; held-out loss in nats per symbol', 'middle'),
  ];
}

function curve(
  { E = NaN, A = NaN, alpha = NaN, B = NaN, beta = NaN }: Params,
  N: number,
  [least, most, top]: readonly [least: number, most: number, top: number],
  x: (D: number) => number,
  y: (loss: number) => number,
): Element {
  const lossAt = (D: number): number => E + A * N ** -alpha + B * D ** -beta;
  const at = Array.from({ length: 40 }, (_, i) => least * (most / least) ** (i / 39)).filter((D) => lossAt(D) <= top);
  const points = at.map((D) => `${x(D).toFixed(1)},${y(lossAt(D)).toFixed(1)}`).join(' ');
  return make('polyline', { points, class: 'law' });
}

function floorBar({ E, interval }: FittedFloor, at: number, name: string, kind: string, y: (loss: number) => number): Element[] {
  if (interval === null) return [];
  const [low, high] = [y(interval[0]), y(interval[1])];
  const caps = `M${at - 6} ${high}H${at + 6}M${at} ${high}V${low}M${at - 6} ${low}H${at + 6}`;
  return [
    make('path', { d: caps, class: `bar ${kind}` }),
    make('circle', { cx: at, cy: y(E), r: 4, class: kind }),
    text(at, Math.max(PLOT.top + 10, high - 8), name, 'middle'),
  ];
}

function make(name: string, attributes: Readonly<Record<string, string | number>>): Element {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, `${value}`);
  return made;
}

function text(x: number, y: number, words: string, anchor: string, kind = ''): Element {
  const made = make('text', { x, y, 'text-anchor': anchor, class: kind });
  made.textContent = words;
  return made;
}
