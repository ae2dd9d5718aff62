import { GraphError } from '../base/errors.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Attrs, Node, Type, Value } from '../graph/types.ts';
import { activation as activationNode, activationBackward, add, biasAdd } from './elementwise.ts';
import { MOST_PARTS } from './made.ts';
import type { Producer } from './made.ts';
import { matmulAmaxVariants, matmulVariants } from './matmul-kernels.ts';
import { matmulView } from './matmul-view.ts';
import type { Codes, Slope } from './matmul-view.ts';
import { mostTiles } from './matmul-ways.ts';
import { operandWord } from './matmul-words.ts';
import { addOp, flagAttr } from './op.ts';
import type { Op, Unshaped } from './op.ts';
import { dequantize } from './quantize.ts';
import { sumLeading } from './reduce.ts';
import { swigluBackward } from './swiglu.ts';

/** What the kernel does to a product before it is stored, in this order: bias, activation, residual; or bias, slope. */
export interface MatmulEpilogue {
  readonly bias?: Value;
  readonly activation?: 'gelu' | 'relu2';
  readonly residual?: Value;
  /** The product is the gradient of this activation's result, `pre` what went into it: the result is the gradient of `pre`. */
  readonly slope?: { readonly kind: Exclude<Slope, 'none'>; readonly pre: Value };
}

export interface MatmulOptions extends MatmulEpilogue {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Leading dimensions are a batch; otherwise they are merged into the rows. */
  readonly batched?: boolean;
  readonly alpha?: number;
  /** A second output has the sums of the columns of `op(b)`, `[N]`: the gradient of a bias where b is that of the layer's result. */
  readonly columnSums?: boolean;
  /**
   * The product is computed part by part, these many columns of `b` as stored at a time: parts of `N`, or of `K` where `b` is transposed,
   * which are added up in order. Such a product has nothing else to it.
   */
  readonly parts?: readonly number[];
  /** Set where `a` or `b` are codes that `quantize` gave, which are multiplied by what they stand for. */
  readonly aCodes?: Codes;
  readonly bCodes?: Codes;
}

/**
 * `act(alpha * op(a) op(b) + bias) + residual`. Not batched, `a` and `b` count as matrices with their leading dimensions merged;
 * the result has the leading dimensions of `a`, or is `[M,N]` when `a` is transposed; the slope of swiglu gives `[..,2N]`. With an
 * activation the node has a second output, the value before it.
 *
 * @throws ShapeError when inner, batch, bias, residual or part dimensions disagree.
 */
export function matmulNode(g: Graph, a: Value, b: Value, options: MatmulOptions = {}, name?: string): readonly Value[] {
  const { bias, residual, slope, aCodes, bCodes } = options;
  const inputs = [a, b, bias, residual, slope?.pre, aCodes?.scales, bCodes?.scales].filter((value) => value !== undefined);
  return addOp(g, 'matmul', matmulOps.matmul, inputs, matmulAttrs(options), name);
}

/** The attributes of a product. */
export function matmulAttrs(options: MatmulOptions): Attrs {
  const { transposeA = false, transposeB = false, batched = false, alpha = 1, bias, residual, activation } = options;
  const { aCodes, bCodes, slope, columnSums = false, parts = [] } = options;
  return {
    transposeA,
    transposeB,
    batched,
    alpha,
    bias: bias !== undefined,
    residual: residual !== undefined,
    activation: activation ?? 'none',
    slope: slope?.kind ?? 'none',
    columnSums,
    ...(parts.length === 0 ? {} : { parts }),
    ...behind('a.', aCodes),
    ...behind('b.', bCodes),
  };
}

/** The options that give `node` again, its operands those of another graph. */
export function matmulOptions(node: Node, get: (value: Value) => Value): MatmulOptions {
  const { transposeA, transposeB, alpha, activation, bias, residual, slope, pre, columnSums, parts, aCodes, bCodes } =
    matmulView(node);
  const codes = ({ cast, scales }: Codes): Codes => ({ cast, scales: scales === undefined ? undefined : get(scales) });
  return {
    transposeA,
    transposeB,
    alpha,
    columnSums,
    parts,
    batched: flagAttr(node, 'batched'),
    ...(bias === undefined ? {} : { bias: get(bias) }),
    ...(activation === 'none' ? {} : { activation }),
    ...(residual === undefined ? {} : { residual: get(residual) }),
    ...(slope === 'none' || pre === undefined ? {} : { slope: { kind: slope, pre: get(pre) } }),
    ...(aCodes === undefined ? {} : { aCodes: codes(aCodes) }),
    ...(bCodes === undefined ? {} : { bCodes: codes(bCodes) }),
  };
}

/** How codes are read, as attributes. */
function behind(prefix: 'a.' | 'b.', codes: Codes | undefined): Attrs {
  if (codes === undefined) return {};
  return Object.fromEntries(Object.entries(codes.cast).map(([key, value]) => [prefix + key, value]));
}

