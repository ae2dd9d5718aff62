import { Batcher, CorpusShelf, prepareDataset } from '../../data/index.ts';
import type { Dataset } from '../../data/index.ts';
import { parseSpec } from '../../spec/index.ts';
import type { RunSpec } from '../../spec/index.ts';
import { initialWeights } from '../../train/init.ts';
import type { NamedTensor } from '../../train/safetensors.ts';

/** What every contender starts from and is fed: the same weights, the same batches, in the same order. */
export interface Course {
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  readonly weights: readonly NamedTensor[];
  /** Batch of step `step` (1-based), each i32[B*T]; new arrays. */
  batch(step: number): { readonly tokens: Int32Array<ArrayBuffer>; readonly targets: Int32Array<ArrayBuffer> };
}

/** One library that trains the course's model, f32, on WebGPU. */
export interface Contender {
  /** Trains `steps` more steps. Resolves with the loss of the last one, nats per token, once it has been read back. */
  train(steps: number): Promise<number>;
  destroy(): void;
}

/** Added to the variance by every layer norm. */
export const NORM_EPS = 1e-5;

/** The State of the Union text, read in order, and the weights of the spec's seed. */
export async function layCourse(rawSpec: unknown): Promise<Course> {
  const spec = parseSpec(rawSpec);
  const { context, batch, order } = spec.data;
  const corpus = await new CorpusShelf(`${location.origin}/`).open('sotu');
  const dataset = await prepareDataset({ kind: 'corpus', ...corpus }, { tokenizer: 'byte', merges: 0, context, order });
  const batcher = new Batcher({ tokens: dataset.train, vocab: dataset.vocab, context, batch, order, seed: spec.seed.data });
  return {
    spec,
    dataset,
    weights: initialWeights(spec, dataset.vocab),
    batch: (step) => {
      const [tokens, targets] = [new Uint32Array(batch * context), new Uint32Array(batch * context)];
      batcher.fill(step - 1, tokens, targets);
      return { tokens: new Int32Array(tokens.buffer), targets: new Int32Array(targets.buffer) };
    },
  };
}

/** AdamW's update as `p' = p * decay - rate * m' / (sqrt(v') + eps)`: the two bias corrections folded into scalars, in f64 on the CPU. */
export function adamScalars({ optimizer }: RunSpec, step: number): { readonly rate: number; readonly eps: number } {
  const { lr, beta1, beta2, eps } = optimizer;
  const root2 = Math.sqrt(1 - beta2 ** step);
  return { rate: (lr * root2) / (1 - beta1 ** step), eps: eps * root2 };
}

/** What decoupled weight decay leaves of a tensor in one step; 1 for tensors of one dimension. */
export function decayFactor({ optimizer }: RunSpec, shape: readonly number[]): number {
  return shape.length >= 2 ? 1 - optimizer.lr * optimizer.weightDecay : 1;
}
