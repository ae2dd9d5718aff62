import { describe, expect, it } from 'vitest';
import { FUSION_RULES, planProgram } from '../../src/engine/index.ts';
import type { Plan } from '../../src/engine/index.ts';
import { SpecError } from '../../src/base/errors.ts';
import { benchmarkSpecs } from '../../src/bench/models.ts';
import { printGraph } from '../../src/graph/index.ts';
import { boundBytesOf } from '../../src/measure/bytes.ts';
import type { FusionSpec } from '../../src/spec/run-spec.ts';
import { trainingGraph } from '../../src/train/graphs.ts';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';

const spec = tinySpec({ model: { layers: 2, norm: 'layernorm', position: 'learned', mlp: 'gelu', bias: true, tied: false } });

async function planOf(
  fusion: FusionSpec,
  { bias = true, cast = false, scaled = true, cap = false, turned = false, gradAccum = 1 } = {},
): Promise<Plan> {
  const gpu = await testGpu();
  const precision = { ...spec.precision, recipe: cast ? (scaled ? 'fp8-current' : 'bf16') : 'f32' } as const;
  const positions = turned ? ({ position: 'rope', qkNorm: true } as const) : {};
  const model = { ...spec.model, bias, logitSoftcap: cap ? 30 : null, ...positions };
  const graph = trainingGraph({ ...spec, fusion, precision, model, data: { ...spec.data, gradAccum } }, 11);
  // As a GPU has it: a software adapter decodes operands in a dispatch of its own.
  return planProgram(graph, { caps: { ...gpu.caps, software: false } });
}

const only = (...names: readonly string[]): FusionSpec =>
  Object.fromEntries(FUSION_RULES.map((rule) => [rule.name, names.includes(rule.name)]));

