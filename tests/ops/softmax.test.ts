import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { causalSoftmax } from '../../src/ops/softmax.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';

const close = { rtol: 5e-6, atol: 1e-7, because: 'f32 exponentials of up to 10 and sums of up to 130 terms' };

describe('causal_softmax', () => {
  for (const [B, H, T] of [
    [1, 1, 1],
    [2, 1, 2],
    [1, 2, 67],
    [2, 2, 8],
    [1, 1, 130],
    [1, 1, 260],
  ] as const) {
    const shape = [B, H, T, T];
    const size = B * H * T * T;
    it(`and its gradient at [${shape.join(',')}]`, async () => {
      await checkOp('causal_softmax', { types: [f32(...shape)], data: (lane) => [noise(size, `s${lane}`, 3)], close });
      await checkOp('softmax_backward', {
        types: [f32(...shape), f32(...shape)],
        data: (lane) => {
          const [p] = referenceOf('causal_softmax')([tensor(shape, noise(size, `s${lane}`, 3))], {});
          return [noise(size, `dp${lane}`), p?.data ?? []];
        },
        close: { rtol: 1e-5, atol: 3e-7, because: 'f32 sums of up to 260 products, less one of them' },
      });
    });
  }

  it('is exact for scores of any size and offset', async () => {
    const scores = [0, -0, 1e30, -1e30, 3e38, -3e38, 1e-38, 1000, 1000.5, -1000, 88, 89, -104];
    for (const T of [5, 8]) {
      await checkOp('causal_softmax', {
        types: [f32(1, 3, T, T)],
        data: (lane) => [repeated([1, 3, T, T], scores, lane)],
        close,
      });
    }
    await checkOp('causal_softmax', {
      types: [f32(1, 1, 16, 16)],
      data: (lane) => [Array.from(noise(256, `s${lane}`), (x) => 4096 + Math.round(x * 64) / 64)],
      close,
    });
  });

  it('takes square matrices only', () => {
    const g = new Graph();
    expect(() => causalSoftmax(g, g.input('s', f32(2, 3, 4), 'micro'))).toThrow(/the last two dimensions are not equal/);
  });
});
