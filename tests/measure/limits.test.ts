import { describe, expect, it } from 'vitest';
import type { Clock, Repeated } from '../../src/engine/timing.ts';
import { openClock, repeatsFor, timeInTurns, timingOf } from '../../src/engine/timing.ts';
import { Gpu } from '../../src/gpu/index.ts';
import { kernelSource, packSizes } from '../../src/gpu/kernel.ts';
import { openNodeGpu } from '../../src/gpu/node-adapter.ts';
import { rooflineOf } from '../../src/measure/kernels.ts';
import { measureLimits } from '../../src/measure/limits.ts';
import { expectClose } from '../support/close.ts';
import { testGpu } from '../support/run-graph.ts';

const SMALL = { copyBytes: [2 ** 21], fmaGroups: [1], fmaRounds: 8, rounds: 1 };

/** Each repetition of work `i` takes `ms[i]`; a round takes longer than the one before. */
function scriptedClock(ms: readonly number[]): Clock & { readonly log: number[] } {
  const log: number[] = [];
  let round = 0;
  return {
    by: 'wall',
    regionMs: 10,
    log,
    time: (regions) => {
      round += 1;
      const times = regions.map((region) => {
        let [spent, which] = [0, -1];
        const pass = { dispatchWorkgroups: (i: number) => ((spent += ms[i] ?? NaN), (which = i)) };
        region(pass as unknown as GPUComputePassEncoder);
        log.push(which);
        return spent * round;
      });
      return Promise.resolve(times);
    },
    destroy: () => undefined,
  };
}

function workOf(i: number): Repeated {
  return (pass, times) => {
    for (let n = 0; n < times; n++) pass.dispatchWorkgroups(i);
  };
}

describe('timing', () => {
  it('repeats work until a region is long enough for the clock', async () => {
    for (const ms of [0.001, 0.4, 3, 50]) {
      const { repeats } = await repeatsFor(scriptedClock([ms]), workOf(0));
      expect(repeats === 1 || repeats * ms <= 16 * 12 * 1.2, `${ms} ms`).toBe(true);
    }
    expect((await repeatsFor(scriptedClock([50]), workOf(0))).repeats).toBe(1);
  });

  it('gives candidates their regions in turns, A B B A, and median, quartiles and range of one repetition', async () => {
    const clock = scriptedClock([1, 2]);
    const works = [0, 1].map((i) => ({ work: workOf(i), repeats: 3 }));
    const [a, b] = await timeInTurns(clock, works, { rounds: 3 });
    expect(clock.log).toEqual([0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0]);
    expect(a).toEqual({ ms: 2, quartilesMs: [1.25, 2.75], rangeMs: [1, 3], regions: 6 });
    expect(b?.ms).toBe(4);
    expect(timingOf([])).toMatchObject({ ms: NaN, regions: 0 });
  });

  it('is by GPU timestamps where the device has them', async () => {
    const gpu = await Gpu.open(await openNodeGpu());
    try {
      const clock = openClock(gpu);
      expect(clock.by).toBe(gpu.device.features.has('timestamp-query') ? 'timestamps' : 'wall');
      const times = await clock.time(Array.from({ length: 11 }, () => () => undefined));
      expect(times).toHaveLength(11);
      for (const ms of times) expect(ms).toBeGreaterThanOrEqual(0);
      clock.destroy();
    } finally {
      gpu.close();
    }
  });
});

