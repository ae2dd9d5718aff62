import type { Dataset } from '../data/index.ts';
import type { Choices, Plan } from '../engine/index.ts';
import { choiceKeys } from '../engine/signature.ts';
import type { Gpu } from '../gpu/device.ts';
import type { RunSpec } from '../spec/index.ts';
import { tuneTraining } from '../train/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import type { Tuned, TuningReport } from './report.ts';

export interface TuneStepOptions {
  /** The shapes of the same step with no fusion rule on, too; forms of an ablation with some of the rules have further ones. */
  readonly unfused?: boolean;
  /** Fast paths are checked first, as for a run. */
  readonly verdicts?: KnownVerdicts;
  readonly signal?: AbortSignal;
  /** Hears of each shape once it is tuned. */
  readonly onRow?: (row: Tuned) => void;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

/**
 * Finds the fastest variant of every shape of a training step that two or more serve, each anew.
 *
 * @throws as `tuneTraining` does; the signal's reason once aborted.
 */
export async function tuneStep(
  gpu: Gpu,
  spec: RunSpec,
  dataset: Pick<Dataset, 'vocab'>,
  { unfused = false, verdicts = new Map(), signal, onRow, onProgress }: TuneStepOptions = {},
): Promise<TuningReport> {
  const found = new Map<string, Tuned>();
  const tuneForm = (form: RunSpec, note: string): Promise<unknown> =>
    tuneTraining(gpu, form, dataset.vocab, {
      verdicts,
      known: found,
      ...(signal === undefined ? {} : { signal }),
      onProgress: ({ done, total, shape, tuned }) => {
        if (tuned === null) onProgress?.(done, total, `${shape}${note}`);
        else if (!found.has(tuned.signature)) {
          found.set(tuned.signature, tuned);
          onRow?.(tuned);
        }
      },
    });
  await tuneForm(spec, '');
  if (unfused) await tuneForm({ ...spec, fusion: 'none' }, ', nothing fused');
  return { rows: [...found.values()] };
}

/** How many distinct shapes of a plan are computed as the tuner chose. */
export function tunedShapes({ steps }: Pick<Plan, 'steps'>, choices: Choices): number {
  const chosen = steps
    .map(({ node, variant }) => ({ keys: choiceKeys(node), variant }))
    .filter(({ keys, variant }) => keys.some((key) => choices.get(key) === variant));
  return new Set(chosen.map(({ keys: [signature] }) => signature)).size;
}
