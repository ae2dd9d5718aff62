import type { Dataset } from '../data/index.ts';
import type { Gpu } from '../gpu/index.ts';
import { tunedShapes, type Choices } from '../measure/index.ts';
import { tokensPerStep, type RunSpec } from '../spec/index.ts';
import { Loop, Trainer, type Checkpoint, type StepMetrics, type TrainerOptions } from '../train/index.ts';
import type { Figures } from './figures.ts';
import type { Emit } from './herald.ts';
import type { RunReport, SpeedEvent } from './protocol.ts';
import { dataReport, flopsPerStep, forecastOf } from './reports.ts';

/** A run as it lies on a device. */
export interface Built {
  readonly gpu: Gpu;
  readonly trainer: Trainer;
  readonly loop: Loop;
  /** Variants as the tuner had chosen them when the run began: its own as long as it lives. */
  readonly choices: Choices;
}

export interface BuildOptions {
  readonly runId: string;
  readonly gpu: Gpu;
  readonly specs: readonly RunSpec[];
  readonly dataset: Dataset;
  readonly checkpoint: Checkpoint | null;
  /** Where the run ends; null: where its checkpoint or its budget says. */
  readonly targetStep: number | null;
  /** What the run was begun with; null: it begins now, with what the tuner has found by now. */
  readonly choices: Choices | null;
  readonly plan: TrainerOptions['plan'];
  readonly figures: Figures;
  readonly now: () => number;
  readonly emit: Emit;
  readonly onMetrics: (metrics: StepMetrics) => void;
  readonly onProgress: NonNullable<TrainerOptions['onProgress']>;
}

/** Builds a trainer, every fast path of it proven on this device, and the loop that drives it. @throws what {@link Trainer.create} throws; nothing is kept then. */
export async function buildRun(options: BuildOptions): Promise<Built> {
  const { runId, gpu, specs, dataset, checkpoint, plan, figures, now, emit, onMetrics, onProgress } = options;
  const from = checkpoint === null ? {} : { checkpoint };
  await figures.load(gpu.report);
  // A copy: what a device found on its way out is not to be believed.
  const verdicts = figures.passed(gpu.report);
  const choices = checkpoint === null ? (options.choices ?? figures.tunings.choices(gpu.report)) : new Map(checkpoint.choices);
  const trainer = await Trainer.create({
    gpu,
    specs,
    dataset,
    ...from,
    plan: { ...plan, choices },
    verdicts,
    onProgress,
  });
  void figures.keepVerdicts(gpu.report, verdicts);
  const targetStep = options.targetStep ?? checkpoint?.targetStep ?? Math.max(...trainer.scheduleSteps);
  const loop = new Loop(trainer, {
    targetStep,
    everySteps: specs[0]?.eval.everySteps ?? 0,
    now,
    onMetrics,
    onEvaluation: (step, split, lossNats) => emit({ type: 'eval', runId, step, split, lossNats }, [lossNats.buffer]),
  });
  return { gpu, trainer, loop, choices };
}

/** What the page is told of a run that is ready. */
export function runReport({ gpu, trainer, loop, choices }: Built, figures: Figures): RunReport {
  const { specs, dataset, step } = trainer;
  const [spec] = specs;
  if (spec === undefined) throw new TypeError('a run without a spec');
  const estimateMs = (flops: number, steps: number): number | null => figures.estimateMs(gpu.report, flops, steps);
  const forecast = forecastOf(spec, { caps: gpu.caps, plan: {}, dataset, estimateMs });
  const { peakBytes, dispatchesPerStep, lanes } = trainer.plan;
  return {
    ...forecast,
    peakBytes,
    dispatchesPerStep,
    data: dataReport(dataset),
    totalSteps: loop.targetStep,
    startStep: step,
    lanes,
    tunedKernels: tunedShapes(trainer.plan, choices),
    choices: trainer.choices,
  };
}

/** FLOPs of one step of all lanes. */
export function runFlopsPerStep({ trainer: { specs, dataset } }: Built): number {
  return specs.reduce((sum, spec) => sum + flopsPerStep(spec, dataset.vocab), 0);
}

/** How fast a run goes, all lanes together; null before its first step was measured. */
export function runSpeed(runId: string, built: Built, figures: Figures): SpeedEvent | null {
  const { gpu, trainer, loop } = built;
  const { msPerStep } = loop;
  if (!(msPerStep > 0)) return null;
  const perSecond = 1000 / msPerStep;
  const peak = figures.peak(gpu.report);
  return {
    type: 'speed',
    runId,
    msPerStep,
    tokensPerSecond: trainer.specs.reduce((sum, spec) => sum + tokensPerStep(spec), 0) * perSecond,
    stepsPerSubmit: loop.stepsPerSubmit,
    mfu: peak === null ? null : (runFlopsPerStep(built) * perSecond) / peak.matmulFlopsPerSecond,
    etaMs: Math.max(0, loop.targetStep - loop.step) * msPerStep,
  };
}
