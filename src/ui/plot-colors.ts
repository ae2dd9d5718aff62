import type { Ink } from './plot-raster.ts';

const known = new Map<string, Ink['rgb']>();
let context: OffscreenCanvasRenderingContext2D | null = null;

/** Red, green and blue, 0..255, of a CSS colour of any form; black for what is none. */
export function rgbOf(color: string): Ink['rgb'] {
  const found = known.get(color);
  if (found !== undefined) return found;
  context ??= new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
  if (context === null) return [0, 0, 0];
  context.fillStyle = '#000';
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  const rgb = [red, green, blue] as const;
  known.set(color, rgb);
  return rgb;
}
