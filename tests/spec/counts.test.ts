import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defaultSpec,
  flopsPerToken,
  parameterCount,
  parameterShapes,
  parseSpec,
  tokensPerStep,
  vocabSize,
  withDefaults,
} from '../../src/spec/index.ts';
import { validSpec } from './arbitrary.ts';
import { M_JSON, S_JSON } from './benchmark-specs.ts';

const S = parseSpec(S_JSON);
const M = parseSpec(M_JSON);

describe('parameterShapes', () => {
  it('lists the tensors of S by name, shape and order', () => {
    const block = (i: number): [string, number[]][] => [
      [`blocks.${i}.norm1.gain`, [64]],
      [`blocks.${i}.norm1.bias`, [64]],
      [`blocks.${i}.attn.qkv.weight`, [64, 192]],
      [`blocks.${i}.attn.qkv.bias`, [192]],
      [`blocks.${i}.attn.proj.weight`, [64, 64]],
      [`blocks.${i}.attn.proj.bias`, [64]],
      [`blocks.${i}.norm2.gain`, [64]],
      [`blocks.${i}.norm2.bias`, [64]],
      [`blocks.${i}.mlp.fc.weight`, [64, 256]],
      [`blocks.${i}.mlp.fc.bias`, [256]],
      [`blocks.${i}.mlp.proj.weight`, [256, 64]],
      [`blocks.${i}.mlp.proj.bias`, [64]],
    ];
    expect(parameterShapes(S).map(({ name, shape }) => [name, shape])).toEqual([
      ['embed.weight', [256, 64]],
      ['position.weight', [64, 64]],
      ...block(0),
      ...block(1),
      ['final.norm.gain', [64]],
      ['final.norm.bias', [64]],
      ['head.weight', [64, 256]],
    ]);
  });

  it('lists the tensors of a modern block: grouped queries, qk-norm, SwiGLU, RMSNorm, no biases, a tied head', () => {
    const model = {
      layers: 1,
      width: 96,
      heads: 8,
      kvHeads: 2,
      mlp: 'swiglu',
      mlpRatio: 8 / 3,
      norm: 'rmsnorm',
      qkNorm: true,
      tied: true,
    } as const;
    expect(parameterShapes(withDefaults({ model }), 300).map(({ name, shape }) => [name, shape])).toEqual([
      ['embed.weight', [300, 96]],
      ['blocks.0.norm1.gain', [96]],
      ['blocks.0.attn.qkv.weight', [96, (8 + 2 * 2) * 12]],
      ['blocks.0.attn.qnorm.gain', [12]],
      ['blocks.0.attn.knorm.gain', [12]],
      ['blocks.0.attn.proj.weight', [96, 96]],
      ['blocks.0.norm2.gain', [96]],
      ['blocks.0.mlp.fc.weight', [96, 512]],
      ['blocks.0.mlp.proj.weight', [256, 96]],
      ['final.norm.gain', [96]],
    ]);
  });

  it('gives RMSNorm no bias where linear layers have one', () => {
    const names = parameterShapes(withDefaults({ model: { bias: true, norm: 'rmsnorm' } })).map(({ name }) => name);
    expect(names).toContain('blocks.1.mlp.fc.bias');
    expect(names.filter((name) => name.includes('norm') && name.endsWith('bias'))).toEqual([]);
    expect(names).not.toContain('head.bias');
  });

  it('starts weights at N(0, 0.02), residual projections at 0.02 / sqrt(2 layers), gains at 1 and biases at 0', () => {
    const expected = (name: string): unknown => {
      if (name.endsWith('.gain')) return { kind: 'ones' };
      if (name.endsWith('.bias')) return { kind: 'zeros' };
      return { kind: 'normal', std: name.endsWith('proj.weight') ? 0.02 / Math.sqrt(8) : 0.02 };
    };
    const tensors = parameterShapes(M);
    expect(tensors.map(({ init }) => init)).toEqual(tensors.map(({ name }) => expected(name)));
  });

  it('holds for every spec: names are unique, sizes whole, the layout has one letter group for each dimension, decay is for two or more', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        const tensors = parameterShapes(spec);
        expect(new Set(tensors.map(({ name }) => name)).size).toBe(tensors.length);
        for (const { shape, decay, layout } of tensors) {
          expect(shape.every((size) => Number.isInteger(size) && size > 0)).toBe(true);
          expect(decay).toBe(shape.length >= 2);
          expect(layout.split(',')).toHaveLength(shape.length);
        }
      }),
      { numRuns: 100 },
    );
  });
});

