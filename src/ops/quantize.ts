import { GraphError } from '../base/errors.ts';
import { sameShape, sizeOf } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { DTYPE_BITS, f32, u32 } from '../graph/types.ts';
import type { Attrs, Dtype, Node, Type, Value } from '../graph/types.ts';
import type { BlockScale } from '../numerics/blocks.ts';
import { bitsOf } from '../numerics/bits.ts';
import { encode } from '../numerics/cast.ts';
import type { Rounding } from '../numerics/cast.ts';
import { formatNamed } from '../numerics/format.ts';
import type { Format } from '../numerics/format.ts';
import type { AmaxAt } from './amax.ts';
import { lastOf, rowsOf } from './launch.ts';
import { addOp, flagAttr, inputAt, numberAttr, outputAt, plainVariant, requireShape, textAttr } from './op.ts';
import type { Dispatch, Op, Unshaped } from './op.ts';
import { lowerDequantize, lowerQuantize } from './quantize-kernels.ts';

const SCALINGS = ['none', 'current', 'delayed', 'block'] as const;
const ROUNDINGS = ['nearest', 'zero', 'stochastic'] as const;
const BLOCK_SCALES = ['none', 'e8m0', 'e4m3', 'f32'] as const;

/** How a tensor is cast to a number format: attributes of `quantize` and `dequantize`. */
export interface CastAttrs {
  /** Of the elements: a name that `formatNamed` knows. */
  readonly format: string;
  /** Where the scale comes from: there is none; this tensor's amax; the caller; one for each block. */
  readonly scaling: (typeof SCALINGS)[number];
  /** The tensor's scale is rounded down to a power of two; for `delayed` a promise of the caller. */
  readonly powerOfTwo: boolean;
  /** Powers of two left free below the maximum by `current` scaling. */
  readonly margin: number;
  readonly rounding: Rounding;
  /** Blocks always saturate. */
  readonly saturate: boolean;
  /** Tells stochastic draws of one seed and counter apart: u32. */
  readonly tensor: number;
  readonly blockScale: BlockScale | 'none';
  /** A block of x seen as a matrix, its leading dimensions merged; 0 unless scaling is `block`. */
  readonly blockRows: number;
  readonly blockColumns: number;
}

/** What `quantize` reads besides x, as its scaling and rounding need it. */
export interface CastSources {
  /** u32[P], as `amax` or what makes x gives it: the largest counts. Scaling `current`: of all elements; `block` with scales of E4M3: of the finite ones. */
  readonly amax?: Value;
  /** Which of the amax are those of x, where it has those of other tensors too: the first, and how many. All when left out. */
  readonly amaxAt?: AmaxAt;
  /** f32[1], scaling `delayed`: x * scale is cast. Above 0 and finite, and so is its reciprocal. */
  readonly scale?: Value;
  /** u32[2], stochastic rounding: seed and counter. */
  readonly draw?: Value;
}

export interface Quantized {
  /** As {@link codeDtype} packs them, of the shape of x. */
  readonly codes: Value;
  /**
   * u32[1 + n], unless scaling is `none`. First the bits of the f32 by which all decoded values are multiplied: 1/scale; the tensor's part of
   * block scales of E4M3; else 1. Then the scales of the blocks in row-major order: codes of 8 bits, four a word, or bits of f32.
   */
  readonly scales?: Value;
  /** What `dequantize` makes of them, in the same bits: f32. */
  readonly values?: Value;
}

/**
 * Casts x f32[...] to codes: `castWords` of numerics in every bit, in blocks `castBlocks`. Stochastic: element i draws word i % 4 of
 * philox([i/4, 0, tensor, counter], [seed, rounding]).
 *
 * @param cast `values`: whether to give them too. `first`: index of x[0] in the draw, a multiple of 4; for a part of a larger tensor.
 */
