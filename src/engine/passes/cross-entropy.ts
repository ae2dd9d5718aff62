import type { Node, Value } from '../../graph/types.ts';
import { crossEntropyFused } from '../../ops/cross-entropy.ts';
import { numberAttr } from '../../ops/op.ts';
import type { Rule } from '../rewrite.ts';

/** The one number that all elements of `value` are, where the graph says so: a constant, broadcast and scaled. */
function constantOf(value: Value | undefined): number | undefined {
  if (value?.node.op === 'constant') return numberAttr(value.node, 'value');
  if (value?.node.op !== 'broadcast') return undefined;
  const inner = constantOf(value.node.inputs[0]);
  return inner === undefined ? undefined : inner * numberAttr(value.node, 'scale');
}

/** cross_entropy and its backward, in one pass over the logits: the gradient of a mean is known before the loss is. */
export const fusedCrossEntropy: Rule = {
  name: 'cross-entropy',
  makes: 'cross_entropy_fused',
  stage: 'whole',
  apply(node, { g, get, readers, replace }) {
    const [losses, lse, nll] = node.outputs;
    if (node.op !== 'cross_entropy' || losses === undefined || lse === undefined || nll === undefined) return false;
    const backward = readers(lse).find((reader: Node) => reader.op === 'cross_entropy_backward');
    const scale = constantOf(backward?.inputs[4]);
    const dlogits = backward?.outputs[0];
    const [logits, targets, hyper] = node.inputs;
    if (scale === undefined || dlogits === undefined || logits === undefined || targets === undefined || hyper === undefined)
      return false;
    const fused = crossEntropyFused(g, get(logits), get(targets), get(hyper), { scale }, node.name);
    replace(losses, fused.losses);
    replace(lse, fused.lse);
    replace(nll, fused.nll);
    replace(dlogits, fused.dlogits);
    return true;
  },
};
