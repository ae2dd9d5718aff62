import type { Gpu } from '../gpu/device.ts';
import { Graph } from '../graph/graph.ts';
import { DTYPE_BITS, f32, u32, wordsOf } from '../graph/types.ts';
import type { Type, Value } from '../graph/types.ts';
import { bitsOf, checkBlocks, floatOf, PLAIN } from '../numerics/index.ts';
import type { BlockCasts, BlockFormat, BlockMode, Casts, CastOptions, Format } from '../numerics/index.ts';
import { amax } from '../ops/amax.ts';
import { quantize } from '../ops/quantize.ts';
import type { CastAttrs, Quantized } from '../ops/quantize.ts';
import { planProgram } from './plan.ts';
import { Program } from './program.ts';
import { Store } from './store.ts';

/** Elements that are cast at once. */
const CHUNK = 1 << 20;

/** Shared by casts of tensors and of blocks. */
const TENSORWISE = { margin: 0, blockScale: 'none', blockRows: 0, blockColumns: 0 } as const;

/**
 * Casts f32 words on the GPU with the kernels that training uses: what `castWords` of numerics gives, bit for bit.
 *
 * @param format one that `formatNamed` finds by its name.
 * @throws KernelError, DeviceError when the GPU has something against it.
 */
export async function castOnGpu(
  gpu: Gpu,
  words: Uint32Array<ArrayBuffer>,
  format: Format,
  { round, saturate, scale, draw }: CastOptions = PLAIN,
): Promise<Casts> {
  const casts: Casts = { codes: new Uint32Array(words.length), values: new Uint32Array(words.length) };
  const cast: CastAttrs = {
    ...TENSORWISE,
    format: format.name,
    scaling: 'delayed',
    powerOfTwo: isPowerOfTwo(scale),
    rounding: round,
    saturate,
    tensor: draw.tensor ?? 0,
  };
  for (let first = 0; first < words.length; first += CHUNK) {
    const x = words.subarray(first, first + CHUNK);
    const feeds = { scale: Uint32Array.of(bitsOf(scale)), draw: Uint32Array.of(draw.seed, draw.step ?? 0) };
    const { codes, values } = await quantizeOnce(gpu, f32(x.length), { x, ...feeds }, { ...cast, first });
    casts.codes.set(codes, first);
    casts.values.set(values, first);
  }
  return casts;
}

/** Of a normal f32 above 0; a subnormal is taken for another number, which changes no bit of a cast. */
function isPowerOfTwo(scale: number): boolean {
  return scale >= 2 ** -126 && (bitsOf(scale) & 0x7fffff) === 0;
}

/**
 * Casts a matrix x f32[rows, columns] in blocks on the GPU with the kernels that training uses: what `castBlocks` of numerics gives, bit
 * for bit.
 *
 * @throws SpecError when the blocks do not divide the matrix; KernelError, DeviceError when the GPU has something against it.
 */
export async function castBlocksOnGpu(
  gpu: Gpu,
  x: Float32Array<ArrayBuffer>,
  [rows, columns]: readonly [number, number],
  format: BlockFormat,
  { round, draw }: BlockMode,
): Promise<BlockCasts> {
  checkBlocks(format, rows, columns);
  const cast: CastAttrs = {
    ...TENSORWISE,
    format: format.element.name,
    scaling: 'block',
    powerOfTwo: false,
    rounding: round,
    saturate: true,
    tensor: draw.tensor ?? 0,
    blockScale: format.scale,
    blockRows: format.rows,
    blockColumns: format.columns,
  };
  const words = new Uint32Array(x.buffer, x.byteOffset, x.length);
  const feeds = { x: words, draw: Uint32Array.of(draw.seed, draw.step ?? 0) };
  const { codes, values, scales } = await quantizeOnce(gpu, f32(rows, columns), feeds, { ...cast, first: 0 });
  const blocks = x.length / (format.rows * format.columns);
  return {
    codes: Uint8Array.from(codes),
    values: new Float32Array(values.buffer),
    scales: format.scale === 'f32' ? scales.slice(1) : unpack(scales.subarray(1), 8, blocks),
    tensorScale: floatOf(scales[0] ?? 0),
  };
}

interface Feeds {
  readonly x: Uint32Array<ArrayBuffer>;
  readonly draw: Uint32Array<ArrayBuffer>;
  readonly scale?: Uint32Array<ArrayBuffer>;
}

interface Words {
  /** One a word. */
  readonly codes: Uint32Array<ArrayBuffer>;
  readonly values: Uint32Array<ArrayBuffer>;
  readonly scales: Uint32Array<ArrayBuffer>;
}

/** Runs the op `quantize` on a tensor of this type, by itself. */
async function quantizeOnce(gpu: Gpu, type: Type, feeds: Feeds, cast: CastAttrs & { readonly first: number }): Promise<Words> {
  const g = new Graph();
  const named = new Map<string, Uint32Array<ArrayBuffer>>([['x', feeds.x]]);
  const input = (name: 'scale' | 'draw', of: Type): Value => {
    named.set(name, feeds[name] ?? new Uint32Array(wordsOf(of)));
    return g.input(name, of, 'step');
  };
  const x = g.input('x', type, 'step');
  const sources = {
    ...(cast.scaling === 'delayed' ? { scale: input('scale', f32(1)) } : {}),
    ...(cast.blockScale === 'e4m3' ? { amax: amax(g, x, { of: 'finite' }) } : {}),
    ...(cast.rounding === 'stochastic' ? { draw: input('draw', u32(2)) } : {}),
  };
  const outputs: Quantized = quantize(g, x, { ...cast, values: true }, sources);
  for (const [name, value] of Object.entries<Value>({ ...outputs })) g.output(name, value, 'step');
  const store = new Store(gpu, 1);
  try {
    const program = await Program.create(store, planProgram(g, { caps: gpu.caps, slots: 1 }));
    try {
      for (const [name, words] of named) wordsIn(program.slot(name, 0)).set(words);
      const reading = await program.run(1);
      const read = (name: string): Uint32Array<ArrayBuffer> => wordsIn(reading.get(name, 0)).slice();
      return {
        codes: unpack(read('codes'), DTYPE_BITS[outputs.codes.type.dtype], feeds.x.length),
        values: read('values'),
        scales: read('scales'),
      };
    } finally {
      program.destroy();
    }
  } finally {
    store.destroy();
  }
}

function wordsIn({ buffer, byteOffset, length }: Float32Array | Uint32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

/** `count` codes of `bits` bits that lie in words from the lowest bits up. */
function unpack(words: Uint32Array, bits: number, count: number): Uint32Array<ArrayBuffer> {
  const perWord = 32 / bits;
  const mask = 2 ** bits - 1;
  return Uint32Array.from({ length: count }, (_, i) => {
    const word = words[Math.floor(i / perWord)] ?? 0;
    return ((word >>> (bits * (i % perWord))) & mask) >>> 0;
  });
}
