import { sameShape } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/types.ts';
import { addRepeated } from './elementwise.ts';
import { addOp, inputAt, outputAt, plainVariant, requireShape } from './op.ts';
import type { Op } from './op.ts';
import { sumLeading } from './reduce.ts';

/** x f32[B,T,C] + table f32[T,C]: learned positions. */
export function positionAdd(g: Graph, x: Value, table: Value, name?: string): Value {
  return first(addOp(g, 'position_add', positionOps.position_add, [x, table], {}, name));
}

export const positionOps: Record<'position_add', Op> = {
  position_add: {
    shape(node) {
      const [x, table] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, x.dtype === 'f32' && table.dtype === 'f32', 'x and the table are f32');
      const fits = table.shape.length === 2 && sameShape(table.shape, x.shape.slice(-2));
      requireShape(node, fits, 'the table does not fit the last two dimensions of x');
      return [x];
    },
    // dx = dy, dtable[t,c] = sum over b of dy[b,t,c]
    vjp: (g, node, [dy]) => (dy === undefined ? [] : [dy, sumLeading(g, dy, 2, node.name)]),
    variants: plainVariant((node) => [addRepeated(inputAt(node, 0), inputAt(node, 1), outputAt(node, 0))]),
  },
};
