import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { norm, normOps, residualNorm } from '../../src/ops/norm.ts';
import { references } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';

const SHAPES = [
  { R: 1, C: 1 },
  { R: 3, C: 5 },
  { R: 65, C: 4 },
  { R: 5, C: 68 },
  { R: 2, C: 270 },
  { R: 2, C: 516 },
];
const FORMS = [
  { kind: 'layernorm', bias: true, shapes: SHAPES },
  { kind: 'layernorm', bias: false, shapes: SHAPES.slice(1, 2) },
  { kind: 'rmsnorm', bias: true, shapes: SHAPES.slice(3, 4) },
  { kind: 'rmsnorm', bias: false, shapes: SHAPES.slice(0, 2) },
] as const;
const sums = { rtol: 1e-5, atol: 1e-5, because: 'f32 sums over rows of up to 516 values of size 1' };

/** The stats that the forward pass gives, rounded to f32. */
function statsOf(x: Float64Array, R: number, C: number, kind: string): Float64Array {
  const gain = tensor(
    [C],
    Array.from({ length: C }, () => 1),
  );
  const [, stats] = references.norm([tensor([R, C], x), gain], { kind, bias: false, eps: 1e-5 });
  return stats?.data ?? new Float64Array();
}

describe('norm', () => {
  for (const { kind, bias, shapes } of FORMS) {
    for (const { R, C } of shapes) {
      it(`${kind} of [${R},${C}] ${bias ? 'with' : 'without'} bias, forward and backward`, async () => {
        const x = (lane: number): Float64Array => noise(R * C, `x${lane}`, lane + 1).map((value) => value + lane);
        const dy = (lane: number): Float64Array => noise(R * C, `dy${lane}`);
        const gain = (lane: number): Float64Array => noise(C, `gain${lane}`).map((value) => value + 1);
        const row = f32(C);
        const [full, stats] = [f32(R, C), f32(R, 2)];
        await checkOp('norm', {
          types: [full, row, ...(bias ? [row] : [])],
          attrs: { kind, bias, eps: 1e-5 },
          data: (lane) => [x(lane), gain(lane), ...(bias ? [noise(C, `bias${lane}`)] : [])],
          close: sums,
        });
        await checkOp('residual_norm', {
          types: [full, full, row, ...(bias ? [row] : [])],
          attrs: { kind, bias, eps: 1e-5 },
          data: (lane) => [x(lane), noise(R * C, `b${lane}`), gain(lane), ...(bias ? [noise(C, `bias${lane}`)] : [])],
          close: [
            { rtol: 6e-8, because: 'one rounding' },
            C === 1 ? { ...sums, atol: 1e-3 } : sums,
            C === 1 ? { ...sums, rtol: 1e-3 } : sums,
          ],
        });
        await checkOp('norm_backward', {
          types: [full, full, row, stats, ...(bias ? [full] : [])],
          attrs: { kind, addend: bias },
          data: (lane) => [
            dy(lane),
            x(lane),
            gain(lane),
            statsOf(x(lane), R, C, kind),
            ...(bias ? [noise(R * C, `addend${lane}`)] : []),
          ],
          // A row of one value has no spread: 1 / rms of nothing but eps magnifies what is left of rounding.
          close: { ...sums, atol: C === 1 ? 1e-3 : 2e-5 },
        });
        await checkOp('norm_param_backward', {
          types: [full, full, stats],
          attrs: { kind, bias },
          data: (lane) => [dy(lane), x(lane), statsOf(x(lane), R, C, kind)],
          close: sums,
        });
      });
    }
  }

  it('layernorm keeps its digits under an offset of 1000', async () => {
    for (const C of [64, 130]) {
      await checkOp('norm', {
        types: [f32(3, C), f32(C)],
        attrs: { kind: 'layernorm', bias: false, eps: 1e-5 },
        data: (lane) => [noise(3 * C, `x${lane}`).map((value) => value + 1000), repeated([C], [1, 2, 0.5])],
        close: [
          { rtol: 1e-4, atol: 2e-4, because: 'the mean, near 1000, is known to 6e-5' },
          { rtol: 1e-5, because: 'f32 sums, and 1 ULP of 1000' },
        ],
      });
    }
  });

  for (const kind of ['layernorm', 'rmsnorm'] as const) {
    it(`${kind} of rows of zeros, of equal values, of 1e-20 and of 1e15 is finite and right`, async () => {
      const C = 8;
      const rows = [0, 0, 0, 0, 0, 0, 0, 0, 3, 3, 3, 3, 3, 3, 3, 3].concat(
        [1, -2, 3, 0, -1, 5, 2, 2].map((value) => value * 1e-20),
        [1, -2, 3, 0, -1, 5, 2, 2].map((value) => value * 1e15),
      );
      await checkOp('norm', {
        types: [f32(4, C), f32(C), f32(C)],
        attrs: { kind, bias: true, eps: 1e-5 },
        data: (lane) => [repeated([4, C], rows, lane * C), repeated([C], [1, 2]), repeated([C], [0, -1])],
        close: { rtol: 1e-5, atol: 1e-6, because: 'f32 sums over 8 values' },
      });
    });
  }

  it('sums the gradients of gain and bias over more rows than a chunk holds in two stages', async () => {
    const [R, C] = [1100, 4];
    await checkOp('norm_param_backward', {
      types: [f32(R, C), f32(R, C), f32(R, 2)],
      attrs: { kind: 'layernorm', bias: true },
      data: (lane) => [noise(R * C, `dy${lane}`), noise(R * C, `x${lane}`), repeated([R, 2], [0.1, 1.5])],
      close: { rtol: 1e-5, atol: 2e-4, because: 'f32 sums of 1100 terms of size 1' },
    });
  });

  it('has no gradient through its stats, and no kind but its two', () => {
    const g = new Graph();
    const [x, gain] = [g.input('x', f32(2, 4), 'micro'), g.input('gain', f32(4), 'micro')];
    const [y, stats] = norm(g, x, gain, undefined, { kind: 'rmsnorm', eps: 1e-5 });
    const vjp = normOps.norm.vjp;
    expect(() => (vjp === 'none' ? undefined : vjp(g, y.node, [y, stats]))).toThrow(/its stats have no gradient/);
    const node = { ...y.node, attrs: { ...y.node.attrs, kind: 'batchnorm' } };
    expect(() => normOps.norm.shape(node)).toThrow(/there is no such norm: got batchnorm, expected layernorm, rmsnorm/);
    expect(() => norm(g, gain, x, undefined, { kind: 'rmsnorm', eps: 1e-5 })).toThrow(/the gain does not fit/);
    expect(() => norm(g, x, gain, undefined, { kind: 'rmsnorm', eps: NaN })).toThrow(/eps is NaN/);
    expect(() => residualNorm(g, x, gain, gain, undefined, { kind: 'rmsnorm', eps: 1e-5 })).toThrow(/differs in shape/);
  });
});