export function quantize(
  g: Graph,
  x: Value,
  cast: CastAttrs & { readonly values: boolean; readonly first?: number },
  { amax, amaxAt, scale, draw }: CastSources,
  name?: string,
): Quantized {
  const inputs = [x, amax, scale, draw].filter((value) => value !== undefined);
  const [codes, ...others] = addOp(
    g,
    'quantize',
    quantizeOps.quantize,
    inputs,
    { first: 0, ...cast, ...(amaxAt === undefined ? {} : { amaxAt }) },
    name,
  );
  if (codes === undefined) throw new GraphError({ where: 'quantize', rule: 'the node lacks an output' });
  const scales = cast.scaling === 'none' ? undefined : others.shift();
  const [values] = others;
  return { codes, ...(scales === undefined ? {} : { scales }), ...(values === undefined ? {} : { values }) };
}

/** What codes and scales of {@link quantize} stand for: f32 of the shape of the codes. */
export function dequantize(g: Graph, codes: Value, scales: Value | undefined, cast: CastAttrs, name?: string): Value {
  const inputs = scales === undefined ? [codes] : [codes, scales];
  return first(addOp(g, 'dequantize', quantizeOps.dequantize, inputs, { ...cast }, name));
}

/** The packed element type that holds codes of a format. */
export function codeDtype({ bits }: Format): Dtype {
  return bits <= 4 ? 'u4' : bits <= 8 ? 'u8' : bits <= 16 ? 'u16' : 'u32';
}

/** The scales of a tensor of type `x`; undefined where there are none. */
export function scalesType(x: Type, { scaling, blockScale, blockRows, blockColumns }: CastAttrs): Type | undefined {
  if (scaling === 'none') return undefined;
  if (scaling !== 'block') return u32(1);
  const blocks = sizeOf(x.shape) / (blockRows * blockColumns);
  return u32(1 + (blockScale === 'f32' ? blocks : Math.ceil(blocks / 4)));
}

export const quantizeOps: Record<'quantize' | 'dequantize', Op> = {
  quantize: {
    shape(node) {
      const x = inputAt(node, 0).type;
      requireShape(node, x.dtype === 'f32', 'x is f32');
      const cast = castOf(node);
      checkCast(node, cast, x);
      const begin = numberAttr(node, 'first');
      requireShape(node, Number.isSafeInteger(begin) && begin >= 0 && begin % 4 === 0, `draws do not begin at ${begin}`);
      const { scale, draw, count } = sourcesOf(node, cast);
      requireShape(node, node.inputs.length === count, `scaling ${cast.scaling}, rounding ${cast.rounding}: ${count} inputs`);
      requireAmax(node, sourcesOf(node, cast));
      requireShape(node, scale === undefined || fits(scale, f32(1)), 'the scale is f32[1]');
      requireShape(node, draw === undefined || fits(draw, u32(2)), 'the draw is u32[2]');
      const scales = scalesType(x, cast);
      const codes: Type = { dtype: codeDtype(formatNamed(cast.format)), shape: x.shape };
      return [codes, ...(scales === undefined ? [] : [scales]), ...(flagAttr(node, 'values') ? [f32(...x.shape)] : [])];
    },
    vjp: 'none',
    // The values as an op of their own.
    plain(g, inputs, attrs) {
      const node: Unshaped = { id: g.nodes.length, op: 'quantize', name: 'plain', inputs, attrs };
      const [codes, ...rest] = addOp(g, 'quantize', quantizeOps.quantize, inputs, { ...attrs, values: false });
      if (codes === undefined) return [];
      const values = flagAttr(node, 'values') ? [dequantize(g, codes, rest[0], castOf(node))] : [];
      return [codes, ...rest, ...values];
    },
    exact: true,
    // Sane amaxes of 3 and more, those of other tensors larger; seed and counter; a scale.
    words(node, _, i) {
      const { amaxAt: [first, count] = [0, i + 1] } = amaxAtOf(node);
      return 0x40400000 + (((i % 7) + (i < first || i >= first + count ? 7 : 0)) << 23);
    },
    floats: (_, input) => (input === 0 ? undefined : 16),
    variants: [
      { name: 'alone', supports: (_, caps) => caps.software, lower: (node) => lower(node, true) },
      { name: 'plain', supports: () => true, lower: (node) => lower(node, false) },
    ],
  },

  dequantize: {
    shape(node) {
      const codes = inputAt(node, 0);
      requireCodes(node, castOf(node), codes, node.inputs[1]);
      return [f32(...codes.type.shape)];
    },
    vjp: 'none',
    exact: true,
    // Any codes; scales of 1 and near it.
    words: (node, input, i) => codeWord(castOf(node), input === 1, i),
    variants: plainVariant((node) => {
      const io = { codes: inputAt(node, 0), scales: node.inputs[1], y: outputAt(node, 0) };
      return lowerDequantize(io, castOf(node));
    }),
  },
};