describe('vocabSize', () => {
  it('is 256 for bytes, 256 + merges for BPE, and the symbols of a Markov source whatever the tokenizer', () => {
    expect(vocabSize(defaultSpec)).toBe(256);
    expect(vocabSize(withDefaults({ data: { tokenizer: 'bpe', merges: 512 } }))).toBe(768);
    expect(vocabSize(withDefaults({ data: { source: 'markov', tokenizer: 'bpe', markov: { symbols: 12 } } }))).toBe(12);
  });
});

describe('parameterCount', () => {
  it('counts S by hand', () => {
    const block = 2 * 128 + (64 * 192 + 192) + (64 * 64 + 64) + (64 * 256 + 256) + (256 * 64 + 64);
    const total = 256 * 64 + 64 * 64 + 2 * block + 128 + 64 * 256;
    expect(total).toBe(136_960);
    expect(parameterCount(S)).toMatchObject({ total, embedding: 20_480, head: 16_384, nonEmbedding: 116_480 });
  });

  it('counts M by hand', () => {
    expect(parameterCount(M).total).toBe(256 * 128 + 128 * 128 + 4 * (12 * 128 * 128 + 13 * 128) + 256 + 128 * 256);
    expect(parameterCount(M).total).toBe(875_264);
  });

  it('is about 100 k for the default spec', () => {
    expect(parameterCount(defaultSpec).total).toBe(131_392);
    expect(parameterCount(defaultSpec).byTensor[0]).toEqual({ name: 'embed.weight', count: 16_384 });
  });
});

describe('flopsPerToken', () => {
  it('counts S by hand: 0.40 GFLOP a step with full attention', () => {
    const weights = 2 * (64 * 192 + 64 * 64 + 2 * 64 * 256) + 64 * 256;
    const attention = 2 * (2 * 64 * 64);
    const { terms, forward, backward, total, sixN, sixNonEmbedding } = flopsPerToken(S);
    expect(forward).toBe(2 * (weights + attention));
    expect(backward).toBe(2 * forward);
    expect(total * tokensPerStep(S)).toBe(402_653_184);
    expect(terms.scores).toEqual({ forward: 2 * 2 * 64 * 64, backward: 4 * 2 * 64 * 64 });
    expect(terms.head).toEqual({ forward: 2 * 64 * 256, backward: 4 * 64 * 256 });
    expect([sixN, sixNonEmbedding]).toEqual([6 * 136_960, 6 * 116_480]);
  });

  it('counts M by hand', () => {
    const weights = 4 * 12 * 128 * 128 + 128 * 256;
    const attention = 4 * 2 * 128 * 128;
    expect(flopsPerToken(M).total).toBe(6 * (weights + attention));
  });

  it('halves the attention products for causal attention, and nothing else', () => {
    const [full, causal] = [flopsPerToken(S), flopsPerToken(S, 256, 'causal')];
    expect(causal.terms.scores.forward / full.terms.scores.forward).toBe(65 / 128);
    expect(causal.terms.values.forward / full.terms.values.forward).toBe(65 / 128);
    expect(causal.terms.qkv).toEqual(full.terms.qkv);
  });

  it('counts the same for a tied head, three MLP matrices for SwiGLU, fewer key and value columns for GQA', () => {
    const total = (model: object): number => flopsPerToken(withDefaults({ model })).total;
    expect(total({ tied: true })).toBe(total({}));
    expect(total({ mlp: 'swiglu' }) - total({})).toBe(6 * 2 * 64 * 256);
    expect(total({}) - total({ kvHeads: 1 })).toBe(6 * 2 * 64 * 2 * 48);
  });

  it('is 6 times the weights of matmuls plus attention, for every spec', () => {
    fc.assert(
      fc.property(validSpec, (spec) => {
        const vocab = vocabSize(spec);
        let weights = spec.model.tied ? spec.model.width * vocab : 0;
        for (const { role, shape } of parameterShapes(spec)) {
          if (role === 'linear' || role === 'head') weights += shape.reduce((a, b) => a * b, 1);
        }
        const attention = 2 * spec.model.layers * spec.data.context * spec.model.width;
        expect(flopsPerToken(spec).total).toBe(6 * (weights + attention));
      }),
      { numRuns: 100 },
    );
  });
});
