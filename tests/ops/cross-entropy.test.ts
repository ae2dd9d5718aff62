import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import { crossEntropy } from '../../src/ops/cross-entropy.ts';
import { HYPER, HYPER_SIZE } from '../../src/ops/hyper.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { checkOp, repeated } from '../support/check-op.ts';

const SHAPES = [
  { B: 1, T: 1, V: 1 },
  { B: 1, T: 3, V: 2 },
  { B: 2, T: 5, V: 7 },
  { B: 2, T: 33, V: 64 },
  { B: 1, T: 9, V: 515 },
];

function hyperOf(zLoss: number): number[] {
  const hyper = Array.from({ length: HYPER_SIZE }, (_, i) => 100 + i);
  hyper[HYPER.zLoss] = zLoss;
  return hyper;
}

function targetsOf(count: number, V: number, lane: number): number[] {
  return Array.from({ length: count }, (_, i) => (i * 7 + lane * 3 + V - 1) % V);
}

const sums = { rtol: 3e-6, atol: 3e-6, because: 'an f32 sum of up to 515 exponentials, and its logarithm' };
const gradient = { rtol: 5e-6, atol: 2e-7, because: 'an f32 exponential over such a sum' };

describe('cross_entropy', () => {
  for (const { B, T, V } of SHAPES) {
    const types = [f32(B, T, V), u32(B, T), f32(HYPER_SIZE)];
    const data = (lane: number): number[][] => [
      [...noise(B * T * V, `z${lane}`, 2)],
      targetsOf(B * T, V, lane),
      hyperOf([0, 1e-4, 0.1][lane] ?? 0),
    ];
    it(`of [${B},${T},${V}], apart and fused`, async () => {
      await checkOp('cross_entropy', { types, data, close: sums });
      await checkOp('cross_entropy_fused', { types, data, attrs: { scale: 1 / (B * T) }, close: [sums, sums, sums, gradient] });
      await checkOp('cross_entropy_backward', {
        types: [f32(B, T, V), u32(B, T), f32(B * T), f32(HYPER_SIZE), f32(B * T)],
        data: (lane) => {
          const [logits = [], targets = [], hyper = []] = data(lane);
          const inputs = [tensor([B, T, V], logits), tensor([B, T], targets), tensor([HYPER_SIZE], hyper)];
          return [logits, targets, referenceOf('cross_entropy')(inputs, {})[1]?.data ?? [], hyper, noise(B * T, `dy${lane}`)];
        },
        close: { ...gradient, atol: 1e-6, because: 'an f32 exponential of a rounded lse' },
      });
    });
  }

  it('keeps its digits under offsets, and stays finite at extremes', async () => {
    const types = [f32(4, 6), u32(4), f32(HYPER_SIZE)];
    const attrs = { scale: 1 };
    await checkOp('cross_entropy_fused', {
      types: [f32(4, 8), u32(4), f32(HYPER_SIZE)],
      attrs,
      data: (lane) => [Array.from(noise(32, `z${lane}`), (x) => 8192 + Math.round(x * 256) / 256), [0, 7, 3, 4], hyperOf(0)],
      close: [sums, sums, sums, gradient],
    });
    await checkOp('cross_entropy_fused', {
      types,
      attrs,
      data: (lane) => [repeated([4, 6], [1e30, -1e30, 0, -0, 1000, -1000, 1e-38], lane), [0, 5, 3, 2], hyperOf(0)],
      close: [sums, sums, sums, gradient],
    });
  });

  it('refuses targets that do not fit the rows', () => {
    const g = new Graph();
    const hyper = g.input('hyper', f32(HYPER_SIZE), 'step');
    const logits = g.input('logits', f32(2, 3, 4), 'micro');
    expect(() => crossEntropy(g, logits, g.input('targets', u32(5), 'micro'), hyper)).toThrow(
      /there is not one u32 target a row/,
    );
  });
});
