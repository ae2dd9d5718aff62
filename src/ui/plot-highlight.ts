import type uPlot from 'uplot';
import type { Curve } from './plot-data.ts';

const SVG = 'http://www.w3.org/2000/svg';

/** One curve over a plot, so that it stands out: the plot itself, with hundreds of others, is not drawn again for it. */
export class PlotHighlight {
  #svg: SVGSVGElement | null = null;

  /** @param column of the plot's data: the curve's values, `undefined` where it has none. */
  draw(plot: uPlot, column: readonly (number | null | undefined)[], { color }: Curve): void {
    const svg = (this.#svg ??= make());
    if (svg.parentNode !== plot.over) plot.over.append(svg);
    const path = pathOf(plot, column);
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

function pathOf(plot: uPlot, column: readonly (number | null | undefined)[]): string {
  const [xs] = plot.data;
  let broken = true;
  let path = '';
  column.forEach((value, i) => {
    if (value === undefined) return;
    if (value !== null)
      path += `${broken ? 'M' : 'L'}${plot.valToPos(xs[i] ?? 0, 'x').toFixed(1)} ${plot.valToPos(value, 'y').toFixed(1)}`;
    broken = value === null;
  });
  return path;
}