function lower(node: Node, alone: boolean): readonly Dispatch[] {
  const cast = castOf(node);
  const [codes, scales] = [outputAt(node, 0), cast.scaling === 'none' ? undefined : outputAt(node, 1)];
  const values = flagAttr(node, 'values') ? outputAt(node, node.outputs.length - 1) : undefined;
  const first = numberAttr(node, 'first');
  return lowerQuantize({ x: inputAt(node, 0), codes, scales, values }, { ...cast, first }, sourcesOf(node, cast), alone);
}

/** Holds codes and scales against the cast that made them. @throws ShapeError */
export function requireCodes(node: Unshaped, cast: CastAttrs, codes: Value, scales: Value | undefined): void {
  checkCast(node, cast, codes.type);
  requireShape(node, codes.type.dtype === codeDtype(formatNamed(cast.format)), `the codes are not those of ${cast.format}`);
  const wanted = scalesType(codes.type, cast);
  const agree = wanted === undefined ? scales === undefined : scales !== undefined && fits(scales, wanted);
  requireShape(node, agree, 'the scales do not fit the codes');
}

/** Word i of made-up codes or scales: codes of numbers between -2 and 2, and scales of 1 and near it. */
export function codeWord(cast: CastAttrs, isScale: boolean, i: number): number {
  if (isScale) return scaleWord(cast, i);
  const format = formatNamed(cast.format);
  const bits = DTYPE_BITS[codeDtype(format)];
  let word = 0;
  for (let place = 0; place < 32; place += bits) {
    const quarters = ((Math.imul(32 * i + place + 1, 0x9e3779b1) >>> 0) % 17) - 8;
    word = (word | (encode(bitsOf(quarters / 4), format) << place)) >>> 0;
  }
  return word;
}

function scaleWord({ blockScale }: CastAttrs, i: number): number {
  if (i === 0 || blockScale === 'f32') return 0x3f800000 + i;
  return blockScale === 'e8m0' ? 0x7e7f8081 : 0x38393a3b;
}

function fits({ type }: Value, wanted: Type): boolean {
  return type.dtype === wanted.dtype && sameShape(type.shape, wanted.shape);
}

function requireAmax(node: Unshaped, { amax, amaxAt: [first, count] = [0, 1] }: CastSources): void {
  if (amax === undefined) return;
  const { dtype, shape } = amax.type;
  requireShape(node, dtype === 'u32' && shape.length === 1, 'the amax is not u32[P]');
  const isInside = Number.isInteger(first) && first >= 0 && count > 0 && first + count <= sizeOf(shape);
  requireShape(node, isInside, `the amax has no words ${first} to ${first + count}`);
}

/** The cast that attributes describe. @throws ShapeError where one is missing or unknown. */
export function castOf(node: Unshaped): CastAttrs {
  return {
    format: textAttr(node, 'format'),
    scaling: choice(node, 'scaling', SCALINGS),
    powerOfTwo: flagAttr(node, 'powerOfTwo'),
    margin: numberAttr(node, 'margin'),
    rounding: choice(node, 'rounding', ROUNDINGS),
    saturate: flagAttr(node, 'saturate'),
    tensor: numberAttr(node, 'tensor'),
    blockScale: choice(node, 'blockScale', BLOCK_SCALES),
    blockRows: numberAttr(node, 'blockRows'),
    blockColumns: numberAttr(node, 'blockColumns'),
  };
}

