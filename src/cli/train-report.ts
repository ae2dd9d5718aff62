import type { Dataset } from '../data/index.ts';
import type { AdapterReport } from '../gpu/index.ts';
import { flopsPerToken, jsonLine, parameterCount, tokensPerStep } from '../spec/index.ts';
import type { RunSpec, StepLine } from '../spec/index.ts';
import type { Split, Trainer } from '../train/index.ts';
import { adapterName, adapterWords } from './adapter.ts';
import { bytes, count, duration, significant } from './format.ts';
import type { Io } from './io.ts';

export interface RunFacts {
  readonly spec: RunSpec;
  readonly dataset: Dataset;
  readonly runId: string;
  readonly firstStep: number;
  readonly targetStep: number;
  readonly adapter: AdapterReport;
}

export interface Outcome {
  /** The last step that was measured here; null when there was none. */
  readonly last: StepLine | null;
  readonly firstStep: number;
  readonly step: number;
  /** Of training and evaluation, without compiling. */
  readonly seconds: number;
  /** Why the run ended before its end; null when it did not. */
  readonly stopped: 'interrupted' | 'error' | null;
  readonly checkpoint: string | null;
}

/** What `isoflop train` says while it works. */
export interface Report {
  /** The kernels are compiled, and training begins. */
  ready(trainer: Pick<Trainer, 'plan' | 'disabled'>): void;
  step(line: StepLine): void;
  evaluated(step: number, split: Split, lossNats: number): void;
  finish(outcome: Outcome): void;
}

/** Between two lines of the table. */
const LINE_MS = 1000;

function measures({ spec }: RunFacts, { firstStep, step, seconds }: Outcome): { tokens: number; tokensPerSecond: number } {
  const perStep = tokensPerStep(spec);
  return {
    tokens: step * perStep,
    tokensPerSecond: step === firstStep ? 0 : Number((((step - firstStep) * perStep) / seconds).toPrecision(6)),
  };
}

/** One object a line, the summary last. */
export function jsonReport(facts: RunFacts, io: Io): Report {
  const { spec, dataset, adapter, runId } = facts;
  let cost: object = {};
  return {
    ready: ({ plan, disabled }) => {
      cost = { peakBytes: plan.peakBytes, dispatchesPerStep: plan.dispatchesPerStep, disabled };
    },
    step: (line) => io.out(`${jsonLine(line)}\n`),
    evaluated: () => undefined,
    finish: (outcome) => {
      const { last, step, seconds, stopped, checkpoint } = outcome;
      const { tokens, tokensPerSecond } = measures(facts, outcome);
      const summary = {
        done: stopped === null,
        ...(stopped === null ? {} : { stopped }),
        steps: step,
        tokens,
        ...(last === null ? {} : { loss: last.loss }),
        ...(last?.validation === undefined ? {} : { validation: last.validation }),
        ...(last?.ood === undefined ? {} : { ood: last.ood }),
        seconds: Number(seconds.toFixed(3)),
        tokensPerSecond,
        parameters: parameterCount(spec, dataset.vocab).total,
        flopsPerToken: flopsPerToken(spec, dataset.vocab).total,
        ...cost,
        adapter: adapterName(adapter),
        software: adapter.software,
        dataHash: dataset.contentHash,
        ...(dataset.fileHash === undefined ? {} : { fileHash: dataset.fileHash }),
        runId,
        checkpoint,
        ...(dataset.notes.length === 0 ? {} : { notes: dataset.notes }),
      };
      io.out(`${jsonLine(summary)}\n`);
    },
  };
}

/** A table with a line about every second. */
export function textReport(facts: RunFacts, io: Io): Report {
  const { spec, dataset, adapter, firstStep, targetStep } = facts;
  const perStep = tokensPerStep(spec);
  const columns = ['step', 'tokens', 'loss', 'validation', 'grad norm', 'lr', 'ms/step', 'tokens/s'];
  const row = (cells: readonly string[]): void => io.out(`${cells.map((cell) => cell.padStart(10)).join('  ')}\n`);
  const name = spec.name === '' ? 'run' : spec.name;
  io.out(
    `${name}: ${count(parameterCount(spec, dataset.vocab).total)} parameters, ${dataset.name}, ${count(dataset.train.length)} training tokens\n`,
  );
  io.out(`${adapterWords(adapter)}\n`);
  for (const note of dataset.notes) io.out(`${note}\n`);
  let saidAt = -Infinity;
  /** Since the last line. */
  let [steps, spentMs] = [0, 0];
  return {
    ready: ({ plan, disabled }) => {
      io.out(
        `steps ${firstStep + 1} to ${targetStep} of ${count(perStep)} tokens, ${plan.dispatchesPerStep} dispatches a step, ${bytes(plan.peakBytes)}\n`,
      );
      if (disabled.length > 0) io.out(`switched off, for they failed their check on this adapter: ${disabled.join(', ')}\n`);
      row(columns);
    },
    step: (line) => {
      const { step, tokens, loss, validation, gradNorm, lr, ms } = line;
      steps += 1;
      spentMs += ms;
      const told = step === firstStep + 1 || step === targetStep || validation !== undefined || !Number.isFinite(loss);
      if (!told && performance.now() - saidAt < LINE_MS) return;
      saidAt = performance.now();
      row([
        count(step),
        count(tokens),
        loss.toFixed(4),
        validation === undefined ? '' : validation.toFixed(4),
        significant(gradNorm, 4),
        significant(lr, 3),
        significant(spentMs / steps, 3),
        count((1000 * perStep * steps) / spentMs),
      ]);
      [steps, spentMs] = [0, 0];
    },
    evaluated: (step, split, lossNats) => {
      if (step === 0 && split === 'validation') row(['0', '0', '', lossNats.toFixed(4)]);
      if (split === 'ood') row(['', '', '', lossNats.toFixed(4), 'out of distribution']);
    },
    finish: (outcome) => {
      const { last, firstStep: from, step, seconds, stopped, checkpoint } = outcome;
      const { tokensPerSecond } = measures(facts, outcome);
      const state = stopped === null ? 'done' : stopped === 'interrupted' ? 'interrupted' : 'stopped';
      const speed = `${count(step - from)} steps in ${duration(1000 * seconds)}, ${count(tokensPerSecond)} tokens/s`;
      io.out(
        `${state} at step ${count(step)}: ${last === null ? 'nothing was left to train' : `loss ${last.loss.toFixed(4)} nats, ${speed}`}\n`,
      );
      if (checkpoint !== null) io.out(`checkpoint: ${checkpoint}\n`);
    },
  };
}
