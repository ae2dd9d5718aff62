import type { Verdict } from '../engine/index.ts';
import type { AdapterReport } from '../gpu/device.ts';
import type { KnownVerdicts } from './fast-paths.ts';

/** Everything that a verdict on a fast path follows from. */
export interface VerdictScope {
  readonly adapter: AdapterReport;
  /** Names the kernels and the code around them. */
  readonly build: string;
  /** Names what compiles and runs them: the browser, or Node. */
  readonly browser: string;
}

/** Equal exactly where a verdict on a fast path holds again. */
export function adapterKey({ adapter, build, browser }: VerdictScope): string {
  const { vendor, architecture, device, description, software, features, limits } = adapter;
  const sortedLimits = Object.entries(limits).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([vendor, architecture, device, description, software, features.toSorted(), sortedLimits, build, browser]);
}

/** The verdicts that are remembered, as plain data: paths that passed. One that failed may have met a bad moment and is tried again. */
export function passedVerdicts(verdicts: KnownVerdicts): readonly Verdict[] {
  return [...verdicts.values()].filter(({ ok }) => ok);
}

/** What {@link passedVerdicts} gave, read back from where it was kept; whatever else is there is passed over. */
export function readVerdicts(value: unknown): KnownVerdicts {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return new Map(list.filter(isPassed).map((verdict) => [verdict.key, verdict]));
}

function isPassed(value: unknown): value is Verdict {
  if (typeof value !== 'object' || value === null) return false;
  const has = (name: keyof Verdict, type: string): boolean => typeof Reflect.get(value, name) === type;
  const whole = has('key', 'string') && has('path', 'string') && has('excess', 'number') && has('fused', 'boolean');
  return whole && Reflect.get(value, 'ok') === true;
}
