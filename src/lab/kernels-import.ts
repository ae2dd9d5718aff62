import { parseSpec, specToHash } from '../spec/index.ts';
import { isMeasureResult, isReply } from '../worker/client.ts';
import type { MeasureKind, MeasureOptions, TimelineEntry } from '../worker/protocol.ts';
import { failureOf, get, readJsonFile, real } from './json-file.ts';
import { KERNELS_FORMAT, KERNELS_VERSION } from './kernels-export.ts';
import { MEASURE_KINDS, NO_RESULTS, withResult, type KernelsResults, type MeasuredWith } from './kernels-results.ts';

/**
 * The results of a file that `kernelsJson` wrote, as they were measured there.
 *
 * @param fileName named in errors.
 * @throws SpecError for any other file.
 */
export function kernelsFromJson(text: string, fileName: string): KernelsResults {
  const form = { format: KERNELS_FORMAT, version: KERNELS_VERSION, holds: 'measurement of kernels' };
  return readJsonFile(text, fileName, { ...form, read });
}

function read(content: unknown): KernelsResults {
  const results = get(content, 'results');
  const found = MEASURE_KINDS.filter((what) => (get(results, what) ?? null) !== null);
  if (found.length === 0) throw new TypeError('there is no result in it');
  return found.reduce((sum, what) => withOne(sum, what, get(results, what)), NO_RESULTS);
}

function withOne(results: KernelsResults, what: MeasureKind, value: unknown): KernelsResults {
  const measured = real(get(value, 'value'));
  const result: unknown = what === 'ablation' ? { what, ablation: measured } : { what, report: measured };
  if (!isMeasureResult(result)) throw mangled(`result of ${what}`);
  if (result.what === 'kernels') {
    for (const { rows, timeline } of [result.report, ...(result.report.unfused === null ? [] : [result.report.unfused])])
      if (!timeline.every((entry) => isOneOf(entry, rows.length))) throw mangled('timeline');
  }
  const stopped = get(value, 'stopped');
  if (typeof stopped !== 'boolean') throw mangled(`result of ${what}`);
  const failure = get(value, 'failure') ?? null;
  const environment = environmentOf(get(value, 'environment'));
  return withResult(results, result, { environment, stopped, failure: failure === null ? null : failureOf(failure) });
}

function isOneOf({ row }: TimelineEntry, rows: number): boolean {
  return Number.isSafeInteger(row) && row >= 0 && row < rows;
}

function environmentOf(value: unknown): MeasuredWith {
  const [device, report, measuredAt] = ['device', 'report', 'measuredAt'].map((key) => get(value, key));
  if (!isReply('hello', device)) throw mangled('device');
  if (report !== null && !isReply('measure', report)) throw mangled('report');
  if (typeof measuredAt !== 'string' || Number.isNaN(Date.parse(measuredAt))) throw mangled('date');
  const spec = parseSpec(get(value, 'spec'));
  return { device, measuredAt, spec, specHash: specToHash(spec), options: optionsOf(get(value, 'options')), report };
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
