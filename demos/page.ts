import type { AdapterReport } from '../src/gpu/index.ts';

/** The element with this id. */
export function element(id: string): Element {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** The adapter by name; figures of one that computes on the CPU say nothing of a GPU. */
export function adapterName({ vendor, architecture, description, software }: AdapterReport): string {
  const name = description || `${vendor} ${architecture}`.trim();
  return software ? `${name}, a software adapter` : name;
}

/** Says where the page stands, or what went wrong. */
export function say(text: string, fault = false): void {
  const state = element('state');
  state.textContent = text;
  state.classList.toggle('fault', fault);
}

const SVG = 'http://www.w3.org/2000/svg';
const [WIDTH, HEIGHT, MARGIN] = [600, 240, 28];

interface DrawOptions {
  /** Where a dashed line is drawn. */
  readonly floor?: number;
  /** Of the values; nats when left out. */
  readonly unit?: string;
}

/** Draws each curve's values at x = 1, 2, ... of `total`, all but the first dashed. */
export function draw(curves: readonly (readonly number[])[], total: number, { floor, unit = 'nats' }: DrawOptions = {}): void {
  const chart = element('chart');
  const finite = curves.flat().filter(Number.isFinite);
  const top = Math.max(...finite);
  const bottom = Math.min(...finite, floor ?? Infinity);
  const span = top - bottom || 1;
  const x = (i: number): number => MARGIN + ((WIDTH - 2 * MARGIN) * i) / Math.max(1, total - 1);
  const y = (value: number): number => MARGIN + ((HEIGHT - 2 * MARGIN) * (top - value)) / span;
  const lines = curves.map((values, curve) => {
    const line = document.createElementNS(SVG, 'polyline');
    line.setAttribute('points', values.map((value, i) => `${x(i)},${y(value)}`).join(' '));
    line.classList.toggle('other', curve > 0);
    return line;
  });
  const last = curves[0]?.at(-1) ?? top;
  const marks: Element[] = [...lines, label(top, unit, y(top)), label(last, unit, y(last), 'end')];
  if (floor !== undefined) {
    const rule = document.createElementNS(SVG, 'line');
    for (const [name, value] of Object.entries({ x1: MARGIN, x2: WIDTH - MARGIN, y1: y(floor), y2: y(floor) }))
      rule.setAttribute(name, `${value}`);
    marks.push(rule);
  }
  chart.replaceChildren(...marks);
}

function label(value: number, unit: string, y: number, anchor: 'start' | 'end' = 'start'): Element {
  const text = document.createElementNS(SVG, 'text');
  text.setAttribute('x', String(anchor === 'start' ? 4 : WIDTH - 4));
  text.setAttribute('y', String(y - 6));
  text.setAttribute('text-anchor', anchor);
  text.textContent = `${value.toFixed(3)} ${unit}`;
  return text;
}
