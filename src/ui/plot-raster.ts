/** How a line is painted. */
export interface Ink {
  /** Red, green and blue, 0..255. */
  readonly rgb: readonly [red: number, green: number, blue: number];
  /** Opacity, 0..1. */
  readonly alpha: number;
  /** Pixels across the line. */
  readonly width: number;
  /** Lengths of what is drawn and what is left out, by turns, in pixels; empty: all is drawn. */
  readonly dash: readonly number[];
}

/** What a line covers of each column of pixels; nothing where the top is below the bottom. */
export interface Cover {
  readonly top: Float64Array;
  readonly bottom: Float64Array;
}

function noCover(width: number): Cover {
  return { top: new Float64Array(width).fill(Infinity), bottom: new Float64Array(width).fill(-Infinity) };
}

/**
 * A picture whose lines are painted column by column: what a line covers of a column of pixels is one stretch of it. For hundreds of
 * curves that is many times faster than paths of a canvas where no GPU draws those, and it costs the same everywhere.
 */
export class Raster {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, alpha of each pixel, row by row from the top; colours are not multiplied by their opacity. */
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  /** The same, a pixel a word: WebGPU runs on no big-endian machine. */
  readonly #words: Uint32Array;
  #cover: Cover;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    const buffer = new ArrayBuffer(4 * width * height);
    this.pixels = new Uint8ClampedArray(buffer);
    this.#words = new Uint32Array(buffer);
    this.#cover = noCover(width);
  }

  clear(): void {
    this.#words.fill(0);
  }

  /**
   * Draws a line through `count` points, in pixels from the top left, x ascending; one that is not finite breaks it. Nothing is seen of it
   * before {@link stroke}, {@link edge} or {@link fill}.
   */
  draw(xs: Float64Array, ys: Float64Array, count: number): void {
    const { top, bottom } = this.#cover;
    const { width } = this;
    const cover = (column: number, a: number, b: number): void => {
      const low = a < b ? a : b;
      const high = a < b ? b : a;
      if (low < (top[column] ?? 0)) top[column] = low;
      if (high > (bottom[column] ?? 0)) bottom[column] = high;
    };
    let penX = Number.NaN;
    let penY = 0;
    for (let i = 0; i < count; i++) {
      const x = xs[i] ?? Number.NaN;
      const y = ys[i] ?? Number.NaN;
      if (!(Math.abs(x) < Infinity && Math.abs(y) < Infinity)) {
        penX = Number.NaN;
        continue;
      }
      const last = Math.floor(x);
      // A pen that is lifted draws a dot.
      const first = penX === penX ? Math.floor(penX) : last;
      const from = penX === penX ? penY : y;
      if (first === last) {
        if (last >= 0 && last < width) cover(last, from, y);
      } else {
        const slope = (y - penY) / (x - penX);
        const end = last < width ? last : width - 1;
        let column = first < 0 ? 0 : first;
        let before = column === first ? penY : penY + (column - penX) * slope;
        for (; column <= end; column++) {
          const after = column === last ? y : penY + (column + 1 - penX) * slope;
          cover(column, before, after);
          before = after;
        }
      }
      penX = x;
      penY = y;
    }
  }

  /** Paints what was drawn as a line. */
  stroke({ rgb, alpha, width, dash }: Ink): void {
    const { top, bottom } = this.#cover;
    const period = dash.reduce((sum, length) => sum + length, 0);
    let travelled = 0;
    let last = Number.NaN;
    for (let column = 0; column < this.width; column++) {
      const low = top[column] ?? 0;
      const high = bottom[column] ?? 0;
      if (low > high) continue;
      top[column] = Infinity;
      bottom[column] = -Infinity;
      const middle = 0.5 * (low + high);
      const fall = high - low;
      if (period > 0) {
        if (last === last) travelled += Math.sqrt(1 + (middle - last) * (middle - last));
        last = middle;
        // A column that is as tall as the dashes stays whole: a steep fall would be drawn or left out as it happens to lie.
        if (fall < period && isGap(dash, travelled % period)) continue;
      }
      const half = 0.5 * Math.sqrt(width * width + fall * fall);
      this.#paint(column, middle - half, middle + half, rgb, alpha);
    }
  }

  /** What was drawn, as one of the two edges that {@link fill} takes. */
  edge(): Cover {
    const edge = this.#cover;
    this.#cover = noCover(this.width);
    return edge;
  }

  /** Fills what lies between two edges. */
  fill(upper: Cover, lower: Cover, { rgb, alpha }: Pick<Ink, 'rgb' | 'alpha'>): void {
    for (let column = 0; column < this.width; column++)
      this.#paint(column, upper.top[column] ?? Infinity, lower.bottom[column] ?? -Infinity, rgb, alpha);
  }

  /** Over what is there (Porter and Duff, 1984), rows that are covered in part by that part. */
  #paint(column: number, from: number, to: number, [red, green, blue]: Ink['rgb'], alpha: number): void {
    const { pixels, width } = this;
    const words = this.#words;
    const top = from > 0 ? from : 0;
    const bottom = to < this.height ? to : this.height;
    const color = (blue << 16) | (green << 8) | red;
    for (let row = Math.floor(top); row < bottom; row++) {
      const covered = (row + 1 < bottom ? row + 1 : bottom) - (row > top ? row : top);
      const opacity = covered * alpha;
      const at = row * width + column;
      const below = (words[at] ?? 0) >>> 24;
      if (below === 0) {
        words[at] = ((opacity * 255 + 0.5) << 24) | color;
        continue;
      }
      const total = opacity + (below / 255) * (1 - opacity);
      const share = opacity / total;
      const i = 4 * at;
      const [r, g, b] = [pixels[i] ?? 0, pixels[i + 1] ?? 0, pixels[i + 2] ?? 0];
      pixels[i] = r + (red - r) * share;
      pixels[i + 1] = g + (green - g) * share;
      pixels[i + 2] = b + (blue - b) * share;
      pixels[i + 3] = 255 * total;
    }
  }
}

/** Whether a dash leaves this place out. */
function isGap(dash: readonly number[], place: number): boolean {
  let end = 0;
  for (let i = 0; i < dash.length; i++) {
    end += dash[i] ?? 0;
    if (place < end) return i % 2 === 1;
  }
  return false;
}
