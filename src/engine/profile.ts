import { DeviceError } from '../base/errors.ts';
import type { Gpu } from '../gpu/device.ts';
import { nodeLabel } from '../graph/graph.ts';
import { wordsOf } from '../graph/types.ts';
import type { Node } from '../graph/types.ts';
import { qkvSizes } from '../ops/heads.ts';
import { matmulView } from '../ops/matmul-view.ts';
import { inputAt } from '../ops/op.ts';
import type { Dispatch } from '../ops/op.ts';
import type { Plan } from './plan.ts';
import type { Program } from './program.ts';

/** Dispatches of one step that do the same work: one kernel at the same sizes and flags. */
export interface DispatchTime {
  /** Path below `shaders/`. */
  readonly kernel: string;
  /** The nodes that it computes, as errors name them. */
  readonly nodes: readonly string[];
  readonly variant: string;
  /** Of one step, all micro-batches counted. */
  readonly perStep: number;
  /** Time of one dispatch, by GPU timestamps: the median of several regions, each of many dispatches one after the other. */
  readonly ms: number;
  /** Fastest and slowest region. */
  readonly rangeMs: readonly [number, number];
  /** Multiply-adds times 2, where the kernel is a product; null elsewhere. */
  readonly flops: number | null;
  /** Of all tensors that it is bound to, each counted once. */
  readonly boundBytes: number;
}

export interface ProfileOptions {
  /** Regions to take the median of. */
  readonly regions?: number;
  /** Shortest region: timestamps may be rounded to 100 us, and a region holds at least 66 of those. */
  readonly regionMs?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

const MOST_REPEATS = 1 << 16;

/** Work that is done `perStep` times a step, with one dispatch that stands for all. */
interface Work {
  readonly index: number;
  readonly node: Node;
  readonly variant: string;
  readonly dispatch: Dispatch;
  readonly nodes: string[];
  perStep: number;
}

/**
 * Times each distinct dispatch of a program in compute passes of its own, on whatever its buffers hold. A dispatch that runs many
 * times in a row finds its data in the caches, so small ones look better here than in a step. Weights are trained on the same
 * gradient many times over: the state of the run is of no use afterwards.
 *
 * @throws DeviceError when the device has no timestamps, or is lost.
 */
export async function profileProgram(gpu: Gpu, program: Program, options: ProfileOptions = {}): Promise<readonly DispatchTime[]> {
  const { regions = 5, regionMs = 6.6, onProgress } = options;
  const { plan } = program;
  const work = distinctWork(plan);
  const clock = new Clock(gpu, regions);
  try {
    const times: DispatchTime[] = [];
    for (const { index, node, variant, dispatch, nodes, perStep } of work) {
      onProgress?.(times.length, work.length);
      const region = (repeats: number) => (pass: GPUComputePassEncoder) => program.encodeAlone(pass, index, repeats);
      let repeats = 1;
      for (let ms = 0; ms < regionMs && repeats < MOST_REPEATS;) {
        [ms = 0] = await clock.time(region(repeats), 1);
        if (ms < regionMs)
          repeats = Math.min(MOST_REPEATS, Math.ceil(repeats * Math.min(16, Math.max(2, (1.2 * regionMs) / Math.max(ms, 1e-3)))));
      }
      const measured = (await clock.time(region(repeats), regions)).map((ms) => ms / repeats).toSorted((a, b) => a - b);
      const [least = NaN, median = NaN, most = NaN] = [measured[0], measured[Math.floor(measured.length / 2)], measured.at(-1)];
      times.push({
        kernel: dispatch.kernel,
        nodes,
        variant,
        perStep,
        ms: median,
        rangeMs: [least, most],
        flops: flopsOf(node, dispatch.kernel, plan.lanes),
        boundBytes: boundBytes(dispatch, plan.lanes),
      });
    }
    return times;
  } finally {
    clock.destroy();
  }
}

function distinctWork(plan: Plan): readonly Work[] {
  const work = new Map<string, Work>();
  let index = 0;
  for (const { node, variant, dispatches } of plan.steps) {
    for (const dispatch of dispatches) {
      const { kernel, sizes, overrides, template, grid } = dispatch;
      const bound = Object.keys(dispatch.bind).filter((name) => dispatch.bind[name] !== undefined);
      const key = JSON.stringify([kernel, sizes, overrides, template, grid, bound, node.phase]);
      const one: Work = work.get(key) ?? { index, node, variant, dispatch, nodes: [], perStep: 0 };
      work.set(key, one);
      one.nodes.push(nodeLabel(node));
      one.perStep += node.phase === 'micro' ? plan.microBatches : 1;
      index += 1;
    }
  }
  return [...work.values()];
}

function boundBytes({ bind }: Dispatch, lanes: number): number {
  return Object.values(bind).reduce((sum, operand) => sum + (operand === undefined ? 0 : 4 * lanes * wordsOf(operand.type)), 0);
}

/** Products over the causal half of T x T that each kernel of attention makes: q k, p v; and for the gradients dp, dq, dv, dk. */
const ATTENTION_PRODUCTS: readonly (readonly [RegExp, number])[] = [
  [/attention-forward/, 2],
  [/attention-backward-q/, 3],
  [/attention-backward-kv/, 4],
];

function flopsOf(node: Node, kernel: string, lanes: number): number | null {
  if (node.op === 'matmul' && kernel !== 'matmul/split-reduce') {
    const { batch, M, N, K } = matmulView(node);
    return 2 * lanes * batch * M * N * K;
  }
  const products = ATTENTION_PRODUCTS.find(([pattern]) => pattern.test(kernel))?.[1];
  if (products === undefined) return null;
  const { B, T, H, D } = qkvSizes(node, inputAt(node, node.op === 'attention' ? 0 : 1).type);
  return lanes * products * B * H * D * T * (T + 1);
}

/** Measures compute passes by timestamps. */
class Clock {
  private readonly gpu: Gpu;
  private readonly queries: GPUQuerySet;
  private readonly resolved: GPUBuffer;

  constructor(gpu: Gpu, regions: number) {
    if (!gpu.device.features.has('timestamp-query')) {
      throw new DeviceError({
        where: 'profile',
        rule: 'this device has no timestamps',
        cure: 'In Chrome, start it with --enable-dawn-features=allow_unsafe_apis; the times of whole steps need none.',
      });
    }
    this.gpu = gpu;
    this.queries = gpu.device.createQuerySet({ label: 'profile', type: 'timestamp', count: 2 * regions });
    this.resolved = gpu.device.createBuffer({
      label: 'profile',
      size: 16 * regions,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Milliseconds of each of `regions` passes that `encode` fills. */
  async time(encode: (pass: GPUComputePassEncoder) => void, regions: number): Promise<number[]> {
    const { device } = this.gpu;
    const encoder = device.createCommandEncoder({ label: 'profile' });
    for (let i = 0; i < regions; i++) {
      const timestampWrites = { querySet: this.queries, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ label: 'profile', timestampWrites });
      encode(pass);
      pass.end();
    }
    encoder.resolveQuerySet(this.queries, 0, 2 * regions, this.resolved, 0);
    device.queue.submit([encoder.finish()]);
    const ticks = new BigUint64Array(await this.gpu.read(this.resolved, 0, 16 * regions));
    return Array.from({ length: regions }, (_, i) => Number((ticks[2 * i + 1] ?? 0n) - (ticks[2 * i] ?? 0n)) / 1e6);
  }

  destroy(): void {
    this.queries.destroy();
    this.resolved.destroy();
  }
}
