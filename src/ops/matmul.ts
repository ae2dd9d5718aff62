import { GraphError } from '../base/errors.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Attrs, Node, Type, Value } from '../graph/types.ts';
import { activation as activationNode, add, biasAdd } from './elementwise.ts';
import { matmulVariants } from './matmul-kernels.ts';
import { matmulView } from './matmul-view.ts';
import type { Codes } from './matmul-view.ts';
import { addOp, flagAttr } from './op.ts';
import type { Op, Unshaped } from './op.ts';
import { codeWord, dequantize } from './quantize.ts';

/** What the kernel does to a product before it is stored, in this order: bias, activation, residual. */
export interface MatmulEpilogue {
  readonly bias?: Value;
  readonly activation?: 'gelu' | 'relu2';
  readonly residual?: Value;
}

export interface MatmulOptions extends MatmulEpilogue {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** Leading dimensions are a batch; otherwise they are merged into the rows. */
  readonly batched?: boolean;
  readonly alpha?: number;
  /** Set where `a` or `b` are codes that `quantize` gave, which are multiplied by what they stand for. */
  readonly aCodes?: Codes;
  readonly bCodes?: Codes;
}

/**
 * `act(alpha * op(a) op(b) + bias) + residual`. Not batched, `a` and `b` count as matrices with their leading dimensions merged;
 * the result has the leading dimensions of `a`, or is `[M,N]` when `a` is transposed. With an activation the node has a second
 * output, the value before it.
 *
 * @throws ShapeError when inner, batch, bias or residual dimensions disagree.
 */
export function matmulNode(g: Graph, a: Value, b: Value, options: MatmulOptions = {}, name?: string): readonly Value[] {
  const { transposeA = false, transposeB = false, batched = false, alpha = 1, bias, residual, activation } = options;
  const { aCodes, bCodes } = options;
  const inputs = [a, b, bias, residual, aCodes?.scales, bCodes?.scales].filter((value) => value !== undefined);
  const attrs = {
    transposeA,
    transposeB,
    batched,
    alpha,
    bias: bias !== undefined,
    residual: residual !== undefined,
    activation: activation ?? 'none',
    ...behind('a.', aCodes),
    ...behind('b.', bCodes),
  };
  return addOp(g, 'matmul', matmulOps.matmul, inputs, attrs, name);
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
  const { M, N, transposeA, a, activation } = matmulView(node);
  const lead = flagAttr(node, 'batched') ? [...a.type.shape.slice(0, -2), M] : transposeA ? [M] : a.type.shape.slice(0, -1);
  const type = f32(...lead, N);
  return activation === 'none' ? [type] : [type, type];
}

/**
 *     y = alpha a b      da = alpha dy bT      db = alpha aT dy
 *     y = alpha a bT     da = alpha dy b       db = alpha dyT a
 *     y = alpha aT b     da = alpha b dyT      db = alpha a dy
 */
function vjp(g: Graph, node: Node, [dy]: readonly (Value | undefined)[]): readonly (Value | undefined)[] {
  const { a, b, transposeA, transposeB, alpha, aCodes, bCodes } = matmulView(node);
  if (dy === undefined) return [];
  if (hasEpilogue(node.attrs) || aCodes !== undefined || bCodes !== undefined || (transposeA && transposeB)) {
    throw new GraphError({
      where: nodeLabel(node),
      rule: 'a fused matmul has no gradient',
      cure: 'Fuse after taking gradients.',
    });
  }
  const options = { alpha, batched: flagAttr(node, 'batched') };
  if (transposeA) return [matmul(g, b, dy, { ...options, transposeB: true }), matmul(g, a, dy, options)];
  if (transposeB) return [matmul(g, dy, b, options), matmul(g, dy, a, { ...options, transposeA: true })];
  return [matmul(g, dy, b, { ...options, transposeB: true }), matmul(g, a, dy, { ...options, transposeA: true })];
}

function decoded(g: Graph, x: Value, codes: Codes | undefined): Value {
  return codes === undefined ? x : dequantize(g, x, codes.scales, codes.cast);
}

/** Decoding and epilogue as ops of their own. */
function plain(g: Graph, inputs: readonly Value[], attrs: Attrs): readonly Value[] {
  const node: Unshaped = { id: g.nodes.length, op: 'matmul', name: 'plain', inputs, attrs };
  const view = matmulView(node);
  const { bias, residual, activation, transposeA, transposeB, alpha } = view;
  const [a, b] = [decoded(g, view.a, view.aCodes), decoded(g, view.b, view.bCodes)];
  const product = matmul(g, a, b, { transposeA, transposeB, alpha, batched: flagAttr(node, 'batched') });
  const pre = bias === undefined ? product : biasAdd(g, product, bias);
  const active = activation === 'none' ? pre : activationNode(g, pre, { kind: activation });
  const y = residual === undefined ? active : add(g, residual, active);
  return activation === 'none' ? [y] : [y, pre];
}

/** Whether the node is more than a product. */
export function hasEpilogue(attrs: Attrs): boolean {
  return attrs['bias'] === true || attrs['residual'] === true || attrs['activation'] !== 'none';
}

export const matmulOps = {
  matmul: {
    shape,
    vjp,
    plain,
    words: (node, input, i) => {
      const { aCodes, bCodes } = matmulView(node);
      const codes = input === 0 ? aCodes : input === 1 ? bCodes : node.inputs[input] === aCodes?.scales ? aCodes : bCodes;
      return codes === undefined ? 0 : codeWord(codes.cast, input > 1, i);
    },
    variants: matmulVariants,
  },
} satisfies Record<string, Op>;
