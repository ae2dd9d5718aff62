import { unreachable } from '../base/errors.ts';
import { COUNT_ALL, countedFlopsPerToken, countedParameters, flopsPerToken, modelTerms } from './counts.ts';
import type { Counting, CountTerm } from './counts.ts';
import type { RunSpec } from './run-spec.ts';
import { vocabSize } from './shapes.ts';
import { tokensPerStep, totalSteps } from './steps.ts';

/** What a law knows of a run, counted by one {@link Counting}. */
export interface RunCounts {
  /** The model with everything counted, term by term. */
  readonly terms: readonly CountTerm[];
  /** N. */
  readonly parameters: number;
  readonly flopsPerToken: number;
  readonly steps: number;
  /** D: tokens seen, repetitions included. */
  readonly tokens: number;
  /** C = FLOPs per token times D. */
  readonly flops: number;
  /** U: training tokens seen at least once, the expected number of them for `random` order; null where the data's size is not known. */
  readonly uniqueTokens: number | null;
  /** Passes over the training data; null where its size is not known. */
  readonly epochs: number | null;
}

export interface DataCounts {
  /** Default: what the spec says. */
  readonly vocab?: number;
  /** Tokens of the training part. */
  readonly trainTokens?: number;
  /** Steps trained, where the run ended before its budget. */
  readonly steps?: number;
}

/** Counts a run; the length of one whose budget is in FLOPs follows from everything counted, whatever `counting` says. */
export function countRun(spec: RunSpec, data: DataCounts = {}, counting: Counting = COUNT_ALL): RunCounts {
  const vocab = data.vocab ?? vocabSize(spec);
  const steps = data.steps ?? totalSteps(spec, flopsPerToken(spec, vocab).total);
  const tokens = steps * tokensPerStep(spec);
  const perToken = countedFlopsPerToken(spec, vocab, counting);
  const epochTokens = data.trainTokens === undefined ? null : tokensPerEpoch(spec, data.trainTokens);
  return {
    terms: modelTerms(spec, vocab, counting.attention),
    parameters: countedParameters(spec, vocab, counting.parameters),
    flopsPerToken: perToken,
    steps,
    tokens,
    flops: perToken * tokens,
    uniqueTokens: epochTokens === null ? null : uniqueTokens(spec, tokens, epochTokens),
    epochs: epochTokens === null ? null : tokens / epochTokens,
  };
}

/**
 * Tokens of one pass over n training tokens: the windows of T tokens that fit end to end, behind the largest offset where these move
 * from epoch to epoch; every place but the last for `random` order. As `Batcher` in the data room cuts them.
 */
function tokensPerEpoch({ data: { context, order } }: Pick<RunSpec, 'data'>, n: number): number {
  switch (order) {
    case 'sequential':
      return context * Math.floor((n - 1) / context);
    case 'shuffled':
      return context * Math.max(1, Math.floor((n - context) / context));
    case 'random':
      return n - 1;
    default:
      return unreachable(order);
  }
}

/** `random` rows start anywhere, so a place is missed by one with probability 1 - T / n. */
function uniqueTokens({ data: { context, order } }: Pick<RunSpec, 'data'>, tokens: number, epochTokens: number): number {
  if (order !== 'random') return Math.min(tokens, epochTokens);
  if (epochTokens <= context) return epochTokens;
  return -epochTokens * Math.expm1((tokens / context) * Math.log1p(-context / epochTokens));
}
