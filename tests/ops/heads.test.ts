import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32 } from '../../src/graph/types.ts';
import { splitHeads, splitQkv } from '../../src/ops/heads.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp } from '../support/check-op.ts';

const exact = { rtol: 0, because: 'numbers are copied' };

const SHAPES = [
  { B: 1, T: 1, heads: 1, kvHeads: 1, headSize: 1 },
  { B: 2, T: 3, heads: 4, kvHeads: 2, headSize: 3 },
  { B: 2, T: 17, heads: 3, kvHeads: 1, headSize: 8 },
  { B: 1, T: 65, heads: 2, kvHeads: 2, headSize: 20 },
];

for (const { B, T, ...attrs } of SHAPES) {
  const { heads, kvHeads, headSize } = attrs;
  const rows = B * T;
  const width = (heads + 2 * kvHeads) * headSize;
  const byHead = f32(B, heads, T, headSize);
  const size = rows * heads * headSize;
  describe(`${heads} heads of ${headSize} over ${kvHeads}, [${B},${T}]`, () => {
    it('come apart and together', async () => {
      await checkOp('split_qkv', {
        types: [f32(B, T, width)],
        attrs,
        data: (lane) => [noise(rows * width, `qkv${lane}`)],
        close: exact,
      });
      await checkOp('join_qkv', {
        types: [byHead, byHead, byHead],
        attrs,
        data: (lane) => ['dq', 'dk', 'dv'].map((name) => noise(size, `${name}${lane}`)),
        close: { rtol: 1e-6, atol: 1e-6, because: 'an f32 sum of up to 3 terms' },
      });
    });

    it('merge and split', async () => {
      await checkOp('merge_heads', { types: [byHead], data: (lane) => [noise(size, `x${lane}`)], close: exact });
      const merged = f32(B, T, heads * headSize);
      await checkOp('split_heads', {
        types: [merged],
        attrs: { heads },
        data: (lane) => [noise(size, `x${lane}`)],
        close: exact,
      });
    });
  });
}

it('refuse heads that do not fit', () => {
  const g = new Graph();
  const qkv = g.input('qkv', f32(1, 2, 24), 'micro');
  expect(() => splitQkv(g, qkv, { heads: 4, kvHeads: 3, headSize: 2 })).toThrow(/3 key\/value heads do not divide 4 heads/);
  expect(() => splitQkv(g, qkv, { heads: 4, kvHeads: 2, headSize: 4 })).toThrow(/qkv has 24 columns, the heads take 32/);
  expect(() => splitQkv(g, qkv, { heads: 0, kvHeads: 2, headSize: 4 })).toThrow(/not all counts/);
  expect(() => splitHeads(g, qkv, 5)).toThrow(/5 heads do not divide 24 columns/);
});
