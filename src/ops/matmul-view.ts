import { sameShape, sizeOf } from '../base/shape.ts';
import type { Attrs, Value } from '../graph/types.ts';
import { FORMATS, formatNamed } from '../numerics/format.ts';
import { flagAttr, inputAt, numberAttr, requireShape, textAttr } from './op.ts';
import type { Unshaped } from './op.ts';
import { castOf, requireCodes } from './quantize.ts';
import type { CastAttrs } from './quantize.ts';

/** What the codes of an operand stand for. */
export interface Codes {
  readonly cast: CastAttrs;
  readonly scales: Value | undefined;
}

/** Whether all that codes stand for, but for a scale of the whole tensor, are numbers of half precision. */
export function isInHalf(codes: Codes | undefined): boolean {
  if (codes === undefined || codes.cast.scaling === 'block') return false;
  const { mantissaBits, maxValue, minValue } = formatNamed(codes.cast.format);
  const { fp16 } = FORMATS;
  return mantissaBits <= fp16.mantissaBits && maxValue <= fp16.maxValue && minValue >= fp16.minValue;
}

/** A matmul in the terms of its kernels. */
export interface MatmulView {
  /** Matrices a lane; 1 when not batched. */
  readonly batch: number;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly alpha: number;
  readonly activation: 'none' | 'gelu' | 'relu2';
  readonly a: Value;
  readonly b: Value;
  /** Operands that are codes, and how these are to be read; undefined for f32. */
  readonly aCodes: Codes | undefined;
  readonly bCodes: Codes | undefined;
  readonly bias: Value | undefined;
  readonly residual: Value | undefined;
  /** The product is a gradient by an activation's result: it goes on through that activation. */
  readonly slope: Slope;
  /** What went into the activation whose slope is taken. */
  readonly pre: Value | undefined;
  /** The second output is the sums of b's columns. */
  readonly columnSums: boolean;
  /** Column counts of `b` as stored where each such part of it is multiplied apart from the others; empty for one product. */
  readonly parts: readonly number[];
}

const SLOPES = ['none', 'gelu', 'relu2', 'swiglu'] as const;
export type Slope = (typeof SLOPES)[number];

/** Reads a node's sizes and operands. @throws ShapeError as `matmulNode` does. */
export function matmulView(node: Unshaped): MatmulView {
  const [a, b] = [inputAt(node, 0), inputAt(node, 1)];
  const [transposeA, transposeB, batched] = [
    flagAttr(node, 'transposeA'),
    flagAttr(node, 'transposeB'),
    flagAttr(node, 'batched'),
  ];
  const A = matrixOf(a.type.shape, batched);
  const B = matrixOf(b.type.shape, batched);
  const [M, K] = transposeA ? [A.cols, A.rows] : [A.rows, A.cols];
  const [KB, N] = transposeB ? [B.cols, B.rows] : [B.rows, B.cols];
  requireShape(node, a.type.shape.length >= 2 && b.type.shape.length >= 2, 'operands are no matrices');
  const cure = K === B.rows || K === B.cols ? `Pass transposeB: ${!transposeB}.` : undefined;
  requireShape(node, K === KB, `inner dimensions differ: a has K=${K}, b has K=${KB}`, cure);
  requireShape(node, sameShape(A.batch, B.batch), 'batch dimensions differ');
  let next = 2;
  const bias = flagAttr(node, 'bias') ? inputAt(node, next++) : undefined;
  const residual = flagAttr(node, 'residual') ? inputAt(node, next++) : undefined;
  requireShape(node, bias === undefined || sameShape(bias.type.shape, [N]), `bias is not [N=${N}]`);
  const batch = sizeOf(A.batch);
  requireShape(
    node,
    residual === undefined || sizeOf(residual.type.shape) === batch * M * N,
    'residual has another size than the result',
  );
  const activation = textAttr(node, 'activation');
  requireShape(
    node,
    activation === 'none' || activation === 'gelu' || activation === 'relu2',
    `no kernel applies activation ${activation}`,
  );
  const slope = SLOPES.find((kind) => kind === textAttr(node, 'slope'));
  requireShape(node, slope !== undefined, `no kernel takes the slope of ${textAttr(node, 'slope')}`);
  const pre = slope === 'none' ? undefined : inputAt(node, next++);
  const size = batch * M * N * (slope === 'swiglu' ? 2 : 1);
  requireShape(node, pre === undefined || sizeOf(pre.type.shape) === size, 'what went into the activation has another size');
  const columnSums = flagAttr(node, 'columnSums');
  requireShape(node, !columnSums || (!batched && !transposeB), 'sums of columns are of a matrix b as it is stored');
  requireShape(
    node,
    slope === 'none' || (residual === undefined && activation === 'none'),
    'a slope is taken of the bare product',
  );
  requireShape(node, !columnSums || activation === 'none', 'there is one second output: before the activation, or sums');
  const parts = partsOf(node);
  requireShape(
    node,
    parts.length === 0 || (!batched && parts.reduce((sum, count) => sum + count, 0) === B.cols),
    `parts ${parts.join(' + ')} are not the columns of one matrix b`,
  );
  const codes = (prefix: 'a.' | 'b.', operand: Value): Codes | undefined => {
    const attrs = attrsBehind(node.attrs, prefix);
    if (attrs === undefined) {
      requireShape(node, operand.type.dtype === 'f32', 'an operand is neither f32 nor codes');
      return undefined;
    }
    const cast = castOf({ ...node, attrs });
    const scales = cast.scaling === 'none' ? undefined : inputAt(node, next++);
    requireCodes(node, cast, operand, scales);
    return { cast, scales };
  };
  const [aCodes, bCodes] = [codes('a.', a), codes('b.', b)];
  requireShape(
    node,
    parts.length === 0 || (next === 2 && activation === 'none' && !columnSums),
    'a product in parts is of f32, and is stored as it is',
    'Merge the parts first.',
  );
  return {
    batch,
    M,
    N,
    K,
    transposeA,
    transposeB,
    alpha: numberAttr(node, 'alpha'),
    activation,
    a,
    b,
    aCodes,
    bCodes,
    bias,
    residual,
    slope,
    pre,
    columnSums,
    parts,
  };
}

/** The attribute `parts`, which a product in one piece has not. */
function partsOf(node: Unshaped): readonly number[] {
  const { parts = [] } = node.attrs;
  const isCounts = typeof parts === 'object' && parts.every((count) => Number.isInteger(count) && count > 0);
  requireShape(node, isCounts, 'attribute parts is no list of column counts');
  return parts;
}

/** What `matmul_accumulate` adds to a state, as a product: its inputs are a, b, the state, the micro-batch, then the scales of codes. */
export function productOf(node: Unshaped): Unshaped {
  return { ...node, inputs: [inputAt(node, 0), inputAt(node, 1), ...node.inputs.slice(4)] };
}

/** The attributes whose names begin with `prefix`, without it; undefined where there are none. */
function attrsBehind(attrs: Attrs, prefix: string): Attrs | undefined {
  const own = Object.entries(attrs).filter(([key]) => key.startsWith(prefix));
  return own.length === 0 ? undefined : Object.fromEntries(own.map(([key, value]) => [key.slice(prefix.length), value]));
}

function matrixOf(shape: readonly number[], batched: boolean): { rows: number; cols: number; batch: readonly number[] } {
  const cols = shape.at(-1) ?? 1;
  const batch = batched ? shape.slice(0, -2) : [];
  return { rows: sizeOf(shape) / cols / sizeOf(batch), cols, batch };
}
