import type { Repeated, Clock } from '../engine/timing.ts';
import { openClock, repeatsFor, timeInTurns } from '../engine/timing.ts';
import type { Gpu } from '../gpu/device.ts';
import { kernelSource, packSizes } from '../gpu/kernel.ts';
import type { Limits, Spread } from './report.ts';

export interface LimitsOptions {
  /** What times them; the device's best when left out. */
  readonly clock?: Clock;
  /** Bytes of each of the two buffers of a copy; those that the device cannot bind are left out. */
  readonly copyBytes?: readonly number[];
  /** Workgroups of 256 threads that compute, and multiply-adds of each of their chains. */
  readonly fmaGroups?: readonly number[];
  readonly fmaRounds?: number;
  /** Each has two regions. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

const MEGA = 2 ** 20;
const WORKGROUP = 256;
/** Of a thread in one round of bench/fma: 16 vectors of 4, a multiplication and an addition each. */
const FLOPS_PER_ROUND = 16 * 4 * 2;
/** More workgroups than these only wait: their threads go through the buffer in steps. */
const COPY_GROUPS = 16_384;

/**
 * What an adapter can do at most, as measured: the fastest copy from one large buffer to another, larger than caches are, and the
 * fastest f32 multiply-adds in registers. Of several sizes each, the one with the best median.
 *
 * @throws DeviceError when the timer has no resolution, memory does not suffice or the device is lost; the signal's reason once aborted.
 */
export async function measureLimits(gpu: Gpu, options: LimitsOptions = {}): Promise<Limits> {
  const { software, maxBindingBytes, maxBufferBytes } = gpu.caps;
  const {
    copyBytes = (software ? [16, 32] : [64, 128, 256]).map((mebi) => mebi * MEGA),
    fmaGroups = software ? [64] : [2048, 8192],
    fmaRounds = software ? 64 : 1024,
    onProgress,
  } = options;
  const fitting = copyBytes.filter((bytes) => bytes <= Math.min(maxBindingBytes, maxBufferBytes));
  const clock = options.clock ?? openClock(gpu);
  const total = fitting.length + fmaGroups.length;
  try {
    const copies: Spread[] = [];
    for (const bytes of fitting) {
      onProgress?.(copies.length, total, `copies of ${bytes / MEGA} MiB`);
      const groups = Math.min(COPY_GROUPS, Math.ceil(bytes / 16 / WORKGROUP));
      const bench = { kernel: 'bench/copy', groups, sizes: { count: bytes / 16 }, readBytes: bytes, writeBytes: bytes };
      copies.push(await rates(gpu, clock, options, bench, (2 * bytes) / 1e6));
    }
    const products: Spread[] = [];
    for (const groups of fmaGroups) {
      onProgress?.(fitting.length + products.length, total, `multiply-adds of ${groups} workgroups`);
      const threads = groups * WORKGROUP;
      const bench = { kernel: 'bench/fma', groups, sizes: { rounds: fmaRounds }, readBytes: 16, writeBytes: 4 * threads };
      products.push(await rates(gpu, clock, options, bench, (threads * fmaRounds * FLOPS_PER_ROUND) / 1e6));
    }
    onProgress?.(total, total, 'limits');
    return { copyGBs: best(copies), fmaGFlops: best(products) };
  } finally {
    if (options.clock === undefined) clock.destroy();
  }
}

interface Bench {
  readonly kernel: string;
  readonly groups: number;
  readonly sizes: Readonly<Record<string, number>>;
  readonly readBytes: number;
  readonly writeBytes: number;
}

/** Runs one kernel from buffer to buffer and gives `amount` over its milliseconds: with `amount` in millions, billions a second. */
async function rates(
  gpu: Gpu,
  clock: Clock,
  { rounds = 4, signal }: LimitsOptions,
  { kernel, groups, sizes, readBytes, writeBytes }: Bench,
  amount: number,
): Promise<Spread> {
  const buffers: GPUBuffer[] = [];
  const own = (label: string, bytes: number, usage: 'storage' | 'uniform'): GPUBuffer => {
    const buffer = gpu.buffer(`${kernel} ${label}`, bytes, usage);
    buffers.push(buffer);
    return buffer;
  };
  try {
    const source = kernelSource(kernel);
    const layout = gpu.bindLayout(source, new Set());
    const [pipeline, group] = await gpu.guard(kernel, async () => {
      const [x, y, uniform] = [own('x', readBytes, 'storage'), own('y', writeBytes, 'storage'), own('sizes', 16, 'uniform')];
      gpu.write(uniform, 0, packSizes(source, sizes));
      // p and q of bench/fma, and varied bits for copies: memory may be compressed where it is all zeros.
      gpu.write(x, 0, readBytes === 16 ? new Float32Array([0.999, 0.001]) : varied(Math.min(readBytes, MEGA)));
      const entries = [x, y, uniform].map((buffer, binding) => ({ binding, resource: { buffer } }));
      const bound = gpu.device.createBindGroup({ label: kernel, layout, entries });
      if (readBytes > MEGA) repeatFirst(gpu, x, readBytes);
      return [await gpu.pipeline(source, { WORKGROUP }, layout), bound] as const;
    });
    const work: Repeated = (pass, times) => {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      for (let i = 0; i < times; i++) pass.dispatchWorkgroups(groups);
    };
    const { repeats } = await repeatsFor(clock, work, signal);
    const [timing] = await timeInTurns(clock, [{ work, repeats }], { rounds, ...(signal === undefined ? {} : { signal }) });
    const { ms = NaN, quartilesMs: [fast, slow] = [NaN, NaN] } = timing ?? {};
    return { median: amount / ms, low: amount / slow, high: amount / fast };
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

function varied(bytes: number): Uint32Array<ArrayBuffer> {
  return new Uint32Array(bytes / 4).map((_, i) => Math.imul(i + 1, 2654435761) >>> 0);
}

/** Fills a buffer with copies of its first mebibyte. */
function repeatFirst(gpu: Gpu, buffer: GPUBuffer, bytes: number): void {
  const chunk = gpu.buffer('bench/copy chunk', MEGA, 'storage');
  const encoder = gpu.device.createCommandEncoder({ label: 'bench/copy' });
  encoder.copyBufferToBuffer(buffer, 0, chunk, 0, MEGA);
  for (let at = MEGA; at < bytes; at += MEGA) encoder.copyBufferToBuffer(chunk, 0, buffer, at, Math.min(MEGA, bytes - at));
  gpu.device.queue.submit([encoder.finish()]);
  chunk.destroy();
}

function best(spreads: readonly Spread[]): Spread {
  return spreads.reduce((a, b) => (b.median > a.median ? b : a), { median: 0, low: 0, high: 0 });
}
