import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Batcher } from '../../src/data/index.ts';
import {
  COUNT_ALL,
  COUNT_TERMS,
  countedFlopsPerToken,
  countedParameters,
  countRun,
  flopsPerToken,
  modelTerms,
  parameterCount,
  parseSpec,
  withDefaults,
} from '../../src/spec/index.ts';
import type { Counting } from '../../src/spec/index.ts';
import { validSpec } from './arbitrary.ts';
import { S_JSON } from './benchmark-specs.ts';

/** GPT-2's form: LayerNorm, biases, learned positions, GELU, an untied head; V 256, C 64, l 2, T 64, F 256. */
const S = parseSpec(S_JSON);
/** Everything else: RMSNorm, grouped queries (8 heads of 12, 2 for keys and values), qk-norm, SwiGLU (F 256), tied, 300 ids. */
const MODERN = withDefaults({
  data: { context: 32 },
  model: { layers: 3, width: 96, heads: 8, kvHeads: 2, mlp: 'swiglu', mlpRatio: 8 / 3, qkNorm: true, tied: true },
});

/** Parameters and forward multiply-adds per token, by term. */
function byTerm(...args: Parameters<typeof modelTerms>): Record<string, readonly [number, number]> {
  return Object.fromEntries(modelTerms(...args).map(({ id, parameters, forward }) => [id, [parameters, forward / 2]]));
}

describe('the terms of a model', () => {
  it('are those of S, counted by hand', () => {
    expect(byTerm(S)).toEqual({
      embedding: [256 * 64, 0],
      position: [64 * 64, 0],
      qkv: [2 * 64 * 192, 2 * 64 * 192],
      // Every token meets all 64 positions in 64 channels of 4 heads together.
      scores: [0, 2 * 64 * 64],
      values: [0, 2 * 64 * 64],
      attentionProjection: [2 * 64 * 64, 2 * 64 * 64],
      mlpIn: [2 * 64 * 256, 2 * 64 * 256],
      mlpOut: [2 * 256 * 64, 2 * 256 * 64],
      // Two norms a layer and a last one.
      norms: [5 * 64, 0],
      // A layer: queries, keys and values 192, projection 64, MLP 256 and 64; the five LayerNorms 64 each.
      biases: [2 * (192 + 64 + 256 + 64) + 5 * 64, 0],
      head: [64 * 256, 64 * 256],
    });
  });

  it('are those of a modern block, counted by hand', () => {
    expect(byTerm(MODERN, 300)).toEqual({
      embedding: [28_800, 0],
      position: [0, 0],
      qkv: [3 * 96 * (96 + 2 * 24), 3 * 96 * 144],
      scores: [0, 3 * 32 * 96],
      values: [0, 3 * 32 * 96],
      attentionProjection: [3 * 96 * 96, 3 * 96 * 96],
      mlpIn: [3 * 96 * 512, 3 * 96 * 512],
      mlpOut: [3 * 256 * 96, 3 * 256 * 96],
      norms: [7 * 96 + 2 * 3 * 12, 0],
      biases: [0, 0],
      head: [0, 28_800],
    });
  });

  it('have a formula each, and backward passes of twice the arithmetic', () => {
    const terms = modelTerms(S);
    expect(terms.map(({ id }) => id)).toEqual(Object.keys(COUNT_TERMS));
    for (const { id, parameters, forward, backward } of terms) {
      expect(backward).toBe(2 * forward);
      expect(COUNT_TERMS[id].parameters === '').toBe(parameters === 0);
      expect(COUNT_TERMS[id].multiplyAdds === '').toBe(forward === 0);
    }
  });

  it('add up to the tensors of every model', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        const { total, nonEmbedding, head } = parameterCount(spec);
        const terms = modelTerms(spec);
        expect(terms.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(total);
        const vocab = terms[0]?.parameters === undefined ? 0 : terms[0].parameters / spec.model.width;
        expect(countedParameters(spec, vocab, 'all')).toBe(total);
        expect(countedParameters(spec, vocab, 'non-embedding')).toBe(nonEmbedding);
        expect(countedParameters(spec, vocab, 'blocks')).toBe(nonEmbedding - head);
      }),
      { numRuns: 60 },
    );
  });
});

