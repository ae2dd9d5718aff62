import { sizeOf } from '../base/shape.ts';
import type { Template } from '../gpu/kernel.ts';
import type { Value } from '../graph/types.ts';
import type { Told } from './made.ts';
import type { Codes, MatmulView } from './matmul-view.ts';
import type { Dispatch, Scratch } from './op.ts';
import { castOverrides, codeOverrides } from './quantize-kernels.ts';
import type { CastAttrs } from './quantize.ts';

const ACTIVATIONS = { none: 0, gelu: 1, relu2: 2 } as const;
const SLOPES = { none: 0, gelu: 1, relu2: 2, swiglu: 3 } as const;

/** A count of elements for each matrix of a product. */
export interface Counts {
  readonly a: number;
  readonly b: number;
  readonly y: number;
}

/** A matmul as it is dispatched: its operands and results may lie in scratch memory, or be parts of something larger. */
export type Loaded = Omit<MatmulView, 'a' | 'b'> & {
  readonly a: Value | Scratch;
  readonly b: Value | Scratch;
  readonly y: Value | Scratch;
  /** Set where there is a second result. */
  readonly second: Value | Scratch | undefined;
  /** Elements before the matrices of a lane in what holds them, and from one row as stored to the next: they may be parts of larger ones. */
  readonly from: Counts;
  readonly row: Counts;
  /** The product is added to what y has. */
  readonly accumulate: boolean;
  /** Set where y is the sum of a step's micro-batches: f32[2] = first, scale of the one whose gradient the product is. */
  readonly micro: Value | undefined;
  /** Set where y is cast as it is stored: how, and what has the codes. There is no second result then. */
  readonly cast: { readonly how: CastAttrs; readonly codes: Value } | undefined;
  /** Set where the amax of y is told, of all of it: what has its parts. y is not cast then. */
  readonly told: Told | undefined;
};

/** What a way is chosen by. */
export type Shaped = Pick<Loaded, 'M' | 'N' | 'K' | 'batch' | 'transposeA' | 'transposeB' | 'aCodes' | 'bCodes' | 'from' | 'row'>;

export const START: Counts = { a: 0, b: 0, y: 0 };

/** From row to row of matrices that are no parts of larger ones. */
export function wholeRows({
  M,
  N,
  K,
  transposeA = false,
  transposeB = false,
}: Pick<MatmulView, 'M' | 'N' | 'K'> & Partial<Pick<MatmulView, 'transposeA' | 'transposeB'>>): Counts {
  return { a: transposeA ? M : K, b: transposeB ? K : N, y: N };
}

/** From one lane of y to the next, in elements of the product: swiglu's slope makes two of each. */
export function yLane({ y, slope }: Loaded): number {
  return sizeOf(y.type.shape) / (slope === 'swiglu' ? 2 : 1);
}

export function sizesOf(view: Loaded): Dispatch['sizes'] {
  const { M, N, K, batch, a, b, alpha, from, row, told } = view;
  const [aLane, bLane] = [sizeOf(a.type.shape), sizeOf(b.type.shape)];
  const lanes = { a_lane: aLane, a_batch: aLane / batch, b_lane: bLane, b_batch: bLane / batch, y_lane: yLane(view) };
  const rows = { a_row: row.a, b_row: row.b, y_row: row.y };
  return {
    m: M,
    n: N,
    k: K,
    batch,
    ...lanes,
    ...rows,
    a_first: from.a,
    b_first: from.b,
    y_first: from.y,
    alpha,
    parts: told === undefined ? 0 : sizeOf(told.more.type.shape),
  };
}

/** Elements of a lane that a product reads or writes of each matrix: what holds it may have more. */
export function touchedOf({ M, N, K, batch, slope }: Loaded): Counts {
  return { a: batch * M * K, b: batch * K * N, y: batch * M * N * (slope === 'swiglu' ? 2 : 1) };
}

