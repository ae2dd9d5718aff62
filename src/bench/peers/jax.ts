import { defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax';
import { adamScalars, decayFactor, NORM_EPS } from './contender.ts';
import type { Contender, Course } from './contender.ts';

type Tensors = Record<string, np.Array>;

/**
 * jax-js on WebGPU: forward, backward and AdamW in one jitted function of the weights and moments. An array is consumed by the
 * call that takes it; `.ref` keeps it for one more.
 */
export async function openJax(course: Course): Promise<Contender> {
  const available = await init('webgpu');
  if (!available.includes('webgpu')) throw new Error('jax-js: it found no WebGPU device');
  defaultDevice('webgpu');

  const { spec, weights } = course;
  const { beta1, beta2 } = spec.optimizer;
  const { batch, context } = spec.data;
  const gradient = valueAndGrad((p: Tensors, tokens: np.Array, targets: np.Array) => meanLoss(course, p, tokens, targets));
  const step = jit(
    (
      p: Tensors,
      m: Tensors,
      v: Tensors,
      tokens: np.Array,
      targets: np.Array,
      rate: np.Array,
      eps: np.Array,
    ): [np.Array, Tensors, Tensors, Tensors] => {
      const [loss, grads] = gradient(tree.ref(p), tokens, targets);
      const next: [Tensors, Tensors, Tensors] = [{}, {}, {}];
      for (const { name, shape } of weights) {
        const g = tensor(grads, name);
        const m1 = tensor(m, name)
          .mul(beta1)
          .add(g.ref.mul(1 - beta1));
        const v1 = tensor(v, name)
          .mul(beta2)
          .add(np.square(g).mul(1 - beta2));
        const change = m1.ref.div(np.sqrt(v1.ref).add(eps.ref)).mul(rate.ref);
        next[0][name] = tensor(p, name).mul(decayFactor(spec, shape)).sub(change);
        next[1][name] = m1;
        next[2][name] = v1;
      }
      tree.dispose([rate, eps]);
      return [loss, ...next];
    },
  );

  const zeros = (): Tensors => Object.fromEntries(weights.map(({ name, shape }) => [name, np.zeros([...shape])]));
  let state: [Tensors, Tensors, Tensors] = [
    Object.fromEntries(weights.map(({ name, shape, data }) => [name, np.array(data, { shape: [...shape] })])),
    zeros(),
    zeros(),
  ];
  let done = 0;
  const advance = (): np.Array => {
    done += 1;
    const { tokens, targets } = course.batch(done);
    const { rate, eps } = adamScalars(spec, done);
    const ids = (data: Int32Array<ArrayBuffer>): np.Array => np.array(data, { shape: [batch, context], dtype: np.int32 });
    const [loss, ...next] = step(...state, ids(tokens), ids(targets), np.array([rate]), np.array([eps]));
    state = next;
    return loss;
  };
  return {
    train: async (steps) => {
      for (let i = 1; i < steps; i++) advance().dispose();
      const loss: unknown = await advance().data();
      return loss instanceof Float32Array ? (loss[0] ?? NaN) : NaN;
    },
    destroy: () => {
      tree.dispose(state);
      step.dispose();
    },
  };
}

/** Mean cross-entropy over all positions, nats per token: tokens and targets i32[B,T]. Consumes all of `p`, each tensor once. */
function meanLoss({ spec, dataset }: Course, p: Tensors, tokens: np.Array, targets: np.Array): np.Array {
  const { layers, width, heads } = spec.model;
  const { batch, context } = spec.data;
  const linear = (x: np.Array, name: string): np.Array =>
    np.matmul(x, tensor(p, `${name}.weight`)).add(tensor(p, `${name}.bias`));
  const norm = (x: np.Array, name: string): np.Array => {
    const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
    return centred
      .div(np.sqrt(variance.add(NORM_EPS)))
      .mul(tensor(p, `${name}.gain`))
      .add(tensor(p, `${name}.bias`));
  };
  let x = np.take(tensor(p, 'embed.weight'), tokens, 0).add(tensor(p, 'position.weight'));
  for (let layer = 0; layer < layers; layer++) {
    const block = `blocks.${layer}`;
    const qkv = linear(norm(x.ref, `${block}.norm1`), `${block}.attn.qkv`);
    const [q, k, v] = np.split(qkv, 3, -1).map((part) => part.reshape([batch, context, heads, width / heads]));
    if (q === undefined || k === undefined || v === undefined) throw new Error('jax-js: split gave fewer than three parts');
    const mixed = nn.dotProductAttention(q, k, v, { isCausal: true }).reshape([batch, context, width]);
    x = x.add(linear(mixed, `${block}.attn.proj`));
    x = x.ref.add(linear(nn.gelu(linear(norm(x, `${block}.norm2`), `${block}.mlp.fc`)), `${block}.mlp.proj`));
  }
  const logits = np.matmul(norm(x, 'final.norm'), tensor(p, 'head.weight'));
  const picked = nn.logSoftmax(logits).mul(oneHot(targets, dataset.vocab));
  return np.sum(picked).mul(-1 / (batch * context));
}

/** f32[..., classes] as an expression that is fused into its use. */
function oneHot(ids: np.Array, classes: number): np.Array {
  return np.equal(np.expandDims(ids, -1), np.arange(classes, undefined, undefined, { dtype: np.int32 })).astype(np.float32);
}

function tensor(tensors: Tensors, name: string): np.Array {
  const found = tensors[name];
  if (found === undefined) throw new Error(`jax-js: the model has no tensor ${name}`);
  return found;
}
