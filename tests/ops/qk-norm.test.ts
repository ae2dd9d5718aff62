import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { qkNorm, qkNormOps } from '../../src/ops/qk-norm.ts';
import { references } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';

const close = { rtol: 1e-5, atol: 1e-5, because: 'f32 sums over heads of up to 68 values of size 1' };
const SHAPES = [
  { R: 1, heads: 1, kvHeads: 1, headSize: 1 },
  { R: 5, heads: 4, kvHeads: 2, headSize: 3 },
  { R: 9, heads: 2, kvHeads: 1, headSize: 16 },
  { R: 3, heads: 1, kvHeads: 1, headSize: 68 },
  // More pairs of row and head than a chunk holds
  { R: 260, heads: 4, kvHeads: 4, headSize: 4 },
];

describe('qk_norm', () => {
  for (const { R, heads, kvHeads, headSize } of SHAPES) {
    it(`norms ${heads} + ${kvHeads} heads of ${headSize} in ${R} rows, forward and backward`, async () => {
      const W = (heads + 2 * kvHeads) * headSize;
      const attrs = { heads, kvHeads, headSize, eps: 1e-5 };
      const qkv = (lane: number): Float64Array => noise(R * W, `qkv${lane}`, lane + 1);
      const dy = (lane: number): Float64Array => noise(R * W, `dy${lane}`);
      const gains = (lane: number): Float64Array[] =>
        ['q', 'k'].map((name) => noise(headSize, name + lane).map((value) => value + 1));
      const rstd = (lane: number): Float64Array => {
        const inputs = [tensor([R, W], qkv(lane)), ...gains(lane).map((gain) => tensor([headSize], gain))];
        return references.qk_norm(inputs, attrs)[1]?.data ?? new Float64Array();
      };
      const [full, row, stats] = [f32(R, W), f32(headSize), f32(R, heads + kvHeads)];
      await checkOp('qk_norm', { types: [full, row, row], attrs, data: (lane) => [qkv(lane), ...gains(lane)], close });
      await checkOp('qk_norm_backward', {
        types: [full, full, row, row, stats],
        attrs,
        data: (lane) => [dy(lane), qkv(lane), ...gains(lane), rstd(lane)],
        // With one value to a head the gradient cancels to nothing but rounding, times 1 / rms.
        close: { ...close, atol: headSize === 1 ? 1e-4 : 2e-5 },
      });
      await checkOp('qk_norm_param_backward', {
        types: [full, full, stats],
        attrs,
        data: (lane) => [dy(lane), qkv(lane), rstd(lane)],
        close: { ...close, atol: 2e-4, because: 'f32 sums of up to 1040 terms of size 1' },
      });
    });
  }

  it('heads of zeros and of extremes are finite and right', async () => {
    await checkOp('qk_norm', {
      types: [f32(2, 12), f32(4), f32(4)],
      attrs: { heads: 1, kvHeads: 1, headSize: 4, eps: 1e-5 },
      data: (lane) => [
        repeated(
          [2, 12],
          [0, 0, 0, 0, 1e15, -2e15, 0, 1e14, 1e18, -1e18, 1e-30, 0, 1e-20, 0, 0, 1, 1000, 1001, 999, 1000],
          lane * 4,
        ),
        repeated([4], [1, 2]),
        repeated([4], [-1, 0.5]),
      ],
      close: { rtol: 1e-6, atol: 1e-30, because: 'f32 sums of 4 squares; subnormals may flush' },
    });
  });

  it('refuses heads that do not make up qkv, and gains of another head size', () => {
    const g = new Graph();
    const [qkv, gain] = [g.input('qkv', f32(2, 16), 'micro'), g.input('gain', f32(4), 'micro')];
    expect(() => qkNorm(g, qkv, gain, gain, { heads: 2, kvHeads: 2, headSize: 4, eps: 1e-5 })).toThrow(/2 \+ 2 x 2 heads of 4/);
    expect(() => qkNorm(g, qkv, gain, gain, { heads: 2, kvHeads: 3, headSize: 2, eps: 1e-5 })).toThrow(
      /gains do not fit head size 2/,
    );
    const [y, rstd] = qkNorm(g, qkv, gain, gain, { heads: 2, kvHeads: 1, headSize: 4, eps: 1e-5 });
    const vjp = qkNormOps.qk_norm.vjp;
    expect(() => (vjp === 'none' ? undefined : vjp(g, y.node, [y, rstd]))).toThrow(/has no gradient/);
  });
});
