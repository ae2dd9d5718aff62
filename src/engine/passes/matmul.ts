import type { Node, Value } from '../../graph/types.ts';
import { hasEpilogue, matmulNode } from '../../ops/matmul.ts';
import { matmulView } from '../../ops/matmul-view.ts';
import { flagAttr } from '../../ops/op.ts';
import type { Rewriting, Rule } from '../rewrite.ts';

/** The matmul that made `value`, when only the one node asking reads it. */
function soleMatmul(value: Value | undefined, { uses }: Rewriting): Node | undefined {
  return value?.node.op === 'matmul' && value.index === 0 && uses(value) === 1 ? value.node : undefined;
}

/** Adds to the new graph `node` (a matmul of the old one) with more in its epilogue. */
function withEpilogue(
  node: Node,
  { g, get }: Rewriting,
  name: string,
  extra: { readonly bias?: Value; readonly activation?: 'gelu' | 'relu2'; readonly residual?: Value },
): readonly Value[] {
  const { a, b, transposeA, transposeB, alpha, activation, bias, residual } = matmulView(node);
  return matmulNode(
    g,
    get(a),
    get(b),
    {
      transposeA,
      transposeB,
      alpha,
      batched: flagAttr(node, 'batched'),
      ...(bias === undefined ? {} : { bias: get(bias) }),
      ...(activation === 'none' ? {} : { activation }),
      ...(residual === undefined ? {} : { residual: get(residual) }),
      ...extra,
    },
    name,
  );
}

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
    const { activation, residual } = matmulView(pre.node);
    if (activation !== 'none' || residual !== undefined || rewriting.readers(pre).some((reader) => reader.id < node.id))
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
