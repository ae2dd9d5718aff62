import { embeddingPosition } from '../../ops/embedding.ts';
import type { Rule } from '../rewrite.ts';

/** position_add(embedding(tokens, table), positions) */
export const fusedPosition: Rule = {
  name: 'embedding-position',
  makes: 'embedding_position',
  stage: 'whole',
  apply(node, { g, get, uses, replace }) {
    const [x, positions] = node.inputs;
    const y = node.outputs[0];
    if (node.op !== 'position_add' || x?.node.op !== 'embedding' || uses(x) !== 1 || y === undefined) return false;
    const [tokens, table] = x.node.inputs;
    if (tokens === undefined || table === undefined || positions === undefined) return false;
    replace(y, embeddingPosition(g, get(tokens), get(table), get(positions), node.name));
    return true;
  },
};
