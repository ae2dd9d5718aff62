import type { ShapeSpec } from './shapes.ts';
import { kvHeadCount, headSize, mlpWidth, parameterShapes, vocabSize } from './shapes.ts';

export interface ParameterCount {
  readonly total: number;
  /** Token and position embeddings; a tied head is one of them. */
  readonly embedding: number;
  /** An untied head, 0 when tied. */
  readonly head: number;
  /** Everything but the embeddings, an untied head included: N of the scaling laws that do not count embeddings. */
  readonly nonEmbedding: number;
  readonly byTensor: readonly { readonly name: string; readonly count: number }[];
}

/** Exact numbers of trained parameters, tensor by tensor. */
export function parameterCount(spec: ShapeSpec, vocab: number = vocabSize(spec)): ParameterCount {
  const byTensor: { name: string; count: number }[] = [];
  let total = 0;
  let embedding = 0;
  let head = 0;
  for (const { name, shape, role } of parameterShapes(spec, vocab)) {
    const count = shape.reduce((product, size) => product * size, 1);
    byTensor.push({ name, count });
    total += count;
    if (role === 'embedding' || role === 'position') embedding += count;
    if (role === 'head') head += count;
  }
  return { total, embedding, head, nonEmbedding: total - embedding, byTensor };
}

export type FlopsTerm = 'qkv' | 'scores' | 'values' | 'attentionProjection' | 'mlpIn' | 'mlpOut' | 'head';

export interface FlopsPerToken {
  /** Summed over layers; a multiply-add is 2 FLOPs. */
  readonly terms: { readonly [T in FlopsTerm]: { readonly forward: number; readonly backward: number } };
  readonly forward: number;
  readonly backward: number;
  /** Forward and backward: C/D of this model. */
  readonly total: number;
  /** 6N with every parameter counted, the estimate of the scaling-law papers. */
  readonly sixN: number;
  /** 6N without embeddings. */
  readonly sixNonEmbedding: number;
}

/**
 * Training FLOPs per token, term by term. Counted are the matmuls and the two products of attention; norms, activations, softmax
 * and the optimizer are not, by the convention of the scaling-law papers. The backward pass of a matmul is two matmuls of its size.
 *
 * `attention` says what a token attends to: `full` is all T positions (the MFU convention of PaLM, appendix B, and what plain
 * attention computes), `causal` the (T + 1) / 2 positions that the mask leaves on average.
 */
export function flopsPerToken(
  spec: ShapeSpec,
  vocab: number = vocabSize(spec),
  attention: 'full' | 'causal' = 'full',
): FlopsPerToken {
  const { model, data } = spec;
  const C = model.width;
  const HD = model.heads * headSize(model);
  const F = mlpWidth(model);
  const positions = attention === 'full' ? data.context : (data.context + 1) / 2;
  const inLayers = (multiplyAdds: number): FlopsPerToken['terms']['head'] => product(model.layers * multiplyAdds);

  const terms = {
    qkv: inLayers(C * (HD + 2 * kvHeadCount(model) * headSize(model))),
    scores: inLayers(positions * HD),
    values: inLayers(positions * HD),
    attentionProjection: inLayers(HD * C),
    mlpIn: inLayers(C * F * (model.mlp === 'swiglu' ? 2 : 1)),
    mlpOut: inLayers(F * C),
    head: product(C * vocab),
  };
  let forward = 0;
  let backward = 0;
  for (const term of Object.values(terms)) {
    forward += term.forward;
    backward += term.backward;
  }
  const count = parameterCount(spec, vocab);
  return { terms, forward, backward, total: forward + backward, sixN: 6 * count.total, sixNonEmbedding: 6 * count.nonEmbedding };
}

function product(multiplyAdds: number): { forward: number; backward: number } {
  return { forward: 2 * multiplyAdds, backward: 4 * multiplyAdds };
}
