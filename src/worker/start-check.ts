import { SpecError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import { differingPaths, type RunSpec } from '../spec/index.ts';
import { planTraining, type Checkpoint } from '../train/index.ts';

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

function requireSameRun(checkpoint: Checkpoint, specs: readonly RunSpec[], { contentHash }: Dataset): void {
  const refuse = (rule: string, cure: string): never => {
    throw new SpecError({ where: 'checkpoint', rule, cure });
  };
  if (checkpoint.dataHash !== contentHash) refuse('it was trained on other data', 'Choose the data that the run was started on.');
  const cure = 'Resume with the spec in the checkpoint, or start a new run.';
  if (specs.length !== checkpoint.specs.length) refuse('it has another number of lanes', cure);
  for (const [lane, spec] of specs.entries()) {
    const path = differingPaths(checkpoint.specs[lane] ?? spec, spec).find((candidate) => candidate !== 'name');
    if (path !== undefined) refuse(`it is of another spec: ${path} differs`, cure);
  }
}
