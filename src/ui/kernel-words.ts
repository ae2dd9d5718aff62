import type { AblationForm, KernelRow, Lab, Measured, MeasuredWith, MeasureKind } from '../lab/index.ts';
import { FUSION_RULES } from '../spec/index.ts';
import { figure, whole } from './format.ts';

/** `matmul/blocked`: the path without its ending. */
export function kernelName({ kernel }: Pick<KernelRow, 'kernel'>): string {
  return kernel.replace(/\.wgsl$/, '');
}

/** `blocks.0.mlp.up` of `node 14 matmul "blocks.0.mlp.up"`; a node without a name is said as it is. */
export function nodeName(node: string): string {
  return /"([^"]+)"/.exec(node)?.[1] ?? node;
}

/** `blocks.0.mlp.up and 5 more`. */
export function nodesWords(nodes: readonly string[]): string {
  const [first] = nodes;
  if (first === undefined) return '';
  return nodes.length === 1 ? nodeName(first) : `${nodeName(first)} and ${nodes.length - 1} more`;
}

/** Milliseconds with three digits; what is shorter than a microsecond keeps three decimals of one. */
export function shortMs(ms: number): string {
  if (!Number.isFinite(ms)) return '—';
  if (ms >= 1000) return whole(ms);
  return ms >= 0.001 ? figure(ms) : ms.toFixed(6);
}

/** `4.21 ms`, `84.0 µs`: a time by itself. */
export function timeWords(ms: number): string {
  if (!Number.isFinite(ms)) return '—';
  return ms >= 1 ? `${shortMs(ms)} ms` : `${figure(1000 * ms)} µs`;
}

/** Half of the range that a time was in, in the same digits as the time. */
export function spreadMs({ ms, rangeMs: [low, high] }: Pick<KernelRow, 'ms' | 'rangeMs'>): string {
  const half = (high - low) / 2;
  const decimals = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(ms || 1))));
  return half.toFixed(decimals);
}

/** A rate or an intensity with three digits, whole from a thousand on; null is a dash. */
export function rate(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '—';
  return value >= 1000 ? whole(value) : figure(value);
}

/** Megabytes, decimal as bandwidths are: `1,204 MB`, `0.31 MB`. */
export function megabytes(value: number): string {
  const mb = value / 1e6;
  return `${mb >= 100 ? whole(mb) : mb >= 10 ? mb.toFixed(1) : mb.toFixed(2)} MB`;
}

/** How a rule is switched, as a row of a table names it. */
export function ruleWords({ kind, rule }: AblationForm): string {
  return kind === 'all' ? 'all rules' : kind === 'none' ? 'no rule' : rule;
}

/** What a rule does, in a sentence; empty for one that this build does not know. */
export function ruleHelp(name: string): string {
  return FUSION_RULES.find(([rule]) => rule === name)?.[1] ?? '';
}

/** How far a loss is from that of the reference. */
export function lossWords(difference: number): string {
  if (difference === 0) return 'none';
  return Number.isFinite(difference) ? difference.toExponential(1).replace('e-', 'e−').replace('e+', 'e') : 'not finite';
}

const MEASURE_NAMES: { readonly [K in MeasureKind]: string } = {
  kernels: 'kernels',
  ablation: 'fusion rules',
  lanes: 'lanes',
  tuning: 'kernels',
};

/** `Measure lanes`, `Tune kernels`: what a button does. */
export function startWords(what: MeasureKind): string {
  return `${what === 'tuning' ? 'Tune' : 'Measure'} ${MEASURE_NAMES[what]}`;
}

/** `Measuring lanes`, `Tuning kernels`: what goes on. */
export function goingWords(what: MeasureKind): string {
  return `${what === 'tuning' ? 'Tuning' : 'Measuring'} ${MEASURE_NAMES[what]}`;
}

/** What the button says that ends what goes on: with it, all that waits. */
export function stopWords({ measuring, queue }: Pick<Lab['kernels'], 'measuring' | 'queue'>): string {
  if (measuring?.stopping === true) return 'Stopping…';
  return queue === null ? 'Stop' : 'Stop everything';
}

/** `22 Nov 2026, 05:51`: when something was measured, in the user's time; of what was measured in several goes, when the last was. */
export function dateWords({ measuredAt, spec }: Pick<MeasuredWith, 'measuredAt' | 'spec'>): string {
  if (measuredAt === null) return 'earlier';
  const date = new Date(measuredAt).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    hour: '2-digit',
    minute: '2-digit',
  });
  return spec === null ? `the last of it ${date}` : date;
}

/** True where both trained the same settings: only then do their figures compare. */
export function sameSpec(a: Measured<unknown> | null, b: Measured<unknown> | null): boolean {
  return a === null || b === null || a.environment.specHash === b.environment.specHash;
}

/** `1 lane`, `8 lanes`. */
export function lanesWords(lanes: number): string {
  return lanes === 1 ? '1 lane' : `${lanes} lanes`;
}

/** What keeps a measurement from being started, in a sentence; null where nothing does. */
export function measureBlockedWords({ deviceState, form, run, comparisons, kernels, sweeps }: Lab): string | null {
  if (deviceState === 'opening') return 'Opening the GPU…';
  if (deviceState === 'none') return 'There is no GPU to measure.';
  if (deviceState === 'crashed') return 'The training worker stopped: restart it above.';
  if (run?.active === true) return 'A run is training on the Train page: stop it there, or let it end, to measure.';
  if (comparisons.busy) return 'A comparison has the GPU: stop it on the Numerics page, or let it end, to measure.';
  if (sweeps?.busy === true) return 'A sweep is training: pause it on the Sweeps page, or let it end, to measure.';
  if (kernels.measuring !== null) return `${goingWords(kernels.measuring.what)} has the GPU.`;
  return form.valid ? null : 'The settings on the Train page have errors: correct them there first.';
}
