import type { IsoflopError } from '../base/errors.ts';
import { SpecError } from '../base/errors.ts';
import type { Dataset } from '../data/index.ts';
import { choicesOf } from '../engine/index.ts';
import type { Choices } from '../engine/index.ts';
import type { Gpu } from '../gpu/index.ts';
import { budgetKind, FIELDS, jsonLine, tokensPerStep, totalSteps } from '../spec/index.ts';
import type { RunSpec, StepLine } from '../spec/index.ts';
import { decodeCheckpoint, decodeWeights, evaluatesAt, hashBytes, Loop, notFiniteWords, Trainer } from '../train/index.ts';
import type { Checkpoint, KnownVerdicts, StepMetrics, TrainerOptions } from '../train/index.ts';
import { withGpu } from './adapter.ts';
import type { Command } from './command.ts';
import { loadDataset } from './data.ts';
import { readBytes } from './files.ts';
import type { Io } from './io.ts';
import { requireFolder, RunFolder } from './run-folder.ts';
import { StepLines } from './step-lines.ts';
import { loadSpec } from './spec-file.ts';
import { jsonReport, textReport } from './train-report.ts';
import type { Outcome, Report } from './train-report.ts';
import { fail, readWords, wholeNumber } from './words.ts';

/** Between two checkpoints. */
const SAVE_MS = 10_000;
const FLAGS = { data: 'value', init: 'value', resume: 'value', out: 'value', steps: 'value', json: 'switch' } as const;

interface Request {
  readonly specPath: string;
  readonly data: string | undefined;
  readonly init: string | undefined;
  readonly resume: string | undefined;
  readonly out: string | undefined;
  readonly steps: number | undefined;
  readonly json: boolean;
}

export const train: Command = {
  usage: 'train SPEC.json [--data FILE] [--init W.safetensors] [--resume CKPT] [--out DIR] [--steps N] [--json]',
  summary: 'train a run, headless',
  help: `Trains the run that a spec describes, with the same bits as the page gives on the same adapter.

  SPEC.json   the run, as JSON; - reads it from stdin
  --data      the file that "data":{"source":"file"} reads. With "order":"sequential" row r of batch b starts at byte
              ((b * batch + r) * context) modulo what fits, and targets are the bytes one later
  --init      starts from these weights instead of the spec's own
  --resume    goes on exactly where a checkpoint stands: same spec, same data
  --out       a folder for checkpoint.safetensors (every ${SAVE_MS / 1000} s and at the end), metrics.jsonl and spec.json
  --steps     the budget, instead of the spec's. With --resume it is the new end, and the schedule stays laid out as it was
  --json      one object a line: {"step":1,"tokens":512,"loss":5.55,"gradNorm":0.9,"lr":0.001,"ms":3.2,"epochs":0.1}, with
              "validation" and "ood" where held-out data was evaluated, then a summary with "done":true. Losses are nats per token and
              exact: equal text is equal bits. NaN and infinity are null, and "nonFinite" names them

Ctrl-C finishes the step, saves a checkpoint if there is --out, and exits with status 130. A loss that is not finite stops the run.`,
  run: async (argv, io) => {
    const words = readWords(argv, FLAGS, ['SPEC.json']);
    const steps = words.value('steps');
    const request: Request = {
      specPath: words.operands[0] ?? '-',
      data: words.value('data'),
      init: words.value('init'),
      resume: words.value('resume'),
      out: words.value('out'),
      steps: steps === undefined ? undefined : wholeNumber('--steps', steps, { min: 1, max: FIELDS['budget.steps'].max }),
      json: words.has('json'),
    };
    if (request.init !== undefined && request.resume !== undefined) {
      fail({ where: '--init', rule: 'a run that resumes has its weights', cure: 'Leave out --init or --resume.' });
    }
    const start = await prepare(request, io);
    if (request.out !== undefined) requireFolder(request.out, start.spec);
    return io.interruptible((signal) =>
      withGpu((gpu, verdicts, tunings) => new Run(start, request, gpu, io, signal).run(verdicts, choicesOf(tunings.values()))),
    );
  },
};