/** Overrides and bindings of what follows the sum over k. */
export function epilogue(view: Loaded): Pick<Dispatch, 'bind' | 'overrides'> {
  const { activation, bias, residual, slope, columnSums, accumulate, micro, cast, told, y, second } = view;
  const flags = {
    HAS_BIAS: bias !== undefined,
    STORE_PRE: activation !== 'none',
    ACTIVATION: ACTIVATIONS[activation],
    HAS_RESIDUAL: residual !== undefined,
    SLOPE: SLOPES[slope],
    COLUMN_SUMS: columnSums,
    ACCUMULATE: micro !== undefined ? 2 : accumulate ? 1 : 0,
  };
  const beside = besideOf(view);
  const bind = { bias, y };
  if (cast !== undefined) {
    return { bind: { ...bind, beside, more: cast.codes }, overrides: { ...flags, ...castOverrides(cast.how) } };
  }
  if (told === undefined) return { bind: { ...bind, beside, second }, overrides: flags };
  const others = storedForm(view) === 'amax' ? { beside } : { second };
  return { bind: { ...bind, ...others, more: told.more }, overrides: { ...flags, FINITE: told.finite } };
}

/** What is read beside the product. */
function besideOf({ residual, pre, micro }: Loaded): Value | undefined {
  return residual ?? pre ?? micro;
}

/** The form of `lib/stored-*`: an amax takes the place of what a product has not, a second result or something beside it. */
function storedForm({ cast, told, second }: Loaded): 'none' | 'cast' | 'amax' | 'second-amax' {
  if (cast !== undefined) return 'cast';
  return told === undefined ? 'none' : second === undefined ? 'amax' : 'second-amax';
}

/** Whether a kernel with so many workgroups can tell the amax of what it stores. */
export function tellsWithin(view: Loaded, workgroups: number): boolean {
  const { told, second } = view;
  const hasPlace = second === undefined || besideOf(view) === undefined;
  return told !== undefined && hasPlace && workgroups <= sizeOf(told.more.type.shape);
}

export function isCoded({ aCodes, bCodes }: Shaped): boolean {
  return aCodes !== undefined || bCodes !== undefined;
}

/** Bindings and overrides of the operands, which are either f32 or codes. */
export function operands(view: Loaded): Pick<Dispatch, 'bind' | 'overrides'> {
  const { a, b, aCodes, bCodes } = view;
  const turned = { TRANSPOSE_A: view.transposeA, TRANSPOSE_B: view.transposeB };
  if (!isCoded(view)) return { bind: { a, b }, overrides: turned };
  return {
    bind: { a, b, a_scales: aCodes?.scales, b_scales: bCodes?.scales },
    overrides: { ...turned, ...behind('A_', aCodes), ...behind('B_', bCodes) },
  };
}

/** The template of kernels that can give more than they store; to cast takes stores of four columns. `width`: columns a store otherwise. */
export function storedBy(view: Loaded, width: 1 | 4): Template {
  return { STORED: storedForm(view), WIDTH: view.cast === undefined ? width : 4 };
}

/** What the template of kernels that load either calls them. */
export function kindOf(view: Shaped): 'f32' | 'coded' {
  return isCoded(view) ? 'coded' : 'f32';
}

/** The overrides of `lib/operands-coded` for one operand. */
function behind(prefix: 'A_' | 'B_', codes: Codes | undefined): NonNullable<Dispatch['overrides']> {
  if (codes === undefined) return {};
  const overrides = { CODED: true, ...codeOverrides(codes.cast) };
  return Object.fromEntries(Object.entries(overrides).map(([name, value]) => [prefix + name, value]));
}

/** The one dispatch of a kernel that does all of a product. */
export function whole(
  view: Loaded,
  how: Pick<Dispatch, 'kernel' | 'grid'> & Partial<Pick<Dispatch, 'overrides' | 'template'>>,
): Dispatch {
  const [start, end] = [operands(view), epilogue(view)];
  const touched = touchedOf(view);
  return {
    kernel: `matmul/${how.kernel}`,
    bind: { ...start.bind, ...end.bind },
    touches: { ...touched, ...(view.cast === undefined ? {} : { more: touched.y }) },
    sizes: sizesOf(view),
    overrides: { ...start.overrides, ...end.overrides, ...how.overrides },
    template: how.template ?? { OPERANDS: kindOf(view) },
    grid: how.grid,
  };
}
