import { describe, expect, it } from 'vitest';
import { draw, type Curve, type PlotFrame } from '../../src/ui/plot-data.ts';

const curve = (x: readonly number[], y: readonly number[]): Curve => ({ label: 'c', color: '--train', width: 1, alpha: 1, x, y });

function frame(curves: readonly Curve[], change: Partial<PlotFrame> = {}): PlotFrame {
  return { xLabel: 'x', xLog: false, yLabel: 'y', yLog: false, emptyX: [1, 2000], curves, lines: [], marks: [], ...change };
}

describe('draw', () => {
  it('spans all points and leaves a margin above and below', () => {
    const drawn = draw(frame([curve([1, 2, 3], [4, 2, 3])]), 500, null, null);
    expect(drawn.x).toEqual([1, 3]);
    expect(drawn.y[0]).toBeCloseTo(1.9, 12);
    expect(drawn.y[1]).toBeCloseTo(4.1, 12);
    expect(drawn.data).toEqual([
      [1, 2, 3],
      [4, 2, 3],
    ]);
  });

  it('shows reference lines in the whole chart, and the curve as large as it can be in a zoom', () => {
    const lined = frame([curve([1, 2, 3], [4, 2, 3])], { lines: [{ label: 'ln(256)', y: 5.5 }] });
    expect(draw(lined, 500, null, null).y[1]).toBeGreaterThan(5.5);
    expect(draw(lined, 500, [2, 3], null).y[1]).toBeLessThan(5.5);
  });

  it('spans the coming run while there is nothing to draw', () => {
    expect(draw(frame([]), 500, null, null)).toMatchObject({ x: [1, 2000], y: [0, 1] });
  });

  it('leaves out what a log axis cannot show, and keeps its ranges positive', () => {
    const drawn = draw(frame([curve([0, 1, 10], [3, 2, 1])], { xLog: true, yLog: true }), 500, null, null);
    expect(drawn.x).toEqual([1, 10]);
    expect(drawn.data[0]).toEqual([1, 10]);
    expect(drawn.y[0]).toBeGreaterThan(0);
  });

  it('is not upset by values that are not finite', () => {
    const drawn = draw(frame([curve([1, 2, 3], [1, Number.NaN, Infinity])]), 500, null, null);
    expect(drawn.data[1]).toEqual([1, null, null]);
    expect(drawn.y.every(Number.isFinite)).toBe(true);
  });

  it('draws a hundred thousand steps as a few thousand points, the highest among them', () => {
    const x = Array.from({ length: 100_000 }, (_, i) => i + 1);
    const y = x.map((step) => (step === 77_777 ? 50 : 1 + (step % 7) / 10));
    const drawn = draw(frame([curve(x, y)]), 1000, null, null);
    expect(drawn.data[0].length).toBeLessThan(5100);
    expect(drawn.data[1]).toContain(50);
    expect(drawn.y[1]).toBeGreaterThan(50);
  });
});
