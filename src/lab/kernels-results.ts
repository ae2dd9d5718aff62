import { unreachable } from '../base/errors.ts';
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
  TunedReport,
  TuningReport,
  WireError,
} from '../worker/protocol.ts';

/** What figures were measured with; it stands beside them wherever they go. */
export interface MeasuredWith {
  /** Adapter, limits, browser and build. */
  readonly device: DeviceReport;
  /** ISO 8601, without a {@link spec} of the last of it; null: in an earlier visit, and nothing says when. */
  readonly measuredAt: string | null;
  /** Null of shapes that the tuner met in several specs, or in an earlier visit. */
  readonly spec: RunSpec | null;
  /** {@link spec} as the hash of a link; empty without one. */
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
  /** Everything that the tuner is known to have found on this adapter: what was tuned last comes first. */
  readonly tuning: Measured<TuningReport> | null;
}

export const NO_RESULTS: KernelsResults = { kernels: null, ablation: null, lanes: null, tuning: null };

export const MEASURE_KINDS: readonly MeasureKind[] = ['kernels', 'ablation', 'lanes', 'tuning'];

/** The environment of a measurement that begins now. @param now milliseconds since the epoch. */
export function environmentOf(device: DeviceReport, spec: RunSpec, options: MeasureOptions, now: number): MeasuredWith {
  return { device, measuredAt: new Date(now).toISOString(), spec, specHash: specToHash(spec), options, report: null };
}

/** What the worker remembers of the tuner's; null where that is nothing. @param options no tuning asked for them. */
export function rememberedTuning(
  device: DeviceReport,
  { rows, tunedAt }: TunedReport,
  options: MeasureOptions,
): Measured<TuningReport> | null {
  if (rows.length === 0) return null;
  const measuredAt = tunedAt === null ? null : new Date(tunedAt).toISOString();
  const environment: MeasuredWith = { device, measuredAt, spec: null, specHash: '', options, report: null };
  return { environment, value: { rows }, stopped: false, failure: null };
}

/** A tuning, with those shapes behind it that were tuned before and not again. */
export function withEarlier(tuning: Measured<TuningReport>, earlier: Measured<TuningReport> | null): Measured<TuningReport> {
  const { rows } = tuning.value;
  const again = new Set(rows.map(({ signature }) => signature));
  const others = (earlier?.value.rows ?? []).filter(({ signature }) => !again.has(signature));
  if (others.length === 0) return tuning;
  const environment: MeasuredWith = { ...tuning.environment, spec: null, specHash: '', report: null };
  return { ...tuning, environment, value: { rows: [...rows, ...others] } };
}

/** Results with one more, in the place of the one of its kind. */
export function withResult(
  results: KernelsResults,
  result: MeasureResult,
  ended: Omit<Measured<unknown>, 'value'>,
): KernelsResults {
  switch (result.what) {
    case 'kernels':
      return { ...results, kernels: { ...ended, value: result.report } };
    case 'ablation':
      return { ...results, ablation: { ...ended, value: result.ablation } };
    case 'lanes':
      return { ...results, lanes: { ...ended, value: result.report } };
    case 'tuning':
      return { ...results, tuning: withEarlier({ ...ended, value: result.report }, results.tuning) };
    default:
      return unreachable(result);
  }
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
