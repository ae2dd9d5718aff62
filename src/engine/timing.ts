import { DeviceError } from '../base/errors.ts';
import { quantile } from '../base/quantile.ts';
import type { Gpu } from '../gpu/device.ts';

/** By GPU timestamps, or by the wall clock from a submit until its work is done. */
export type TimedBy = 'timestamps' | 'wall';

/** Work that is timed, so many times in a row. */
export type Repeated = (pass: GPUComputePassEncoder, times: number) => void;

/** Measures compute passes. */
export interface Clock {
  readonly by: TimedBy;
  /** Shortest region that it is to be asked for, in milliseconds: 100 of its quanta, so that rounding to them costs 1 % at most. */
  readonly regionMs: number;
  /** Milliseconds of each region: a compute pass that one of `regions` fills, one after the other. */
  time(regions: readonly ((pass: GPUComputePassEncoder) => void)[]): Promise<readonly number[]>;
  destroy(): void;
}

/** What was measured of repeated work, in milliseconds of one repetition. */
export interface Timing {
  /** Median over all regions. */
  readonly ms: number;
  readonly quartilesMs: readonly [number, number];
  /** Fastest and slowest region. */
  readonly rangeMs: readonly [number, number];
  readonly regions: number;
}

/** A region has so many quanta of its clock, and timestamps may be rounded to 2^16 ns: 65.5 us. */
const REGION_QUANTA = 100;
const REGION_MS = 6.55;
/** Regions of one submit: a longer one would hold up the screen. */
const REGIONS_PER_SUBMIT = 8;
const MOST_REPEATS = 1 << 16;
/** Work that takes no time by the clock is no work, unless it has been done this often, for this long. */
const ZERO_REPEATS = 256;
const ZERO_MS = 250;

/**
 * The best clock of a device: timestamps where it has them, else the wall clock.
 *
 * @param now milliseconds since any fixed time.
 * @throws DeviceError where `now` steps so coarsely that no region of bearable length would be long enough.
 */
export function openClock(gpu: Gpu, now: () => number = () => performance.now()): Clock {
  return gpu.device.features.has('timestamp-query') ? new TimestampClock(gpu) : new WallClock(gpu, now);
}

/**
 * How often `work` is done in a region that is long enough for the clock.
 *
 * @throws DeviceError when the timer has no resolution; the signal's reason once it is aborted.
 */
export async function repeatsFor(clock: Clock, work: Repeated, signal?: AbortSignal): Promise<{ repeats: number; ms: number }> {
  for (let repeats = 1; ;) {
    signal?.throwIfAborted();
    const start = performance.now();
    const [ms = 0] = await clock.time([(pass) => work(pass, repeats)]);
    const some = ms > 0;
    if (!some && (repeats >= MOST_REPEATS || (repeats >= ZERO_REPEATS && performance.now() - start > ZERO_MS)))
      throw withoutResolution(clock.by === 'timestamps' ? 'timestamps that do not move' : 'a clock that does not move');
    if (ms >= clock.regionMs || repeats >= MOST_REPEATS) return { repeats, ms: ms / repeats };
    const growth = some ? Math.min(16, Math.max(2, (1.2 * clock.regionMs) / ms)) : 16;
    repeats = Math.min(MOST_REPEATS, Math.ceil(repeats * growth));
  }
}

/**
 * Times works against each other: in every round each has a region in turn, then each once more in reverse (A B B A), so that whatever
 * slows the machine down meets all of them.
 *
 * @throws DeviceError when the device is lost; the signal's reason once it is aborted.
 */
export async function timeInTurns(
  clock: Clock,
  works: readonly { readonly work: Repeated; readonly repeats: number }[],
  {
    rounds,
    signal,
    onRound,
  }: { readonly rounds: number; readonly signal?: AbortSignal; readonly onRound?: (done: number) => void },
): Promise<readonly Timing[]> {
  const there = works.map((_, i) => i);
  const turns = [...there, ...there.toReversed()];
  const samples: number[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    signal?.throwIfAborted();
    const times = await clock.time(turns.map((i) => (pass) => works[i]?.work(pass, works[i].repeats)));
    for (const [turn, i] of turns.entries()) samples[i]?.push((times[turn] ?? NaN) / (works[i]?.repeats ?? NaN));
    onRound?.(round + 1);
  }
  return samples.map(timingOf);
}

