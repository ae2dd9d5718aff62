import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { swiglu } from '../../src/ops/swiglu.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';

const close = { rtol: 2e-6, atol: 1e-6, because: 'a few operations on values of size 1' };

describe('swiglu', () => {
  for (const [R, F] of [
    [1, 1],
    [3, 5],
    [33, 4],
    [2, 268],
  ] as const) {
    it(`gates rows of ${F}, forward and backward, ${R} of them`, async () => {
      await checkOp('swiglu', { types: [f32(R, 2 * F)], data: (lane) => [noise(2 * R * F, `x${lane}`, 2)], close });
      await checkOp('swiglu_backward', {
        types: [f32(R, F), f32(R, 2 * F)],
        data: (lane) => [noise(R * F, `dy${lane}`), noise(2 * R * F, `x${lane}`, 2)],
        close,
      });
    });
  }

  it('overflows nowhere: gates from 0 to 1e30 of both signs', async () => {
    const gates = [0, -0, 1e-30, -1e-30, 1, -1, 20, -20, 80, -80, 1000, -1000, 1e30, -1e30, 0.5, 2];
    const [R, F] = [2, 16];
    const rows = (lane: number): Float64Array =>
      Float64Array.from(
        [gates, repeated([F], [1, -3, 0], lane), gates.toReversed(), repeated([F], [2, 0.5], lane)].flatMap((row) => [...row]),
      );
    const tiny = { rtol: 2e-5, atol: 1e-36, because: 'an exponential of up to 80, whose error WGSL bounds by 3 + 2 x 80 ULP' };
    await checkOp('swiglu', { types: [f32(R, 2 * F)], data: (lane) => [rows(lane)], close: tiny });
    await checkOp('swiglu_backward', {
      types: [f32(R, F), f32(R, 2 * F)],
      data: (lane) => [repeated([R, F], [1, -2, 0.25], lane), rows(lane)],
      close: tiny,
    });
  });

  it('refuses an odd number of columns', () => {
    const g = new Graph();
    expect(() => swiglu(g, g.input('x', f32(2, 5), 'micro'))).toThrow(/not gate and up: got f32\[2,5\]/);
  });
});