/** What a kernel of two buffers and one size writes. */
async function runBench(
  kernel: string,
  x: Float32Array<ArrayBuffer>,
  words: number,
  sizes: Record<string, number>,
): Promise<Float32Array> {
  const gpu = await testGpu();
  const source = kernelSource(kernel);
  const layout = gpu.bindLayout(source, new Set());
  const buffers = [
    gpu.buffer('x', x.byteLength, 'storage'),
    gpu.buffer('y', 4 * words, 'storage'),
    gpu.buffer('sizes', 16, 'uniform'),
  ];
  try {
    const [from, to, uniform] = buffers;
    if (from === undefined || to === undefined || uniform === undefined) throw new RangeError('a buffer is missing');
    gpu.write(from, 0, x);
    gpu.write(uniform, 0, packSizes(source, sizes));
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const encoder = gpu.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(await gpu.pipeline(source, { WORKGROUP: 64 }, layout));
    pass.setBindGroup(0, gpu.device.createBindGroup({ layout, entries }));
    pass.dispatchWorkgroups(2);
    pass.end();
    gpu.device.queue.submit([encoder.finish()]);
    return new Float32Array(await gpu.read(to, 0, 4 * words));
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

describe('the kernels that limits are measured with', () => {
  it('copy all there is, in steps where there are more vectors than threads', async () => {
    const x = Float32Array.from({ length: 4 * 700 }, (_, i) => i + 0.5);
    expect(await runBench('bench/copy', x, x.length, { count: 700 })).toEqual(x);
  });

  it('do as many multiply-adds as they say', async () => {
    const [p, q, rounds] = [0.75, 0.5, 3];
    const chain = (c: number): number => Array.from({ length: 2 * rounds }).reduce<number>((value) => value * p + q, c);
    const sumOf = (thread: number): number => {
      const starts = Array.from({ length: 32 }, (_, i) => thread + 0.25 * (i % 4) + Math.floor(i / 4));
      return starts.reduce((sum, c) => sum + chain(c), 0);
    };
    const want = Float64Array.from({ length: 128 }, (_, thread) => sumOf(thread));
    const got = await runBench('bench/fma', new Float32Array([p, q]), 128, { rounds });
    expectClose(got, want, { rtol: 2e-6, atol: 0, because: 'f32 sum of 32 chains of 6 multiply-adds' });
  });
});

describe('the limits of an adapter', () => {
  it('are a rate of copies and one of multiply-adds, each with its quartiles', async () => {
    const said: string[] = [];
    const limits = await measureLimits(await testGpu(), {
      ...SMALL,
      onProgress: (done, total, what) => said.push(`${done}/${total} ${what}`),
    });
    for (const { low, median, high } of [limits.copyGBs, limits.fmaGFlops]) {
      expect(low).toBeGreaterThan(0);
      expect(median).toBeGreaterThanOrEqual(low);
      expect(high).toBeGreaterThanOrEqual(median);
    }
    expect(said).toEqual(['0/2 copies of 2 MiB', '1/2 multiply-adds of 1 workgroups', '2/2 limits']);
  }, 60_000);

  it('leave out copies that the device cannot bind, and stop when asked', async () => {
    const gpu = await testGpu();
    const limits = await measureLimits(gpu, { ...SMALL, copyBytes: [2 * gpu.caps.maxBindingBytes, 2 ** 20] });
    expect(limits.copyGBs.median).toBeGreaterThan(0);
    await expect(measureLimits(gpu, { ...SMALL, signal: AbortSignal.abort(new Error('enough')) })).rejects.toThrow('enough');
  }, 60_000);

  it('bind a kernel by memory or by arithmetic, whichever takes longer', () => {
    const spread = (median: number) => ({ median, low: median, high: median });
    const limits = { copyGBs: spread(100), fmaGFlops: spread(1000) };
    // At 10 FLOP a byte both take as long.
    expect(rooflineOf({ flops: null, bytes: 1e8, ms: 2 }, limits)).toEqual({ ofLimit: 0.5, bound: 'bandwidth' });
    expect(rooflineOf({ flops: 5e8, bytes: 1e8, ms: 2 }, limits)).toEqual({ ofLimit: 0.5, bound: 'bandwidth' });
    expect(rooflineOf({ flops: 4e9, bytes: 1e8, ms: 8 }, limits)).toEqual({ ofLimit: 0.5, bound: 'arithmetic' });
  });
});
