import { KernelError } from '../base/errors.ts';
import { tokenOrder } from '../data/index.ts';
import type { Dataset } from '../data/index.ts';
import { Program, Store } from '../engine/index.ts';
import type { Choices, Plan } from '../engine/index.ts';
import { boundBytes, profileProgram } from '../engine/profile.ts';
import type { DispatchTime, ProfileOptions } from '../engine/profile.ts';
import { openClock } from '../engine/timing.ts';
import type { Clock } from '../engine/timing.ts';
import type { Gpu } from '../gpu/device.ts';
import { nodeLabel } from '../graph/graph.ts';
import { printType } from '../graph/types.ts';
import type { RunSpec } from '../spec/index.ts';
import { HYPER, HYPER_SIZE } from '../ops/hyper.ts';
import { checkFastPaths } from '../train/fast-paths.ts';
import { WEIGHTS } from '../train/graphs.ts';
import { initialWeights, planTraining } from '../train/index.ts';
import type { KnownVerdicts } from '../train/index.ts';
import { measureLimits } from './limits.ts';
import type { KernelRow, KernelsReport, Limits, TimelineEntry } from './report.ts';
import { Sources } from './sources.ts';

export interface MeasureKernelsOptions {
  /** The same step with no fusion rule on, too. */
  readonly unfused?: boolean;
  /** Fast paths are checked first, as for a run. */
  readonly verdicts?: KnownVerdicts;
  /** Variants as the tuner chose them. */
  readonly choices?: Choices;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

/**
 * Times every kernel of a training step on this device, and what the device can do at most. A kernel that is timed alone finds its data
 * in the caches, so small ones may come out above the limit of memory.
 *
 * @throws DeviceError when the timer has no resolution or the device is lost, KernelError as a run does; the signal's reason once aborted.
 */
export async function measureKernels(
  gpu: Gpu,
  spec: RunSpec,
  dataset: Pick<Dataset, 'vocab'>,
  options: MeasureKernelsOptions = {},
): Promise<KernelsReport> {
  const { signal, onProgress, unfused = false } = options;
  const clock = openClock(gpu);
  try {
    const stopping = signal === undefined ? {} : { signal };
    const limits = await measureLimits(gpu, { clock, ...stopping, ...(onProgress === undefined ? {} : { onProgress }) });
    const tools: Tools = { ...options, gpu, vocab: dataset.vocab, limits, clock, sources: new Sources(gpu.caps) };
    const fused = await stepOf(tools, spec);
    const plain = unfused ? await stepOf(tools, { ...spec, fusion: 'none' }) : null;
    return { limits, clock: clock.by, ...fused, sources: tools.sources.texts, unfused: plain };
  } finally {
    clock.destroy();
  }
}

interface StepKernels {
  readonly rows: readonly KernelRow[];
  readonly timeline: readonly TimelineEntry[];
}

interface Tools extends MeasureKernelsOptions {
  readonly gpu: Gpu;
  readonly vocab: number;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly sources: Sources;
}

async function stepOf(tools: Tools, wanted: RunSpec): Promise<StepKernels> {
  const { gpu, vocab, clock, verdicts, choices, signal, onProgress } = tools;
  const { spec, disabled } = await checkFastPaths(gpu, wanted, vocab, { known: verdicts, choices });
  signal?.throwIfAborted();
  const chosen = choices === undefined ? {} : { choices };
  const plan = planTraining([spec], vocab, { caps: gpu.caps, disabled, slots: 1, ...chosen });
  const times = await profileStep(gpu, plan, initialWeights(spec, vocab), {
    clock,
    ...(signal === undefined ? {} : { signal }),
    onProgress: (done, total) => onProgress?.(done, total, spec.fusion === 'none' ? 'kernels, nothing fused' : 'kernels'),
  });
  return { rows: rowsOf(tools, plan, times, disabled), timeline: timelineOf(plan, times) };
}

/** Times the kernels of a plan on a program of its own, on made-up tokens, at a learning rate of 0. */
export async function profileStep(
  gpu: Gpu,
  plan: Plan,
  weights: ReturnType<typeof initialWeights>,
  options: ProfileOptions = {},
): Promise<readonly DispatchTime[]> {
  const store = new Store(gpu, plan.lanes);
  try {
    const program = await Program.create(store, plan);
    try {
      for (const { name, data } of weights) store.write(WEIGHTS, name, 0, data);
      fillInputs(program);
      const norm = (await program.run(1)).get('gradNorm', 0);
      // Kernels that halt a lane are other work than those of a run.
      if (!norm.every(Number.isFinite))
        throw new KernelError({
          where: 'kernels',
          rule: 'the step to be timed has a gradient that is not finite',
          got: norm.join(),
        });
      return await profileProgram(gpu, program, options);
    } finally {
      program.destroy();
    }
  } finally {
    store.destroy();
  }
}

/** What a step reads: tokens of all kinds, and scalars that leave the weights as they are and everything finite. */
function fillInputs(program: Program): void {
  const { lanes, rings } = program.plan;
  const has = (name: string): boolean => rings.some((ring) => ring.name === name);
  const hyper = program.floats('hyper', 0);
  for (let lane = 0; lane < lanes; lane++) {
    const own = hyper.subarray(lane * HYPER_SIZE, (lane + 1) * HYPER_SIZE);
    for (const key of ['beta1', 'beta2', 'eps', 'clip', 'correction1', 'correction2'] as const) own[HYPER[key]] = 0.5;
    if (has('micro')) program.floats('micro', 0).set([1, 1], 2 * lane);
    const part = (name: string): Uint32Array<ArrayBuffer> => {
      const all = program.words(name, 0);
      return all.subarray((lane * all.length) / lanes, ((lane + 1) * all.length) / lanes);
    };
    const [tokens, targets, starts] = [part('tokens'), part('targets'), part('starts')];
    const vocab = starts.length - 1;
    for (let i = 0; i < tokens.length; i++) {
      tokens[i] = (7 * i) % vocab;
      targets[i] = (7 * i + 7) % vocab;
    }
    tokenOrder(tokens, vocab, part('order'), starts);
  }
}

/** The most that a device could do of a kernel with so many operations and bytes, and which limit that is (roofline). */
export function rooflineOf(
  { flops, bytes, ms }: Pick<KernelRow, 'flops' | 'bytes' | 'ms'>,
  { copyGBs, fmaGFlops }: Limits,
): { readonly ofLimit: number; readonly bound: 'bandwidth' | 'arithmetic' } {
  const memoryMs = bytes / copyGBs.median / 1e6;
  const arithmeticMs = (flops ?? 0) / fmaGFlops.median / 1e6;
  return { ofLimit: Math.max(memoryMs, arithmeticMs) / ms, bound: arithmeticMs > memoryMs ? 'arithmetic' : 'bandwidth' };
}

function rowsOf(
  { limits, sources }: Tools,
  plan: Plan,
  times: readonly DispatchTime[],
  disabled: ReadonlySet<string>,
): readonly KernelRow[] {
  const all = dispatchesOf(plan);
  const totalMs = times.reduce((sum, { ms, perStep }) => sum + ms * perStep, 0);
  return times.flatMap(({ kernel, variant, nodes, places, perStep, ms, rangeMs, flops, boundBytes: bytes }): KernelRow[] => {
    const one = all[places[0] ?? -1];
    if (one === undefined) return [];
    const variants = sources.variants(one.step, one.dispatch, disabled);
    const share = (ms * perStep) / totalMs;
    const limit = rooflineOf({ flops, bytes, ms }, limits);
    return [{ kernel, variant, variants, nodes, perStep, ms, rangeMs, share, flops, bytes, ...limit }];
  });
}

/** The dispatches of one step as they follow one another: the micro-batches, then the update. */
function timelineOf(plan: Plan, times: readonly DispatchTime[]): readonly TimelineEntry[] {
  const rowAt = new Map(times.flatMap(({ places }, row) => places.map((place) => [place, row] as const)));
  const all = dispatchesOf(plan).map((one, place) => ({ ...one, row: rowAt.get(place) ?? 0 }));
  const micro = all.filter(({ node }) => node.phase === 'micro');
  const order = [
    ...Array.from({ length: plan.microBatches }, () => micro).flat(),
    ...all.filter(({ node }) => node.phase !== 'micro'),
  ];
  let atMs = 0;
  return order.map(({ node, dispatch, row }): TimelineEntry => {
    const ms = times[row]?.ms ?? 0;
    const writes = node.outputs.map(({ type }) => printType(type)).join(' ');
    const entry = { row, node: nodeLabel(node), writes, atMs, ms, bytes: boundBytes(dispatch, plan.lanes) };
    atMs += ms;
    return entry;
  });
}

function dispatchesOf({ steps }: Plan) {
  return steps.flatMap((step) => step.dispatches.map((dispatch) => ({ step, node: step.node, dispatch })));
}
