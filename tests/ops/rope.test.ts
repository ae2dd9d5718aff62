import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { rope } from '../../src/ops/rope.ts';
import { noise } from '../reference/tensor.ts';
import { expectClose } from '../support/close.ts';
import { checkOp } from '../support/check-op.ts';
import { runGraph } from '../support/run-graph.ts';

const close = { rtol: 3e-7, atol: 3e-7, because: 'two products of size 1 with angles rounded once' };

describe('rope', () => {
  for (const { B, T, heads, headSize, rest } of [
    { B: 1, T: 1, heads: 1, headSize: 2, rest: 0 },
    { B: 2, T: 5, heads: 3, headSize: 6, rest: 5 },
    { B: 2, T: 7, heads: 3, headSize: 8, rest: 16 },
    { B: 1, T: 9, heads: 0, headSize: 4, rest: 7 },
    { B: 1, T: 4096, heads: 1, headSize: 2, rest: 2 },
  ]) {
    for (const inverse of [false, true]) {
      it(`turns ${heads} heads of ${headSize} ${inverse ? 'back' : 'on'} at ${T} positions and copies ${rest} columns`, async () => {
        const W = heads * headSize + rest;
        await checkOp('rope', {
          types: [f32(B, T, W)],
          attrs: { heads, headSize, base: 10000, inverse },
          data: (lane) => [noise(B * T * W, `x${lane}`)],
          close,
        });
      });
    }
  }

  it('turned on and back gives what it was', async () => {
    const g = new Graph();
    const x = g.input('x', f32(1, 33, 24), 'micro');
    const attrs = { heads: 2, headSize: 8, base: 100 };
    g.output('y', rope(g, rope(g, x, attrs), { ...attrs, inverse: true }), 'micro');
    const data = noise(33 * 24, 'x');
    const [result] = await runGraph(g, [{ inputs: { x: data } }]);
    expectClose(result?.outputs['y'] ?? [], data, { ...close, atol: 6e-7 });
  });

  it('refuses heads without pairs, and more heads than columns', () => {
    const g = new Graph();
    const x = g.input('x', f32(1, 2, 12), 'micro');
    expect(() => rope(g, x, { heads: 2, headSize: 3, base: 10000 })).toThrow(/head size 3 has no pairs/);
    expect(() => rope(g, x, { heads: 4, headSize: 4, base: 10000 })).toThrow(/4 heads of 4 do not fit/);
    expect(() => rope(g, x, { heads: 2, headSize: 4, base: 0 })).toThrow(/base is 0/);
  });
});
