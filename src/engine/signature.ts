import type { Node } from '../graph/types.ts';
import { opOf } from '../ops/table.ts';

/**
 * A node's op, input types and attributes in words: nodes that are equal in it are computed alike and cost the same. Lanes are no part
 * of it (promise 2).
 */
export function signatureOf(node: Pick<Node, 'op' | 'inputs' | 'attrs'>): string {
  const types = node.inputs.map(
    ({ type: { dtype, shape, parts = [shape] } }) => `${dtype}[${parts.map((part) => part.join(',')).join(' ')}]`,
  );
  return `${node.op}(${types.join(', ')}) ${JSON.stringify(node.attrs)}`;
}

/** Signatures by which a choice for a node is found: its own, else that of the op that it gives more than, whose variants give the same bits. */
export function choiceKeys(node: Node): readonly string[] {
  const bare = opOf(node.op).wraps?.(node);
  return [signatureOf(node), ...(bare === undefined ? [] : [signatureOf({ ...bare, inputs: node.inputs })])];
}
