import { formatTitle, type ComparedArm, type Comparison, type Lab } from '../lab/index.ts';
import type { ScalarGap, Verdict } from '../laws/index.ts';
import { FIELDS, parameterCount, tokensPerStep, totalSteps, type RunSpec, type SpecPath } from '../spec/index.ts';
import { count, duration, figure, nats, whole } from './format.ts';
import { progressWords } from './words.ts';

/** Milliseconds until all arms are through, from the time that their steps took so far; NaN before that is known. */
export function leftMs({ arms, totalSteps: total }: Comparison): number {
  const going = arms.filter(({ state }) => state !== 'diverged' && state !== 'done');
  return going.reduce((sum, arm) => sum + (total - arm.step) * (arm.cost?.msPerStep ?? Number.NaN), 0);
}

/** The state of a comparison as a sentence without its full stop. */
export function comparisonWords(comparison: Comparison): string {
  const at = `step ${whole(comparison.step)} of ${whole(comparison.totalSteps)}`;
  const arms = `${comparison.arms.length} arms with ${seedWords(comparison.setup.seeds)} each`;
  switch (comparison.state) {
    case 'preparing':
      return `Preparing ${arms}${comparison.progress === null ? '' : `. ${progressWords(comparison.progress)}`}`;
    case 'running': {
      const left = leftMs(comparison);
      return `Training ${arms}: ${at}${Number.isFinite(left) ? `, about ${duration(left)} left` : ''}`;
    }
    case 'paused':
      return `Paused at ${at}`;
    case 'finished':
      return `Finished ${arms} after ${whole(comparison.totalSteps)} steps`;
    case 'stopped':
      return `Stopped at ${at}. What was measured stays`;
    case 'failed':
      return comparison.step > 0 ? `Failed at ${at}. What was measured stays` : 'The comparison could not start';
  }
}

export function seedWords(seeds: number): string {
  return seeds === 1 ? 'one seed' : `${seeds} seeds`;
}

/** What keeps a comparison from being started, in a sentence; null where nothing does but the setup itself. */
export function blockedWords({ deviceState, form, run, kernels, sweeps }: Lab): string | null {
  if (deviceState === 'opening') return 'Opening the GPU…';
  if (deviceState === 'none') return 'There is no GPU to train on.';
  if (deviceState === 'crashed') return 'The training worker stopped: restart it above.';
  if (run?.active === true) return 'A run is training on the Train page: stop it there, or let it end, to compare.';
  if (sweeps?.busy === true) return 'A sweep is training: pause it on the Sweeps page, or let it end, to compare.';
  if (kernels.busy) return 'A measurement has the GPU: stop it on the Kernels page, or let it end, to compare.';
  return form.valid ? null : 'The settings on the Train page have errors: correct them there first.';
}

/** What diverged of an arm, in sentences; empty where nothing did. */
export function divergedWords({ diverged, seeds, state }: ComparedArm): string {
  if (diverged.length === 0) return '';
  const each = diverged.map(({ lane, step, origin }) => {
    const loss = seeds[lane]?.lossNats.at(step - 1) ?? Number.NaN;
    const what = Number.isFinite(loss) ? 'gradient norm was not finite' : `loss was ${nats(loss)}`;
    const where = origin === null ? '' : ` (${origin.replace(/\.$/, '')})`;
    return `seed ${lane + 1} at step ${whole(step)}, where its ${what}${where}`;
  });
  return `Diverged: ${each.join('; ')}. ${state === 'diverged' ? 'No seed is left, so the arm has ended.' : 'The other seeds go on.'}`;
}

/** The held-out gap at the end as a sentence; empty where there is none. */
export function heldOutWords(gap: ScalarGap | null, split: string): string {
  if (gap === null) return '';
  const half = (gap.hi - gap.lo) / 2;
  const digits = Math.min(4, Math.max(1, 1 - Math.floor(Math.log10(100 * half || 1))));
  const words = `${(100 * Math.abs(gap.relative)).toFixed(digits)} % ± ${(100 * half).toFixed(digits)} %`;
  const side = gap.lo <= 0 && gap.hi >= 0 ? ', which holds no difference' : '';
  return `${split} loss at the end: ${words} ${gap.relative < 0 ? 'below' : 'above'}${side} (${seedWords(gap.seeds)}).`;
}

/** A verdict as a sentence. */
export function verdictWords({ kind, text }: Verdict): string {
  // All others begin with the name of an arm, which stays as it is written.
  return kind === 'none' ? `${text.charAt(0).toUpperCase()}${text.slice(1)}.` : `${text}.`;
}

/** `fp8-current, mxfp8 against bf16`. */
export function againstWords({ arms, baseline }: Comparison): string {
  const others = arms.filter((arm) => arm !== baseline).map(({ name }) => name);
  return `${others.join(', ')} against ${baseline.name}`;
}

/** What a spec trains, in a line. */
export function baseWords(spec: RunSpec): string {
  const { choices } = FIELDS['data.source'];
  const steps = totalSteps(spec);
  return [
    `${count(parameterCount(spec).total)} parameters`,
    choices[spec.data.source],
    `${whole(steps)} steps of ${count(tokensPerStep(spec))} tokens`,
    `${spec.optimizer.kind} at ${spec.optimizer.lr}`,
  ].join(' · ');
}

/** What an arm changes beside its recipe: `qk-norm off, margin 2`. */
export function changeWords(fields: readonly { readonly path: SpecPath; readonly value: unknown }[]): string {
  return fields
    .filter(({ path }) => path !== 'precision.recipe' && path !== 'name')
    .map(({ path, value }) => `${FIELDS[path].label} ${valueWords(value)}`)
    .join(', ');
}

function valueWords(value: unknown): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  if (value === null) return 'off';
  return typeof value === 'object'
    ? Object.entries(value)
        .map(([key, cast]) => `${key} ${String(cast)}`)
        .join(' ')
    : JSON.stringify(value).replaceAll('"', '');
}

/** `FP8 E4M3, current`: a cast in a table. */
export function castWords({ format, scaling }: { readonly format: string; readonly scaling: string }): string {
  return scaling === 'none' || scaling === 'block' ? formatTitle(format) : `${formatTitle(format)}, ${scaling} scaling`;
}

/** A signed share in two figures, at most two decimals where it is large: `+0.31 %`, `−0.0042 %`. */
export function signedShare(share: number): string {
  const percent = 100 * share;
  if (percent === 0) return '0 %';
  const digits = Math.min(6, Math.max(1, 1 - Math.floor(Math.log10(Math.abs(percent)))));
  return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(digits)} %`;
}

/** Milliseconds in three digits, whole ones in full. */
export function millis(ms: number): string {
  return ms >= 1000 ? whole(ms) : figure(ms);
}
