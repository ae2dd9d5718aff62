import type { IsoflopError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import type { Choices } from '../engine/index.ts';
import type { Gpu } from '../gpu/index.ts';
import { countRun, flopsPerToken, jsonLine, parameterCount, shouldPart, tokensPerStep, totalSteps } from '../spec/index.ts';
import type { Divergence, RunResult, StepLine, SweepRun } from '../spec/index.ts';
import { evaluatesAt, Loop, Trainer } from '../train/index.ts';
import type { Checkpoint, KnownVerdicts, StepMetrics } from '../train/index.ts';
import { adapterName } from './adapter.ts';
import type { RunFolder } from './run-folder.ts';
import type { RunLocks } from './run-locks.ts';
import { StepLines } from './step-lines.ts';
import type { Environment, SweepFolder } from './sweep-folder.ts';

/** Between two checkpoints. */
export const SAVE_MS = 10_000;

/** What all groups of a sweep have in common. */
export interface SweepContext {
  readonly gpu: Gpu;
  readonly verdicts: KnownVerdicts;
  readonly choices: Choices;
  readonly environment: Environment;
  readonly folder: SweepFolder;
  /** This process has those of the runs. */
  readonly locks: RunLocks;
  readonly signal: AbortSignal;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onEnd: (result: RunResult) => void;
  /** Hears of every submit that was measured. */
  readonly onSteps: (progress: Progress) => void;
}

export interface Progress {
  readonly step: number;
  readonly steps: number;
  /** Training losses of the lanes that train on. */
  readonly losses: readonly number[];
  /** Wall time of a step of all lanes, in this process. */
  readonly msPerStep: number;
}

/** A run with the state that it goes on from. */
interface Start {
  readonly run: SweepRun;
  readonly checkpoint: Checkpoint | null;
}

/**
 * Trains runs of one program to their ends, as lanes of as few programs as their states allow: those that stand at the same step share
 * one. A lane is a run (promise 2), so how they are put together, and how often they are stopped, changes no bit of them.
 */
export async function trainGroup(context: SweepContext, runs: readonly SweepRun[], dataset: Dataset): Promise<void> {
  const startOf = (run: SweepRun): Start => ({
    run,
    checkpoint: context.folder.checkpointOf(run, context.environment, dataset),
  });
  const legs = legsOf(runs.map(startOf));
  for (let leg = legs.shift(); leg !== undefined && !context.signal.aborted; leg = legs.shift()) {
    const left = await new Leg(context, leg, dataset).train();
    legs.unshift(...legsOf(left.map(startOf)));
  }
}

/** Starts that one program can go on from together: at one step, with the same variants of kernels. */
function legsOf(starts: readonly Start[]): Start[][] {
  const legs = new Map<string, Start[]>();
  for (const start of starts) {
    const { checkpoint } = start;
    const key = checkpoint === null ? '' : JSON.stringify([checkpoint.step, checkpoint.choices]);
    legs.set(key, [...(legs.get(key) ?? []), start]);
  }
  return [...legs.values()];
}

/** One run among the lanes. */
class Lane {
  readonly run: SweepRun;
  readonly folder: RunFolder;
  readonly lines: StepLines;
  last: StepLine | null;
  diverged: Divergence | null = null;
  ended = false;

  /** @param last the line of the step that it goes on after. */
  constructor(run: SweepRun, folder: RunFolder, last: StepLine | null, awaitsEvaluation: (step: number) => boolean) {
    this.run = run;
    this.folder = folder;
    this.last = last;
    this.lines = new StepLines(tokensPerStep(run.spec), awaitsEvaluation, (line) => {
      this.last = line;
      folder.append(`${jsonLine(line)}\n`);
    });
  }

  get trains(): boolean {
    return !this.ended && this.diverged === null;
  }
}

/** Lanes from where they stand to their end, or to where they are interrupted. */
class Leg {
  private readonly context: SweepContext;
  private readonly starts: readonly Start[];
  private readonly dataset: Dataset;
  private readonly targetStep: number;
  private readonly firstStep: number;
  private readonly lanes: Lane[] = [];
  private startedAt = 0;
  private fault: IsoflopError | null = null;

  constructor(context: SweepContext, starts: readonly Start[], dataset: Dataset) {
    const [first] = starts;
    this.context = context;
    this.starts = starts;
    this.dataset = dataset;
    this.firstStep = first?.checkpoint?.step ?? 0;
    this.targetStep = first === undefined ? 0 : totalSteps(first.run.spec, flopsPerToken(first.run.spec, dataset.vocab).total);
  }

  /** @returns the runs that are to go on without the lanes that have diverged; they are saved. */
  async train(): Promise<readonly SweepRun[]> {
    const { context, starts, dataset, firstStep } = this;
    const deaf = context.gpu.onFault((error) => (this.fault ??= error));
    const checkpoint = joined(starts.map((start) => start.checkpoint));
    const specs = starts.map(({ run }) => run.spec);
    const { gpu, verdicts, choices } = context;
    try {
      const trainer = await Trainer.create({
        gpu,
        specs,
        dataset,
        verdicts,
        plan: { choices },
        ...(checkpoint === null ? {} : { checkpoint: { ...checkpoint, specs } }),
      });
      try {
        const variants = new Set(trainer.plan.steps.map(({ node, variant }) => `${node.op}/${variant}`));
        const kernels = { disabled: trainer.disabled, variants: [...variants].toSorted() };
        for (const { run } of starts) {
          const folder = context.folder.open(run, firstStep, context.environment, { fusion: run.spec.fusion, ...kernels });
          this.lanes.push(new Lane(run, folder, context.folder.lastLine(run), (step) => this.awaitsEvaluation(step)));
        }
        return await this.steps(trainer);
      } finally {
        trainer.destroy();
      }
    } finally {
      deaf();
      for (const lane of this.lanes) if (!lane.ended) lane.folder.close();
    }
  }

  private awaitsEvaluation(step: number): boolean {
    const { validation, ood } = this.dataset;
    const everySteps = this.starts[0]?.run.spec.eval.everySteps ?? 0;
    return (validation !== null || ood !== null) && evaluatesAt(step, this.targetStep, everySteps);
  }

  private async steps(trainer: Trainer): Promise<readonly SweepRun[]> {
    const { context, lanes, targetStep } = this;
    const { signal } = context;
    const loop = new Loop(trainer, {
      targetStep,
      everySteps: lanes[0]?.run.spec.eval.everySteps ?? 0,
      onMetrics: (metrics) => this.measured(metrics),
      onEvaluation: (step, split, losses) => {
        for (const [i, lane] of lanes.entries()) if (lane.trains) lane.lines.evaluated(step, split, losses[i] ?? NaN);
      },
    });
    this.startedAt = performance.now();
    let savedAt = performance.now();
    while (!signal.aborted && (await loop.turn(() => (signal.aborted ? 0 : Infinity)))) {
      for (const lane of lanes) if (lane.trains) lane.lines.flushEvaluated();
      this.throwFault();
      this.endDiverged();
      const training = lanes.filter((lane) => lane.trains);
      if (training.length === 0) break;
      const diverged = lanes.length - training.length;
      const parts = shouldPart({ lanes: lanes.length, diverged, step: loop.step, steps: targetStep });
      if (!parts && performance.now() - savedAt < SAVE_MS) continue;
      await this.save(trainer, loop);
      savedAt = performance.now();
      for (const lane of training) lane.lines.restart();
      if (parts) break;
    }
    await loop.drain();
    this.throwFault();
    this.endDiverged();
    const done = trainer.step >= targetStep;
    if (signal.aborted || (done && context.folder.keepsCheckpoints)) await this.save(trainer, loop);
    if (done) for (const lane of lanes) if (lane.trains) this.end(lane);
    return signal.aborted ? [] : lanes.filter((lane) => lane.trains).map(({ run }) => run);
  }

  /** Gives every lane its own figures, up to the first that is not finite. */
  private measured(metrics: StepMetrics): void {
    this.context.locks.check();
    const { lanes, firstStep, targetStep } = this;
    for (const [i, lane] of lanes.entries()) {
      if (!lane.trains) continue;
      const { own, diverged } = laneMetrics(metrics, i, lanes.length);
      lane.diverged = diverged;
      lane.lines.add(own);
      if (diverged !== null) lane.lines.flush();
    }
    const step = metrics.firstStep + metrics.steps - 1;
    const losses = lanes.flatMap(({ trains, last }) => (trains && last !== null ? [last.loss] : []));
    this.context.onSteps({
      step,
      steps: targetStep,
      losses,
      msPerStep: (performance.now() - this.startedAt) / (step - firstStep),
    });
  }

  private endDiverged(): void {
    for (const lane of this.lanes) if (lane.diverged !== null && !lane.ended) this.end(lane);
  }

  private end(lane: Lane): void {
    lane.lines.flush();
    lane.ended = true;
    const { context } = this;
    context.locks.require(lane.run.id);
    const result = this.resultOf(lane);
    context.folder.end(lane.run, lane.folder, result);
    context.onEnd(result);
  }

  private resultOf({ run, last, diverged }: Lane): RunResult {
    const { context, dataset, firstStep } = this;
    const { vocab, train } = dataset;
    const steps = last?.step ?? firstStep;
    const counts = countRun(run.spec, { vocab, trainTokens: train.length, steps });
    const tail = context.folder.lastLosses(run, Math.max(1, Math.round(steps / 10)));
    const parameters = parameterCount(run.spec, vocab);
    return {
      version: 1,
      id: run.id,
      status: diverged === null ? 'finished' : 'diverged',
      name: run.spec.name,
      values: run.values,
      steps,
      tokens: counts.tokens,
      epochs: counts.epochs ?? NaN,
      uniqueTokens: counts.uniqueTokens ?? NaN,
      parameters: parameters.total,
      nonEmbeddingParameters: parameters.nonEmbedding,
      flopsPerToken: counts.flopsPerToken,
      loss: last?.loss ?? NaN,
      meanLoss: tail.reduce((sum, loss) => sum + loss, 0) / tail.length,
      ...(last?.validation === undefined ? {} : { validation: last.validation }),
      ...(last?.ood === undefined ? {} : { ood: last.ood }),
      ...(diverged === null ? {} : { diverged }),
      data: {
        name: dataset.name,
        hash: dataset.contentHash,
        ...(dataset.fileHash === undefined ? {} : { fileHash: dataset.fileHash }),
        vocab,
        trainTokens: train.length,
        bytesPerToken: dataset.bytesPerToken,
        unigramNats: dataset.unigramEntropyNats,
        entropyRateNats: dataset.entropyRateNats,
      },
      adapter: adapterName(context.gpu.report),
      software: context.gpu.report.software,
      lanes: this.lanes.length,
      msPerStep: Number(((performance.now() - this.startedAt) / Math.max(1, steps - firstStep)).toFixed(3)),
      endedAt: context.now(),
    };
  }

  /** Keeps every lane that trains on, each for itself, its metrics first and whole. */
  private async save(trainer: Trainer, loop: Loop): Promise<void> {
    await loop.drain();
    await loop.evaluateIfDue();
    for (const lane of this.lanes) if (lane.trains) lane.lines.flush();
    this.endDiverged();
    const training = this.lanes.filter((lane) => lane.trains);
    // What a leg began with is on the disk already.
    if (training.length === 0 || trainer.step === this.firstStep) return;
    const all = await trainer.snapshot('', this.targetStep, this.context.now());
    for (const [i, lane] of this.lanes.entries()) {
      const state = all.lanes[i];
      if (state === undefined || !training.includes(lane)) continue;
      this.context.locks.require(lane.run.id);
      lane.folder.save({ ...all, runId: lane.run.id, specs: [lane.run.spec], lanes: [state] });
    }
  }

  private throwFault(): void {
    if (this.fault !== null) throw this.fault;
  }
}

/** Checkpoints of single runs at one step as one of them all; null where there are none. */
function joined(checkpoints: readonly (Checkpoint | null)[]): Checkpoint | null {
  const [first] = checkpoints;
  if (first === undefined || first === null) return null;
  return { ...first, lanes: checkpoints.flatMap((checkpoint) => checkpoint?.lanes ?? []) };
}

/** The figures of one lane of `[n, L]`, cut after the first step that is not finite. */
function laneMetrics(
  { firstStep, steps, lossNats, gradNorm, learningRate, epochs }: StepMetrics,
  lane: number,
  lanes: number,
): { own: StepMetrics; diverged: Divergence | null } {
  const column = (all: Float32Array): Float32Array<ArrayBuffer> =>
    Float32Array.from({ length: steps }, (_, i) => all[i * lanes + lane] ?? NaN);
  const [losses, norms] = [column(lossNats), column(gradNorm)];
  const bad = losses.findIndex((loss, i) => !Number.isFinite(loss) || !Number.isFinite(norms[i] ?? NaN));
  const kept = bad < 0 ? steps : bad + 1;
  const own: StepMetrics = {
    firstStep,
    steps: kept,
    lossNats: losses.subarray(0, kept),
    gradNorm: norms.subarray(0, kept),
    learningRate: column(learningRate).subarray(0, kept),
    epochs: epochs.subarray(0, kept),
  };
  if (bad < 0) return { own, diverged: null };
  const what = Number.isFinite(losses[bad] ?? NaN) ? 'gradNorm' : 'loss';
  const value = String((what === 'loss' ? losses[bad] : norms[bad]) ?? NaN);
  return { own, diverged: { step: firstStep + bad, what, value } };
}
