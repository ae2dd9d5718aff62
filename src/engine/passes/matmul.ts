import type { Node, Value } from '../../graph/types.ts';
import { hasEpilogue, matmulNode, matmulOptions } from '../../ops/matmul.ts';
import type { MatmulOptions } from '../../ops/matmul.ts';
import { matmulView } from '../../ops/matmul-view.ts';
import type { Rewriting, Rule } from '../rewrite.ts';

/** The matmul that made `value`, when only the one node asking reads it, and more can be done to what it stores. */
function soleMatmul(value: Value | undefined, { uses }: Rewriting): Node | undefined {
  if (value?.node.op !== 'matmul' || value.index !== 0 || uses(value) !== 1) return undefined;
  const { columnSums, parts } = matmulView(value.node);
  return columnSums || parts.length > 0 ? undefined : value.node;
}

/** Adds to the new graph `node` (a matmul of the old one) with more to it. */
function withEpilogue(node: Node, { g, get }: Rewriting, name: string, more: MatmulOptions): readonly Value[] {
  const { a, b } = matmulView(node);
  return matmulNode(g, get(a), get(b), { ...matmulOptions(node, get), ...more }, name);
}

/** matmul(a, b) in parts: the projections to q, k and v, and what the backward pass makes of them. */
export const qkvMatmul: Rule = {
  name: 'qkv-matmul',
  makes: 'matmul',
  stage: 'whole',
  apply(node, rewriting) {
    const y = node.outputs[0];
    if (node.op !== 'matmul' || y === undefined || matmulView(node).parts.length === 0) return false;
    const [whole] = withEpilogue(node, rewriting, node.name, { parts: [] });
    if (whole !== undefined) rewriting.replace(y, whole);
    return true;
  },
};

/** bias_add(matmul(a, b), bias) */
export const matmulBias: Rule = {
  name: 'matmul-bias',
  makes: 'matmul',
  stage: 'whole',
  apply(node, rewriting) {
    const [x, bias] = node.inputs;
    const product = soleMatmul(x, rewriting);
    const y = node.outputs[0];
    if (node.op !== 'bias_add' || product === undefined || bias === undefined || y === undefined || hasEpilogue(product.attrs))
      return false;
    const [fused] = withEpilogue(product, rewriting, node.name, { bias: rewriting.get(bias) });
    if (fused !== undefined) rewriting.replace(y, fused);
    return true;
  },
};

/** activation(matmul(...)): the value before the activation stays an output, for the backward pass. */
export const matmulActivation: Rule = {
  name: 'matmul-activation',
  makes: 'matmul',
  stage: 'whole',
  apply(node, rewriting) {
    const pre = node.inputs[0];
    const y = node.outputs[0];
    const kind = node.attrs['kind'];
    if (node.op !== 'activation' || (kind !== 'gelu' && kind !== 'relu2') || pre?.node.op !== 'matmul' || y === undefined)
      return false;
    const { activation, residual, parts } = matmulView(pre.node);
    if (
      activation !== 'none' ||
      residual !== undefined ||
      parts.length > 0 ||
      rewriting.readers(pre).some((reader) => reader.id < node.id)
    )
      return false;
    const [fused, fusedPre] = withEpilogue(pre.node, rewriting, node.name, { activation: kind });
    if (fused !== undefined) rewriting.replace(y, fused);
    if (fusedPre !== undefined) rewriting.replace(pre, fusedPre);
    return true;
  },
};

/** add(x, matmul(...)), either way round. */
export const matmulResidual: Rule = {
  name: 'matmul-residual',
  makes: 'matmul',
  stage: 'whole',
  apply(node, rewriting) {
    const y = node.outputs[0];
    if (node.op !== 'add' || y === undefined) return false;
    for (const [product, residual] of [
      [node.inputs[1], node.inputs[0]],
      [node.inputs[0], node.inputs[1]],
    ]) {
      const matmul = soleMatmul(product, rewriting);
      if (matmul === undefined || residual === undefined || residual === product || matmul.attrs['residual'] === true) continue;
      const [fused] = withEpilogue(matmul, rewriting, node.name, { residual: rewriting.get(residual) });
      if (fused !== undefined) rewriting.replace(y, fused);
      return true;
    }
    return false;
  },
};

/** activation_backward(matmul(...), pre), and that of swiglu: the gradient goes on through the activation as the matmul stores it. */
export const matmulSlope: Rule = {
  name: 'matmul-slope',
  makes: 'matmul',
  stage: 'whole',
  apply(node, rewriting) {
    const [dy, pre] = node.inputs;
    const dx = node.outputs[0];
    const kind = slopeKind(node);
    const product = soleMatmul(dy, rewriting);
    if (kind === undefined || product === undefined || pre === undefined || dx === undefined) return false;
    if (hasEpilogue(product.attrs)) return false;
    const slope = { kind, pre: rewriting.get(pre) };
    const [fused] = withEpilogue(product, rewriting, node.name, { slope });
    if (fused !== undefined) rewriting.replace(dx, fused);
    return true;
  },
};

/** The activation whose backward pass `node` is, where a matmul can take its slope. */
function slopeKind({ op, attrs }: Node): 'gelu' | 'relu2' | 'swiglu' | undefined {
  if (op === 'swiglu_backward') return 'swiglu';
  const { kind } = attrs;
  return op === 'activation_backward' && (kind === 'gelu' || kind === 'relu2') ? kind : undefined;
}

/** sum_leading(dy) beside matmul(x, dy) of a transposed x: the gradient of a bias is added up while that of the weight is. */
export const biasGradient: Rule = {
  name: 'bias-gradient',
  makes: 'matmul',
  stage: 'whole',
  apply(node, rewriting) {
    const [dy] = node.inputs;
    const sums = node.outputs[0];
    if (node.op !== 'sum_leading' || node.attrs['keep'] !== 1 || dy === undefined || sums === undefined) return false;
    const product = rewriting.readers(dy).find((reader) => isWeightGradient(reader, dy, node));
    const dw = product?.outputs[0];
    if (product === undefined || dw === undefined) return false;
    const [fusedDw, fusedSums] = withEpilogue(product, rewriting, product.name, { columnSums: true });
    if (fusedDw !== undefined) rewriting.replace(dw, fusedDw);
    if (fusedSums !== undefined) rewriting.replace(sums, fusedSums);
    return true;
  },
};

/** Whether `node`, still to come when `before` is copied, multiplies something known by then with `dy` over the rows of both. */
function isWeightGradient(node: Node, dy: Value, before: Node): boolean {
  const [x, b] = node.inputs;
  if (node.op !== 'matmul' || b !== dy || x === undefined || x.node.id > before.id || node.id < before.id) return false;
  if (matmulView(node).parts.length > 0) return false;
  const { attrs } = node;
  return attrs['transposeA'] === true && attrs['transposeB'] === false && attrs['batched'] === false && !hasEpilogue(attrs);
}
