import { STREAM } from '../base/random.ts';
import type { Gpu } from '../gpu/device.ts';
import { kernelSource, packSizes } from '../gpu/kernel.ts';
import { bitsOf, checkBlocks, PLAIN, tensorEncodeScale } from '../numerics/index.ts';
import type { BlockCasts, BlockFormat, BlockMode, Casts, CastOptions, Format } from '../numerics/index.ts';
import { FLAT_WORKGROUP, flatGrid } from '../ops/launch.ts';

/** Words a dispatch: three buffers of 1 MiB. */
const CHUNK = 1 << 18;
const ROUNDINGS = { nearest: 0, zero: 1, stochastic: 2 } as const;
const BLOCK_SCALES = { e8m0: 0, e4m3: 1, f32: 2 } as const;

/** The overrides by which a kernel with `lib/cast` knows a format. */
function formatOverrides(format: Format): Readonly<Record<string, number | boolean>> {
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

/**
 * Casts f32 words on the GPU, outside of any program: what `castWords` of numerics gives, bit for bit.
 *
 * @throws KernelError, DeviceError when the GPU has something against it.
 */
export async function castOnGpu(
  gpu: Gpu,
  words: Uint32Array<ArrayBuffer>,
  format: Format,
  options: CastOptions = PLAIN,
): Promise<Casts> {
  const { round, saturate, scale, draw } = options;
  const { seed, tensor = 0, step = 0 } = draw;
  const casts: Casts = { codes: new Uint32Array(words.length), values: new Uint32Array(words.length) };
  for (let first = 0; first < words.length; first += CHUNK) {
    const x = words.subarray(first, first + CHUNK);
    const outputs = await runOnce(gpu, `cast to ${format.name}`, {
      kernel: 'numerics/cast-forward',
      overrides: { ROUNDING: ROUNDINGS[round], SATURATE: saturate, ...formatOverrides(format) },
      sizes: {
        count: x.length,
        scale: bitsOf(scale),
        inverse: bitsOf(1 / scale),
        first,
        seed,
        stream: STREAM.rounding,
        tensor,
        step,
      },
      threads: x.length,
      x,
      outputs: { code: x.length, value: x.length },
    });
    casts.codes.set(outputs.code, first);
    casts.values.set(outputs.value, first);
  }
  return casts;
}

/**
 * Casts a matrix x f32[rows, columns] in blocks on the GPU, outside of any program: what `castBlocks` of numerics gives, bit for bit.
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
  const { seed, tensor = 0, step = 0 } = draw;
  const blocks = (rows * columns) / (format.rows * format.columns);
  const encodeScale = tensorEncodeScale(x, format);
  const tensorScale = Math.fround(1 / encodeScale);
  const scales = { encode_scale: bitsOf(encodeScale), decode_scale: bitsOf(tensorScale) };
  const { code, value, scale } = await runOnce(gpu, `cast to ${format.name}`, {
    kernel: 'numerics/cast-blocks-forward',
    overrides: {
      KIND: BLOCK_SCALES[format.scale],
      ROUNDING: ROUNDINGS[round],
      ROWS: format.rows,
      COLUMNS: format.columns,
      ...formatOverrides(format.element),
    },
    sizes: { blocks, columns, ...scales, seed, stream: STREAM.rounding, tensor, step },
    threads: blocks,
    x: new Uint32Array(x.buffer, x.byteOffset, x.length),
    outputs: { code: x.length, value: x.length, scale: blocks },
  });
  return { codes: Uint8Array.from(code), values: new Float32Array(value.buffer), scales: scale, tensorScale };
}

interface Once<Name extends string> {
  readonly kernel: string;
  readonly overrides: Readonly<Record<string, number | boolean>>;
  readonly sizes: Readonly<Record<string, number>>;
  readonly threads: number;
  readonly x: Uint32Array<ArrayBuffer>;
  /** Words of each buffer that the kernel writes. */
  readonly outputs: Readonly<Record<Name, number>>;
}

/** One dispatch of a kernel that reads `x` and writes words, and what it wrote. */
async function runOnce<Name extends string>(
  gpu: Gpu,
  where: string,
  { kernel, overrides, sizes, threads, x, outputs }: Once<Name>,
): Promise<Record<Name, Uint32Array<ArrayBuffer>>> {
  const source = kernelSource(kernel);
  const lengths: Readonly<Record<string, number>> = { x: x.length, ...outputs };
  const buffers = new Map<string, GPUBuffer>();
  const bufferOf = (name: string): GPUBuffer => {
    const usage = name === 'sizes' ? 'uniform' : 'storage';
    const buffer = buffers.get(name) ?? gpu.buffer(name, 4 * (lengths[name] ?? source.sizes.length), usage);
    buffers.set(name, buffer);
    return buffer;
  };
  return gpu.guard(where, async () => {
    try {
      const layout = gpu.bindLayout(source, new Set());
      const pipeline = await gpu.pipeline(source, { WORKGROUP: FLAT_WORKGROUP, ...overrides }, layout);
      const entries = source.bindings.map(({ name, index }) => ({ binding: index, resource: { buffer: bufferOf(name) } }));
      const group = gpu.device.createBindGroup({ label: source.path, layout, entries });
      gpu.write(bufferOf('x'), 0, x);
      gpu.write(bufferOf('sizes'), 0, packSizes(source, sizes));
      const encoder = gpu.device.createCommandEncoder({ label: source.path });
      const pass = encoder.beginComputePass({ label: source.path });
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...flatGrid(threads));
      pass.end();
      gpu.device.queue.submit([encoder.finish()]);
      const read: Partial<Record<Name, Uint32Array<ArrayBuffer>>> = {};
      for (const name of Object.keys(outputs) as Name[])
        read[name] = new Uint32Array(await gpu.read(bufferOf(name), 0, 4 * outputs[name]));
      return read as Record<Name, Uint32Array<ArrayBuffer>>;
    } finally {
      for (const buffer of buffers.values()) buffer.destroy();
    }
  });
}