/** What {@link castOf} reads. */
const CAST_ATTRS: ReadonlySet<string> = new Set<keyof CastAttrs>([
  'format',
  'scaling',
  'powerOfTwo',
  'margin',
  'rounding',
  'saturate',
  'tensor',
  'blockScale',
  'blockRows',
  'blockColumns',
]);

/** Attributes without those of a cast, for an op that casts what another one makes. */
export function withoutCast(attrs: Attrs): Attrs {
  return Object.fromEntries(Object.entries(attrs).filter(([key]) => !CAST_ATTRS.has(key)));
}

/** Whether a kernel can cast as it stores: under no scale, with no random bits, vectors of four to whole words of codes. */
export function castsAsStored({ format, scaling, rounding }: CastAttrs): boolean {
  return scaling === 'none' && rounding !== 'stochastic' && codeDtype(formatNamed(format)) !== 'u4';
}

function choice<T extends string>(node: Unshaped, key: string, choices: readonly T[]): T {
  const given = textAttr(node, key);
  const found = choices.find((candidate) => candidate === given);
  requireShape(node, found !== undefined, `there is no ${key} ${given}`);
  return found;
}

/** Holds a cast against the tensor. @throws ShapeError, SpecError for a cast that makes no sense. */
function checkCast(node: Unshaped, cast: CastAttrs, x: Type): void {
  const { bits } = formatNamed(cast.format);
  const isCount = (value: number, most: number): boolean => Number.isInteger(value) && value >= 0 && value <= most;
  requireShape(node, isCount(cast.tensor, 0xffffffff), `tensor ${cast.tensor} is not a u32`);
  requireShape(node, isCount(cast.margin, 32), `margin ${cast.margin} is not a whole number of 0..32`);
  const { blockScale, blockRows, blockColumns } = cast;
  if (cast.scaling !== 'block') {
    requireShape(node, blockScale === 'none' && blockRows === 0 && blockColumns === 0, `scaling ${cast.scaling} has no blocks`);
    return;
  }
  requireShape(
    node,
    blockScale !== 'none' && bits <= 8 && cast.saturate,
    'blocks have scales, elements of at most 8 bits, and saturate',
  );
  const blocks = `blocks of ${blockRows}x${blockColumns}`;
  requireShape(node, blockRows > 0 && rowsOf(x) % blockRows === 0, `${blocks} do not divide ${rowsOf(x)} rows`);
  requireShape(node, blockColumns > 0 && lastOf(x) % blockColumns === 0, `${blocks} do not divide ${lastOf(x)} columns`);
}

/** The inputs of `quantize` by what they are, and how many the cast asks for. */
function sourcesOf(node: Unshaped, { scaling, blockScale, rounding }: CastAttrs): CastSources & { readonly count: number } {
  const rest = node.inputs.slice(1);
  const take = (wanted: boolean): Value | undefined => (wanted ? rest.shift() : undefined);
  const wants = [scaling === 'current' || blockScale === 'e4m3', scaling === 'delayed', rounding === 'stochastic'] as const;
  const [amax, scale, draw] = wants.map(take);
  return {
    count: 1 + wants.filter(Boolean).length,
    ...(amax === undefined ? {} : { amax }),
    ...amaxAtOf(node),
    ...(scale === undefined ? {} : { scale }),
    ...(draw === undefined ? {} : { draw }),
  };
}

function amaxAtOf({ attrs: { amaxAt } }: Unshaped): Pick<CastSources, 'amaxAt'> {
  if (typeof amaxAt !== 'object') return {};
  const [first = 0, count = 0] = amaxAt;
  return { amaxAt: [first, count] };
}
