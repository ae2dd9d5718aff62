import { STREAM } from '../base/random.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import type { Graph } from '../graph/graph.ts';
import { u32 } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { bitsOf } from '../numerics/bits.ts';
import { formatNamed } from '../numerics/format.ts';
import { FLAT_WORKGROUP, foldGrid } from './launch.ts';
import { addOp, flagAttr, inputAt, numberAttr, requireShape, textAttr } from './op.ts';
import type { Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { CHUNK, chunkCount, packTable, partsOf } from './pack-table.ts';
import { formatOverrides } from './quantize-kernels.ts';

/** How the tensors of a state are rounded; the words are those of `CastAttrs`. */
export interface RoundStateAttrs {
  readonly format: string;
  /** `current`: every tensor by its own amax. */
  readonly scaling: 'none' | 'current';
  readonly powerOfTwo: boolean;
  readonly margin: number;
  readonly rounding: 'nearest' | 'zero' | 'stochastic';
  readonly saturate: boolean;
  /** Tells draws apart: u32. */
  readonly tensor: number;
}

/**
 * Rounds every tensor of a state, a pack of f32, to a number format in place: what a run would read back had it stored codes. NaN stays NaN,
 * in formats without one too: as a first moment it marks a lane that has halted.
 * Stochastic rounding draws element i of the lane's dense pack from `draw` u32[2], seed and counter.
 */
export function roundState(g: Graph, state: Value, attrs: RoundStateAttrs, draw: Value | undefined, name?: string): void {
  const inputs = draw === undefined ? [state] : [state, draw];
  addOp(g, 'round_state', roundStateOps.round_state, inputs, { ...attrs }, name);
}

const ROUNDINGS = { nearest: 0, zero: 1, stochastic: 2 } as const;

/** The attributes of a node that says how a state is rounded. @throws ShapeError for what is none. */
export function roundAttrs(node: Unshaped): RoundStateAttrs {
  const [format, scaling, rounding] = [textAttr(node, 'format'), textAttr(node, 'scaling'), textAttr(node, 'rounding')];
  formatNamed(format);
  requireShape(node, scaling === 'none' || scaling === 'current', `a state is not scaled by ${scaling}`);
  requireShape(
    node,
    rounding === 'nearest' || rounding === 'zero' || rounding === 'stochastic',
    `there is no rounding ${rounding}`,
  );
  const [powerOfTwo, saturate] = [flagAttr(node, 'powerOfTwo'), flagAttr(node, 'saturate')];
  return {
    format,
    scaling,
    rounding,
    powerOfTwo,
    saturate,
    margin: numberAttr(node, 'margin'),
    tensor: numberAttr(node, 'tensor'),
  };
}

/** The overrides of a kernel that rounds. */
export function roundOverrides({ format, rounding, saturate }: RoundStateAttrs): NonNullable<Dispatch['overrides']> {
  return { ROUNDING: ROUNDINGS[rounding], SATURATE: saturate, ...formatOverrides(formatNamed(format)) };
}

export const roundStateOps: Record<'round_state', Op> = {
  round_state: {
    shape(node) {
      const x = inputAt(node, 0).type;
      const { rounding } = roundAttrs(node);
      requireShape(node, x.dtype === 'f32', 'the state is f32');
      if (rounding === 'stochastic') {
        const draw = inputAt(node, 1).type;
        requireShape(node, draw.dtype === 'u32' && sameShape(draw.shape, [2]), 'draw is not u32[2]');
      }
      return [];
    },
    vjp: 'none',
    updates: [0],
    exact: true,
    // Seed and counter.
    words: (_, __, i) => 7 + i,
    variants: [
      // Four threads are one SIMD group of the software adapter: their barriers cost nothing.
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => lower(node, 4) },
      { name: 'plain', supports: () => true, lower: (node) => lower(node, FLAT_WORKGROUP) },
    ],
  },
};

function lower(node: Node, threads: number): readonly Dispatch[] {
  const x = inputAt(node, 0);
  const { type } = x;
  const chunks = chunkCount(type);
  const grid = foldGrid(chunks);
  const table = (lanes: number): Uint32Array => packTable(type, lanes);
  const attrs = roundAttrs(node);
  const SCALED = attrs.scaling === 'current';
  const maxima: Scratch = { scratch: 'chunk maxima', type: u32(chunks) };
  const round: Dispatch = {
    kernel: 'optimizer/round-state-update',
    bind: { x, maxima: SCALED ? maxima : undefined, draw: attrs.rounding === 'stochastic' ? inputAt(node, 1) : undefined },
    tables: { chunks: table, spans: () => spanTable(type) },
    sizes: {
      chunks,
      shrink: bitsOf(2 ** -attrs.margin),
      power_of_two: attrs.powerOfTwo ? 1 : 0,
      tensor: attrs.tensor,
      stream: STREAM.rounding,
    },
    overrides: { WORKGROUP: FLAT_WORKGROUP, SCALED, ...roundOverrides(attrs) },
    grid,
  };
  if (!SCALED) return [round];
  const amax: Dispatch = {
    kernel: 'optimizer/chunk-amax-forward',
    bind: { x, largest: maxima },
    tables: { chunks: table },
    sizes: { chunks },
    overrides: { WORKGROUP: threads },
    grid,
  };
  return [amax, round];
}

/** Two words a chunk: the first chunk of its tensor, and the tensor's chunks. */
function spanTable(type: Type): Uint32Array {
  const rows: number[] = [];
  let chunk = 0;
  for (const part of partsOf(type)) {
    const size = sizeOf(part);
    const count = Math.ceil(size / CHUNK);
    for (let i = 0; i < count; i += 1) rows.push(chunk, count);
    chunk += count;
  }
  return Uint32Array.from(rows);
}
