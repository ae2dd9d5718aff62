import { sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Value } from '../graph/types.ts';
import { columnsFor, flatGrid, FLAT_WORKGROUP, powerOfTwo, vecWidth } from './launch.ts';
import { addOp, inputAt, numberAttr, outputAt, plainVariant, requireShape } from './op.ts';
import type { Dispatch, Op, Operand, Scratch, Unshaped } from './op.ts';

/** The sum over all dimensions of x but the last `keep`. */
export function sumLeading(g: Graph, x: Value, keep: number, name?: string): Value {
  return first(addOp(g, 'sum_leading', reduceOps.sum_leading, [x], { keep }, name));
}

/** The mean of x f32[n]: f32[1]. */
export function mean(g: Graph, x: Value, name?: string): Value {
  return first(addOp(g, 'mean', reduceOps.mean, [x], {}, name));
}

/** x f32[1] times `scale`, `size` times over: f32[size]. */
export function broadcast(g: Graph, x: Value, attrs: { size: number; scale: number }, name?: string): Value {
  return first(addOp(g, 'broadcast', reduceOps.broadcast, [x], { ...attrs }, name));
}

/** f32[size], each element `value`. */
export function constant(g: Graph, attrs: { value: number; size: number }, name?: string): Value {
  return first(addOp(g, 'constant', reduceOps.constant, [], { ...attrs }, name));
}

export const reduceOps: Record<'sum_leading' | 'mean' | 'broadcast' | 'constant', Op> = {
  sum_leading: {
    shape(node) {
      const x = inputAt(node, 0).type;
      const keep = numberAttr(node, 'keep');
      requireShape(node, x.dtype === 'f32', 'x is f32');
      requireShape(node, Number.isInteger(keep) && keep > 0 && keep < x.shape.length, `cannot keep ${keep} dimensions`);
      return [f32(...x.shape.slice(-keep))];
    },
    vjp: 'none',
    variants: [
      { name: 'alone', supports: (_, caps) => caps.software, lower: (node) => lowerSumLeading(node, true) },
      { name: 'plain', supports: () => true, lower: (node) => lowerSumLeading(node, false) },
    ],
  },

  mean: {
    shape(node) {
      const x = inputAt(node, 0).type;
      requireShape(node, x.dtype === 'f32' && x.shape.length === 1, 'x is f32 of one dimension');
      return [f32(1)];
    },
    // dx[i] = dy / n
    vjp(g, node, [dy]) {
      if (dy === undefined) return [];
      const size = sizeOf(inputAt(node, 0).type.shape);
      return [broadcast(g, dy, { size, scale: 1 / size }, node.name)];
    },
    variants: [
      // Four threads are one SIMD group of the software adapter: their barriers cost nothing.
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => [lowerMean(node, 4)] },
      { name: 'plain', supports: () => true, lower: (node) => [lowerMean(node, 256)] },
    ],
  },

  broadcast: {
    shape(node) {
      const x = inputAt(node, 0).type;
      requireShape(node, x.dtype === 'f32' && sizeOf(x.shape) === 1, 'x is one f32');
      numberAttr(node, 'scale');
      return [f32(countOf(node))];
    },
    // dx = scale sum(dy) = scale n mean(dy), which only a gradient of a gradient would need
    vjp: 'none',
    variants: plainVariant((node) => {
      const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
      const count = sizeOf(y.type.shape);
      return [
        {
          kernel: 'elementwise/broadcast-forward',
          bind: { x, y },
          sizes: { count, scale: numberAttr(node, 'scale') },
          overrides: { WORKGROUP: FLAT_WORKGROUP },
          grid: flatGrid(count),
        },
      ];
    }),
  },

  constant: {
    shape(node) {
      numberAttr(node, 'value');
      return [f32(countOf(node))];
    },
    vjp: () => [],
    variants: plainVariant((node) => {
      const y = outputAt(node, 0);
      const count = sizeOf(y.type.shape);
      return [
        {
          kernel: 'elementwise/constant-forward',
          bind: { y },
          sizes: { count, value: numberAttr(node, 'value') },
          overrides: { WORKGROUP: FLAT_WORKGROUP },
          grid: flatGrid(count),
        },
      ];
    }),
  },
};

/** @throws ShapeError when the size is not a count. */
function countOf(node: Unshaped): number {
  const size = numberAttr(node, 'size');
  requireShape(node, Number.isInteger(size) && size > 0, `size ${size} is not a count`);
  return size;
}

/**
 * Column sums of `x` seen as [rows, columns], into `y`: one dispatch where one chunk holds all rows, else one for each stage.
 */
export function sumColumns(x: Operand, y: Value, rows: number, columns: number, alone: boolean): readonly Dispatch[] {
  const vec = vecWidth(columns);
  const { overrides, chunk, chunks, grid } = columnsFor(rows, columns / vec, alone);
  const stage = (to: Operand): Dispatch => ({
    kernel: 'reduce/sum-leading-forward',
    bind: { x, y: to },
    sizes: { rows, columns: columns / vec, chunk },
    overrides,
    template: { WIDTH: vec },
    grid,
  });
  if (chunks === 1) return [stage(y)];
  const sums: Scratch = { scratch: `sums of ${rows} rows`, type: f32(chunks, columns) };
  return [stage(sums), ...sumColumns(sums, y, chunks, columns, alone)];
}

function lowerSumLeading(node: Node, alone: boolean): readonly Dispatch[] {
  const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
  const columns = sizeOf(y.type.shape);
  return sumColumns(x, y, sizeOf(x.type.shape) / columns, columns, alone);
}

function lowerMean(node: Node, threads: number): Dispatch {
  const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
  const size = sizeOf(x.type.shape);
  const vec = vecWidth(size);
  const workgroup = Math.min(threads, powerOfTwo(size / vec));
  return {
    kernel: 'reduce/mean-forward',
    bind: { x, y },
    sizes: { count: size / vec },
    overrides: { WORKGROUP: workgroup, TEAM: workgroup },
    template: { WIDTH: vec },
    grid: [1, 1, 1],
  };
}
