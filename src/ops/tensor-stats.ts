import { GraphError } from '../base/errors.ts';
import { HISTOGRAM_BINS, HISTOGRAM_FIRST_EXPONENT } from '../base/probe.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32, u32, wordsOf } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { decode, floatOf, formatNamed } from '../numerics/index.ts';
import type { Format } from '../numerics/index.ts';
import { amaxType } from './amax.ts';
import { FLAT_WORKGROUP, foldGrid } from './launch.ts';
import { addOp, inputAt, outputAt, plainVariant, requireShape, textAttr } from './op.ts';
import type { Dispatch, Op, Scratch } from './op.ts';
import { CHUNK, chunkCount, packTable, partsOf } from './pack-table.ts';
import { codeDtype } from './quantize.ts';

/** Words of {@link tensorStats}: where each figure lies, and how many there are. */
export const STATS = { zeros: 0, nonFinite: 1, amax: 2, histogram: 3, words: 3 + HISTOGRAM_BINS } as const;

/** Words of the counts of {@link castError}. */
export const CAST_COUNTS = { underflow: 0, overflow: 1, lost: 2, exponent: 3, inverse: 4, words: 5 } as const;

/**
 * Counts the elements of x f32[...]: u32[{@link STATS}.words]. Zeros, elements that are not finite, bits of the largest finite magnitude, and
 * of the other elements how many have which exponent floor(log2 |x|), 96 bins from 2^-72 up, the ends clamped.
 */
export function tensorStats(g: Graph, x: Value, name?: string): Value {
  return first(addOp(g, 'tensor_stats', tensorStatsOps.tensor_stats, [x], {}, name));
}

export interface CastErrorInputs {
  readonly x: Value;
  /** {@link tensorStats} of x. */
  readonly stats: Value;
  /** What `quantize` of x gave, and what `dequantize` makes of that: f32 of the shape of x. */
  readonly codes: Value;
  readonly values: Value;
  readonly scales?: Value;
}

export interface CastError {
  /**
   * u32[5]. Elements that are not 0 and became it · elements that overflow: beyond the largest value under their scale by more than half a
   * step, which a cast saturates or loses · finite elements that became infinite or NaN · the exponent e of the largest finite element,
   * -126..126, with 127 added · bits of the f32 that all decoded values of the tensor are multiplied by, 1.0 where there are no scales.
   */
  readonly counts: Value;
  /**
   * f32[2]: sum (x/2^e)^2, and sum ((x - value)/2^e)^2, over finite elements, the second without those that the cast lost. Squares of what is
   * smaller than 2^(e - 63) may count as 0.
   */
  readonly sums: Value;
}

/** What a cast to the element format `format` does to x. */
export function castError(
  g: Graph,
  { x, stats, codes, values, scales }: CastErrorInputs,
  format: string,
  name?: string,
): CastError {
  const inputs = [x, stats, codes, values, ...(scales === undefined ? [] : [scales])];
  const [counts, sums] = addOp(g, 'cast_error', tensorStatsOps.cast_error, inputs, { format }, name);
  if (counts === undefined || sums === undefined) throw new GraphError({ where: 'cast_error', rule: 'the node lacks an output' });
  return { counts, sums };
}

/** The tensors of a pack one after another, in one tensor that can be an output of the graph. */
export function readPack(g: Graph, pack: Value, name?: string): Value {
  return first(addOp(g, 'read_pack', tensorStatsOps.read_pack, [pack], {}, name));
}

/** What is half a step beyond the largest number of a format, divided by that number: an f32. */
export function overflowLimit({ maxMagnitude, maxValue, ...format }: Format): number {
  const below = floatOf(decode(maxMagnitude - 1, { maxMagnitude, maxValue, ...format }));
  return Math.fround(1 + (maxValue - below) / 2 / maxValue);
}

