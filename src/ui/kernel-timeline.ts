import type { MeasuredStep } from '../lab/index.ts';
import { KERNEL_KINDS, kindOf, type KernelKind } from './kernel-kinds.ts';
import type { Range } from './plot-data.ts';

/** What a kind of kernel takes of a step. */
export interface TrackTotal {
  readonly ms: number;
  readonly dispatches: number;
}

export function kindAt({ rows, timeline }: MeasuredStep, entry: number): KernelKind {
  return kindOf(rows[timeline[entry]?.row ?? -1]?.kernel ?? '');
}

/** The kinds that any of the forms has, in the order of their tracks. */
export function tracksOf(forms: readonly MeasuredStep[]): KernelKind[] {
  const used = new Set(forms.flatMap((form) => form.timeline.map((_, i) => kindAt(form, i))));
  return KERNEL_KINDS.filter((kind) => used.has(kind));
}

export function trackTotals(form: MeasuredStep): ReadonlyMap<KernelKind, TrackTotal> {
  const totals = new Map<KernelKind, TrackTotal>();
  form.timeline.forEach(({ ms }, i) => {
    const kind = kindAt(form, i);
    const { ms: sum, dispatches } = totals.get(kind) ?? { ms: 0, dispatches: 0 };
    totals.set(kind, { ms: sum + ms, dispatches: dispatches + 1 });
  });
  return totals;
}

/** The dispatch that goes on at a time, or the nearest in a form without gaps; -1 outside of the step. */
export function entryAt({ timeline }: Pick<MeasuredStep, 'timeline'>, atMs: number): number {
  if (atMs < 0) return -1;
  const next = timeline.findIndex((entry) => entry.atMs + entry.ms > atMs);
  return next;
}

/** Where the bars of a kind lie: pairs of left and right edges, in pixels, joined where they touch; a bar is half a pixel at least. */
export function bars(form: MeasuredStep, kind: KernelKind, x: (ms: number) => number, span: Range): Range[] {
  const found: [number, number][] = [];
  form.timeline.forEach(({ atMs, ms }, i) => {
    if (kindAt(form, i) !== kind || atMs + ms < span[0] || atMs > span[1]) return;
    const from = x(Math.max(span[0], atMs));
    const wide = x(Math.min(span[1], atMs + ms)) - from;
    // Neighbours stay apart where there is room for a gap.
    const to = from + Math.max(0.5, wide > 3 ? wide - 0.75 : wide);
    const last = found.at(-1);
    if (last !== undefined && from - last[1] < 0.25) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  });
  return found;
}

/** A span of times within 0..`end`, at least a thousandth of it. */
export function clampSpan([from, to]: Range, end: number): Range | null {
  const least = end / 1000;
  const wide = Math.max(least, to - from);
  if (wide >= end) return null;
  const start = Math.min(Math.max(0, from), end - wide);
  return [start, start + wide];
}
