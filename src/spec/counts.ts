import type { ShapeSpec } from './shapes.ts';
import { headSize, kvHeadCount, mlpWidth, parameterShapes, vocabSize } from './shapes.ts';

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

/**
 * What a model is made of, with the formulas of its parameters and of its multiply-adds per token. l layers, C width, D = C/H head
 * size, Hkv key and value heads, F MLP width, V vocabulary, T context, A positions that a token attends to.
 */
export const COUNT_TERMS = {
  embedding: { label: 'Token embedding', parameters: 'V C', multiplyAdds: '' },
  position: { label: 'Learned positions', parameters: 'T C', multiplyAdds: '' },
  qkv: { label: 'Queries, keys, values', parameters: 'l C (H + 2 Hkv) D', multiplyAdds: 'l C (H + 2 Hkv) D' },
  scores: { label: 'Attention scores', parameters: '', multiplyAdds: 'l A H D' },
  values: { label: 'Attention over values', parameters: '', multiplyAdds: 'l A H D' },
  attentionProjection: { label: 'Attention projection', parameters: 'l H D C', multiplyAdds: 'l H D C' },
  mlpIn: {
    label: 'MLP in (SwiGLU: gate and up)',
    parameters: 'l C F (SwiGLU: 2 l C F)',
    multiplyAdds: 'l C F (SwiGLU: 2 l C F)',
  },
  mlpOut: { label: 'MLP out', parameters: 'l F C', multiplyAdds: 'l F C' },
  norms: { label: 'Gains of norms', parameters: '(2 l + 1) C (qk-norm: + 2 l D)', multiplyAdds: '' },
  biases: {
    label: 'Biases of linear layers and LayerNorm',
    parameters: 'l ((H + 2 Hkv) D + C + F (SwiGLU: 2 F) + C), LayerNorm: + (2 l + 1) C',
    multiplyAdds: '',
  },
  head: { label: 'Head (last layer)', parameters: 'C V (tied: 0)', multiplyAdds: 'C V' },
} as const;

export type CountTermId = keyof typeof COUNT_TERMS;

/** One term of a model, summed over its layers. */
export interface CountTerm {
  readonly id: CountTermId;
  readonly parameters: number;
  /** FLOPs per token, 2 for a multiply-add. */
  readonly forward: number;
  /** FLOPs per token; the backward pass of a matmul is two matmuls of its size. */
  readonly backward: number;
}

/**
 * What a token attends to: `full` is all T positions (the MFU convention of PaLM, appendix B, and what plain attention computes),
 * `causal` the (T + 1) / 2 positions that the mask leaves on average, `none` leaves the two products out.
 */
export type AttentionCount = 'full' | 'causal' | 'none';

/**
 * A model, term by term: parameters, and training FLOPs per token. Counted are the matmuls and the two products of attention; norms,
 * activations, softmax and the optimizer are not, by the convention of the scaling-law papers. A tied head has FLOPs and no parameters
 * of its own.
 */
export function modelTerms(
  spec: ShapeSpec,
  vocab: number = vocabSize(spec),
  attention: AttentionCount = 'full',
): readonly CountTerm[] {
  const { model, data } = spec;
  const { layers, width: C } = model;
  const D = headSize(model);
  const HD = model.heads * D;
  const qkv = HD + 2 * kvHeadCount(model) * D;
  const F = mlpWidth(model);
  const fc = model.mlp === 'swiglu' ? 2 * F : F;
  const positions = { full: data.context, causal: (data.context + 1) / 2, none: 0 }[attention];
  const norms = (2 * layers + 1) * C;
  const biases = layers * (qkv + C + fc + C) + (model.norm === 'layernorm' ? norms : 0);

  const term = (id: CountTermId, parameters: number, multiplyAdds = 0): CountTerm => ({
    id,
    parameters,
    forward: 2 * multiplyAdds,
    backward: 4 * multiplyAdds,
  });
  const matmul = (id: CountTermId, weights: number): CountTerm => term(id, weights, weights);
  return [
    term('embedding', vocab * C),
    term('position', model.position === 'learned' ? data.context * C : 0),
    matmul('qkv', layers * C * qkv),
    term('scores', 0, layers * positions * HD),
    term('values', 0, layers * positions * HD),
    matmul('attentionProjection', layers * HD * C),
    matmul('mlpIn', layers * C * fc),
    matmul('mlpOut', layers * F * C),
    term('norms', norms + (model.qkNorm ? 2 * layers * D : 0)),
    term('biases', model.bias ? biases : 0),
    term('head', model.tied ? 0 : C * vocab, C * vocab),
  ];
}

