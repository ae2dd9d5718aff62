import { normals } from '../../src/base/random.ts';
import { sizeOf } from '../../src/base/shape.ts';
import { withDefaults } from '../../src/spec/defaults.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { parameterShapes, vocabSize } from '../../src/spec/shapes.ts';
import type { Batch } from './model.ts';

type Input = Parameters<typeof withDefaults>[0];

/** A spec of a few thousand parameters: 11 symbols, context 6, batch 2, width 8, 2 heads, one layer, 20 steps. */
export function tinySpec(input: Input = {}): RunSpec {
  return withDefaults({
    ...input,
    data: { source: 'markov', context: 6, batch: 2, gradAccum: 1, ...input.data, markov: { symbols: 11, ...input.data?.markov } },
    model: { layers: 1, width: 8, heads: 2, mlpRatio: 2, ...input.model },
    optimizer: { lr: 0.01, ...input.optimizer },
    schedule: { warmupSteps: 0, ...input.schedule },
    budget: input.budget ?? { steps: 20 },
  });
}

/** Tiny specs that together have every value of every option of a model, loss, optimizer and schedule, by what they show. */
export const tinySpecs: ReadonlyMap<string, RunSpec> = new Map([
  [
    'GPT-2: layernorm, learned positions, gelu, biases, untied',
    tinySpec({
      model: { layers: 2, norm: 'layernorm', position: 'learned', mlp: 'gelu', bias: true, tied: false },
      schedule: { kind: 'constant', warmupSteps: 0 },
      optimizer: { clip: null, weightDecay: 0.1 },
    }),
  ],
  [
    'Llama: rmsnorm, rope, swiglu, GQA, no biases, z-loss',
    tinySpec({
      model: { width: 16, heads: 4, kvHeads: 2, norm: 'rmsnorm', position: 'rope', mlp: 'swiglu', bias: false, tied: false },
      loss: { zLoss: 0.01 },
      schedule: { kind: 'cosine', warmupSteps: 4, finalRatio: 0.1 },
      optimizer: { clip: 1, weightDecay: 0.1 },
    }),
  ],
  [
    'qk-norm before rope, relu2, tied head, softcap, one kv head',
    tinySpec({
      model: {
        width: 12,
        heads: 3,
        kvHeads: 1,
        norm: 'rmsnorm',
        position: 'rope',
        mlp: 'relu2',
        qkNorm: true,
        tied: true,
        logitSoftcap: 5,
        bias: true,
      },
      schedule: { kind: 'wsd', warmupSteps: 3, cooldown: 0.4, finalRatio: 0 },
      optimizer: { clip: 0.5, weightDecay: 0 },
    }),
  ],
  [
    'no positions, layernorm without biases, tied, swiglu, z-loss, softcap, two micro-batches a step',
    tinySpec({
      data: { gradAccum: 2 },
      model: { norm: 'layernorm', position: 'none', mlp: 'swiglu', bias: false, tied: true, logitSoftcap: 3 },
      loss: { zLoss: 0.001 },
      schedule: { kind: 'linear', warmupSteps: 2, finalRatio: 0.2 },
      optimizer: { clip: 0.2, weightDecay: 0.3 },
    }),
  ],
  [
    'learned positions with qk-norm, biases with rmsnorm and swiglu, three micro-batches a step',
    tinySpec({
      data: { gradAccum: 3 },
      model: { layers: 2, norm: 'rmsnorm', position: 'learned', mlp: 'swiglu', qkNorm: true, bias: true, tied: false },
      schedule: { kind: 'cosine', warmupSteps: 0, finalRatio: 0 },
      optimizer: { clip: null, weightDecay: 0 },
    }),
  ],
]);

/**
 * Weights for comparisons, all f32 values: those of the initialisation, gains and biases moved off 1 and 0 and everything
 * times `spread`, so that no term of a gradient vanishes.
 */
export function testWeights(spec: RunSpec, spread = 1): Map<string, Float64Array> {
  const weights = new Map<string, Float64Array>();
  for (const { name, shape, init } of parameterShapes(spec)) {
    const noise = new Float32Array(sizeOf(shape));
    normals(noise, spec.seed.init, name, (init.kind === 'normal' ? init.std : 0.02) * spread);
    weights.set(
      name,
      Float64Array.from(noise, (value) => Math.fround(init.kind === 'ones' ? 1 + value : value)),
    );
  }
  return weights;
}

/** Micro-batches of a noisy walk over the vocabulary, for `steps` steps: there is something to learn, and every token occurs. */
export function testBatches(spec: RunSpec, steps: number): Batch[] {
  const { batch, context, gradAccum } = spec.data;
  const vocab = vocabSize(spec);
  const size = batch * context;
  const jumps = new Float32Array((size + batch) * steps * gradAccum);
  normals(jumps, spec.seed.data, 'walk', 1.5);
  let token = 0;
  const walk = Uint32Array.from(jumps, (jump) => (token = (((token + 3 + Math.round(jump)) % vocab) + vocab) % vocab));
  return Array.from({ length: steps * gradAccum }, (_, m) => {
    const [tokens, targets] = [new Uint32Array(size), new Uint32Array(size)];
    for (let b = 0; b < batch; b++) {
      const start = (m * batch + b) * (context + 1);
      tokens.set(walk.subarray(start, start + context), b * context);
      targets.set(walk.subarray(start + 1, start + 1 + context), b * context);
    }
    return { tokens, targets };
  });
}
