import { formatNamed } from '../../../src/numerics/format.ts';
import type { BlockFormat, BlockScale } from '../../../src/numerics/blocks.ts';
import { bitsOf, castBlocks, castWords, currentScale, decode, floatOf, FORMATS } from '../../../src/numerics/index.ts';
import type { CastOptions, Rounding } from '../../../src/numerics/index.ts';
import type { Attrs } from '../../../src/graph/types.ts';
import { dim, el, fill, flagOf, input, numberOf, rowsOf, tensor, textOf } from '../tensor.ts';
import type { Reference, Tensor } from '../tensor.ts';

/** Elements that a partial maximum is worth, and most partial maxima. */
const PARTIAL = 2048;
const MAX_PARTIALS = 256;

/** Bits of the largest |x| of each of P parts, all of as many rows but the last; what has one dimension has rows of one element. */
const amax: Reference = (inputs, attrs) => {
  const x = input(inputs, 0);
  const of = textOf(attrs, 'of');
  const row = x.shape.length > 1 ? dim(x, -1) : 1;
  const most = Math.min(MAX_PARTIALS, Math.ceil(x.data.length / PARTIAL));
  const part = row * Math.ceil(x.data.length / row / most);
  const partials = tensor([Math.ceil(x.data.length / part)]);
  x.data.forEach((value, i) => {
    const bits = bitsOf(value) & 0x7fffffff;
    if (of === 'finite' && bits >= 0x7f800000) return;
    if (of === 'causal' && i % dim(x, -1) > Math.floor(i / dim(x, -1)) % dim(x, -2)) return;
    const p = Math.floor(i / part);
    partials.data[p] = Math.max(el(partials.data, p), bits);
  });
  return [partials];
};

/** What the partial maxima of `amax` stand for. */
function largestOf(partials: ArrayLike<number>): number {
  return floatOf(Array.from(partials).reduce((a, b) => Math.max(a, b), 0));
}

/** Inputs x, then amax, scale and draw as the cast needs them. Gives codes, scales unless there are none, and values if asked for. */
const quantize: Reference = (inputs, attrs) => {
  const x = input(inputs, 0);
  const [scaling, rounding] = [textOf(attrs, 'scaling'), roundingOf(attrs)];
  const rest = inputs.slice(1);
  const partials = scaling === 'current' || textOf(attrs, 'blockScale') === 'e4m3' ? rest.shift() : undefined;
  const scaleInput = scaling === 'delayed' ? rest.shift() : undefined;
  const [seed = 0, step = 0] = rounding === 'stochastic' ? (rest.shift()?.data ?? []) : [];
  const draw = { seed, tensor: numberOf(attrs, 'tensor'), step };
  const values = (words: ArrayLike<number>): Tensor => fill(x.shape, (i) => floatOf(words[i] ?? 0));
  const given = flagOf(attrs, 'values');
  if (scaling === 'block') {
    const matrix = Float32Array.from(x.data);
    const cast = castBlocks(matrix, [rowsOf(x), dim(x, -1)], blockOf(attrs), { round: rounding, draw });
    const scales = textOf(attrs, 'blockScale') === 'f32' ? [...cast.scales] : packed([...cast.scales]);
    const all = tensor([1 + scales.length], [bitsOf(cast.tensorScale), ...scales]);
    return [tensor(x.shape, cast.codes), all, ...(given ? [tensor(x.shape, cast.values)] : [])];
  }
  const format = formatNamed(textOf(attrs, 'format'));
  const scaleOptions = { powerOfTwo: flagOf(attrs, 'powerOfTwo'), margin: numberOf(attrs, 'margin') };
  const scale =
    partials !== undefined
      ? currentScale(largestOf(partials.data), format, scaleOptions)
      : scaleInput === undefined
        ? 1
        : Math.fround(el(scaleInput.data, 0));
  const options: CastOptions = { round: rounding, saturate: flagOf(attrs, 'saturate'), scale, draw };
  const cast = castWords(Uint32Array.from(x.data, bitsOf), format, options);
  const scales = scaling === 'none' ? [] : [tensor([1], [bitsOf(1 / scale)])];
  return [tensor(x.shape, cast.codes), ...scales, ...(given ? [values(cast.values)] : [])];
};

/** decode(code) times the scale of the tensor or of the element's block, an f32 product. */
const dequantize: Reference = (inputs, attrs) => {
  const codes = input(inputs, 0);
  const format = formatNamed(textOf(attrs, 'format'));
  const decoded = (i: number): number => floatOf(decode(el(codes.data, i), format));
  if (textOf(attrs, 'scaling') === 'none') return [fill(codes.shape, decoded)];
  const scales = input(inputs, 1).data;
  const tensorScale = floatOf(el(scales, 0));
  if (textOf(attrs, 'scaling') !== 'block') return [fill(codes.shape, (i) => Math.fround(decoded(i) * tensorScale))];
  const { rows, columns, scale } = blockOf(attrs);
  const width = dim(codes, -1);
  const byte = (block: number): number => (el(scales, 1 + Math.floor(block / 4)) >>> (8 * (block % 4))) & 255;
  const scaleOf: { readonly [S in BlockScale]: (block: number) => number } = {
    f32: (block) => floatOf(el(scales, 1 + block)),
    e8m0: (block) => floatOf(decode(byte(block), FORMATS.e8m0)),
    e4m3: (block) => Math.fround(floatOf(decode(byte(block), FORMATS.e4m3)) * tensorScale),
  };
  return [
    fill(codes.shape, (i) => {
      const block = Math.floor(Math.floor(i / width) / rows) * (width / columns) + Math.floor((i % width) / columns);
      return Math.fround(decoded(i) * scaleOf[scale](block));
    }),
  ];
};

/** Bytes, four a word from the lowest up. */
function packed(bytes: readonly number[]): readonly number[] {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  bytes.forEach((byte, i) => (words[i >> 2] = (words[i >> 2] ?? 0) | (byte << (8 * (i % 4)))));
  return [...words];
}

function blockOf(attrs: Attrs): BlockFormat {
  const [name, scale] = [textOf(attrs, 'format'), textOf(attrs, 'blockScale')];
  if (scale !== 'e8m0' && scale !== 'e4m3' && scale !== 'f32') throw new RangeError(`there is no block scale ${scale}`);
  return {
    name,
    element: formatNamed(name),
    scale,
    rows: numberOf(attrs, 'blockRows'),
    columns: numberOf(attrs, 'blockColumns'),
  };
}

function roundingOf(attrs: Attrs): Rounding {
  const rounding = textOf(attrs, 'rounding');
  if (rounding !== 'nearest' && rounding !== 'zero' && rounding !== 'stochastic')
    throw new RangeError(`there is no rounding ${rounding}`);
  return rounding;
}

export const quantizeReferences = { amax, quantize, dequantize } satisfies Record<string, Reference>;
