import { describe, expect, it } from 'vitest';
import { Graph } from '../../src/graph/graph.ts';
import { f32, u32 } from '../../src/graph/types.ts';
import { sampleToken, textWindow } from '../../src/ops/sampling.ts';
import { referenceOf } from '../reference/ops.ts';
import { noise, tensor } from '../reference/tensor.ts';
import { runGraph } from '../support/run-graph.ts';
import type { LaneFeeds } from '../support/run-graph.ts';

const SEED = [123456789, 4294967295] as const;

describe('text_window', () => {
  it('gives the tokens before the cursor, or the first ones', async () => {
    const [S, T] = [70, 66];
    const graph = new Graph();
    const state = graph.state('text', [{ name: 'text', shape: [S] }], 'u32');
    const text = state.tensors.get('text');
    if (text === undefined) throw new RangeError('the state has a tensor');
    const tokens = textWindow(graph, text, graph.input('cursor', u32(4), 'step'), { context: T });
    graph.output('tokens', tokens, 'step');
    const cursors = [1, T, T + 1, S];
    const texts = cursors.map((_, lane) => Array.from({ length: S }, (__, i) => 1000 * lane + i));
    const feeds = cursors.map((cursor, i): LaneFeeds => ({
      inputs: { cursor: [cursor, 0, 0, 0] },
      states: { text: { text: texts[i] ?? [] } },
    }));
    const results = await runGraph(graph, feeds);
    for (const [i, cursor] of cursors.entries()) {
      const inputs = [tensor([S], texts[i] ?? []), tensor([4], [cursor, 0, 0, 0])];
      const [want] = referenceOf('text_window')(inputs, { context: T });
      const got = results[i]?.outputs['tokens'] ?? new Float32Array();
      // Outputs are read as f32; the words behind them are the tokens.
      expect(Array.from(new Uint32Array(got.buffer, got.byteOffset, got.length))).toEqual(Array.from(want?.data ?? []));
    }
  });
});

interface Draw {
  readonly logits: ArrayLike<number>;
  readonly cursor: number;
  readonly draw: number;
  readonly temperature: number;
}

/** What each of `draws`, a lane each, leaves in a text of S tokens 9. */
async function sample(T: number, V: number, S: number, draws: readonly Draw[]): Promise<readonly number[][]> {
  const graph = new Graph();
  const logits = graph.input('logits', f32(1, T, V), 'step');
  const text = graph.state('text', [{ name: 'text', shape: [S] }], 'u32').tensors.get('text');
  if (text === undefined) throw new RangeError('the state has a tensor');
  sampleToken(graph, logits, text, graph.input('cursor', u32(4), 'step'), graph.input('temperature', f32(1), 'step'));
  const feeds = draws.map((each): LaneFeeds => ({
    inputs: { logits: each.logits, cursor: [each.cursor, ...SEED, each.draw], temperature: [each.temperature] },
    states: { text: { text: Array.from({ length: S }, () => 9) } },
  }));
  const results = await runGraph(graph, feeds);
  return results.map(({ states }) => {
    const words = states['text']?.get('text') ?? new Float32Array();
    return Array.from(new Uint32Array(words.buffer, words.byteOffset, words.length));
  });
}

function expected(T: number, V: number, S: number, { logits, cursor, draw, temperature }: Draw): number[] {
  const inputs = [
    tensor([1, T, V], logits),
    tensor(
      [S],
      Array.from({ length: S }, () => 9),
    ),
    tensor([4], [cursor, ...SEED, draw]),
    tensor([1], [temperature]),
  ];
  return Array.from(referenceOf('sample_token')(inputs, {})[0]?.data ?? []);
}

describe('sample_token', () => {
  for (const [T, V] of [
    [1, 1],
    [3, 5],
    [2, 65],
    [4, 257],
  ] as const) {
    it(`draws the tokens of the reference from [1,${T},${V}]`, async () => {
      const S = 8;
      const draws = Array.from({ length: 32 }, (_, i): Draw => ({
        logits: noise(T * V, `z${i}`, 2),
        cursor: 1 + (i % (S - 1)),
        draw: i,
        temperature: [1, 0.5, 2, 0][i % 4] ?? 1,
      }));
      expect(await sample(T, V, S, draws)).toEqual(draws.map((each) => expected(T, V, S, each)));
    });
  }

  it('takes the first of equal logits at temperature 0, and the only possible token at any', async () => {
    const V = 130;
    const ties = Float64Array.from({ length: V }, (_, i) => (i === 33 || i === 64 || i === 97 ? 5 : -1));
    const peak = Float64Array.from({ length: V }, (_, i) => (i === 129 ? 1e30 : -1e30));
    const at = { cursor: 1, draw: 0 };
    const [first, only] = await sample(1, V, 3, [
      { logits: ties, temperature: 0, ...at },
      { logits: peak, temperature: 1, ...at },
    ]);
    expect(first).toEqual([9, 33, 9]);
    expect(only).toEqual([9, 129, 9]);
  });

  it('draws tokens as often as their probabilities say', async () => {
    const p = [0.5, 0.25, 0.15, 0.1];
    const logits = p.map(Math.log);
    const N = 400;
    const texts = await sample(
      1,
      4,
      2,
      Array.from({ length: N }, (_, draw): Draw => ({ logits, cursor: 1, draw, temperature: 1 })),
    );
    const chiSquare = p.reduce((sum, probability, token) => {
      const count = texts.filter((text) => text[1] === token).length;
      return sum + (count - N * probability) ** 2 / (N * probability);
    }, 0);
    // 3 degrees of freedom: 16.3 is passed once in a thousand; the draws are the same each time.
    expect(chiSquare).toBeLessThan(16.3);
  });

  it('refuses a text shorter than the context', () => {
    const g = new Graph();
    const cursor = g.input('cursor', u32(4), 'step');
    expect(() => textWindow(g, g.input('text', u32(5), 'step'), cursor, { context: 6 })).toThrow(/a text of 5 tokens is shorter/);
  });
});
