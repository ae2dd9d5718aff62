import { STREAM } from '../base/random.ts';
import type { Gpu } from '../gpu/device.ts';
import { kernelSource, packSizes } from '../gpu/kernel.ts';
import { bitsOf, PLAIN } from '../numerics/index.ts';
import type { Casts, CastOptions, Format } from '../numerics/index.ts';
import { FLAT_WORKGROUP, flatGrid } from '../ops/launch.ts';

/** Words a dispatch: three buffers of 1 MiB. */
const CHUNK = 1 << 18;
const ROUNDINGS = { nearest: 0, zero: 1, stochastic: 2 } as const;

/** The overrides by which a kernel with `lib/cast` knows a format. */
export function formatOverrides(format: Format): Readonly<Record<string, number | boolean>> {
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
  const casts: Casts = { codes: new Uint32Array(words.length), values: new Uint32Array(words.length) };
  if (words.length === 0) return casts;
  const source = kernelSource('numerics/cast-forward');
  const sizeBytes = 4 * Math.min(CHUNK, words.length);
  return gpu.guard(`cast to ${format.name}`, async () => {
    const layout = gpu.bindLayout(source, new Set());
    const overrides = { WORKGROUP: FLAT_WORKGROUP, ROUNDING: ROUNDINGS[round], SATURATE: saturate, ...formatOverrides(format) };
    const pipeline = await gpu.pipeline(source, overrides, layout);
    const buffers = new Map(
      source.bindings.map(({ name, index, kind }) => [
        name,
        {
          index,
          buffer:
            kind === 'sizes' ? gpu.buffer(name, 4 * source.sizes.length, 'uniform') : gpu.buffer(name, sizeBytes, 'storage'),
        },
      ]),
    );
    const bufferOf = (name: string): GPUBuffer => {
      const found = buffers.get(name);
      if (found === undefined) throw new RangeError(`cast-forward has no binding ${name}`);
      return found.buffer;
    };
    try {
      const group = gpu.device.createBindGroup({
        label: source.path,
        layout,
        entries: [...buffers.values()].map(({ index, buffer }) => ({ binding: index, resource: { buffer } })),
      });
      for (let first = 0; first < words.length; first += CHUNK) {
        const part = words.subarray(first, first + CHUNK);
        const { seed, tensor = 0, step = 0 } = draw;
        const sizes = {
          count: part.length,
          scale: bitsOf(scale),
          inverse: bitsOf(1 / scale),
          first,
          seed,
          stream: STREAM.rounding,
          tensor,
          step,
        };
        gpu.write(bufferOf('x'), 0, part);
        gpu.write(bufferOf('sizes'), 0, packSizes(source, sizes));
        const encoder = gpu.device.createCommandEncoder({ label: source.path });
        const pass = encoder.beginComputePass({ label: source.path });
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(...flatGrid(part.length));
        pass.end();
        gpu.device.queue.submit([encoder.finish()]);
        casts.codes.set(new Uint32Array(await gpu.read(bufferOf('code'), 0, part.byteLength)), first);
        casts.values.set(new Uint32Array(await gpu.read(bufferOf('value'), 0, part.byteLength)), first);
      }
    } finally {
      for (const { buffer } of buffers.values()) buffer.destroy();
    }
    return casts;
  });
}
