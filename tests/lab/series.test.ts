import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { align, Column, decimate, lowerBound, Smoother } from '../../src/lab/index.ts';

const steps = (count: number): Float64Array => Float64Array.from({ length: count }, (_, i) => i + 1);

describe('Column', () => {
  it('keeps every value while it grows, and forgets what is truncated', () => {
    const column = new Column();
    for (let i = 0; i < 1000; i++) column.push(i * 0.5);
    expect(column.length).toBe(1000);
    expect(column.at(999)).toBe(499.5);
    expect(column.at(1000)).toBeNaN();
    column.truncate(10);
    expect([...column.view()]).toEqual([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]);
  });
});

describe('Smoother', () => {
  const smoothed = (values: readonly number[], weight: number): number[] => {
    const column = new Column();
    values.forEach((value) => column.push(value));
    return [...new Smoother(column, weight).values()];
  };

  it('leaves a constant as it is from the first value on, because it is debiased', () => {
    for (const value of smoothed(new Array<number>(50).fill(3.25), 0.99)) expect(value).toBeCloseTo(3.25, 12);
  });

  it('is the weighted mean of what came before', () => {
    // m3 = 0.5 (0.25 * 4 + 0.5 * 2 + 1) over 1 - 0.125.
    expect(smoothed([4, 2, 1], 0.5)[2]).toBeCloseTo((0.5 * (0.25 * 4 + 0.5 * 2 + 1)) / 0.875, 12);
  });

  it('shows values that are not finite and goes on without them', () => {
    const result = smoothed([2, Number.NaN, Infinity, 2], 0.9);
    expect(result[1]).toBeNaN();
    expect(result[2]).toBe(Infinity);
    expect(result[3]).toBeCloseTo(2, 12);
  });

  it('gives the same however the column grew, and after it was truncated', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -10, max: 10, noNaN: true }), { minLength: 4, maxLength: 60 }), (values) => {
        const column = new Column();
        const smoother = new Smoother(column, 0.8);
        for (const value of values) {
          column.push(value);
          smoother.values();
        }
        expect([...smoother.values()]).toEqual(smoothed(values, 0.8));
        column.truncate(2);
        expect([...smoother.values()]).toEqual(smoothed(values.slice(0, 2), 0.8));
      }),
    );
  });

  it('does not smooth at weight 0', () => {
    expect(smoothed([3, 1, 2], 0)).toEqual([3, 1, 2]);
  });
});

describe('decimate', () => {
  const window = (min: number, max: number, log = false): { min: number; max: number; log: boolean } => ({ min, max, log });

  it('keeps a spike of one step among a hundred thousand', () => {
    const x = steps(100_000);
    const y = new Float64Array(100_000).fill(2);
    y[70_001] = 9;
    y[30_002] = -4;
    const kept = decimate(x, y, window(1, 100_000), 500);
    expect(kept).toContain(70_001);
    expect(kept).toContain(30_002);
    expect(kept.length).toBeLessThanOrEqual(5 * 501 + 2);
  });

  it('keeps the range of every bucket, in order and without repeats', () => {
    const values = fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { minLength: 200, maxLength: 500 });
    fc.assert(
      fc.property(values, fc.boolean(), (y, log) => {
        const x = steps(y.length);
        const kept = decimate(x, y, window(1, y.length, log), 16);
        expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
        expect(kept[0]).toBe(0);
        expect(kept.at(-1)).toBe(y.length - 1);
        const keptY = kept.map((i) => y[i] ?? Number.NaN);
        expect(Math.min(...keptY)).toBe(Math.min(...y));
        expect(Math.max(...keptY)).toBe(Math.max(...y));
      }),
    );
  });

  it('keeps a value that is not finite, so that it stays a gap', () => {
    const y = new Float64Array(10_000).fill(1);
    y[1234] = Number.NaN;
    y[7777] = Infinity;
    const kept = decimate(steps(10_000), y, window(1, 10_000), 100);
    expect(kept).toContain(1234);
    expect(kept).toContain(7777);
  });

  it('draws one point beyond each end of a zoomed window, and nothing further', () => {
    const kept = decimate(steps(1000), new Float64Array(1000), window(100, 110), 500);
    expect(kept).toEqual([98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110]);
  });

  it('has nothing to draw of nothing', () => {
    expect(decimate([], [], window(0, 1), 100)).toEqual([]);
  });
});

describe('align', () => {
  it('puts curves over one x: undefined where there is no point, null where it is not finite', () => {
    const aligned = align([
      { x: [1, 2, 4], y: [5, Number.NaN, 3] },
      { x: [2, 3], y: [7, 8] },
    ]);
    expect(aligned).toEqual([
      [1, 2, 3, 4],
      [5, null, undefined, 3],
      [undefined, 7, 8, undefined],
    ]);
  });
});

describe('lowerBound', () => {
  it('finds the first x that is not below a value', () => {
    const x = [1, 3, 3, 7];
    expect([0, 1, 2, 3, 5, 7, 8].map((value) => lowerBound(x, value))).toEqual([0, 0, 1, 1, 3, 3, 4]);
  });
});
