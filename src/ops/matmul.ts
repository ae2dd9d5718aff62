import { GraphError } from '../base/errors.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Attrs, Node, Type, Value } from '../graph/types.ts';
import { activation as activationNode, add, biasAdd } from './elementwise.ts';
import { matmulVariants } from './matmul-kernels.ts';
import { matmulView } from './matmul-view.ts';
import { addOp, flagAttr } from './op.ts';
import type { Op, Unshaped } from './op.ts';

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
  const inputs = [a, b, ...(bias === undefined ? [] : [bias]), ...(residual === undefined ? [] : [residual])];
  const attrs = {
    transposeA,
    transposeB,
    batched,
    alpha,
    bias: bias !== undefined,
    residual: residual !== undefined,
    activation: activation ?? 'none',
  };
  return addOp(g, 'matmul', matmulOps.matmul, inputs, attrs, name);
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
  const { a, b, transposeA, transposeB, alpha, activation, bias, residual } = matmulView(node);
  if (dy === undefined) return [];
  if (activation !== 'none' || bias !== undefined || residual !== undefined || (transposeA && transposeB)) {
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

/** The epilogue as ops of its own. */
function plain(g: Graph, inputs: readonly Value[], attrs: Attrs): readonly Value[] {
  const node: Unshaped = { id: g.nodes.length, op: 'matmul', name: 'plain', inputs, attrs };
  const { a, b, bias, residual, activation, transposeA, transposeB, alpha } = matmulView(node);
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
  matmul: { shape, vjp, plain, variants: matmulVariants },
} satisfies Record<string, Op>;
