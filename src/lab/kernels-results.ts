import { specToHash, type RunSpec } from '../spec/index.ts';
import type {
  Ablation,
  DeviceReport,
  KernelRow,
  KernelsReport,
  LanesReport,
  MeasureKind,
  MeasureOptions,
  MeasureReport,
  MeasureResult,
  TimelineEntry,
  WireError,
} from '../worker/protocol.ts';

/** What figures were measured with; it stands beside them wherever they go. */
export interface MeasuredWith {
  /** Adapter, limits, browser and build. */
  readonly device: DeviceReport;
  /** ISO 8601. */
  readonly measuredAt: string;
  readonly spec: RunSpec;
  /** {@link spec} as the hash of a link. */
  readonly specHash: string;
  readonly options: MeasureOptions;
  /** The data; null until the worker has it. */
  readonly report: MeasureReport | null;
}

/** A measurement that is over. */
export interface Measured<T> {
  readonly environment: MeasuredWith;
  readonly value: T;
  /** Not all that was asked for was measured: it was stopped, or {@link failure} says why. */
  readonly stopped: boolean;
  readonly failure: WireError | null;
}

/** The last of each kind; null: none. */
export interface KernelsResults {
  readonly kernels: Measured<KernelsReport> | null;
  readonly ablation: Measured<Ablation> | null;
  readonly lanes: Measured<LanesReport> | null;
}

export const NO_RESULTS: KernelsResults = { kernels: null, ablation: null, lanes: null };

export const MEASURE_KINDS: readonly MeasureKind[] = ['kernels', 'ablation', 'lanes'];

/** The environment of a measurement that begins now. @param now milliseconds since the epoch. */
export function environmentOf(device: DeviceReport, spec: RunSpec, options: MeasureOptions, now: number): MeasuredWith {
  return { device, measuredAt: new Date(now).toISOString(), spec, specHash: specToHash(spec), options, report: null };
}

/** Results with one more, in the place of the one of its kind. */
export function withResult(
  results: KernelsResults,
  result: MeasureResult,
  ended: Omit<Measured<unknown>, 'value'>,
): KernelsResults {
  if (result.what === 'ablation') return { ...results, ablation: { ...ended, value: result.ablation } };
  return result.what === 'lanes'
    ? { ...results, lanes: { ...ended, value: result.report } }
    : { ...results, kernels: { ...ended, value: result.report } };
}

/** A step whose kernels were measured. */
export interface MeasuredStep {
  /** In a table's first column, and as a heading. */
  readonly fusion: 'as set' | 'none';
  readonly title: string;
  readonly rows: readonly KernelRow[];
  readonly timeline: readonly TimelineEntry[];
}

/** The step as it was set, and with no fusion where that was measured. */
export function stepsOf({ rows, timeline, unfused }: KernelsReport): readonly MeasuredStep[] {
  const asSet: MeasuredStep = { fusion: 'as set', title: 'Fused as the spec says', rows, timeline };
  return unfused === null ? [asSet] : [asSet, { fusion: 'none', title: 'No fusion', ...unfused }];
}