/** A run before it has a GPU: everything that can be wrong with files is wrong by now. */
interface Start {
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  readonly weights: Pick<TrainerOptions, 'weights' | 'checkpoint'>;
  readonly runId: string;
  readonly firstStep: number;
  readonly targetStep: number;
}

async function prepare({ specPath, data, init, resume, steps }: Request, io: Io): Promise<Start> {
  if (resume === undefined) {
    const spec = await loadSpec(specPath, io, steps);
    const dataset = await loadDataset(spec, data);
    const file = init === undefined ? undefined : readBytes(init);
    const weights = file === undefined ? {} : { weights: [decodeWeights(file.buffer, spec, dataset.vocab, `file "${init}"`)] };
    const identity = JSON.stringify([spec, dataset.contentHash, file === undefined ? null : await hashBytes(file)]);
    const runId = (await hashBytes(new TextEncoder().encode(identity))).slice(0, 16);
    return { spec, dataset, weights, runId, firstStep: 0, targetStep: totalSteps(spec) };
  }
  const where = `file "${resume}"`;
  const checkpoint = decodeCheckpoint(readBytes(resume).buffer, where);
  const spec = resumed(await loadSpec(specPath, io), checkpoint, where, steps);
  const dataset = await loadDataset(spec, data);
  const targetStep = steps ?? checkpoint.targetStep;
  if (targetStep < checkpoint.step) {
    throw new SpecError({
      where: '--steps',
      rule: 'the checkpoint is past it',
      got: String(targetStep),
      expected: `${checkpoint.step} or more`,
    });
  }
  return { spec, dataset, weights: { checkpoint }, runId: checkpoint.runId, firstStep: checkpoint.step, targetStep };
}

/** The given spec with the checkpoint's budget, over which the schedule is laid out; another budget must be meant. @throws SpecError */
function resumed(spec: RunSpec, checkpoint: Checkpoint, where: string, steps: number | undefined): RunSpec {
  const saved = checkpoint.specs[0];
  if (saved === undefined || checkpoint.specs.length > 1) {
    throw new SpecError({ where, rule: 'it holds a sweep, not one run', got: `${checkpoint.specs.length} lanes`, expected: '1' });
  }
  if (steps === undefined && JSON.stringify(saved.budget) !== JSON.stringify(spec.budget)) {
    const say = ({ budget }: RunSpec): string => `${Object.values(budget).join()} ${budgetKind(budget)}`;
    throw new SpecError({
      where,
      rule: 'it was trained with another budget',
      got: say(saved),
      expected: say(spec),
      cure: 'Say with --steps N where the run shall end.',
    });
  }
  return { ...spec, budget: saved.budget };
}

/** One run on one device, from its first step here to its report. */
class Run {
  private readonly start: Start;
  private readonly request: Request;
  private readonly gpu: Gpu;
  private readonly io: Io;
  private readonly signal: AbortSignal;
  private folder: RunFolder | null = null;
  private report: Report | null = null;
  private last: StepLine | null = null;
  private fault: IsoflopError | null = null;
  private failure: Failure | null = null;

  constructor(start: Start, request: Request, gpu: Gpu, io: Io, signal: AbortSignal) {
    this.start = start;
    this.request = request;
    this.gpu = gpu;
    this.io = io;
    this.signal = signal;
  }

  async run(verdicts: KnownVerdicts, choices: Choices): Promise<number> {
    const { gpu, start, request } = this;
    const { spec, dataset, weights, firstStep } = start;
    const deaf = gpu.onFault((error) => (this.fault ??= error));
    const facts = { ...start, adapter: gpu.report };
    this.report = request.json ? jsonReport(facts, this.io) : textReport(facts, this.io);
    const trainer = await Trainer.create({ gpu, specs: [spec], dataset, verdicts, plan: { choices }, ...weights });
    try {
      this.folder = request.out === undefined ? null : RunFolder.open(request.out, spec, firstStep);
      this.report.ready(trainer);
      return await this.steps(trainer);
    } finally {
      deaf();
      trainer.destroy();
      this.folder?.close();
    }
  }

