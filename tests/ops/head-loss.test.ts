import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import { headLoss } from '../../src/ops/head-loss.ts';
import { HYPER, HYPER_SIZE } from '../../src/ops/hyper.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp } from '../support/check-op.ts';

const SHAPES = [
  { B: 1, T: 1, C: 1, V: 1, chunk: 1 },
  { B: 2, T: 5, C: 3, V: 7, chunk: 10 },
  { B: 2, T: 5, C: 8, V: 12, chunk: 4 },
  { B: 1, T: 70, C: 20, V: 36, chunk: 32 },
  { B: 1, T: 9, C: 12, V: 515, chunk: 3 },
];

function hyperOf(zLoss: number): number[] {
  const hyper = Array.from({ length: HYPER_SIZE }, (_, i) => 100 + i);
  hyper[HYPER.zLoss] = zLoss;
  return hyper;
}

const sums = { rtol: 5e-6, atol: 5e-6, because: 'f32 logits, the sum of their exponentials, and its logarithm' };
const gradients = { rtol: 2e-5, atol: 1e-6, because: 'f32 sums of gradients of rounded logits' };

describe('head_loss', () => {
  for (const { B, T, C, V, chunk } of SHAPES) {
    for (const tied of [false, true]) {
      it(`of [${B},${T},${C}] and ${V} symbols, ${chunk} rows at a time${tied ? ', tied' : ''}`, async () => {
        const types = [f32(B, T, C), tied ? f32(V, C) : f32(C, V), u32(B, T), f32(HYPER_SIZE)];
        const data = (lane: number): number[][] => [
          [...noise(B * T * C, `x${lane}`)],
          [...noise(C * V, `w${lane}`)],
          Array.from({ length: B * T }, (_, i) => (i * 7 + lane * 3 + V - 1) % V),
          hyperOf([0, 1e-4, 0.1][lane] ?? 0),
        ];
        const attrs = { tied, gradient: true, scale: 1 / (B * T), chunk };
        await checkOp('head_loss', { types, data, attrs, close: [sums, sums, sums, gradients, gradients] });
        await checkOp('head_loss', { types, data, attrs: { ...attrs, gradient: false }, close: sums });
      });
    }
  }

  it('has all logits of a small batch at once, and few of a large one', () => {
    const chunkOf = (rows: number, vocab: number): unknown => {
      const g = new Graph();
      const [x, weight] = [g.input('x', f32(rows, 4), 'micro'), g.input('w', f32(4, vocab), 'micro')];
      const [targets, hyper] = [g.input('t', u32(rows), 'micro'), g.input('h', f32(HYPER_SIZE), 'step')];
      return headLoss(g, [x, weight, targets, hyper], { tied: false, gradient: true, scale: 1 }).losses.node.attrs['chunk'];
    };
    expect(chunkOf(512, 256)).toBe(512);
    expect(chunkOf(4096, 8192)).toBe(512);
    expect(chunkOf(4096, 2 ** 20)).toBe(64);
  });
});
