import type { EvalCurve, TrainCurve } from './curves.ts';

/** What a table shows of a run without its curves. `null`: there is no such value yet; NaN and infinities are results. */
export interface RunSummary {
  /** Mean training loss of the last step, in nats per token. */
  readonly lossNats: number | null;
  /** Of the finite losses: debiased exponential moving average with weight {@link SMOOTHING}. */
  readonly smoothLossNats: number | null;
  readonly validationNats: number | null;
  /** Lowest, and its step. */
  readonly bestValidationNats: number | null;
  readonly bestValidationStep: number | null;
  readonly oodNats: number | null;
  /** First step whose loss or gradient norm is not finite. */
  readonly divergedStep: number | null;
  readonly trainedMs: number;
  /** Steps that {@link trainedMs} was measured over. */
  readonly trainedSteps: number;
  /** Of the moving average, so that it goes on where it was: the sum before its correction, and weight^n. */
  readonly average: number;
  readonly averageRest: number;
}

export const SMOOTHING = 0.98;

export const NO_SUMMARY: RunSummary = {
  lossNats: null,
  smoothLossNats: null,
  validationNats: null,
  bestValidationNats: null,
  bestValidationStep: null,
  oodNats: null,
  divergedStep: null,
  trainedMs: 0,
  trainedSteps: 0,
  average: 0,
  averageRest: 1,
};

/** The summary once training went on by `curve`. Pieces fold to the same bits as the whole. */
export function foldTrain(summary: RunSummary, { steps, lossNats, gradNorm, timeMs }: TrainCurve): RunSummary {
  const count = steps.length;
  if (count === 0) return summary;
  let { average, averageRest, divergedStep } = summary;
  for (let i = 0; i < count; i++) {
    const loss = lossNats[i] ?? Number.NaN;
    if (divergedStep === null && !(Number.isFinite(loss) && Number.isFinite(gradNorm[i]))) divergedStep = steps[i] ?? null;
    if (!Number.isFinite(loss)) continue;
    average = SMOOTHING * average + (1 - SMOOTHING) * loss;
    averageRest *= SMOOTHING;
  }
  return {
    ...summary,
    lossNats: lossNats[count - 1] ?? null,
    smoothLossNats: averageRest === 1 ? null : average / (1 - averageRest),
    divergedStep,
    trainedMs: timeMs[count - 1] ?? summary.trainedMs,
    trainedSteps: summary.trainedSteps + count,
    average,
    averageRest,
  };
}

/** The summary once it was evaluated as `curve` says. */
export function foldEvals(summary: RunSummary, split: 'validation' | 'ood', { steps, lossNats }: EvalCurve): RunSummary {
  const last = lossNats.at(-1);
  if (last === undefined) return summary;
  if (split === 'ood') return { ...summary, oodNats: last };
  let { bestValidationNats, bestValidationStep } = summary;
  lossNats.forEach((loss, i) => {
    if (!(loss < (bestValidationNats ?? Infinity))) return;
    bestValidationNats = loss;
    bestValidationStep = steps[i] ?? null;
  });
  return { ...summary, validationNats: last, bestValidationNats, bestValidationStep };
}
