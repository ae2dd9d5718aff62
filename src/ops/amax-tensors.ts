import { sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { packLayout } from '../graph/pack.ts';
import { f32, u32 } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { amax, amaxParts, amaxThreads } from './amax.ts';
import type { AmaxAt } from './amax.ts';
import { foldGrid } from './launch.ts';
import { addOp, inputAt, outputAt, requireShape, textAttr } from './op.ts';
import type { Dispatch, Op, Unshaped } from './op.ts';
import { partsOf } from './pack-table.ts';
import { readPack } from './tensor-stats.ts';

export interface AmaxTensorsAttrs {
  readonly of: 'all' | 'finite';
  /** Places of the tensors in the pack. */
  readonly tensors: readonly number[];
}

/** What `amax` gives of some tensors of a state, one after another, in one dispatch: pack f32 -> u32[sum of P]. {@link amaxPlaces} says where. */
export function amaxTensors(g: Graph, pack: Value, attrs: AmaxTensorsAttrs, name?: string): Value {
  return first(addOp(g, 'amax_tensors', amaxTensorsOps.amax_tensors, [pack], { ...attrs }, name));
}

/** Where the partial maxima of each of `tensors` lie. */
export function amaxPlaces(tensors: readonly Type[]): readonly AmaxAt[] {
  const counts = tensors.map((type) => amaxParts(type).parts);
  return counts.map((count, i) => [counts.slice(0, i).reduce((sum, one) => sum + one, 0), count]);
}

export const amaxTensorsOps: Record<'amax_tensors', Op> = {
  amax_tensors: {
    shape(node) {
      const { dtype } = inputAt(node, 0).type;
      const of = textAttr(node, 'of');
      requireShape(node, dtype === 'f32', 'the tensors are f32');
      requireShape(node, of === 'all' || of === 'finite', `there is no amax of ${of} of several tensors`);
      return [u32(amaxPlaces(chosen(node).map(({ type }) => type)).reduce((sum, [, count]) => sum + count, 0))];
    },
    vjp: 'none',
    exact: true,
    plain(g, [pack], attrs) {
      const tensors = pack?.node.outputs.slice(1) ?? [];
      const node: Unshaped = {
        id: g.nodes.length,
        op: 'amax_tensors',
        name: 'plain',
        inputs: pack === undefined ? [] : [pack],
        attrs,
      };
      const of = textAttr(node, 'of') === 'finite' ? 'finite' : 'all';
      const each = chosen(node).flatMap(({ place }) => tensors[place] ?? []);
      const maxima = each.map((tensor) => amax(g, tensor, { of }));
      return [readPack(g, g.pack(maxima, 'amaxes'))];
    },
    variants: [
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => [lower(node, amaxThreads(true))] },
      { name: 'plain', supports: () => true, lower: (node) => [lower(node, amaxThreads(false))] },
    ],
  },
};

/** The tensors whose amaxes are found: their places in the pack, and their types. */
function chosen(node: Unshaped): readonly { readonly place: number; readonly type: Type }[] {
  const { tensors } = node.attrs;
  const parts = partsOf(inputAt(node, 0).type);
  requireShape(node, typeof tensors === 'object' && tensors.length > 0, 'attribute tensors is no list of places');
  return tensors.map((place) => {
    const shape = parts[place];
    requireShape(node, shape !== undefined, `the pack has no tensor ${place}`);
    return { place, type: f32(...shape) };
  });
}

function lower(node: Node, threads: number): Dispatch {
  const [x, largest] = [inputAt(node, 0), outputAt(node, 0)];
  const chunks = sizeOf(largest.type.shape);
  return {
    kernel: 'optimizer/chunk-amax-forward',
    bind: { x, largest },
    tables: { chunks: (lanes) => chunkTable(node, lanes) },
    touches: { x: chosen(node).reduce((sum, { type }) => sum + sizeOf(type.shape), 0) },
    sizes: { chunks },
    overrides: { WORKGROUP: threads, FINITE: textAttr(node, 'of') === 'finite' },
    grid: foldGrid(chunks),
  };
}

/** The table of `lib/chunks`, a row for each part of a tensor that has a partial maximum. */
function chunkTable(node: Node, lanes: number): Uint32Array {
  const { offsets } = packLayout(inputAt(node, 0).type, lanes);
  const rows = chosen(node).flatMap(({ place, type }) => {
    const { part, parts } = amaxParts(type);
    const size = sizeOf(type.shape);
    const start = offsets[place] ?? 0;
    return Array.from({ length: parts }, (_, p) => [start + p * part, Math.min(part, size - p * part), size, 0]);
  });
  return Uint32Array.from(rows.flat());
}
