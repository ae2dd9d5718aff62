import { STREAM } from '../base/random.ts';
import { sizeOf } from '../base/shape.ts';
import { u32, wordsOf } from '../graph/types.ts';
import type { Type, Value } from '../graph/types.ts';
import { bitsOf } from '../numerics/bits.ts';
import { FORMATS, formatNamed } from '../numerics/format.ts';
import type { Format } from '../numerics/format.ts';
import { FLAT_WORKGROUP, flatGrid, foldGrid, lastOf, powerOfTwo } from './launch.ts';
import type { Dispatch, Scratch } from './op.ts';
import type { CastAttrs, CastSources } from './quantize.ts';

const SCALING = { none: 0, current: 1, delayed: 2, block: 3 } as const;
const ROUNDING = { nearest: 0, zero: 1, stochastic: 2 } as const;
const BLOCK_SCALE = { none: 0, e8m0: 0, e4m3: 1, f32: 2 } as const;
/** Items above which a thread of a GPU takes several. */
const MANY_ITEMS = 1 << 16;

type Overrides = Readonly<Record<string, number | boolean>>;

/** The overrides by which a kernel with `lib/cast` knows a format. */
export function formatOverrides(format: Format): Overrides {
  return {
    MANTISSA_BITS: format.mantissaBits,
    BIAS: format.bias,
    SIGN_SHIFT: format.signShift,
    MAX_MAGNITUDE: format.maxMagnitude,
    OVERFLOW_MAGNITUDE: format.overflowMagnitude,
    NAN_MAGNITUDE: format.nanMagnitude,
    IS_SCALE: format.special === 'scale',
  };
}

/** How codes are packed: elements a word, and elements that a thread takes at once: whole words, and whole draws of four. */
function packing({ bits }: Format): { readonly PER_WORD: number; readonly SPAN: number } {
  const PER_WORD = bits <= 4 ? 8 : bits <= 8 ? 4 : bits <= 16 ? 2 : 1;
  return { PER_WORD, SPAN: Math.max(4, PER_WORD) };
}

/** Overrides by which kernels with `lib/made-cast` know a cast without a scale. */
export function castOverrides({ format, rounding, saturate }: CastAttrs): Overrides {
  const { PER_WORD } = packing(formatNamed(format));
  return { PER_WORD, ROUNDING: ROUNDING[rounding], SATURATE: saturate, ...formatOverrides(formatNamed(format)) };
}

/** Overrides by which kernels know a cast: its packing, blocks, scales and format. */
export function codeOverrides({ format, scaling, blockScale, blockRows, blockColumns }: CastAttrs): Overrides {
  const { IS_SCALE: _, ...element } = formatOverrides(formatNamed(format));
  return {
    PER_WORD: packing(formatNamed(format)).PER_WORD,
    SCALING: SCALING[scaling],
    KIND: BLOCK_SCALE[blockScale],
    ROWS: Math.max(1, blockRows),
    COLUMNS: Math.max(1, blockColumns),
    ...element,
  };
}

/** Overrides and sizes that `quantize` and `dequantize` share. */
function elements(type: Type, cast: CastAttrs): { readonly overrides: Overrides; readonly sizes: Record<string, number> } {
  const count = sizeOf(type.shape);
  return {
    overrides: {
      ...codeOverrides(cast),
      ...packing(formatNamed(cast.format)),
      IS_SCALE: formatNamed(cast.format).special === 'scale',
      POWER_OF_TWO: cast.blockScale === 'e8m0' || (cast.blockScale === 'none' && cast.powerOfTwo),
    },
    sizes: { count, columns: lastOf(type), blocks: blocksOf(count, cast) },
  };
}

function blocksOf(count: number, { scaling, blockRows, blockColumns }: CastAttrs): number {
  return scaling === 'block' ? count / (blockRows * blockColumns) : 0;
}

/** What `quantize` reads and gives; `values` where they are wanted. */
interface QuantizeOperands {
  readonly x: Value | Scratch;
  readonly codes: Value;
  readonly scales?: Value | undefined;
  readonly values?: Value | Scratch | undefined;
}

/** How many partial maxima a cast reads, and where they lie in the words of a lane. */
function maximaOf({ amax, amaxAt }: CastSources): Record<'partials' | 'amax_first' | 'amax_lane', number> {
  const words = amax === undefined ? 0 : wordsOf(amax.type);
  const [first, count] = amaxAt ?? [0, words];
  return { partials: count, amax_first: first, amax_lane: words };
}

