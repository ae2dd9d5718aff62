import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extremes, thinned } from '../../src/ui/plot-blocks.ts';
import { trace, type Place } from '../../src/ui/plot-painter.ts';
import { Raster, type Ink } from '../../src/ui/plot-raster.ts';

const RED: Ink = { rgb: [255, 0, 0], alpha: 1, width: 1, dash: [] };

function line(raster: Raster, points: readonly (readonly [number, number])[], ink = RED): void {
  raster.draw(
    Float64Array.from(points, ([x]) => x),
    Float64Array.from(points, ([, y]) => y),
    points.length,
  );
  raster.stroke(ink);
}

/** Opacity of each pixel, row by row. */
function alphas({ pixels, width, height }: Raster): number[][] {
  return Array.from({ length: height }, (_, row) =>
    Array.from({ length: width }, (_unused, column) => pixels[4 * (row * width + column) + 3] ?? 0),
  );
}

describe('a raster', () => {
  it('covers one row with a level line of one pixel, two rows in halves where it lies between them', () => {
    const raster = new Raster(3, 3);
    line(raster, [
      [0, 1.5],
      [3, 1.5],
    ]);
    expect(alphas(raster)).toEqual([
      [0, 0, 0],
      [255, 255, 255],
      [0, 0, 0],
    ]);
    raster.clear();
    line(raster, [
      [0, 1],
      [3, 1],
    ]);
    expect(alphas(raster)).toEqual([
      [128, 128, 128],
      [128, 128, 128],
      [0, 0, 0],
    ]);
  });

  it('leaves no gap in a steep line, and nothing outside the picture', () => {
    const raster = new Raster(4, 40);
    line(raster, [
      [-5, -100],
      [1.2, 3],
      [1.8, 35],
      [9, 90],
    ]);
    const column = alphas(raster).map((row) => row[1] ?? 0);
    expect(column.slice(4, 34).every((alpha) => alpha === 255)).toBe(true);
  });

  it('breaks a line at what is not finite, and draws a point between breaks as a dot', () => {
    const raster = new Raster(5, 1);
    line(raster, [
      [0.5, 0.5],
      [1.5, Number.NaN],
      [2.5, 0.5],
      [3.5, Infinity],
      [4.5, 0.5],
    ]);
    expect(alphas(raster)).toEqual([[255, 0, 255, 0, 255]]);
  });

  it('leaves out what a dash leaves out', () => {
    const raster = new Raster(8, 1);
    const dashed = { ...RED, dash: [2, 2] };
    line(
      raster,
      [
        [0, 0.5],
        [8, 0.5],
      ],
      dashed,
    );
    expect(alphas(raster)[0]).toEqual([255, 255, 0, 0, 255, 255, 0, 0]);
  });

  it('lays one colour over another by its opacity', () => {
    const raster = new Raster(1, 1);
    const level = [
      [0, 0.5],
      [1, 0.5],
    ] as const;
    line(raster, level);
    line(raster, level, { ...RED, rgb: [0, 0, 255], alpha: 0.25 });
    expect([...raster.pixels]).toEqual([191, 0, 64, 255]);
  });

  it('fills what lies between two edges', () => {
    const raster = new Raster(2, 4);
    const edge = (y: number): ReturnType<Raster['edge']> => {
      raster.draw(Float64Array.of(0, 2), Float64Array.of(y, y), 2);
      return raster.edge();
    };
    raster.fill(edge(1), edge(3), { rgb: [0, 0, 0], alpha: 0.2 });
    expect(alphas(raster).map(([first]) => first)).toEqual([0, 51, 51, 0]);
  });
});

const values = fc.array(fc.oneof(fc.double({ min: -10, max: 10, noNaN: true }), fc.constantFrom(Number.NaN, Infinity)), {
  maxLength: 200,
});

describe('blocks of a curve', () => {
  it('hold the extremes of any stretch of it', () => {
    fc.assert(
      fc.property(values, fc.nat(200), fc.nat(200), (list, a, b) => {
        const y = Float64Array.from(list);
        const [from, to] = [Math.min(a, b, y.length), Math.min(Math.max(a, b), y.length)];
        const finite = [...y.subarray(from, to)].filter(Number.isFinite);
        expect(extremes(y, from, to)).toEqual([Math.min(...finite), Math.max(...finite)]);
      }),
    );
  });

  it('lose no extreme and no gap of a stretch as wide as a pixel, and keep the order', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0.5, max: 40, noNaN: true }), (list, reach) => {
        const y = Float64Array.from(list);
        const x = Float64Array.from(list, (_, i) => i);
        const kept = thinned(x, y, { from: 0, to: y.length, reach, pixelOf: (at) => at }) ?? [...x];
        expect(kept).toEqual([...new Set(kept)].sort((one, other) => one - other));
        const near = (i: number): number[] => kept.filter((k) => Math.abs(k - i) < reach);
        for (const [i, value] of y.entries()) {
          if (!Number.isFinite(value)) expect(near(i).some((k) => !Number.isFinite(y[k]))).toBe(true);
          else {
            const around = near(i).map((k) => y[k] ?? Number.NaN);
            expect(around.some((other) => other <= value) && around.some((other) => other >= value)).toBe(true);
          }
        }
      }),
    );
  });

  it('draw a long curve as all of its points do', () => {
    const n = 20_000;
    const x = Float64Array.from({ length: n }, (_, i) => i + 1);
    const y = Float32Array.from(x, (at) => (at === 7777 ? 90 : 40 + 10 * Math.sin(at / 900) + (at % 7)));
    const place: Place = { x: [1, n], xLog: false, y: [0, 100], yLog: false, width: 300, height: 100 };
    const [thin, whole] = [new Raster(300, 100), new Raster(300, 100)];
    trace(thin, x, y, place);
    thin.stroke(RED);
    const pixel = (range: readonly [number, number], at: number): number => ((at - range[0]) / (range[1] - range[0])) * 300;
    whole.draw(
      Float64Array.from(x, (at) => pixel(place.x, at)),
      Float64Array.from(y, (value) => 100 - value),
      n,
    );
    whole.stroke(RED);
    const [a, b] = [alphas(thin), alphas(whole)];
    const spike = b.findIndex((row) => row.some((alpha) => alpha > 0));
    expect(a.findIndex((row) => row.some((alpha) => alpha > 0))).toBe(spike);
    const all = b.flat();
    const wrong = a.flat().filter((alpha, i) => Math.abs(alpha - (all[i] ?? 0)) > 64).length;
    expect(wrong, 'of 30,000 pixels').toBeLessThan(600);
  });
});