const FLOPS_TERMS = ['qkv', 'scores', 'values', 'attentionProjection', 'mlpIn', 'mlpOut', 'head'] as const;
export type FlopsTerm = (typeof FLOPS_TERMS)[number];

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

/** Training FLOPs per token by {@link modelTerms}, and the two estimates of 6N beside them. */
export function flopsPerToken(
  spec: ShapeSpec,
  vocab: number = vocabSize(spec),
  attention: AttentionCount = 'full',
): FlopsPerToken {
  const all = modelTerms(spec, vocab, attention);
  const terms = Object.fromEntries(
    all.flatMap(({ id, forward, backward }) => (isFlopsTerm(id) ? [[id, { forward, backward }]] : [])),
  ) as FlopsPerToken['terms'];
  const forward = sumOf(all, (term) => term.forward);
  const backward = sumOf(all, (term) => term.backward);
  const [sixN, sixNonEmbedding] = [6 * parametersOf(all, 'all'), 6 * parametersOf(all, 'non-embedding')];
  return { terms, forward, backward, total: forward + backward, sixN, sixNonEmbedding };
}

/**
 * Which parameters are N: `all`; `non-embedding` leaves out token and learned position embeddings and keeps an untied head; `blocks`
 * leaves that out too, as Kaplan et al. do (a tied head goes with its embedding in both).
 */
export type ParametersCounted = 'all' | 'non-embedding' | 'blocks';

/** The switches that move fitted exponents by more than their error bars: what N and C of a law stand for. */
export interface Counting {
  readonly parameters: ParametersCounted;
  /** FLOPs per token: 6 times the N above, or every matmul counted. */
  readonly flops: '6N' | 'exact';
  /** What `exact` counts of attention's two products. */
  readonly attention: AttentionCount;
  /** Whether `exact` counts the last layer, the head. */
  readonly head: boolean;
}

/** Everything counted: what budgets in FLOPs, forecasts and MFU go by. */
export const COUNT_ALL: Counting = { parameters: 'all', flops: 'exact', attention: 'full', head: true };

/** N of a model. */
export function countedParameters(spec: ShapeSpec, vocab: number, counted: ParametersCounted): number {
  return parametersOf(modelTerms(spec, vocab), counted);
}

/** Names of {@link ParametersCounted} in sentences. */
export const COUNTED_WORDS: Readonly<Record<ParametersCounted, string>> = {
  all: 'all parameters',
  'non-embedding': 'parameters without embeddings',
  blocks: 'the parameters of the blocks',
};

const LEFT_OUT: { readonly [P in ParametersCounted]: readonly CountTermId[] } = {
  all: [],
  'non-embedding': ['embedding', 'position'],
  blocks: ['embedding', 'position', 'head'],
};

function parametersOf(terms: readonly CountTerm[], counted: ParametersCounted): number {
  return sumOf(terms, ({ id, parameters }) => (LEFT_OUT[counted].includes(id) ? 0 : parameters));
}

/** Training FLOPs per token, forward and backward: C/D. */
export function countedFlopsPerToken(spec: ShapeSpec, vocab: number, counting: Counting): number {
  const { parameters, flops, attention, head } = counting;
  if (flops === '6N') return 6 * countedParameters(spec, vocab, parameters);
  return sumOf(modelTerms(spec, vocab, attention), (term) => (head || term.id !== 'head' ? term.forward + term.backward : 0));
}

function isFlopsTerm(id: CountTermId): id is FlopsTerm {
  return FLOPS_TERMS.some((term) => term === id);
}

function sumOf(terms: readonly CountTerm[], value: (term: CountTerm) => number): number {
  return terms.reduce((sum, term) => sum + value(term), 0);
}
