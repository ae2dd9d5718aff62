import type uPlot from 'uplot';
import type { Curve } from './plot-data.ts';
import { trace, type Place, type RgbOf } from './plot-painter.ts';
import { Raster } from './plot-raster.ts';

/** Pixels of a CSS pixel's grid: the line that stands out, and what sets it off from the others. */
const LINE = 3;
const HALO = 7;

/** One curve over a plot, so that it stands out: the plot itself, with hundreds of others, is not drawn again for it. */
export class PlotHighlight {
  #canvas: HTMLCanvasElement | null = null;
  #raster: Raster | null = null;

  draw(plot: uPlot, { x, y, color }: Curve, place: Place, rgbOf: RgbOf): void {
    const { width, height } = place;
    if (width < 1 || height < 1) return;
    const canvas = (this.#canvas ??= make());
    if (canvas.parentNode !== plot.over) plot.over.append(canvas);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    if (this.#raster?.width !== width || this.#raster.height !== height) this.#raster = new Raster(width, height);
    const raster = this.#raster;
    raster.clear();
    for (const [name, thickness] of [
      ['--surface', HALO],
      [color, LINE],
    ] as const) {
      trace(raster, x, y, place);
      raster.stroke({ rgb: rgbOf(name), alpha: 1, width: thickness * devicePixelRatio, dash: [] });
    }
    canvas.getContext('2d')?.putImageData(new ImageData(raster.pixels, width, height), 0, 0);
    canvas.hidden = false;
  }

  clear(): void {
    if (this.#canvas !== null) this.#canvas.hidden = true;
  }
}

function make(): HTMLCanvasElement {
  const canvas = document.createElement('canvas');
  canvas.className = 'highlight';
  canvas.setAttribute('aria-hidden', 'true');
  return canvas;
}
