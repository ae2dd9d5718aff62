import type { Dataset } from '../data/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { planTraining, requireSameRun, type Checkpoint } from '../train/index.ts';

export interface Start {
  /** One spec a lane. */
  readonly specs: readonly RunSpec[];
  readonly dataset: Dataset;
  /** What the run goes on from, or null. */
  readonly checkpoint: Checkpoint | null;
  readonly plan: Parameters<typeof planTraining>[2];
}

/**
 * Refuses what can be refused of a start before anything on the GPU makes room for it.
 *
 * @throws SpecError for lanes that cannot share a program and for a checkpoint of another run; what planning throws.
 */
export function requireStartable({ specs, dataset, checkpoint, plan }: Start): void {
  if (checkpoint !== null) requireSameRun(checkpoint, specs, dataset);
  planTraining(specs, dataset.vocab, plan);
}
