import type { MeasureKind } from '../worker/protocol.ts';
import { get } from './json-file.ts';

/** A report as a file of an earlier build holds it, in the form of this one; what was not recorded then is null. */
export function upgraded(what: MeasureKind, report: unknown): unknown {
  if (what === 'kernels') return withSources(report);
  return what === 'ablation' ? withTunedShapes(report) : report;
}

function withTunedShapes(ablation: unknown): unknown {
  const rows = get(ablation, 'rows');
  if (typeof ablation !== 'object' || ablation === null || !Array.isArray(rows)) return ablation;
  const row = (value: unknown): unknown =>
    typeof value === 'object' && value !== null ? { tunedShapes: null, ...value } : value;
  return { ...ablation, rows: rows.map(row) };
}

/** Kernels: there was no table of sources, but the WGSL in each row, without overrides, and of the other variants only the names. */
function withSources(report: unknown): unknown {
  if (typeof report !== 'object' || report === null || get(report, 'sources') !== undefined) return report;
  const sources: Record<string, unknown> = {};
  const withVariants = (row: unknown): unknown => {
    const [kernel, variant, others, wgsl] = ['kernel', 'variant', 'others', 'wgsl'].map((key) => get(row, key));
    if (typeof row !== 'object' || row === null || typeof kernel !== 'string' || !Array.isArray(others)) return row;
    let source = kernel;
    for (let i = 2; source in sources && sources[source] !== wgsl; i++) source = `${kernel} #${i}`;
    sources[source] = wgsl;
    const own = { variant, kernels: [{ kernel, source, overrides: null }] };
    return { ...row, variants: [own, ...others.map((other: unknown) => ({ variant: other, kernels: [] }))] };
  };
  const step = (value: object): object => {
    const rows = get(value, 'rows');
    return { ...value, rows: Array.isArray(rows) ? rows.map(withVariants) : rows };
  };
  const unfused = get(report, 'unfused');
  const plain = typeof unfused === 'object' && unfused !== null ? step(unfused) : unfused;
  return { ...step(report), unfused: plain, sources };
}
