import type { Tuned } from '../base/tuned.ts';
import type { Ratio } from '../laws/index.ts';

export type { Candidate, Tuned } from '../base/tuned.ts';

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
  /**
   * Every variant that serves the same node on this device: this one first, with this kernel first in it, then the others.
   */
  readonly variants: readonly VariantForm[];
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
}

/** A variant as it is compiled for one node. */
export interface VariantForm {
  readonly variant: string;
  /** In the order of their dispatches, each once; none where that was not recorded. */
  readonly kernels: readonly CompiledKernel[];
}

export interface CompiledKernel {
  /** Path below `shaders/`. */
  readonly kernel: string;
  /** The key of its WGSL in {@link KernelsReport.sources}. */
  readonly source: string;
  /** What the pipeline sets of the `override` declarations of the text; null where that was not recorded. */
  readonly overrides: Readonly<Record<string, number | boolean>> | null;
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
  /** The WGSL that is compiled, whole, of every kernel that a row or one of its variants names; each distinct text once. */
  readonly sources: Readonly<Record<string, string>>;
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
  /** Shapes of kernels that are computed as the tuner chose, of the form and of its reference; null where that was not recorded. */
  readonly tunedShapes: readonly [number, number] | null;
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

/** What the tuner found of the shapes of a step. */
export interface TuningReport {
  readonly rows: readonly Tuned[];
}
