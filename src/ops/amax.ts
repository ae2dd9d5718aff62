import { sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { u32 } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { lastOf } from './launch.ts';
import { addOp, inputAt, outputAt, requireShape, textAttr } from './op.ts';
import type { Dispatch, Op, Scratch } from './op.ts';

/**
 * Which elements count: all; those that are finite; of x f32[..,T,T] those with column <= row.
 */
export type AmaxOf = 'all' | 'finite' | 'causal';

/** Where the partial maxima of one tensor lie among those of several: the first of them, and how many. */
export type AmaxAt = readonly [first: number, count: number];

/** Elements that one partial maximum is worth, about, and most partial maxima. */
const PARTIAL = 2048;
const MAX_PARTIALS = 256;

/**
 * The largest magnitude of each of P parts of x, as {@link amaxParts} has them: f32[...] -> u32[P]. Bits of f32, on which NaN is above Inf, and
 * Inf above all numbers; a reader takes the largest.
 */
export function amax(g: Graph, x: Value, attrs: { of: AmaxOf }, name?: string): Value {
  return first(addOp(g, 'amax', amaxOps.amax, [x], { ...attrs }, name));
}

/** Parts of a tensor that have a partial maximum each, and elements a part; whole rows, so that what makes the rows can tell the maxima too. */
export function amaxParts({ shape }: Type): { readonly part: number; readonly parts: number } {
  const size = sizeOf(shape);
  const row = shape.length > 1 ? (shape.at(-1) ?? 1) : 1;
  const most = Math.min(MAX_PARTIALS, Math.ceil(size / PARTIAL));
  const part = Math.ceil(size / row / most) * row;
  return { part, parts: Math.ceil(size / part) };
}

/** Threads that find the amax of a part: four are one SIMD group of the software adapter, and their barriers cost nothing. */
export function amaxThreads(software: boolean): number {
  return software ? 4 : 256;
}

/** What {@link amax} of a tensor of type `x` gives. */
export function amaxType(x: Type): Type {
  return u32(amaxParts(x).parts);
}

export const amaxOps: Record<'amax', Op> = {
  amax: {
    shape(node) {
      const x = inputAt(node, 0).type;
      const of = textAttr(node, 'of');
      requireShape(node, x.dtype === 'f32', 'x is f32');
      requireShape(node, of === 'all' || of === 'finite' || of === 'causal', `there is no amax of ${of}`);
      requireShape(
        node,
        of !== 'causal' || (x.shape.length > 1 && x.shape.at(-1) === x.shape.at(-2)),
        'the last two dimensions of x differ: causal elements are those of squares',
      );
      return [amaxType(x)];
    },
    vjp: 'none',
    exact: true,
    variants: [
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => [lower(node, amaxThreads(true))] },
      { name: 'plain', supports: () => true, lower: (node) => [lower(node, amaxThreads(false))] },
    ],
  },
};

function lower(node: Node, threads: number): Dispatch {
  return lowerAmax(inputAt(node, 0), outputAt(node, 0), textAttr(node, 'of'), threads);
}

/** The dispatch that finds the amaxes of as many parts of x as y has. */
export function lowerAmax(x: Value | Scratch, y: Value, of: string, threads: number): Dispatch {
  const count = sizeOf(x.type.shape);
  const parts = sizeOf(y.type.shape);
  const own = amaxParts(x.type);
  return {
    kernel: 'numerics/amax-forward',
    bind: { x, y },
    sizes: { count, part: own.parts === parts ? own.part : Math.max(1, Math.floor(count / parts)), side: lastOf(x.type) },
    overrides: { WORKGROUP: threads, FINITE: of === 'finite', CAUSAL: of === 'causal' },
    grid: [parts, 1, 1],
  };
}
