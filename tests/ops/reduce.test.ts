import { describe, expect, it } from 'vitest';
import { sizeOf } from '../../src/base/shape.ts';
import { f32 } from '../../src/graph/types.ts';
import { Graph } from '../../src/graph/graph.ts';
import { constant, sumLeading } from '../../src/ops/reduce.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';

const exact = { rtol: 0, because: 'no arithmetic, or one rounding' };

describe('sum_leading', () => {
  const cases: readonly (readonly [readonly number[], number])[] = [
    [[1, 1], 1],
    [[3, 1], 1],
    [[65, 5], 1],
    [[2, 3, 36], 1],
    [[4, 3, 7], 2],
    [[5, 2, 8], 2],
    [[1, 300], 1],
  ];
  for (const [shape, keep] of cases) {
    it(`sums [${shape.join(',')}] to its last ${keep}`, async () => {
      const size = sizeOf(shape);
      await checkOp('sum_leading', {
        types: [f32(...shape)],
        attrs: { keep },
        data: (lane) => [noise(size, `x${lane}`)],
        close: { rtol: 1e-6, atol: 1e-5, because: 'f32 sum of up to 65 terms of size 1' },
      });
    });
  }

  it('sums a matrix taller than a chunk in two stages, and one taller than a chunk of chunks too', async () => {
    for (const [rows, columns] of [
      [1025, 3],
      [2048, 4],
    ] as const) {
      await checkOp('sum_leading', {
        types: [f32(rows, columns)],
        attrs: { keep: 1 },
        data: (lane) => [noise(rows * columns, `x${lane}`)],
        close: { rtol: 1e-6, atol: 2e-4, because: 'f32 sum of 2048 terms of size 1' },
      });
    }
  });

  it('keeps zeros and extremes', async () => {
    await checkOp('sum_leading', {
      types: [f32(4, 6)],
      attrs: { keep: 1 },
      data: (lane) => [repeated([4, 6], [0, 1e37, -3, 1e-30, -1e37, 1000, 7], lane)],
      close: { rtol: 1e-6, atol: 1e31, because: 'terms of 1e37 cancel' },
    });
  });

  it('cannot keep all dimensions, or none', () => {
    const g = new Graph();
    const x = g.input('x', f32(2, 3), 'micro');
    expect(() => sumLeading(g, x, 2)).toThrow(/cannot keep 2 dimensions/);
    expect(() => sumLeading(g, x, 0)).toThrow(/cannot keep 0 dimensions/);
  });
});

describe('mean', () => {
  for (const size of [1, 3, 4, 255, 1028]) {
    it(`of ${size} values, with an offset of 1000 in one lane`, async () => {
      await checkOp('mean', {
        types: [f32(size)],
        data: (lane) => [noise(size, `x${lane}`).map((value) => value + (lane === 1 ? 1000 : 0))],
        close: { rtol: 2e-6, atol: 2e-6, because: 'f32 sum of up to 1028 terms' },
      });
    });
  }
});

describe('broadcast and constant', () => {
  for (const size of [1, 7, 130]) {
    it(`fill ${size} elements`, async () => {
      await checkOp('broadcast', {
        types: [f32(1)],
        attrs: { size, scale: 0.125 },
        data: (lane) => [[3 + lane]],
        close: exact,
      });
      await checkOp('constant', {
        types: [],
        attrs: { size, value: 0.1 },
        data: () => [],
        close: { rtol: 6e-8, because: '0.1 in f32' },
      });
    });
  }

  it('refuse a size that is no count', () => {
    expect(() => constant(new Graph(), { value: 1, size: 0 })).toThrow(/size 0 is not a count/);
    expect(() => constant(new Graph(), { value: 1, size: 1.5 })).toThrow(/size 1.5 is not a count/);
  });
});
