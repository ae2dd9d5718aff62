import { Batcher, prepareDataset } from '../../src/data/index.ts';
import type { Dataset } from '../../src/data/index.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import { initialWeights } from '../../src/train/init.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { StepMetrics, TrainerOptions } from '../../src/train/trainer.ts';
import type { Batch } from '../reference/model.ts';
import { testGpu } from './run-graph.ts';

/** A short Markov text for the specs of tests. */
export function testDataset(spec: RunSpec): Promise<Dataset> {
  return prepareDataset(
    { kind: 'markov', markov: spec.data.markov, trainTokens: 4000, validationTokens: 1000 },
    { tokenizer: 'byte', merges: 0, context: spec.data.context, order: spec.data.order },
  );
}

export async function testTrainer(specs: readonly RunSpec[], options: Partial<TrainerOptions> = {}): Promise<Trainer> {
  const [spec] = specs;
  if (spec === undefined) throw new RangeError('no spec');
  return Trainer.create({ gpu: await testGpu(), specs, dataset: options.dataset ?? (await testDataset(spec)), ...options });
}

/** What a lane measured, step by step. */
export interface LaneTrace {
  readonly losses: number[];
  readonly gradNorms: number[];
}

/** Trains `steps` steps in submits of at most `k`, and gives each lane's losses and gradient norms. */
export async function trace(trainer: Trainer, steps: number, k = 1): Promise<readonly LaneTrace[]> {
  const lanes = trainer.specs.length;
  const traces = Array.from({ length: lanes }, (): LaneTrace => ({ losses: [], gradNorms: [] }));
  const keep = (metrics: StepMetrics): void => {
    metrics.lossNats.forEach((loss, i) => void traces[i % lanes]?.losses.push(loss));
    metrics.gradNorm.forEach((norm, i) => void traces[i % lanes]?.gradNorms.push(norm));
  };
  for (let done = 0; done < steps; done += k) {
    await trainer.free();
    keep(await trainer.advance(Math.min(k, steps - done)));
  }
  return traces;
}

/** The micro-batches that a run of `steps` steps sees. */
export function batchesOf(spec: RunSpec, dataset: Dataset, steps: number): readonly Batch[] {
  const { context, batch, order, gradAccum } = spec.data;
  const batcher = new Batcher({ tokens: dataset.train, vocab: dataset.vocab, context, batch, order, seed: spec.seed.data });
  return Array.from({ length: steps * gradAccum }, (_, b) => {
    const [tokens, targets] = [new Uint32Array(batch * context), new Uint32Array(batch * context)];
    batcher.fill(b, tokens, targets);
    return { tokens, targets };
  });
}

export function weightsOf(spec: RunSpec, vocab: number): ReadonlyMap<string, Float64Array> {
  return new Map(initialWeights(spec, vocab).map(({ name, data }) => [name, Float64Array.from(data)]));
}