export const tensorStatsOps: Record<'tensor_stats' | 'cast_error' | 'read_pack', Op> = {
  tensor_stats: {
    shape(node) {
      requireShape(node, inputAt(node, 0).type.dtype === 'f32', 'x is f32');
      return [u32(STATS.words)];
    },
    vjp: 'none',
    exact: true,
    variants: [
      // Four threads are one SIMD group of the software adapter: their barriers cost nothing.
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => lowerStats(node, 4) },
      { name: 'plain', supports: () => true, lower: (node) => lowerStats(node, 256) },
    ],
  },

  cast_error: {
    shape(node) {
      const [x, stats] = [inputAt(node, 0).type, inputAt(node, 1).type];
      const [codes, values] = [inputAt(node, 2).type, inputAt(node, 3).type];
      const scales = node.inputs[4]?.type;
      const format = formatNamed(textAttr(node, 'format'));
      requireShape(node, x.dtype === 'f32', 'x is f32');
      requireShape(node, stats.dtype === 'u32' && sameShape(stats.shape, [STATS.words]), 'there are no statistics of x');
      const isCodes = codes.dtype === codeDtype(format) && sameShape(codes.shape, x.shape);
      requireShape(node, isCodes, `the codes are not those of x in ${format.name}`);
      requireShape(node, values.dtype === 'f32' && sameShape(values.shape, x.shape), 'the values are not those of x');
      requireShape(node, scales === undefined || scales.dtype === 'u32', 'the scales are not u32');
      return [u32(CAST_COUNTS.words), f32(2)];
    },
    vjp: 'none',
    // Finite statistics, scales near 1, any codes.
    words: (_, input, i) => (input === 2 ? Math.imul(i + 1, 0x9e3779b1) >>> 0 : input === 1 ? 0x40400000 : 0x3f800000),
    variants: [
      { name: 'narrow', supports: (_, caps) => caps.software, lower: (node) => lowerError(node, 4) },
      { name: 'plain', supports: () => true, lower: (node) => lowerError(node, 256) },
    ],
  },

  read_pack: {
    shape(node) {
      const { dtype, shape } = inputAt(node, 0).type;
      requireShape(node, dtype === 'f32' || dtype === 'u32', 'the elements are no words');
      return [{ dtype, shape }];
    },
    vjp: 'none',
    words: (_, __, i) => i,
    variants: plainVariant((node) => {
      const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
      const chunks = chunkCount(x.type);
      return [
        {
          kernel: 'numerics/read-pack-forward',
          bind: { x, y },
          tables: { chunks: (lanes) => packTable(x.type, lanes), places: () => densePlaces(x.type) },
          sizes: { chunks, count: sizeOf(y.type.shape) },
          overrides: { WORKGROUP: FLAT_WORKGROUP },
          grid: foldGrid(chunks),
        },
      ];
    }),
  },
};

/** As many parts as `amax` makes of x. */
function partialsOf(x: Value): number {
  return sizeOf(amaxType(x.type).shape);
}

function lowerStats(node: Node, threads: number): readonly Dispatch[] {
  const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
  const partials = partialsOf(x);
  const parts: Scratch = { scratch: 'statistics of parts', type: u32(partials, STATS.words) };
  return [
    {
      kernel: 'numerics/tensor-stats-forward',
      bind: { x, y: parts },
      sizes: { count: sizeOf(x.type.shape), partials },
      overrides: { WORKGROUP: threads, BINS: HISTOGRAM_BINS, FIRST: HISTOGRAM_FIRST_EXPONENT },
      grid: [partials, 1, 1],
    },
    {
      kernel: 'numerics/tensor-stats-join',
      bind: { parts, y },
      sizes: { partials, words: STATS.words },
      overrides: { WORKGROUP: FLAT_WORKGROUP },
      grid: [Math.ceil(STATS.words / FLAT_WORKGROUP), 1, 1],
    },
  ];
}

function lowerError(node: Node, threads: number): readonly Dispatch[] {
  const [x, stats, codes, values] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
  const scales = node.inputs[4];
  const format = formatNamed(textAttr(node, 'format'));
  const partials = partialsOf(x);
  const parts: Scratch = { scratch: 'counts of parts', type: u32(partials, 3) };
  const sums: Scratch = { scratch: 'sums of parts', type: f32(partials, 2) };
  return [
    {
      kernel: 'numerics/cast-error-forward',
      bind: { x, stats, codes, values, counts: parts, sums },
      sizes: { count: sizeOf(x.type.shape), partials, stats: STATS.words },
      overrides: {
        WORKGROUP: threads,
        TEAM: threads,
        PER_WORD: { u4: 8, u8: 4, u16: 2, u32: 1, f32: 1 }[codes.type.dtype],
        SIGN_SHIFT: format.signShift,
        MAX_MAGNITUDE: format.maxMagnitude,
        LIMIT: overflowLimit(format),
      },
      grid: [partials, 1, 1],
    },
    {
      kernel: 'numerics/cast-error-join',
      bind: { parts, part_sums: sums, stats, scales, counts: outputAt(node, 0), sums: outputAt(node, 1) },
      sizes: { partials, stats: STATS.words, scales: scales === undefined ? 0 : wordsOf(scales.type) },
      overrides: { SCALED: scales !== undefined },
      grid: [1, 1, 1],
    },
  ];
}

/** Where each chunk of a pack lies in a lane that has no space between its tensors. */
function densePlaces(type: Type): Uint32Array {
  const places: number[] = [];
  let dense = 0;
  for (const part of partsOf(type)) {
    const size = sizeOf(part);
    for (let start = 0; start < size; start += CHUNK) places.push(dense + start);
    dense += size;
  }
  return Uint32Array.from(places);
}