/**
 * One dispatch, behind another for the scales of blocks. `first`: as `quantize` says. `alone`: threads that share nothing, and have many
 * elements each.
 */
export function lowerQuantize(
  { x, codes, scales, values }: QuantizeOperands,
  { first, ...cast }: CastAttrs & { readonly first: number },
  sources: CastSources,
  alone: boolean,
): readonly Dispatch[] {
  const { overrides, sizes } = elements(x.type, cast);
  const items = Math.ceil(sizeOf(x.type.shape) / packing(formatNamed(cast.format)).SPAN);
  const WORKGROUP = alone ? 16 : FLAT_WORKGROUP;
  const { amax, scale, draw } = sources;
  const maxima = maximaOf(sources);
  const { partials } = maxima;
  // Threads have the more elements the more partial maxima they read for the scale, each for itself or a workgroup together.
  const ITEMS = alone ? Math.max(16, Math.ceil(partials / 4)) : Math.max(items > MANY_ITEMS ? 4 : 1, Math.ceil(partials / 256));
  const isBlock = cast.scaling === 'block';
  const blocks: Scratch | undefined = isBlock
    ? { scratch: 'scales of blocks', type: u32(blocksOf(sizeOf(x.type.shape), cast), 2) }
    : undefined;
  const casts: Dispatch = {
    kernel: 'numerics/quantize-forward',
    bind: {
      x,
      amax: isBlock ? undefined : amax,
      scale,
      draw,
      blocks,
      codes,
      scales: isBlock ? undefined : scales,
      values,
    },
    sizes: {
      ...sizes,
      ...maxima,
      shrink: bitsOf(2 ** -cast.margin),
      first,
      tensor: cast.tensor,
      stream: STREAM.rounding,
    },
    overrides: {
      ...overrides,
      WORKGROUP,
      ALONE: alone,
      ITEMS,
      ROUNDING: ROUNDING[cast.rounding],
      SATURATE: cast.saturate,
      VALUES: values !== undefined,
    },
    grid: foldGrid(Math.ceil(items / (WORKGROUP * ITEMS))),
  };
  return blocks === undefined ? [casts] : [blockScales(x.type, cast, { x, amax, scales, blocks }, maxima, alone), casts];
}

function blockScales(
  type: Type,
  cast: CastAttrs,
  bind: Dispatch['bind'],
  maxima: ReturnType<typeof maximaOf>,
  alone: boolean,
): Dispatch {
  const element = formatNamed(cast.format);
  const { blockScale, blockRows, blockColumns } = cast;
  const size = blockRows * blockColumns;
  const count = blocksOf(sizeOf(type.shape), cast);
  // A thread of a GPU reads four elements or more of a block.
  const TEAM = alone ? 1 : Math.min(64, powerOfTwo(Math.ceil(size / 4)));
  const WORKGROUP = alone ? 16 : FLAT_WORKGROUP;
  const words = blockScale === 'f32' ? count : Math.ceil(count / 4);
  return {
    kernel: 'numerics/block-scales-forward',
    bind,
    sizes: {
      blocks: count,
      columns: lastOf(type),
      ...maxima,
      top: bitsOf(FORMATS.e4m3.maxValue * element.maxValue),
    },
    overrides: {
      WORKGROUP,
      TEAM,
      KIND: BLOCK_SCALE[blockScale],
      ROWS: blockRows,
      COLUMNS: blockColumns,
      ...formatOverrides(element),
    },
    grid: foldGrid(Math.ceil(words / (WORKGROUP / TEAM))),
  };
}

export function lowerDequantize(
  { codes, scales, y }: { codes: Value | Scratch; scales: Value | undefined; y: Value | Scratch },
  cast: CastAttrs,
): readonly Dispatch[] {
  const { overrides, sizes } = elements(codes.type, cast);
  return [
    {
      kernel: 'numerics/dequantize-forward',
      bind: { codes, scales: cast.scaling === 'none' ? undefined : scales, y },
      sizes,
      overrides: { ...overrides, WORKGROUP: FLAT_WORKGROUP },
      grid: flatGrid(Math.ceil(sizeOf(codes.type.shape) / packing(formatNamed(cast.format)).SPAN)),
    },
  ];
}
