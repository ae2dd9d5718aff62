import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { quantile } from '../base/quantile.ts';
import type { Dataset } from '../data/index.ts';
import type { Choices, Plan } from '../engine/index.ts';
import type { DispatchTime } from '../engine/profile.ts';
import type { Gpu } from '../gpu/device.ts';
import { profileStep } from '../measure/index.ts';
import { flopsPerToken, parameterCount, tokensPerStep } from '../spec/index.ts';
import type { RunSpec } from '../spec/index.ts';
import { initialWeights, Loop, Trainer } from '../train/index.ts';
import type { KnownVerdicts } from '../train/index.ts';

export interface StepOptions {
  readonly gpu: Gpu;
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  /** As a run has them: fast paths are checked first. */
  readonly verdicts?: KnownVerdicts;
  /** Variants as the tuner chose them. */
  readonly choices?: Choices;
  /** Milliseconds to measure for; a quarter of it is added as warm-up. */
  readonly measureMs?: number;
  readonly profile?: boolean;
  readonly onProgress?: (what: string) => void;
}

/** What a training step of one spec costs on one device. */
export interface StepCost {
  readonly name: string;
  readonly parameters: number;
  readonly tokensPerStep: number;
  /** Matmuls and full attention, forward and backward. */
  readonly flopsPerStep: number;
  readonly dispatchesPerStep: number;
  readonly stepsPerSubmit: number;
  readonly peakBytes: number;
  /** Steps that were measured. */
  readonly steps: number;
  /** Wall time of a step, of windows of {@link WINDOW_MS}: median and quartiles. */
  readonly msPerStep: { readonly median: number; readonly low: number; readonly high: number; readonly windows: number };
  /** Growth of the heap over the measured steps, its garbage collected; negative where it shrank. */
  readonly heapGrowthBytes: number;
  /** By kernel and sizes, the largest share first; null where the device has no timestamps. */
  readonly kernels: readonly DispatchTime[] | null;
}

/** A window holds several submits, so that the moment at which a result is noticed does not count. */
const WINDOW_MS = 250;
const LEAST_WINDOWS = 5;

/**
 * Trains for a while as a run does, submits overlapping, and measures; then profiles the kernels.
 *
 * @throws DeviceError, KernelError as a run does.
 */
export async function stepCost({
  gpu,
  spec,
  dataset,
  verdicts,
  choices,
  measureMs = 4000,
  profile = true,
  onProgress,
}: StepOptions): Promise<StepCost> {
  const label = spec.name === '' ? 'step' : spec.name;
  onProgress?.(`${label}: compiling`);
  const trainer = await Trainer.create({
    gpu,
    specs: [spec],
    dataset,
    ...(verdicts === undefined ? {} : { verdicts }),
    ...(choices === undefined ? {} : { plan: { choices } }),
  });
  try {
    onProgress?.(`${label}: training`);
    const { samples, steps, heapGrowthBytes, stepsPerSubmit } = await measureSteps(trainer, measureMs);
    const { plan } = trainer;
    const [low = NaN, median = NaN, high = NaN] = [0.25, 0.5, 0.75].map((share) => quantile(samples, share));
    trainer.destroy();
    onProgress?.(`${label}: timing its kernels`);
    const timed = profile && gpu.device.features.has('timestamp-query');
    return {
      name: spec.name,
      parameters: parameterCount(spec, dataset.vocab).total,
      tokensPerStep: tokensPerStep(spec),
      flopsPerStep: flopsPerToken(spec, dataset.vocab).total * tokensPerStep(spec),
      dispatchesPerStep: plan.dispatchesPerStep,
      stepsPerSubmit,
      peakBytes: plan.peakBytes,
      steps,
      msPerStep: { median, low, high, windows: samples.length },
      heapGrowthBytes,
      kernels: timed ? await kernelTimes(gpu, plan, initialWeights(spec, dataset.vocab)) : null,
    };
  } catch (error) {
    trainer.destroy();
    throw error;
  }
}

interface Measured {
  /** Milliseconds a step, one for each window. */
  readonly samples: readonly number[];
  readonly steps: number;
  readonly stepsPerSubmit: number;
  readonly heapGrowthBytes: number;
}

async function measureSteps(trainer: Trainer, measureMs: number): Promise<Measured> {
  const samples: number[] = [];
  let [windowAt, windowSteps, steps] = [NaN, 0, 0];
  const loop = new Loop(trainer, {
    targetStep: Infinity,
    everySteps: 0,
    onEvaluation: () => undefined,
    onMetrics: (metrics) => {
      const now = performance.now();
      steps += metrics.steps;
      windowSteps += metrics.steps;
      if (now - windowAt < WINDOW_MS) return;
      samples.push((now - windowAt) / windowSteps);
      [windowAt, windowSteps] = [now, 0];
    },
  });
  const train = async (ms: number, windows: number): Promise<void> => {
    const start = performance.now();
    [windowAt, windowSteps, steps] = [start, 0, 0];
    samples.length = 0;
    while (performance.now() - start < ms || samples.length < windows) await loop.turn();
    await loop.drain();
  };
  await train(measureMs / 4, 1);
  const heapBefore = heapBytes();
  await train(measureMs, LEAST_WINDOWS);
  return { samples, steps, stepsPerSubmit: loop.stepsPerSubmit, heapGrowthBytes: heapBytes() - heapBefore };
}

/** A second program of the same plan, the largest share first. */
async function kernelTimes(gpu: Gpu, plan: Plan, weights: ReturnType<typeof initialWeights>): Promise<readonly DispatchTime[]> {
  const times = await profileStep(gpu, plan, weights);
  return times.toSorted((a, b) => b.ms * b.perStep - a.ms * a.perStep);
}

/** Of JavaScript, array buffers included, once its garbage is gone. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc()');
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
