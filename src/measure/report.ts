import type { Ratio } from '../laws/index.ts';

/** Figures of a device that kernels are held against, by measurement. */
export interface Limits {
  /** Bytes read and written a second by the fastest copy, in GB/s: median and quartiles. */
  readonly copyGBs: Spread;
  /** f32 multiply-adds, counted as two, in GFLOP/s. */
  readonly fmaGFlops: Spread;
}

export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** A kernel of a training step at one size: all dispatches that do the same work. */
export interface KernelRow {
  /** Path below `shaders/`. */
  readonly kernel: string;
  readonly variant: string;
  /** Names of the other variants that serve the same node on this device. */
  readonly others: readonly string[];
  /** The nodes that it computes, as errors name them. */
  readonly nodes: readonly string[];
  readonly perStep: number;
  /** Of one dispatch. */
  readonly ms: number;
  readonly rangeMs: readonly [number, number];
  /** Of the time of all kernels of a step, 0..1. */
  readonly share: number;
  /** Floating-point operations of one dispatch; null where the kernel is no product. */
  readonly flops: number | null;
  /** Of all tensors that it is bound to. */
  readonly bytes: number;
  /** Of what the device could do at most at the kernel's arithmetic intensity (roofline), 0..1; null without limits. */
  readonly ofLimit: number | null;
  /** Which limit that is. */
  readonly bound: 'bandwidth' | 'arithmetic' | null;
  /** The whole WGSL text that was compiled. */
  readonly wgsl: string;
}

/** One dispatch of a step, in order. */
export interface TimelineEntry {
  /** The row of {@link KernelRow} that it is one of. */
  readonly row: number;
  /** The node as errors name it, and what it writes: `f32[8,64,256]`. */
  readonly node: string;
  readonly writes: string;
  /** Milliseconds from the start of the step, as if dispatches followed one another without a gap. */
  readonly atMs: number;
  readonly ms: number;
  readonly bytes: number;
}

/** The kernels of a training step on one device. */
export interface KernelsReport {
  readonly limits: Limits | null;
  /** How kernels were timed: GPU timestamps, or the wall time of many submits. */
  readonly clock: 'timestamps' | 'wall';
  readonly rows: readonly KernelRow[];
  readonly timeline: readonly TimelineEntry[];
  /** The same step with no rule on, where it was asked for. */
  readonly unfused: { readonly rows: readonly KernelRow[]; readonly timeline: readonly TimelineEntry[] } | null;
}

/** What a fusion is switched like in one arm: everything, nothing, one rule alone, or all but one. */
export interface AblationForm {
  readonly kind: 'all' | 'none' | 'only' | 'without';
  /** The rule that `only` or `without` names; empty for the others. */
  readonly rule: string;
}

/** What one form of the step costs against another. */
export interface AblationRow {
  readonly form: AblationForm;
  /** What it is measured against: nothing fused for `only` and `all`, everything for `without`. */
  readonly reference: AblationForm['kind'];
  /** Median wall time of a step, in milliseconds, of the form and of its reference in the same rounds. */
  readonly ms: number;
  readonly referenceMs: number;
  /** Time of the form over that of its reference. */
  readonly ratio: Ratio | null;
  readonly dispatches: number;
  /** Bytes of all tensors that the step's dispatches are bound to, each counted once a dispatch. */
  readonly boundBytes: number;
  readonly peakBytes: number;
  /** |loss - the reference's| / the reference's after {@link Ablation.lossSteps} steps from the same weights. */
  readonly lossDifference: number;
}

export interface Ablation {
  readonly rows: readonly AblationRow[];
  /** Rules that change nothing in this model. */
  readonly idle: readonly string[];
  readonly lossSteps: number;
  readonly rounds: number;
}

/** "all rules", "only attention", "without attention". */
export function formWords({ kind, rule }: AblationForm): string {
  if (kind === 'all') return 'all rules';
  return kind === 'none' ? 'no rule' : `${kind} ${rule}`;
}

/** Training so many runs of one spec at once. */
export interface LanesRow {
  readonly lanes: number;
  /** Median wall time of a step of all lanes, and its quartiles, in milliseconds. */
  readonly ms: number;
  readonly quartilesMs: readonly [number, number];
  /** Of all lanes together. */
  readonly tokensPerSecond: number;
  readonly peakBytes: number;
}

export interface LanesReport {
  readonly rows: readonly LanesRow[];
  /** The fewest lanes that have 90 % of the highest throughput seen: from there on more lanes only take longer. */
  readonly fullAt: number;
  /** Why no more lanes were tried; null where all were. */
  readonly stoppedBy: string | null;
}
