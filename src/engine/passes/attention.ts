import { attention } from '../../ops/attention.ts';
import { hasEpilogue } from '../../ops/matmul.ts';
import { flagAttr, numberAttr } from '../../ops/op.ts';
import type { Rule } from '../rewrite.ts';

/** merge_heads(matmul(causal_softmax(matmul(q, kT)), v)) of one split_qkv: attention without the T x T matrix, forward and backward. */
export const fusedAttention: Rule = {
  name: 'attention',
  makes: 'attention',
  stage: 'forward',
  apply(node, { g, get, uses, replace }) {
    const y = node.outputs[0];
    const mixed = node.inputs[0]?.node;
    if (node.op !== 'merge_heads' || y === undefined || mixed?.op !== 'matmul') return false;
    const [probabilities, v] = mixed.inputs;
    const scores = probabilities?.node.op === 'causal_softmax' ? probabilities.node.inputs[0] : undefined;
    const [q, k] = scores?.node.op === 'matmul' ? scores.node.inputs : [];
    const split = q?.node;
    if (probabilities === undefined || scores === undefined || split?.op !== 'split_qkv') return false;
    const bare = [mixed, scores.node].every((matmul) => !hasEpilogue(matmul.attrs) && matmul.attrs['transposeA'] === false);
    if (!bare || mixed.attrs['transposeB'] !== false || mixed.attrs['alpha'] !== 1) return false;
    const sections = [q, k, v].every((part, i) => part?.node === split && part.index === i);
    if (!sections || !flagAttr(scores.node, 'transposeB') || [probabilities, scores].some((value) => uses(value) !== 1))
      return false;
    const qkv = split.inputs[0];
    if (qkv === undefined) return false;
    const sizes = {
      heads: numberAttr(split, 'heads'),
      kvHeads: numberAttr(split, 'kvHeads'),
      headSize: numberAttr(split, 'headSize'),
    };
    const [o] = attention(g, get(qkv), { ...sizes, scale: numberAttr(scores.node, 'alpha') }, node.name);
    if (o !== undefined) replace(y, o);
    return true;
  },
};