/** @param samples milliseconds of one repetition, one for each region. */
export function timingOf(samples: readonly number[]): Timing {
  const [least = NaN, low = NaN, ms = NaN, high = NaN, most = NaN] = [0, 0.25, 0.5, 0.75, 1].map((share) =>
    quantile(samples, share),
  );
  return { ms, quartilesMs: [low, high], rangeMs: [least, most], regions: samples.length };
}

class TimestampClock implements Clock {
  readonly by = 'timestamps';
  readonly regionMs = REGION_MS;
  private readonly gpu: Gpu;
  private readonly queries: GPUQuerySet;
  private readonly resolved: GPUBuffer;

  constructor(gpu: Gpu) {
    this.gpu = gpu;
    this.queries = gpu.device.createQuerySet({ label: 'clock', type: 'timestamp', count: 2 * REGIONS_PER_SUBMIT });
    this.resolved = gpu.device.createBuffer({
      label: 'clock',
      size: 16 * REGIONS_PER_SUBMIT,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  async time(regions: readonly ((pass: GPUComputePassEncoder) => void)[]): Promise<readonly number[]> {
    const times: number[] = [];
    for (let first = 0; first < regions.length; first += REGIONS_PER_SUBMIT) {
      times.push(...(await this.submit(regions.slice(first, first + REGIONS_PER_SUBMIT))));
    }
    return times;
  }

  private async submit(regions: readonly ((pass: GPUComputePassEncoder) => void)[]): Promise<readonly number[]> {
    const { device } = this.gpu;
    const encoder = device.createCommandEncoder({ label: 'clock' });
    for (const [i, encode] of regions.entries()) {
      const timestampWrites = { querySet: this.queries, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ label: 'clock', timestampWrites });
      encode(pass);
      pass.end();
    }
    encoder.resolveQuerySet(this.queries, 0, 2 * regions.length, this.resolved, 0);
    device.queue.submit([encoder.finish()]);
    const ticks = new BigUint64Array(await this.gpu.read(this.resolved, 0, 16 * regions.length));
    return regions.map((_, i) => Number((ticks[2 * i + 1] ?? 0n) - (ticks[2 * i] ?? 0n)) / 1e6);
  }

  destroy(): void {
    this.queries.destroy();
    this.resolved.destroy();
  }
}

/** What a submit costs beside its work is counted in, so that short work looks slower than it is. */
class WallClock implements Clock {
  readonly by = 'wall';
  readonly regionMs: number;
  private readonly gpu: Gpu;
  private readonly now: () => number;

  constructor(gpu: Gpu, now: () => number) {
    const tick = tickMs(now);
    if (!(tick <= REGION_MS))
      throw withoutResolution(`a clock that steps by ${Number.isFinite(tick) ? `${tick} ms` : 'nothing'}`);
    this.regionMs = Math.max(REGION_MS, REGION_QUANTA * tick);
    this.gpu = gpu;
    this.now = now;
  }

  async time(regions: readonly ((pass: GPUComputePassEncoder) => void)[]): Promise<readonly number[]> {
    const { device, lost } = this.gpu;
    const times: number[] = [];
    for (const encode of regions) {
      const encoder = device.createCommandEncoder({ label: 'clock' });
      const pass = encoder.beginComputePass({ label: 'clock' });
      encode(pass);
      pass.end();
      const commands = encoder.finish();
      const start = this.now();
      device.queue.submit([commands]);
      const gone = await Promise.race([device.queue.onSubmittedWorkDone().then(() => null), lost]);
      if (gone !== null) throw gone;
      times.push(this.now() - start);
    }
    return times;
  }

  destroy(): void {
    // It holds nothing.
  }
}

const TICKS = 4;
const MOST_SPINS = 1 << 20;

/** The smallest step that a clock was seen to make, in milliseconds; infinite where it makes none. */
function tickMs(now: () => number): number {
  let least = Infinity;
  for (let i = 0; i < TICKS; i++) {
    const start = now();
    let moved = 0;
    for (let spins = 0; moved === 0 && spins < MOST_SPINS; spins++) moved = now() - start;
    if (!(moved > 0)) return least;
    least = Math.min(least, moved);
  }
  return least;
}

function withoutResolution(got: string): DeviceError {
  return new DeviceError({
    where: 'timer',
    rule: 'it has no resolution to time kernels with',
    got,
    expected: `steps of ${REGION_MS} ms at most`,
    cure: 'Switch off what protects against fingerprinting by timers, or use a current Chrome.',
  });
}
