import { tune } from '../engine/index.ts';
import type { Tuned, TuneOptions } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { checkFastPaths, probeSpec } from './fast-paths.ts';
import type { KnownVerdicts } from './fast-paths.ts';
import { trainingGraph } from './graphs.ts';
import { planTraining } from './plans.ts';

export interface TuneTrainingOptions extends Pick<TuneOptions, 'known' | 'rounds' | 'signal' | 'onProgress'> {
  readonly verdicts?: KnownVerdicts;
}

/**
 * Finds the fastest variants for the training step of a run of `spec` on this device, for the shapes that it has; `choicesOf` makes of
 * them what a run is planned with. How many lanes a run has is of no account (promise 2).
 *
 * @throws as `tune` and planning do.
 */
export async function tuneTraining(
  gpu: Gpu,
  spec: RunSpec,
  vocab: number,
  { verdicts = new Map(), ...options }: TuneTrainingOptions = {},
): Promise<readonly Tuned[]> {
  const { spec: cleared, disabled } = await checkFastPaths(gpu, spec, vocab, { known: verdicts });
  const plan = planTraining([cleared], vocab, { caps: gpu.caps, disabled });
  return tune(gpu, plan, { ...options, verdicts, disabled, probe: trainingGraph(probeSpec(cleared), vocab) });
}
