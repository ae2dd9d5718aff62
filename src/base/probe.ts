/**
 * What a run tells of its tensors: plain data, read from the GPU by `train`, sent by the worker, kept by the page. Numbers of an extra
 * forward and backward pass on the next batch, which changes no bit of the run.
 */

/** What a cast does to a tensor. Shares are of its nonzero finite elements, 0..1. */
export interface CastStats {
  /** A name of `numerics`: `e4m3`, `mxfp8-e4m3`. */
  readonly format: string;
  readonly scaling: string;
  /** Values are multiplied by it before the cast; of block formats the one of the tensor, else 1. */
  readonly scale: number;
  /** Share that is not zero and becomes it. */
  readonly underflow: number;
  /** Share beyond the format's range, which saturates. */
  readonly overflow: number;
  /** 10 log10(sum x^2 / sum (x - cast(x))^2); Infinity where the cast is exact. */
  readonly sqnrDb: number;
  /** Mean square error, in the tensor's own units. */
  readonly mse: number;
}

/** Bins of {@link TensorProbe.histogram}: exponents floor(log2 |x|) from this one up, the ends clamped. */
export const HISTOGRAM_FIRST_EXPONENT = -72;
export const HISTOGRAM_BINS = 96;

export interface TensorProbe {
  /** Layer and role as `siteName` of `spec` writes them. */
  readonly site: string;
  readonly layer: string;
  readonly role: string;
  readonly elements: number;
  readonly amax: number;
  readonly zeros: number;
  readonly nonFinite: number;
  /** Elements a bin, `[HISTOGRAM_BINS]`. */
  readonly histogram: readonly number[];
  /** What the run does to the tensor; null in high precision. */
  readonly cast: CastStats | null;
  /** What other formats would do to it, as asked for. */
  readonly whatIf: readonly CastStats[];
}

export interface StabilityProbe {
  /** One a layer, before the softmax. */
  readonly maxAttentionLogit: readonly number[];
  readonly maxOutputLogit: number;
  /** Mean over positions of ln sum exp(logits). */
  readonly meanLse: number;
  readonly gradNorms: readonly { readonly layer: string; readonly norm: number }[];
}

/** One lane after `step` steps. */
export interface Probe {
  readonly step: number;
  readonly lane: number;
  readonly tensors: readonly TensorProbe[];
  readonly stability: StabilityProbe;
}
