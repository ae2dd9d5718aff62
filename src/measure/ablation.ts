import { SpecError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import type { Choices } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import { pairedRatio } from '../laws/index.ts';
import { FUSION_RULE_NAMES } from '../spec/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { planTraining, Trainer } from '../train/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import { boundBytesOf } from './bytes.ts';
import { formWords, type Ablation, type AblationForm, type AblationRow } from './report.ts';
import { median, msPerStep } from './steps.ts';
import { tunedShapes } from './tuning.ts';

export interface AblationOptions {
  readonly gpu: Gpu;
  /** Its own fusion is of no account. */
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  readonly verdicts?: KnownVerdicts;
  /** Variants as the tuner chose them, for the nodes of every form that it knows. */
  readonly choices?: Choices;
  /** Each is A B B A of a form and its reference. */
  readonly rounds?: number;
  /** Milliseconds of each letter of a round, and one step at least. */
  readonly windowMs?: number;
  readonly lossSteps?: number;
  /** Between windows; what was measured by then is given. */
  readonly signal?: AbortSignal;
  readonly onRow?: (row: AblationRow) => void;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

/** Every form that says something of this spec, and the rules that do not. */
export function ablationForms(
  spec: RunSpec,
  vocab: number,
  { caps }: Pick<Gpu, 'caps'>,
  choices: Choices = new Map(),
): {
  readonly forms: readonly AblationForm[];
  readonly idle: readonly string[];
} {
  const planned = (form: AblationForm): string => printed(fusedSpec(spec, form), vocab, caps, choices);
  const [all, none] = [planned(ALL), planned(NONE)];
  const only = FUSION_RULE_NAMES.map((rule): AblationForm => ({ kind: 'only', rule })).filter((form) => planned(form) !== none);
  const without = FUSION_RULE_NAMES.map((rule): AblationForm => ({ kind: 'without', rule })).filter(
    (form) => planned(form) !== all,
  );
  const named = new Set([...only, ...without].map(({ rule }) => rule));
  return { forms: [ALL, ...only, ...without], idle: FUSION_RULE_NAMES.filter((rule) => !named.has(rule)) };
}

const ALL: AblationForm = { kind: 'all', rule: '' };
const NONE: AblationForm = { kind: 'none', rule: '' };

/** What a plan does, as text that is equal for equal plans. */
function printed(spec: RunSpec, vocab: number, caps: Gpu['caps'], choices: Choices): string {
  const { steps } = planTraining([spec], vocab, { caps, choices });
  return steps
    .flatMap(({ dispatches }) => dispatches)
    .map(({ kernel, sizes, overrides, template }) => JSON.stringify([kernel, sizes, overrides, template]))
    .join('\n');
}

function fusedSpec(spec: RunSpec, { kind, rule }: AblationForm): RunSpec {
  if (kind === 'all' || kind === 'none') return { ...spec, fusion: kind };
  return { ...spec, fusion: Object.fromEntries(FUSION_RULE_NAMES.map((name) => [name, (name === rule) === (kind === 'only')])) };
}

/** An arm's program, and what is known of it before it is timed. */
interface Arm {
  readonly trainer: Trainer;
  readonly loss: number;
}

/**
 * Times the whole training step with all fusions and none, with each alone and with each taken away, in turns that share whatever slows
 * the machine down.
 *
 * @throws SpecError where nothing can be fused; DeviceError, KernelError as a run does.
 */
export async function ablate(options: AblationOptions): Promise<Ablation> {
  const { gpu, spec, dataset, rounds = 7, windowMs = 120, lossSteps = 20, signal, onRow, onProgress } = options;
  const { choices = new Map<string, string>() } = options;
  const { forms, idle } = ablationForms(spec, dataset.vocab, gpu, choices);
  if (forms.length === 1) throw new SpecError({ where: 'spec fusion', rule: 'no rule changes anything in this model' });
  const rows: AblationRow[] = [];
  const references = new Map<AblationForm['kind'], Arm>();
  const made = async (form: AblationForm): Promise<Arm> => {
    const trainer = await Trainer.create({
      gpu,
      specs: [fusedSpec(spec, form)],
      dataset,
      plan: { choices },
      ...(options.verdicts === undefined ? {} : { verdicts: options.verdicts }),
    });
    try {
      return { trainer, loss: await lossAfter(trainer, lossSteps) };
    } catch (error) {
      trainer.destroy();
      throw error;
    }
  };
  try {
    for (const [i, form] of forms.entries()) {
      if (signal?.aborted === true) break;
      onProgress?.(i, forms.length, formWords(form));
      const against = form.kind === 'without' ? ALL : NONE;
      const reference = references.get(against.kind) ?? (await made(against));
      references.set(against.kind, reference);
      const arm = await made(form);
      try {
        const times = await interleaved([reference.trainer, arm.trainer], rounds, windowMs, signal);
        if (times === null) break;
        const { plan } = arm.trainer;
        const row: AblationRow = {
          form,
          reference: against.kind,
          ms: median(times[1]),
          referenceMs: median(times[0]),
          ratio: pairedRatio(times[1], times[0]),
          dispatches: plan.dispatchesPerStep,
          boundBytes: boundBytesOf(plan),
          peakBytes: plan.peakBytes,
          tunedShapes: [tunedShapes(plan, choices), tunedShapes(reference.trainer.plan, choices)],
          lossDifference: Math.abs(arm.loss - reference.loss) / Math.abs(reference.loss),
        };
        rows.push(row);
        onRow?.(row);
      } finally {
        arm.trainer.destroy();
      }
    }
    return { rows, idle, lossSteps, rounds };
  } finally {
    for (const { trainer } of references.values()) trainer.destroy();
  }
}

async function lossAfter(trainer: Trainer, steps: number): Promise<number> {
  let loss = NaN;
  while (trainer.step < steps) {
    await trainer.free();
    const { lossNats } = await trainer.advance(Math.min(trainer.maxSteps, 4, steps - trainer.step));
    loss = lossNats.at(-1) ?? NaN;
  }
  return loss;
}

/** Milliseconds a step, one of each trainer a round of A B B A; null when it was stopped. */
async function interleaved(
  [a, b]: readonly [Trainer, Trainer],
  rounds: number,
  windowMs: number,
  signal: AbortSignal | undefined,
): Promise<readonly [number[], number[]] | null> {
  const times: readonly [number[], number[]] = [[], []];
  // One round warms up.
  for (let round = -1; round < rounds; round++) {
    const letters: number[] = [];
    for (const trainer of [a, b, b, a]) {
      if (signal?.aborted === true) return null;
      letters.push(await msPerStep(trainer, windowMs));
    }
    const [a1 = NaN, b1 = NaN, b2 = NaN, a2 = NaN] = letters;
    if (round < 0) continue;
    times[0].push((a1 + a2) / 2);
    times[1].push((b1 + b2) / 2);
  }
  return times;
}
