import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import { embedding, embeddingOps, embeddingPosition } from '../../src/ops/embedding.ts';
import { noise } from '../reference/tensor.ts';
import { checkOp } from '../support/check-op.ts';

const exact = { rtol: 0, because: 'rows are copied' };

/** A lane's tokens below `vocabulary`: most are small, so that some rows are long and others empty. */
function tokensOf(count: number, vocabulary: number, lane: number): number[] {
  return Array.from(noise(count, `tokens${lane}`), (value) => Math.min(vocabulary - 1, Math.floor(Math.abs(value) ** 3)));
}

function orderOf(tokens: readonly number[], vocabulary: number): readonly [number[], number[]] {
  const order = tokens.map((_, i) => i).sort((i, j) => (tokens[i] ?? 0) - (tokens[j] ?? 0) || i - j);
  const starts = Array.from({ length: vocabulary + 1 }, (_, v) => tokens.filter((token) => token < v).length);
  return [order, starts];
}

const SHAPES = [
  { B: 1, T: 1, V: 1, C: 1 },
  { B: 2, T: 3, V: 5, C: 3 },
  { B: 2, T: 33, V: 7, C: 68 },
  { B: 1, T: 300, V: 2, C: 4 },
  { B: 3, T: 5, V: 70, C: 8 },
];

describe('embedding', () => {
  for (const { B, T, V, C } of SHAPES) {
    it(`looks up [${B},${T}] tokens in a table [${V},${C}]`, async () => {
      await checkOp('embedding', {
        types: [u32(B, T), f32(V, C)],
        data: (lane) => [tokensOf(B * T, V, lane), noise(V * C, `table${lane}`)],
        close: exact,
      });
    });

    it(`looks up [${B},${T}] tokens in a table [${V},${C}] and adds their positions`, async () => {
      await checkOp('embedding_position', {
        types: [u32(B, T), f32(V, C), f32(T, C)],
        data: (lane) => [tokensOf(B * T, V, lane), noise(V * C, `table${lane}`), noise(T * C, `positions${lane}`)],
        close: { rtol: 6e-8, because: 'one rounding' },
      });
    });

    it(`sums gradients of [${B},${T},${C}] into a table [${V},${C}]`, async () => {
      await checkOp('embedding_backward', {
        types: [f32(B, T, C), u32(B * T), u32(V + 1)],
        data: (lane) => [noise(B * T * C, `dy${lane}`), ...orderOf(tokensOf(B * T, V, lane), V)],
        close: { rtol: 1e-6, atol: 3e-5, because: 'f32 sums of up to 300 terms of size 1' },
      });
    });
  }

  it('writes zeros into the rows of tokens that do not occur', async () => {
    await checkOp('embedding_backward', {
      types: [f32(1, 3, 4), u32(3), u32(10)],
      data: () => [[1e30, -1e30, 0, 1, 2, 3, 4, 5, 1e-30, 6, 7, 8], ...orderOf([8, 8, 3], 9)],
      close: { rtol: 1e-6, because: 'two terms' },
    });
  });

  it('has no gradient without the order of tokens, and says what to pass', () => {
    const g = new Graph();
    const [tokens, table] = [g.input('tokens', u32(2, 3), 'micro'), g.input('table', f32(5, 4), 'micro')];
    const y = embedding(g, tokens, table);
    const vjp = embeddingOps.embedding.vjp;
    expect(() => (vjp === 'none' ? undefined : vjp(g, y.node, [y]))).toThrow(
      /no gradient without the order of tokens\. Pass order and starts/,
    );
  });

  it('refuses starts of another vocabulary, and tokens that are no u32', () => {
    const g = new Graph();
    const [tokens, table] = [g.input('tokens', u32(2, 3), 'micro'), g.input('table', f32(5, 4), 'micro')];
    const [order, starts] = [g.input('order', u32(6), 'micro'), g.input('starts', u32(5), 'micro')];
    expect(() => embedding(g, tokens, table, { order, starts })).toThrow(/starts has one element more than the table has rows/);
    expect(() => embedding(g, table, table)).toThrow(/tokens are u32/);
  });

  it('refuses positions of another context, and tokens that are no u32', () => {
    const g = new Graph();
    const [tokens, table] = [g.input('tokens', u32(2, 3), 'micro'), g.input('table', f32(5, 4), 'micro')];
    const positions = g.input('positions', f32(2, 4), 'micro');
    expect(() => embeddingPosition(g, tokens, table, positions)).toThrow(/the positions do not fit/);
    expect(() => embeddingPosition(g, table, table, positions)).toThrow(/tokens are u32/);
  });
});
