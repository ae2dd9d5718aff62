import type { Node } from '../graph/types.ts';

/**
 * A node's op, input types and attributes in words: nodes that are equal in it are computed alike and cost the same. Lanes are no part
 * of it (promise 2).
 */
export function signatureOf(node: Node): string {
  const types = node.inputs.map(
    ({ type: { dtype, shape, parts = [shape] } }) => `${dtype}[${parts.map((part) => part.join(',')).join(' ')}]`,
  );
  return `${node.op}(${types.join(', ')}) ${JSON.stringify(node.attrs)}`;
}
