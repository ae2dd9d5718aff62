import { GraphError } from '../base/errors.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Value } from '../graph/types.ts';
import { flatGrid, foldGrid, FLAT_WORKGROUP, lastOf, powerOfTwo, vecWidth } from './launch.ts';
import { addOp, inputAt, outputAt, plainVariant, requireShape } from './op.ts';
import type { Dispatch, Op } from './op.ts';
import { positionAdd } from './position.ts';

/** Where the batch holds each token, made by the host: what lets the gradient be summed without atomics. */
export interface TokenOrder {
  /** u32[B*T]: positions sorted by token. */
  readonly order: Value;
  /** u32[V+1]: token v stands at `order[starts[v]..starts[v+1]]`. */
  readonly starts: Value;
}

/**
 * The rows of `table` f32[V,C] that `tokens` u32[B,T] names: f32[B,T,C]. Every token must be below V: kernels do not check.
 * Only with `tokenOrder` has the table a gradient.
 */
export function embedding(g: Graph, tokens: Value, table: Value, tokenOrder?: TokenOrder, name?: string): Value {
  const inputs = tokenOrder === undefined ? [tokens, table] : [tokens, table, tokenOrder.order, tokenOrder.starts];
  return first(addOp(g, 'embedding', embeddingOps.embedding, inputs, {}, name));
}

/** {@link embedding} with `positions` f32[T,C] added to each text in the same pass: position_add of it, in one. */
export function embeddingPosition(g: Graph, tokens: Value, table: Value, positions: Value, name?: string): Value {
  return first(addOp(g, 'embedding_position', embeddingOps.embedding_position, [tokens, table, positions], {}, name));
}

export const embeddingOps: Record<'embedding' | 'embedding_position' | 'embedding_backward', Op> = {
  embedding: {
    shape(node) {
      const [tokens, table] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, tokens.dtype === 'u32' && table.dtype === 'f32', 'tokens are u32 and the table is f32');
      requireShape(node, table.shape.length === 2, 'the table has two dimensions');
      const ordered = node.inputs.length === 4;
      requireShape(node, ordered || node.inputs.length === 2, 'order and starts come together');
      const [vocabulary = 0, width = 0] = table.shape;
      if (ordered) {
        const [order, starts] = [inputAt(node, 2).type, inputAt(node, 3).type];
        requireShape(node, order.dtype === 'u32' && starts.dtype === 'u32', 'order and starts are u32');
        requireShape(node, lastOf(starts) === vocabulary + 1, 'starts has one element more than the table has rows');
        const count = tokens.shape.reduce((product, dim) => product * dim, 1);
        requireShape(node, lastOf(order) === count, 'order has one element for each token');
      }
      return [f32(...tokens.shape, width)];
    },
    // dtable[v] = sum of dy[n] over the n with tokens[n] = v
    vjp(g, node, [dy]) {
      if (dy === undefined) return [];
      if (node.inputs.length !== 4) {
        throw new GraphError({
          where: nodeLabel(node),
          rule: 'the table has no gradient without the order of tokens',
          cure: 'Pass order and starts.',
        });
      }
      const inputs = [dy, inputAt(node, 2), inputAt(node, 3)];
      return [undefined, first(addOp(g, 'embedding_backward', embeddingOps.embedding_backward, inputs, {}, node.name))];
    },
    variants: plainVariant((node) => [lowerForward(node)]),
  },

  embedding_position: {
    words: (node, _, i) => i % (inputAt(node, 1).type.shape[0] ?? 1),
    shape(node) {
      const [tokens, table, positions] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      requireShape(node, tokens.dtype === 'u32' && table.dtype === 'f32', 'tokens are u32 and the table is f32');
      requireShape(node, table.shape.length === 2, 'the table has two dimensions');
      const fits = positions.dtype === 'f32' && sameShape(positions.shape, [lastOf(tokens), lastOf(table)]);
      requireShape(node, fits, 'the positions do not fit the last dimensions of tokens and table');
      return [f32(...tokens.shape, lastOf(table))];
    },
    vjp: 'none',
    plain(g, [tokens, table, positions]) {
      if (tokens === undefined || table === undefined || positions === undefined) return [];
      return [positionAdd(g, embedding(g, tokens, table), positions)];
    },
    variants: plainVariant((node) => [lowerForward(node, inputAt(node, 2))]),
  },

  embedding_backward: {
    // Every position once, backwards, and runs of tokens of nearly equal length.
    words(node, input, i) {
      const [tokens, vocabulary] = [lastOf(inputAt(node, 1).type), lastOf(inputAt(node, 2).type) - 1];
      return input === 1 ? tokens - 1 - i : Math.floor((i * tokens) / vocabulary);
    },
    shape(node) {
      const [dy, order, starts] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      requireShape(
        node,
        dy.dtype === 'f32' && order.dtype === 'u32' && starts.dtype === 'u32',
        'dy is f32, order and starts are u32',
      );
      const count = dy.shape.slice(0, -1).reduce((product, dim) => product * dim, 1);
      requireShape(node, lastOf(order) === count, 'order has one element for each row of dy');
      return [f32(lastOf(starts) - 1, lastOf(dy))];
    },
    vjp: 'none',
    variants: [
      { name: 'alone', supports: (_, caps) => caps.software, lower: (node) => [lowerBackward(node, true)] },
      { name: 'plain', supports: () => true, lower: (node) => [lowerBackward(node, false)] },
    ],
  },
};

function lowerForward(node: Node, positions?: Value): Dispatch {
  const [tokens, table, y] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
  const [vocabulary = 0, width = 0] = table.type.shape;
  const vec = vecWidth(width);
  const count = sizeOf(tokens.type.shape);
  const period = positions === undefined ? 1 : sizeOf(positions.type.shape) / vec;
  return {
    kernel: 'embedding/embedding-forward',
    bind: { tokens, table, y, positions },
    sizes: { tokens: count, columns: width / vec, vocabulary, period },
    overrides: { WORKGROUP: FLAT_WORKGROUP, POSITIONED: positions !== undefined },
    template: { WIDTH: vec },
    grid: flatGrid((count * width) / vec),
  };
}

function lowerBackward(node: Node, alone: boolean): Dispatch {
  const [dy, order, starts, dtable] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), outputAt(node, 0)];
  const tokens = lastOf(order.type);
  const [vocabulary = 0, width = 0] = dtable.type.shape;
  const vec = vecWidth(width);
  const outputs = (vocabulary * width) / vec;
  // More threads a row where rows are long on average: a small vocabulary, a large batch.
  const split = alone ? 1 : Math.min(16, Math.max(4, powerOfTwo(tokens / vocabulary)));
  const columns = 16;
  return {
    kernel: 'embedding/embedding-backward',
    bind: { dy, order, starts, dtable },
    sizes: { tokens, columns: width / vec, vocabulary },
    overrides: { WORKGROUP: columns * split, SPLIT: split },
    template: { WIDTH: vec },
    grid: foldGrid(Math.ceil(outputs / columns)),
  };
}