describe('what N and C stand for', () => {
  const N = 136_960;
  const matmuls = 2 * (64 * 192 + 64 * 64 + 2 * 64 * 256);
  const head = 64 * 256;
  const attention = 2 * 2 * 64 * 64;
  const counting = (change: Partial<Counting>): Counting => ({ ...COUNT_ALL, ...change });

  it('is switchable, and each choice is the count by hand', () => {
    expect(countedParameters(S, 256, 'all')).toBe(N);
    expect(countedParameters(S, 256, 'non-embedding')).toBe(N - 256 * 64 - 64 * 64);
    expect(countedParameters(S, 256, 'blocks')).toBe(N - 2 * 256 * 64 - 64 * 64);
    const flops = (change: Partial<Counting>): number => countedFlopsPerToken(S, 256, counting(change));
    expect(flops({ flops: '6N' })).toBe(6 * N);
    expect(flops({ flops: '6N', parameters: 'non-embedding' })).toBe(6 * (N - 20_480));
    expect(flops({ flops: '6N', parameters: 'blocks' })).toBe(6 * (N - 20_480 - 16_384));
    expect(flops({})).toBe(6 * (matmuls + attention + head));
    expect(flops({})).toBe(flopsPerToken(S).total);
    expect(flops({ attention: 'none' })).toBe(6 * (matmuls + head));
    expect(flops({ attention: 'causal' })).toBe(6 * (matmuls + (attention * 65) / 128 + head));
    expect(flops({ head: false })).toBe(6 * (matmuls + attention));
    expect(flops({ head: false, attention: 'none', parameters: 'blocks' })).toBe(6 * matmuls);
  });
});

describe('countRun', () => {
  const base = withDefaults({
    data: { context: 8, batch: 4, gradAccum: 2 },
    budget: { steps: 10 },
    schedule: { warmupSteps: 0 },
  });

  it('counts tokens seen, unique tokens, epochs and FLOPs', () => {
    const spec = { ...base, data: { ...base.data, order: 'sequential' as const } };
    const counts = countRun(spec, { trainTokens: 81 });
    // 10 windows of 8 fit 81 tokens with their targets; 10 steps of 64 tokens are 8 passes.
    expect(counts).toMatchObject({ steps: 10, tokens: 640, uniqueTokens: 80, epochs: 8 });
    expect(counts.flops).toBe(640 * flopsPerToken(spec).total);
    expect(countRun(spec, { trainTokens: 801 })).toMatchObject({ uniqueTokens: 640, epochs: 0.8 });
    expect(countRun(spec)).toMatchObject({ uniqueTokens: null, epochs: null });
    expect(countRun(spec, { steps: 3 }).tokens).toBe(192);
  });

  it('expects of random rows what a simulation finds', () => {
    const spec = { ...base, data: { ...base.data, order: 'random' as const } };
    const [n, T, rows] = [400, 8, 80];
    let sum = 0;
    for (let seed = 0; seed < 200; seed++) {
      const batcher = new Batcher({ tokens: new Uint32Array(n), vocab: 256, context: T, batch: rows, order: 'random', seed });
      const seen = new Set<number>();
      for (let row = 0; row < rows; row++) for (let t = 0; t < T; t++) seen.add(batcher.start(0, row) + t);
      sum += seen.size;
    }
    const { uniqueTokens } = countRun(spec, { trainTokens: n });
    // Places near the ends are met less often, which the formula leaves out.
    expect(Math.abs((uniqueTokens ?? 0) / (sum / 200) - 1)).toBeLessThan(0.02);
  });

  it('has the epochs that the batches of every order have', () => {
    const order = fc.constantFrom('sequential' as const, 'shuffled' as const, 'random' as const);
    fc.assert(
      fc.property(
        order,
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(500),
        (kind, context, batch, more) => {
          const trainTokens = context + 1 + more;
          const batcher = new Batcher({ tokens: new Uint32Array(trainTokens), vocab: 256, context, batch, order: kind, seed: 1 });
          const spec = withDefaults({
            data: { order: kind, context, batch },
            budget: { steps: 7 },
            schedule: { warmupSteps: 0 },
          });
          const { epochs, uniqueTokens, tokens } = countRun(spec, { trainTokens });
          expect(epochs).toBeCloseTo(batcher.epochs(7), 9);
          expect(uniqueTokens).toBeGreaterThan(0);
          expect(uniqueTokens).toBeLessThanOrEqual(Math.min(tokens, trainTokens));
        },
      ),
      { numRuns: 100 },
    );
  });
});
