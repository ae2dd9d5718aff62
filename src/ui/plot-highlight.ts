import type uPlot from 'uplot';
import type { Curve } from './plot-data.ts';

type Column = readonly (number | null | undefined)[];

const SVG = 'http://www.w3.org/2000/svg';

/** One curve over a plot, so that it stands out: the plot itself, with hundreds of others, is not drawn again for it. */
export class PlotHighlight {
  #svg: SVGSVGElement | null = null;

  /** @param column values of the curve at `xs`, `undefined` where it has none. */
  draw(plot: uPlot, xs: readonly number[], column: Column, { color }: Curve): void {
    const svg = (this.#svg ??= make());
    if (svg.parentNode !== plot.over) plot.over.append(svg);
    const path = pathOf(plot, xs, column);
    [...svg.children].forEach((line, i) => {
      line.setAttribute('d', path);
      line.setAttribute('stroke', i === 0 ? 'var(--surface)' : `var(${color})`);
      line.setAttribute('stroke-width', i === 0 ? '7' : '3');
    });
  }

  clear(): void {
    for (const line of this.#svg?.children ?? []) line.setAttribute('d', '');
  }
}

function make(): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('width', '100%');
  svg.setAttribute('height', '100%');
  svg.setAttribute('fill', 'none');
  svg.setAttribute('pointer-events', 'none');
  svg.style.position = 'absolute';
  svg.append(document.createElementNS(SVG, 'path'), document.createElementNS(SVG, 'path'));
  return svg;
}

function pathOf(plot: uPlot, xs: readonly number[], column: Column): string {
  let broken = true;
  let path = '';
  column.forEach((value, i) => {
    if (value === undefined) return;
    // A plot that has just been made has no scales yet: it is painted again once it has.
    const [x, y] = [plot.valToPos(xs[i] ?? Number.NaN, 'x'), plot.valToPos(value ?? Number.NaN, 'y')];
    const drawable = value !== null && Number.isFinite(x) && Number.isFinite(y);
    if (drawable) path += `${broken ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    broken = !drawable;
  });
  return path;
}
