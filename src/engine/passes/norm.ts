import type { Node, Value } from '../../graph/types.ts';
import { normOps } from '../../ops/norm.ts';
import { addOp, flagAttr } from '../../ops/op.ts';
import type { Rule } from '../rewrite.ts';

/** add(d, norm_backward(...)): the gradient that goes round a block meets the one that went through its norm. */
export const normBackwardResidual: Rule = {
  name: 'norm-backward-residual',
  makes: 'norm_backward',
  stage: 'whole',
  apply(node, { g, get, uses, replace }) {
    const y = node.outputs[0];
    if (node.op !== 'add' || y === undefined) return false;
    for (const [through, round] of [
      [node.inputs[1], node.inputs[0]],
      [node.inputs[0], node.inputs[1]],
    ]) {
      if (through?.node.op !== 'norm_backward' || round === undefined || round === through) continue;
      if (uses(through) !== 1 || flagAttr(through.node, 'addend')) continue;
      const inputs = [...through.node.inputs, round].map(get);
      const [fused] = addOp(
        g,
        'norm_backward',
        normOps.norm_backward,
        inputs,
        { ...through.node.attrs, addend: true },
        node.name,
      );
      if (fused !== undefined) replace(y, fused);
      return true;
    }
    return false;
  },
};

/** norm(add(a, b)): the sum is written by the norm that reads it first. */
export const residualNorm: Rule = {
  name: 'residual-norm',
  makes: 'residual_norm',
  stage: 'whole',
  apply(node, { g, get, readers, replace }) {
    const sum = node.outputs[0];
    if (node.op !== 'add' || sum === undefined) return false;
    const norm = readers(sum).find((reader) => isNormOf(reader, sum, node));
    if (norm === undefined) return false;
    const inputs = [...node.inputs, ...norm.inputs.slice(1)].map(get);
    const fused = addOp(g, 'residual_norm', normOps.residual_norm, inputs, norm.attrs, norm.name);
    for (const [i, output] of [sum, ...norm.outputs].entries()) {
      const copy = fused[i];
      if (copy !== undefined) replace(output, copy);
    }
    return true;
  },
};

/** Whether `node` is the norm of `sum`, with a gain and a bias that are known where `sum` is made. */
function isNormOf(node: Node, sum: Value, { id, phase }: Node): boolean {
  const [x, ...parameters] = node.inputs;
  return node.op === 'norm' && x === sum && node.phase === phase && parameters.every((value) => value.node.id < id);
}
