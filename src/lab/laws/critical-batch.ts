import { criticalBatchSize, derivedInterval } from '../../laws/index.ts';
import { isSameLength, type CriticalBatch } from './optima.ts';
import { finishedOf, type CountingChoice } from './run-points.ts';
import type { FitOutcome } from './fit-protocol.ts';
import type { RunRecord } from '../store/record.ts';

/** Batch sizes that a + b / B takes, and one that tells how well. */
const FEWEST = 3;
const FEWEST_RESAMPLES = 20;
/** Models whose critical batch is fitted, those of the most batches first: each reads whole curves. */
const MOST_MODELS = 4;

/** Finished runs of one size and length that differ in their batch. */
export interface BatchSweep {
  readonly N: number;
  /** Tokens that its runs were trained on. */
  readonly D: number;
  readonly runs: readonly RunRecord[];
}

/** Those with three batches or more. */
export function batchSweeps(runs: readonly RunRecord[], counting: CountingChoice): readonly BatchSweep[] {
  const found: { N: number; D: number; runs: RunRecord[]; batches: Set<number> }[] = [];
  for (const { record, N, tokensPerStep } of finishedOf(runs, counting).counted) {
    const D = record.step * tokensPerStep;
    const own = found.find((one) => one.N === N && isSameLength(one.D, D));
    if (own === undefined) found.push({ N, D, runs: [record], batches: new Set([tokensPerStep]) });
    else {
      own.runs.push(record);
      own.batches.add(tokensPerStep);
    }
  }
  return found
    .filter(({ batches }) => batches.size >= FEWEST)
    .toSorted((a, b) => b.batches.size - a.batches.size)
    .slice(0, MOST_MODELS);
}

/**
 * What a fit of `critical-batch` to the steps of one model says: where S(x) = 1.2 S(B_0) B_0 / x with the smallest batch as B_0.
 *
 * @param batches of its points, in tokens.
 */
export function criticalBatchOf(
  fit: FitOutcome,
  { N, D, lossNats }: Pick<CriticalBatch, 'N' | 'D' | 'lossNats'>,
  batches: readonly number[],
): CriticalBatch | null {
  const least = Math.min(...batches);
  const tokens = criticalBatchSize(fit.params, least);
  if (!(tokens > 0 && tokens < Infinity) || new Set(batches).size < FEWEST) return null;
  const replicates = fit.replicates.map((params) => criticalBatchSize(params, least)).filter(Number.isFinite);
  const interval =
    replicates.length < FEWEST_RESAMPLES ? null : derivedInterval({ shares: fit.shares, replicates }, (value) => value);
  return { N, D, lossNats, tokens, interval, batches: new Set(batches).size };
}
