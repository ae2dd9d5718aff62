import { parseSpec, specToHash } from '../spec/index.ts';
import { isMeasureResult, isReply } from '../worker/client.ts';
import type { KernelRow, KernelsReport, MeasureKind, MeasureOptions, TimelineEntry } from '../worker/protocol.ts';
import { failureOf, get, readJsonFile, real } from './json-file.ts';
import { KERNELS_EARLIER, KERNELS_FORMAT, KERNELS_VERSION } from './kernels-export.ts';
import { MEASURE_KINDS, NO_RESULTS, withResult, type KernelsResults, type MeasuredWith } from './kernels-results.ts';
import { upgraded } from './kernels-upgrade.ts';

/**
 * The results of a file that `kernelsJson` wrote, as they were measured there.
 *
 * @param fileName named in errors.
 * @throws SpecError for any other file.
 */
export function kernelsFromJson(text: string, fileName: string): KernelsResults {
  const form = { format: KERNELS_FORMAT, version: KERNELS_VERSION, earlier: KERNELS_EARLIER, holds: 'measurement of kernels' };
  return readJsonFile(text, fileName, { ...form, read });
}

function read(content: unknown): KernelsResults {
  const results = get(content, 'results');
  const found = MEASURE_KINDS.filter((what) => (get(results, what) ?? null) !== null);
  if (found.length === 0) throw new TypeError('there is no result in it');
  return found.reduce((sum, what) => withOne(sum, what, get(results, what)), NO_RESULTS);
}

function withOne(results: KernelsResults, what: MeasureKind, value: unknown): KernelsResults {
  const measured = upgraded(what, real(get(value, 'value')));
  const result: unknown = what === 'ablation' ? { what, ablation: measured } : { what, report: measured };
  if (!isMeasureResult(result)) throw mangled(`result of ${what}`);
  if (result.what === 'kernels') requireWhole(result.report);
  const stopped = get(value, 'stopped');
  if (typeof stopped !== 'boolean') throw mangled(`result of ${what}`);
  const failure = get(value, 'failure') ?? null;
  const environment = environmentOf(what, get(value, 'environment'));
  return withResult(results, result, { environment, stopped, failure: failure === null ? null : failureOf(failure) });
}

/** What refers to something else in the report must find it there. */
function requireWhole({ sources, unfused, ...step }: KernelsReport): void {
  const hasSources = ({ variants }: KernelRow): boolean =>
    variants.length > 0 && variants.every(({ kernels }) => kernels.every(({ source }) => Object.hasOwn(sources, source)));
  for (const { rows, timeline } of [step, ...(unfused === null ? [] : [unfused])]) {
    if (!timeline.every((entry) => isOneOf(entry, rows.length))) throw mangled('timeline');
    if (!rows.every(hasSources)) throw mangled('table of WGSL');
    if (!rows.every(beginsWithOwn)) throw mangled('list of variants');
  }
}

function beginsWithOwn({ kernel, variant, variants }: KernelRow): boolean {
  const [own] = variants;
  return own?.variant === variant && (own.kernels[0]?.kernel ?? kernel) === kernel;
}

function isOneOf({ row }: TimelineEntry, rows: number): boolean {
  return Number.isSafeInteger(row) && row >= 0 && row < rows;
}

function environmentOf(what: MeasureKind, value: unknown): MeasuredWith {
  const [device, measuredAt] = ['device', 'measuredAt'].map((key) => get(value, key));
  const given = get(value, 'report');
  // Files of before there was a tuner do not say that it chose nothing.
  const report: unknown = typeof given === 'object' && given !== null ? { tunedKernels: 0, ...given } : given;
  if (!isReply('hello', device)) throw mangled('device');
  if (report !== null && !isReply('measure', report)) throw mangled('report');
  const spec = what === 'tuning' && get(value, 'spec') === null ? null : parseSpec(get(value, 'spec'));
  if (!isDate(measuredAt) && (measuredAt !== null || spec !== null)) throw mangled('date');
  const specHash = spec === null ? '' : specToHash(spec);
  return { device, measuredAt, spec, specHash, options: optionsOf(get(value, 'options')), report };
}

function isDate(value: unknown): value is string {
  return typeof value === 'string' && !Number.isNaN(Date.parse(value));
}

function optionsOf(value: unknown): MeasureOptions {
  const [rounds, windowMs, unfused, lanes] = ['rounds', 'windowMs', 'unfused', 'lanes'].map((key) => get(value, key));
  const counts = Array.isArray(lanes) ? lanes.filter((count): count is number => Number.isSafeInteger(count)) : [];
  if (typeof rounds !== 'number' || typeof windowMs !== 'number' || typeof unfused !== 'boolean' || !Array.isArray(lanes))
    throw mangled('choice of options');
  return { rounds, windowMs, unfused, lanes: counts };
}

function mangled(what: string): TypeError {
  return new TypeError(`its ${what} is mangled`);
}
