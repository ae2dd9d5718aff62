import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/types.ts';
import { activation, add } from '../ops/elementwise.ts';
import { embedding } from '../ops/embedding.ts';
import type { TokenOrder } from '../ops/embedding.ts';
import { mergeHeads, splitQkv } from '../ops/heads.ts';
import { matmul } from '../ops/matmul.ts';
import { positionAdd } from '../ops/position.ts';
import { qkNorm } from '../ops/qk-norm.ts';
import { rope } from '../ops/rope.ts';
import { causalSoftmax } from '../ops/softmax.ts';
import { swiglu } from '../ops/swiglu.ts';
import type { ModelSpec } from '../spec/run-spec.ts';
import { linear, NORM_EPS, normalize, weight } from './layers.ts';
import type { Weights } from './layers.ts';

export const ROPE_BASE = 10_000;

/** Token ids `u32[B,T]`, and, for training, their positions sorted by id (see `data/batches.ts`), which the embedding's gradient sums over. */
export interface Tokens {
  readonly tokens: Value;
  readonly order?: TokenOrder;
}

/**
 * A pre-norm GPT in plain ops: `x += proj(attention(norm1(x)))`, `x += mlp(norm2(x))`, then norm, head and softcap.
 * Tensor names are those of `parameterShapes` (spec/shapes.ts). Gives logits `[B,T,V]`.
 */
export function gpt(g: Graph, model: ModelSpec, weights: Weights, { tokens, order }: Tokens): Value {
  const table = weight(weights, 'embed.weight');
  let x = g.scope('embed', () => embedding(g, tokens, table, order));
  if (model.position === 'learned') x = g.scope('position', () => positionAdd(g, x, weight(weights, 'position.weight')));
  for (let layer = 0; layer < model.layers; layer++) x = block(g, model, weights, `blocks.${layer}`, x);
  const y = normalize(g, weights, 'final.norm', model.norm, x);
  const logits = g.scope('head', () =>
    model.tied ? matmul(g, y, table, { transposeB: true }) : matmul(g, y, weight(weights, 'head.weight')),
  );
  const cap = model.logitSoftcap;
  return cap === null ? logits : g.scope('head', () => activation(g, logits, { kind: 'softcap', cap }));
}

function block(g: Graph, model: ModelSpec, weights: Weights, name: string, x: Value): Value {
  const attended = attend(g, model, weights, `${name}.attn`, normalize(g, weights, `${name}.norm1`, model.norm, x));
  const mid = add(g, x, attended, `${name}.attn`);
  const moved = mlp(g, model, weights, `${name}.mlp`, normalize(g, weights, `${name}.norm2`, model.norm, mid));
  return add(g, mid, moved, `${name}.mlp`);
}

/** Causal self-attention, x `[B,T,C]`; q, k and v lie side by side in one projection `[B,T,(H+2*Hkv)*D]`. */
function attend(g: Graph, model: ModelSpec, weights: Weights, name: string, x: Value): Value {
  const { heads } = model;
  const kvHeads = model.kvHeads ?? heads;
  const headSize = model.width / heads;
  const [q, kv] = [heads * headSize, kvHeads * headSize];
  let qkv = linear(g, weights, `${name}.qkv`, x, [q, kv, kv]);
  const mixed = g.scope(name, () => {
    if (model.qkNorm) {
      const gains = [weight(weights, `${name}.qnorm.gain`), weight(weights, `${name}.knorm.gain`)] as const;
      [qkv] = qkNorm(g, qkv, gains[0], gains[1], { heads, kvHeads, headSize, eps: NORM_EPS });
    }
    if (model.position === 'rope') qkv = rope(g, qkv, { heads: heads + kvHeads, headSize, base: ROPE_BASE, inverse: false });
    const [q, k, v] = splitQkv(g, qkv, { heads, kvHeads, headSize });
    const scores = matmul(g, q, k, { transposeB: true, batched: true, alpha: 1 / Math.sqrt(headSize) });
    return mergeHeads(g, matmul(g, causalSoftmax(g, scores), v, { batched: true }));
  });
  return linear(g, weights, `${name}.proj`, mixed);
}

function mlp(g: Graph, model: ModelSpec, weights: Weights, name: string, x: Value): Value {
  const { mlp: kind } = model;
  const hidden = linear(g, weights, `${name}.fc`, x);
  const active = g.scope(name, () => (kind === 'swiglu' ? swiglu(g, hidden) : activation(g, hidden, { kind })));
  return linear(g, weights, `${name}.proj`, active);
}
