import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-webgpu';
import { adamScalars, decayFactor, NORM_EPS } from './contender.ts';
import type { Contender, Course } from './contender.ts';

type Weight = (name: string) => tf.Tensor;

/** TensorFlow.js on its WebGPU backend: eager ops, gradients of variables, AdamW by hand. */
export async function openTfjs(course: Course): Promise<Contender> {
  if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs: it found no WebGPU device');
  const { spec, weights } = course;
  const { beta1, beta2 } = spec.optimizer;
  const { context } = spec.data;

  const variables = weights.map(({ name, shape, data }) => ({
    name,
    shape,
    p: tf.variable(tf.tensor(data, [...shape])),
    m: tf.variable(tf.zeros([...shape])),
    v: tf.variable(tf.zeros([...shape])),
  }));
  const byName = new Map<string, tf.Tensor>(variables.map(({ name, p }) => [name, p]));
  const weight: Weight = (name) => {
    const found = byName.get(name);
    if (found === undefined) throw new Error(`tfjs: the model has no tensor ${name}`);
    return found;
  };
  // Scalars that stay the same are uploaded once; a number given to an op would be uploaded by every call.
  const constants = {
    beta1: tf.scalar(beta1),
    oneMinusBeta1: tf.scalar(1 - beta1),
    beta2: tf.scalar(beta2),
    oneMinusBeta2: tf.scalar(1 - beta2),
    decay: tf.scalar(decayFactor(spec, [1, 1])),
  };
  const mask = tf.tidy(() => {
    const ahead = Float32Array.from({ length: context * context }, (_, i) => (i % context > Math.floor(i / context) ? -1e9 : 0));
    return tf.tensor2d(ahead, [context, context]);
  });

  let done = 0;
  const advance = (): tf.Scalar =>
    tf.tidy(() => {
      done += 1;
      const { tokens, targets } = course.batch(done);
      const { value, grads } = tf.variableGrads(
        () => meanLoss(course, weight, mask, tf.tensor1d(tokens, 'int32'), tf.tensor1d(targets, 'int32')),
        variables.map(({ p }) => p),
      );
      const { rate, eps } = adamScalars(spec, done);
      const [rateTensor, epsTensor] = [tf.scalar(rate), tf.scalar(eps)];
      for (const { name, shape, p, m, v } of variables) {
        const g = grads[p.name];
        if (g === undefined) throw new Error(`tfjs: no gradient of ${name}`);
        const m1 = tf.add(tf.mul(m, constants.beta1), tf.mul(g, constants.oneMinusBeta1));
        const v1 = tf.add(tf.mul(v, constants.beta2), tf.mul(tf.square(g), constants.oneMinusBeta2));
        const change = tf.mul(tf.div(m1, tf.add(tf.sqrt(v1), epsTensor)), rateTensor);
        p.assign(tf.sub(shape.length >= 2 ? tf.mul(p, constants.decay) : p, change));
        m.assign(m1);
        v.assign(v1);
      }
      return value;
    });
  return {
    train: async (steps) => {
      for (let i = 1; i < steps; i++) advance().dispose();
      const last = advance();
      const [loss] = await last.data();
      last.dispose();
      return loss ?? NaN;
    },
    destroy: () => tf.dispose([variables.map(({ p, m, v }) => [p, m, v]), constants, mask]),
  };
}

/** Mean cross-entropy over all positions, nats per token: tokens and targets i32[B*T], mask `[T,T]` is added to the attention scores. */
function meanLoss(
  { spec, dataset }: Course,
  weight: Weight,
  mask: tf.Tensor2D,
  tokens: tf.Tensor1D,
  targets: tf.Tensor1D,
): tf.Scalar {
  const { layers, width, heads } = spec.model;
  const { batch, context } = spec.data;
  const headSize = width / heads;
  const linear = (x: tf.Tensor, name: string): tf.Tensor =>
    tf.fused.matMul({ a: x, b: weight(`${name}.weight`), transposeA: false, transposeB: false, bias: weight(`${name}.bias`) });
  const norm = (x: tf.Tensor, name: string): tf.Tensor => {
    const centred = tf.sub(x, tf.mean(x, -1, true));
    const variance = tf.mean(tf.square(centred), -1, true);
    const scaled = tf.mul(centred, tf.rsqrt(tf.add(variance, NORM_EPS)));
    return tf.add(tf.mul(scaled, weight(`${name}.gain`)), weight(`${name}.bias`));
  };
  const gelu = (x: tf.Tensor): tf.Tensor => {
    const inner = tf.mul(tf.add(x, tf.mul(tf.mul(tf.square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(tf.tanh(inner), 1));
  };
  const attend = (x: tf.Tensor, name: string): tf.Tensor => {
    const parts = tf.reshape(linear(x, `${name}.qkv`), [batch, context, 3, heads, headSize]);
    const [q, k, v] = tf.unstack(tf.transpose(parts, [2, 0, 3, 1, 4]));
    if (q === undefined || k === undefined || v === undefined) throw new Error('tfjs: unstack gave fewer than three parts');
    const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(headSize)), mask);
    const mixed = tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]);
    return linear(tf.reshape(mixed, [batch * context, width]), `${name}.proj`);
  };

  const embedded = tf.reshape(tf.gather(weight('embed.weight'), tokens), [batch, context, width]);
  let x: tf.Tensor = tf.reshape(tf.add(embedded, weight('position.weight')), [batch * context, width]);
  for (let layer = 0; layer < layers; layer++) {
    const block = `blocks.${layer}`;
    x = tf.add(x, attend(norm(x, `${block}.norm1`), `${block}.attn`));
    x = tf.add(x, linear(gelu(linear(norm(x, `${block}.norm2`), `${block}.mlp.fc`)), `${block}.mlp.proj`));
  }
  const logits = tf.matMul(norm(x, 'final.norm'), weight('head.weight'));
  return tf.losses.softmaxCrossEntropy(tf.oneHot(targets, dataset.vocab), logits);
}