  private async steps(trainer: Trainer): Promise<number> {
    const { spec, dataset, firstStep, targetStep } = this.start;
    const { everySteps } = spec.eval;
    const holdsOut = dataset.validation !== null || dataset.ood !== null;
    const lines = new StepLines(
      tokensPerStep(spec),
      (step) => holdsOut && evaluatesAt(step, targetStep, everySteps),
      (line) => this.line(line),
    );
    const loop = new Loop(trainer, {
      targetStep,
      everySteps,
      onMetrics: (metrics) => {
        lines.add(metrics);
        this.failure = failureOf(metrics);
        if (this.failure !== null) throw diverged(this.failure);
      },
      onEvaluation: (step, split, losses) => {
        lines.evaluated(step, split, losses[0] ?? NaN);
        this.report?.evaluated(step, split, losses[0] ?? NaN);
      },
    });
    const startedAt = performance.now();
    const finish = (stopped: Outcome['stopped']): void => {
      lines.flush();
      const { last, folder } = this;
      const seconds = (performance.now() - startedAt) / 1000;
      const checkpoint = folder === null || folder.savedStep === null ? null : folder.checkpointPath;
      this.report?.finish({ last, firstStep, step: last?.step ?? firstStep, seconds, stopped, checkpoint });
    };
    try {
      let savedAt = performance.now();
      while (!this.signal.aborted && (await loop.turn(() => (this.signal.aborted ? 0 : Infinity)))) {
        lines.flushEvaluated();
        this.throwFault();
        if (performance.now() - savedAt < SAVE_MS || this.folder === null) continue;
        await loop.drain();
        await this.save(trainer);
        savedAt = performance.now();
        lines.restart();
      }
      await loop.drain();
      this.throwFault();
      await this.save(trainer);
    } catch (error) {
      finish('error');
      throw await this.explained(error, trainer);
    }
    const interrupted = this.signal.aborted && trainer.step < targetStep;
    finish(interrupted ? 'interrupted' : null);
    return interrupted ? Number(this.signal.reason) : 0;
  }

  /** The error of a step that is not finite says in which tensor that began; any other, and one that cannot be looked into, is as it is. */
  private async explained(error: unknown, trainer: Trainer): Promise<unknown> {
    const { failure } = this;
    if (failure === null || !(error instanceof SpecError)) return error;
    try {
      return diverged(failure, notFiniteWords(await trainer.firstNotFinite(failure.step)));
    } catch {
      // The device may be lost by now, or full.
      return error;
    }
  }

  private line(line: StepLine): void {
    this.last = line;
    this.folder?.append(`${jsonLine(line)}\n`);
    this.report?.step(line);
  }

  private throwFault(): void {
    if (this.fault !== null) throw this.fault;
  }

  /** Keeps the run as it is now; a state that is not finite replaces no earlier one. @throws SpecError */
  private async save(trainer: Trainer): Promise<void> {
    const { folder, start, io } = this;
    if (folder === null || folder.savedStep === trainer.step) return;
    const checkpoint = await trainer.snapshot(start.runId, start.targetStep, io.now());
    for (const { weights, m, v } of checkpoint.lanes) {
      const odd = [...weights, ...m, ...v].find(({ data }) => data.some((value) => !Number.isFinite(value)));
      if (odd !== undefined) {
        throw diverged({ step: checkpoint.step, rule: `tensor ${odd.name} holds a number that is not finite` });
      }
    }
    folder.save(checkpoint);
  }
}

interface Failure {
  readonly step: number;
  readonly rule: string;
  readonly got?: string;
}

/** The first step whose loss or gradient is not finite; null where all are. */
function failureOf({ firstStep, steps, lossNats, gradNorm }: StepMetrics): Failure | null {
  for (let i = 0; i < steps; i++) {
    for (const [name, values] of [
      ['loss', lossNats],
      ['gradient norm', gradNorm],
    ] as const) {
      const value = values[i] ?? NaN;
      if (!Number.isFinite(value)) return { step: firstStep + i, rule: `the ${name} is not finite`, got: String(value) };
    }
  }
  return null;
}

function diverged({ step, rule, got }: Failure, origin = ''): SpecError {
  const cure = 'The run diverged: lower optimizer.lr, warm up longer, or clip the gradient. The last checkpoint is kept.';
  return new SpecError({
    where: `step ${step}`,
    rule,
    ...(got === undefined ? {} : { got }),
    cure: origin === '' ? cure : `${origin} ${cure}`,
  });
}
