import { at } from '../base/shape.ts';
import type { Gpu } from '../gpu/device.ts';
import { nodeLabel } from '../graph/graph.ts';
import { wordsOf } from '../graph/types.ts';
import type { Node } from '../graph/types.ts';
import { qkvSizes } from '../ops/heads.ts';
import { inputAt } from '../ops/op.ts';
import type { Dispatch } from '../ops/op.ts';
import type { Plan } from './plan.ts';
import type { Program } from './program.ts';
import { openClock, repeatsFor, timingOf } from './timing.ts';
import type { Clock } from './timing.ts';

/** Dispatches of one step that do the same work: one kernel at the same sizes and flags. */
export interface DispatchTime {
  /** Path below `shaders/`. */
  readonly kernel: string;
  /** The nodes that it computes, as errors name them. */
  readonly nodes: readonly string[];
  /** Places of its dispatches among all of the plan's. */
  readonly places: readonly number[];
  readonly variant: string;
  /** Of one step, all micro-batches counted. */
  readonly perStep: number;
  /** Time of one dispatch: the median of several regions, each of many dispatches one after the other. */
  readonly ms: number;
  /** Fastest and slowest region. */
  readonly rangeMs: readonly [number, number];
  /** Multiply-adds times 2, where the kernel is a product; null elsewhere. */
  readonly flops: number | null;
  /** Of what it reads or writes of the tensors that it is bound to, each element counted once. */
  readonly boundBytes: number;
}

export interface ProfileOptions {
  /** Regions to take the median of. */
  readonly regions?: number;
  /** What times them; the device's best when left out. */
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
}

/** Work that is done `perStep` times a step, with one dispatch that stands for all. */
interface Work {
  readonly node: Node;
  readonly variant: string;
  readonly dispatch: Dispatch;
  readonly nodes: string[];
  readonly places: number[];
  perStep: number;
}

/**
 * Times each distinct dispatch of a program in compute passes of its own, on whatever its buffers hold. A dispatch that runs many
 * times in a row finds its data in the caches, so small ones look better here than in a step. Weights are trained on the same
 * gradient many times over: the state of the run is of no use afterwards.
 *
 * @throws DeviceError when the timer has no resolution, or the device is lost; the signal's reason once it is aborted.
 */
export async function profileProgram(gpu: Gpu, program: Program, options: ProfileOptions = {}): Promise<readonly DispatchTime[]> {
  const { regions = 5, signal, onProgress } = options;
  const { plan } = program;
  const work = distinctWork(plan);
  const clock = options.clock ?? openClock(gpu);
  try {
    const times: DispatchTime[] = [];
    for (const { node, variant, dispatch, nodes, places, perStep } of work) {
      onProgress?.(times.length, work.length);
      const repeated = (pass: GPUComputePassEncoder, count: number): void => program.encodeAlone(pass, at(places, 0), count);
      const { repeats } = await repeatsFor(clock, repeated, signal);
      const region = (pass: GPUComputePassEncoder): void => repeated(pass, repeats);
      const measured = await clock.time(Array.from({ length: regions }, () => region));
      const { ms, rangeMs } = timingOf(measured.map((regionMs) => regionMs / repeats));
      times.push({
        kernel: dispatch.kernel,
        nodes,
        places,
        variant,
        perStep,
        ms,
        rangeMs,
        flops: flopsOf(node, dispatch, plan.lanes),
        boundBytes: boundBytes(dispatch, plan.lanes),
      });
    }
    return times;
  } finally {
    if (options.clock === undefined) clock.destroy();
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
      const one: Work = work.get(key) ?? { node, variant, dispatch, nodes: [], places: [], perStep: 0 };
      work.set(key, one);
      one.nodes.push(nodeLabel(node));
      one.places.push(index);
      one.perStep += node.phase === 'micro' ? plan.microBatches : 1;
      index += 1;
    }
  }
  return [...work.values()];
}

/** Bytes of what a dispatch reads or writes of the tensors that it is bound to, each element counted once, all lanes together. */
export function boundBytes({ bind, touches = {} }: Dispatch, lanes: number): number {
  return Object.entries(bind).reduce((sum, [name, operand]) => {
    if (operand === undefined) return sum;
    const { dtype, shape } = operand.type;
    const count = touches[name];
    return sum + 4 * lanes * wordsOf({ dtype, shape: count === undefined ? shape : [count] });
  }, 0);
}

/** Products over the causal half of T x T that each kernel of attention makes: q k, p v; and for the gradients dp, dq, dv, dk. */
const ATTENTION_PRODUCTS: readonly (readonly [RegExp, number])[] = [
  [/attention-forward/, 2],
  [/attention-backward-q/, 3],
  [/attention-backward-kv/, 4],
];

function flopsOf(node: Node, { kernel, sizes }: Dispatch, lanes: number): number | null {
  const { batch, m, n, k } = sizes;
  if (kernel.startsWith('matmul/') && batch !== undefined && m !== undefined && n !== undefined && k !== undefined) {
    return 2 * lanes * batch * m * n * k;
  }
  const products = ATTENTION_PRODUCTS.find(([pattern]) => pattern.test(kernel))?.[1];
  if (products === undefined) return null;
  const { B, T, H, D } = qkvSizes(node, inputAt(node, kernel.includes('forward') ? 0 : 1).type);
  return lanes * products * B * H * D * T * (T + 1);
}
