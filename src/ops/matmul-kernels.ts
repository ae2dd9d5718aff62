import type { Node, Value } from '../graph/types.ts';
import { START, wholeRows } from './matmul-dispatch.ts';
import type { Counts, Loaded } from './matmul-dispatch.ts';
import { amaxOf, lowerTold } from './made.ts';
import { matmulView, productOf } from './matmul-view.ts';
import { bestOf, decoded, LOADING, PLAIN } from './matmul-ways.ts';
import type { Way } from './matmul-ways.ts';
import { inputAt, outputAt } from './op.ts';
import type { Caps, Dispatch, Scratch, Variant } from './op.ts';
import { lowerQuantize } from './quantize-kernels.ts';
import { castOf } from './quantize.ts';

/** A part of a product, for ops that are made of several. */
export interface PartialProduct {
  readonly a: Value | Scratch;
  readonly b: Value | Scratch;
  readonly y: Value | Scratch;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Elements of a lane of a, b and y before the part's first one; 0 when left out. */
  readonly from?: Partial<Counts>;
  readonly accumulate?: boolean;
}

/** `y (+)= op(a) op(b)` on a part of each, in the best way for its shape, or in the plain one. */
export function lowerProduct(part: PartialProduct, caps: Caps | 'plain'): readonly Dispatch[] {
  const view: Loaded = {
    batch: 1,
    alpha: 1,
    activation: 'none',
    slope: 'none',
    columnSums: false,
    parts: [],
    aCodes: undefined,
    bCodes: undefined,
    bias: undefined,
    residual: undefined,
    pre: undefined,
    micro: undefined,
    cast: undefined,
    told: undefined,
    second: undefined,
    transposeA: false,
    transposeB: false,
    accumulate: false,
    ...part,
    from: { ...START, ...part.from },
    row: wholeRows(part),
  };
  return bestOf(view, caps).lower(view, caps);
}

/** Every way as a variant of an op whose nodes are computed as the products that `load` gives. */
function variantsOf(load: (node: Node) => readonly Loaded[]): readonly [Variant, ...Variant[]] {
  const variantOf = (way: Way): Variant => ({
    name: way.name,
    // A part that is too narrow for it is computed in the best way for its own shape.
    supports: (node, caps) => load(node).some((view) => way.fits(view, caps)),
    suits: (node) => load(node).every((view) => way.suits?.(view) !== false),
    lower: (node, caps) => lowerAll(load(node), (view) => (way.fits(view, caps) ? way : bestOf(view, caps)), caps),
  });
  return [variantOf(decoded), ...LOADING.map(variantOf), variantOf(PLAIN)];
}

/** The products of a node; where their kernels cannot cast as they store, or tell the amax of all that is stored, that is a dispatch behind them. */
function lowerAll(views: readonly Loaded[], wayOf: (view: Loaded) => Way, caps: Caps): readonly Dispatch[] {
  const lower = (view: Loaded): readonly Dispatch[] => wayOf(view).lower(view, caps);
  const late = views.find((view) => view.cast !== undefined && wayOf(view).casts?.(view, caps) !== true);
  if (late?.cast === undefined) {
    const untold = views.find(
      (view) => view.told !== undefined && (views.length > 1 || wayOf(view).tells?.(view, caps) !== true),
    );
    if (untold?.told === undefined) return views.flatMap(lower);
    return [...views.flatMap((view) => lower({ ...view, told: undefined })), lowerTold(untold.told, untold.y, caps.software)];
  }
  const { y: values, cast } = late;
  const x: Scratch = { scratch: 'product', type: values.type };
  const products = views.flatMap((view) => lower({ ...view, y: x, cast: undefined }));
  return [...products, ...lowerQuantize({ x, codes: cast.codes, values }, { ...cast.how, first: 0 }, {}, caps.software)];
}

/** The products that a node is computed as: one, or one for each of its parts. */
function loaded(node: Node): readonly Loaded[] {
  const view = matmulView(node);
  const second = view.activation !== 'none' || view.columnSums ? outputAt(node, 1) : undefined;
  const row = wholeRows(view);
  const none = { accumulate: false, micro: undefined, cast: undefined, told: undefined } as const;
  const whole: Loaded = { ...view, ...none, y: outputAt(node, 0), second, from: START, row };
  if (view.parts.length === 0) return [whole];
  const before = (i: number): number => view.parts.slice(0, i).reduce((sum, count) => sum + count, 0);
  return view.parts.map((count, i): Loaded => {
    const first = before(i);
    if (!view.transposeB) return { ...whole, N: count, from: { a: 0, b: first, y: first } };
    const a = first * (view.transposeA ? row.a : 1);
    return { ...whole, K: count, from: { a, b: first, y: 0 }, accumulate: i > 0 };
  });
}

/** What `matmul_accumulate` computes: it stores where the state lies. */
function loadedInto(node: Node): readonly Loaded[] {
  const view = matmulView(productOf(node));
  const second = view.columnSums ? outputAt(node, 0) : undefined;
  const into = { y: inputAt(node, 2), micro: inputAt(node, 3) };
  return [{ ...view, ...into, second, from: START, row: wholeRows(view), accumulate: false, cast: undefined, told: undefined }];
}

/** What `matmul_cast` computes: the products of a matmul, cast. */
function loadedCast(node: Node): readonly Loaded[] {
  const cast = { how: castOf(node), codes: outputAt(node, 1) };
  return loaded(node).map((view) => ({ ...view, cast }));
}

/** What a matmul that tells the amax of its result computes. */
function loadedTold(node: Node): readonly Loaded[] {
  const told = amaxOf(node);
  return loaded(node).map((view) => ({ ...view, told }));
}

export const matmulVariants = variantsOf(loaded);
export const matmulAmaxVariants = variantsOf(loadedTold);
export const matmulAccumulateVariants = variantsOf(loadedInto);
export const matmulCastVariants = variantsOf(loadedCast);