/** {@link matmulNode}'s first output. */
export function matmul(g: Graph, a: Value, b: Value, options: MatmulOptions = {}, name?: string): Value {
  return first(matmulNode(g, a, b, options, name));
}

function shape(node: Unshaped): readonly Type[] {
  const { M, N, transposeA, a, activation, slope, columnSums } = matmulView(node);
  const lead = flagAttr(node, 'batched') ? [...a.type.shape.slice(0, -2), M] : transposeA ? [M] : a.type.shape.slice(0, -1);
  const type = f32(...lead, slope === 'swiglu' ? 2 * N : N);
  return columnSums ? [type, f32(N)] : activation === 'none' ? [type] : [type, type];
}

/**
 *     y = alpha a b      da = alpha dy bT      db = alpha aT dy
 *     y = alpha a bT     da = alpha dy b       db = alpha dyT a
 *     y = alpha aT b     da = alpha b dyT      db = alpha a dy
 */
function vjp(g: Graph, node: Node, [dy]: readonly (Value | undefined)[]): readonly (Value | undefined)[] {
  const { a, b, transposeA, transposeB, alpha, parts, aCodes, bCodes } = matmulView(node);
  if (dy === undefined) return [];
  const isTurned = transposeA || transposeB;
  const isMany = parts.length > 0;
  if (isMore(node.attrs) || aCodes !== undefined || bCodes !== undefined || (transposeA && transposeB) || (isMany && isTurned)) {
    throw new GraphError({
      where: nodeLabel(node),
      rule: isMany
        ? 'the gradients of a product in parts are taken where no operand is transposed'
        : 'a fused matmul has no gradient',
      cure: 'Fuse after taking gradients.',
    });
  }
  const options = { alpha, batched: flagAttr(node, 'batched'), parts };
  if (transposeA) return [matmul(g, b, dy, { ...options, transposeB: true }), matmul(g, a, dy, options)];
  if (transposeB) return [matmul(g, dy, b, options), matmul(g, dy, a, { ...options, transposeA: true })];
  return [matmul(g, dy, b, { ...options, transposeB: true }), matmul(g, a, dy, { ...options, transposeA: true })];
}

function decoded(g: Graph, x: Value, codes: Codes | undefined): Value {
  return codes === undefined ? x : dequantize(g, x, codes.scales, codes.cast);
}

/** Decoding and epilogue as ops of their own; parts stay parts. */
export function plainMatmul(g: Graph, inputs: readonly Value[], attrs: Attrs): readonly Value[] {
  const node: Unshaped = { id: g.nodes.length, op: 'matmul', name: 'plain', inputs, attrs };
  const view = matmulView(node);
  const { bias, residual, activation, slope, pre: into, columnSums, transposeA, transposeB, alpha, parts } = view;
  const [a, b] = [decoded(g, view.a, view.aCodes), decoded(g, view.b, view.bCodes)];
  const product = matmul(g, a, b, { transposeA, transposeB, alpha, parts, batched: flagAttr(node, 'batched') });
  const pre = bias === undefined ? product : biasAdd(g, product, bias);
  const active = activation === 'none' ? pre : activationNode(g, pre, { kind: activation });
  const through = slope === 'none' || into === undefined ? active : slopeOf(g, slope, active, into);
  const y = residual === undefined ? through : add(g, residual, through);
  if (columnSums) return [y, sumLeading(g, b, 1)];
  return activation === 'none' ? [y] : [y, pre];
}

function slopeOf(g: Graph, slope: Exclude<Slope, 'none'>, dy: Value, pre: Value): Value {
  return slope === 'swiglu' ? swigluBackward(g, dy, pre) : activationBackward(g, dy, pre, { kind: slope });
}

/** Whether what is stored is more than a product: with a bias, an activation, a residual or a slope. */
export function hasEpilogue(attrs: Attrs): boolean {
  return attrs['bias'] === true || attrs['residual'] === true || attrs['activation'] !== 'none' || attrs['slope'] !== 'none';
}

/** Whether the node is more than a product. */
function isMore(attrs: Attrs): boolean {
  return hasEpilogue(attrs) || attrs['columnSums'] === true;
}

export const matmulOps = {
  matmul: {
    shape,
    vjp,
    plain: plainMatmul,
    words: (node, input, i) => operandWord(matmulView(node), node.inputs[input], i),
    variants: matmulVariants,
  },
} satisfies Record<string, Op>;

/** A matmul tells the amax of what it stores; one that casts it is `matmul_cast`. */
export const matmulProducers: Record<'matmul', Producer> = {
  matmul: {
    op: matmulOps.matmul,
    result: 0,
    variants: matmulAmaxVariants,
    parts: (node) => Math.min(MOST_PARTS, mostTiles(matmulView(node))),
    casts: () => false,
  },
};