describe('fusion rules', () => {
  it('all together take fewer dispatches and less memory than none', async () => {
    const [all, none] = [await planOf('all'), await planOf('none')];
    expect(all.dispatchesPerStep).toBeLessThan(0.75 * none.dispatchesPerStep);
    expect(all.peakBytes).toBeLessThan(none.peakBytes);
  });

  // In one chunk the head with its loss takes as many dispatches as its parts, and so do gradients that are added up: they spare memory.
  const sparing = ['head-loss', 'gradient-accumulation'];
  const counted = FUSION_RULES.map(({ name }) => name).filter((name) => !sparing.includes(name));
  it.each(counted)('%s does something on its own, and is gone when it is off', async (name) => {
    // A bias of its own stands between a matmul and what else could be fused with it.
    const options = {
      bias: name === 'matmul-bias' || name === 'bias-gradient',
      cast: ['amax-producer', 'amax-weights', 'cast-producer', 'cast-store', 'matmul-decode', 'matmul-cast'].includes(name),
      scaled: name !== 'cast-producer' && name !== 'matmul-cast',
      // Head and loss in one leave no loss of its own, but where a cap stands between them.
      cap: name === 'cross-entropy',
      turned: name === 'attention-qk',
    };
    // It works on what the other made.
    const first = name === 'attention-qk' ? ['attention'] : [];
    // Each of these two takes the adds that the other would take.
    const rivals = ['matmul-residual', 'residual-norm'];
    const off = rivals.includes(name) ? Object.fromEntries(rivals.map((rival) => [rival, rival === name])) : {};
    const [alone, none, all, without] = [
      await planOf(only(name, ...first), options),
      await planOf(only(...first), options),
      await planOf(off, options),
      await planOf({ ...off, [name]: false }, options),
    ];
    expect(alone.dispatchesPerStep).toBeLessThan(none.dispatchesPerStep);
    expect(without.dispatchesPerStep).toBeGreaterThan(all.dispatchesPerStep);
  });

  it('leaves no T x T matrix with attention fused', async () => {
    const { context } = spec.data;
    const quadratic = new RegExp(`f32\\[\\d+,\\d+,${context},${context}\\]`);
    expect(printGraph((await planOf('none')).graph)).toMatch(quadratic);
    expect(printGraph((await planOf('all')).graph)).not.toMatch(quadratic);
  });

  it('head-loss never has all logits: 4,096 tokens of 8,192 symbols train within what every adapter binds', () => {
    const limits = { maxBindingBytes: 2 ** 27, maxBufferBytes: 2 ** 28, workgroupBytes: 2 ** 14, maxInvocations: 256 };
    const caps = { ...limits, software: false, subgroups: false, f16: false };
    const wide = tinySpec({ data: { context: 256, batch: 16 }, model: { width: 64 } });
    const bytes = (fusion: FusionSpec): number => planProgram(trainingGraph({ ...wide, fusion }, 8192), { caps }).peakBytes;
    const logits = 4 * 4096 * 8192;
    expect(bytes({ 'head-loss': false }) - bytes('all')).toBeGreaterThan(1.7 * logits);
    expect(printGraph(trainingGraph(wide, 8192))).not.toMatch(/f32\[16,256,8192\]/);
  });

  it('keeps neither normed nor turned queries and keys for the backward pass, whichever of the two a model has', async () => {
    for (const model of [{ qkNorm: true }, { position: 'rope' }, { qkNorm: true, position: 'rope' }] as const) {
      const graph = trainingGraph({ ...spec, model: { ...spec.model, ...model } }, 11);
      const ops = new Set(graph.nodes.map(({ op }) => op));
      expect([...ops].filter((op) => op === 'rope' || op.startsWith('qk_norm'))).toEqual([]);
      expect(ops).toContain('attention_backward');
    }
  });

  it('attention-qk leaves alone what a recipe casts between qkv and attention', () => {
    const precision = { ...spec.precision, overrides: { 'blocks.0.attn:intermediate': 'bf16' } };
    const graph = trainingGraph({ ...spec, precision, model: { ...spec.model, position: 'rope' } }, 11);
    const attended = graph.nodes.filter(({ op }) => op === 'attention');
    expect(attended.map(({ attrs }) => attrs['base'])).toEqual([0, 10_000]);
    expect(attended.map(({ inputs }) => inputs[0]?.node.op)).toEqual(['quantize', 'matmul']);
  });

  it('qkv-matmul makes one of each three matmuls, and without it they take neither epilogue nor codes', async () => {
    const parts = ({ graph }: Plan): number => graph.nodes.filter(({ attrs }) => attrs['parts'] !== undefined).length;
    const matmuls = ({ steps }: Plan): number =>
      steps.flatMap(({ dispatches }) => dispatches).filter(({ kernel }) => kernel.startsWith('matmul/')).length;
    for (const cast of [false, true]) {
      const [all, without] = [await planOf('all', { cast }), await planOf({ 'qkv-matmul': false }, { cast })];
      // Forward, and the gradients of x and of the weight, in each of two layers.
      expect([parts(all), parts(without)]).toEqual([0, 6]);
      expect(matmuls(without) - matmuls(all)).toBe(12);
    }
  });

  it.each([false, true])(
    'gradient-accumulation leaves no gradient of a weight to store, bias gradients aside, cast: %s',
    async (cast) => {
      const options = { gradAccum: 2, cast };
      const rule = 'gradient-accumulation';
      const [alone, none] = [await planOf(only(rule), options), await planOf('none', options)];
      const [all, without] = [await planOf('all', options), await planOf({ [rule]: false }, options)];
      for (const [on, off] of [
        [alone, none],
        [all, without],
      ] as const) {
        expect(on.dispatchesPerStep).toBe(off.dispatchesPerStep);
        expect(on.peakBytes).toBeLessThan(off.peakBytes);
        expect(boundBytesOf(on)).toBeLessThan(boundBytesOf(off));
      }
      const summed = ({ graph }: Plan): readonly string[] =>
        graph.nodes.filter(({ op }) => op === 'matmul_accumulate').map(({ name }) => name.replace('d blocks.', ''));
      const layers = [1, 0].flatMap((i) => ['mlp.proj', 'mlp.fc', 'attn.proj', 'attn.qkv'].map((name) => `${i}.${name}`));
      expect(summed(all)).toEqual(layers);
      // The head is a matmul of its own; q, k and v are three.
      expect(summed(alone)).toEqual(['d head', ...layers.filter((name) => !name.endsWith('qkv'))]);
      // What reads the pack of the others: norms and embeddings, the head of a fused loss, and biases.
      const rest = all.graph.nodes.find(({ op }) => op === 'accumulate')?.attrs['into'];
      expect(rest).toHaveLength(2 + 2 * 4 + 2 * 4 + 2 + 1);
      expect(printGraph((await planOf('all')).graph)).not.toContain('matmul_accumulate');
    },
  );

  it.each(['fp8-current', 'fp8-delayed', 'nvfp4', 'fp8-lm'] as const)(
    'amax-producer and amax-weights leave one dispatch of a micro-batch of S in %s to find amaxes, that of all weights',
    async (recipe) => {
      const [s] = benchmarkSpecs();
      if (s === undefined) throw new RangeError('there is no S');
      const { caps } = await testGpu();
      const kernels = (fusion: FusionSpec, software: boolean): readonly string[] => {
        const graph = trainingGraph({ ...s, precision: { ...s.precision, recipe }, fusion }, 256);
        return planProgram(graph, { caps: { ...caps, software } }).steps.flatMap(({ node, dispatches }) =>
          dispatches
            .filter(({ kernel }) => kernel.endsWith('amax-forward') && node.phase === 'micro')
            .map(({ kernel }) => kernel),
        );
      };
      for (const software of [true, false]) {
        expect(kernels('all', software)).toEqual(['optimizer/chunk-amax-forward']);
        const apart = kernels({ 'amax-producer': false, 'amax-weights': false }, software);
        expect(apart).toHaveLength(recipe === 'fp8-lm' ? 32 : 24);
      }
    },
  );

  it('refuses a rule that does not exist', () => {
    expect(() => trainingGraph({ ...spec, fusion: { 'matmul-magic': true } }, 11)).toThrow(SpecError);
    expect(() => trainingGraph({ ...spec, fusion: { 'matmul-magic': true } }, 11)).toThrow(
      'spec fusion: there is no such rule: got matmul-magic',
    );
  });
});
