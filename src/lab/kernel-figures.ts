import type { KernelRow, LanesRow, Limits, TimelineEntry } from '../worker/protocol.ts';

/** What rows of kernels can be put in order by. */
export const KERNEL_SORT_KEYS = [
  'kernel',
  'perStep',
  'ms',
  'stepMs',
  'share',
  'gflops',
  'gbps',
  'intensity',
  'ofLimit',
  'bytes',
] as const;
export type KernelSortKey = (typeof KERNEL_SORT_KEYS)[number];

/** What a row of a kernel says, and what follows from it. */
export interface KernelFigures {
  /** Milliseconds of all its dispatches in a step. */
  readonly stepMs: number;
  /** GFLOP/s of one dispatch; null where the kernel is no product. */
  readonly gflops: number | null;
  /** GB/s over all tensors that it is bound to. */
  readonly gbps: number;
  /** FLOPs a byte; null where the kernel is no product. */
  readonly intensity: number | null;
  /** Half the distance between the quartiles, in milliseconds. */
  readonly spreadMs: number;
}

export function kernelFigures({ perStep, ms, rangeMs, flops, bytes }: KernelRow): KernelFigures {
  return {
    stepMs: perStep * ms,
    gflops: flops === null ? null : flops / ms / 1e6,
    gbps: bytes / ms / 1e6,
    intensity: flops === null ? null : flops / bytes,
    spreadMs: (rangeMs[1] - rangeMs[0]) / 2,
  };
}

/**
 * Rows in the order of a column, and where each lies in `rows`. Rows without such a figure come last either way; equal ones stay as they
 * were.
 */
export function sortKernels(
  rows: readonly KernelRow[],
  key: KernelSortKey,
  descending: boolean,
): readonly { readonly row: KernelRow; readonly place: number }[] {
  const sign = descending ? -1 : 1;
  const placed = rows.map((row, place) => ({ row, place, by: sortValue(row, key) }));
  placed.sort((a, b) => {
    if (a.by === null || b.by === null) return Number(a.by === null) - Number(b.by === null) || a.place - b.place;
    const order =
      typeof a.by === 'string' || typeof b.by === 'string' ? compareTexts(String(a.by), String(b.by)) : Math.sign(a.by - b.by);
    return sign * order || a.place - b.place;
  });
  return placed.map(({ row, place }) => ({ row, place }));
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function sortValue(row: KernelRow, key: KernelSortKey): number | string | null {
  switch (key) {
    case 'kernel':
      return `${row.kernel} ${row.variant}`;
    case 'stepMs':
    case 'gflops':
    case 'gbps':
    case 'intensity':
      return kernelFigures(row)[key];
    default:
      return row[key];
  }
}

/** Most GFLOP/s that a device gives at so many FLOPs a byte (Williams, Waterman and Patterson, "Roofline", CACM 52, 2009). */
export function roofGFlops({ copyGBs, fmaGFlops }: Limits, intensity: number): number {
  return Math.min(fmaGFlops.median, copyGBs.median * intensity);
}

/** FLOPs a byte from which on arithmetic is the limit. */
export function ridge({ copyGBs, fmaGFlops }: Limits): number {
  return fmaGFlops.median / copyGBs.median;
}

/** Milliseconds of all dispatches of a step, one after another without a gap. */
export function timelineMs(timeline: readonly TimelineEntry[]): number {
  const last = timeline.at(-1);
  return last === undefined ? 0 : last.atMs + last.ms;
}

/** Throughput against that of the fewest lanes that were measured: 4 is four times as many tokens a second. */
export function laneGain(rows: readonly LanesRow[], { tokensPerSecond }: LanesRow): number {
  return tokensPerSecond / (rows[0]?.tokensPerSecond ?? Number.NaN);
}

/** The row of another machine's that does the same work of a step: the same kernel for the same nodes, else the one for the same nodes. */
export function sameWork(row: KernelRow, others: readonly KernelRow[]): KernelRow | null {
  const nodes = row.nodes.join('\n');
  const matching = others.filter((other) => other.nodes.join('\n') === nodes);
  return matching.find(({ kernel, variant }) => kernel === row.kernel && variant === row.variant) ?? matching[0] ?? null;
}
