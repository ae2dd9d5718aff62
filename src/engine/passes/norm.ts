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
