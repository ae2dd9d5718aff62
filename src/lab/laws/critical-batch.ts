import { criticalBatchSize, derivedInterval } from '../../laws/index.ts';
import { finishedOf, type CountingChoice } from './run-points.ts';
import type { FitOutcome } from './fit-protocol.ts';
import type { RunRecord } from '../store/record.ts';

/** The batch from which on steps to a loss fall too little, measured on one model. */
export interface CriticalBatch {
  readonly N: number;
  /** Tokens that its runs were trained on, at least. */
  readonly D: number;
  /** Reached by all of them. */
  readonly lossNats: number;
  readonly tokens: number;
  readonly interval: readonly [number, number] | null;
  /** How many batch sizes were tried. */
  readonly batches: number;
}

/** Batch sizes that a + b / B takes, and one that tells how well. */
const FEWEST = 3;
const FEWEST_RESAMPLES = 20;
/** Models whose critical batch is fitted, those of the most batches first: each reads whole curves. */
const MOST_MODELS = 4;

/** Finished runs of one size that differ in their batch. */
export interface BatchSweep {
  readonly N: number;
  /** Tokens that its runs were trained on, the fewest. */
  readonly D: number;
  readonly runs: readonly RunRecord[];
}

/** Those with three batches or more. */
export function batchSweeps(runs: readonly RunRecord[], counting: CountingChoice): readonly BatchSweep[] {
  const sizes = new Map<number, { record: RunRecord; batch: number }[]>();
  for (const { record, N, tokensPerStep } of finishedOf(runs, counting).counted) {
    const own = sizes.get(N) ?? [];
    own.push({ record, batch: tokensPerStep });
    sizes.set(N, own);
  }
  const batchesOf = (own: readonly { batch: number }[]): number => new Set(own.map(({ batch }) => batch)).size;
  return [...sizes]
    .filter(([, own]) => batchesOf(own) >= FEWEST)
    .toSorted(([, a], [, b]) => batchesOf(b) - batchesOf(a))
    .slice(0, MOST_MODELS)
    .map(([N, own]) => ({
      N,
      D: Math.min(...own.map(({ record, batch }) => record.step * batch)),
      runs: own.map(({ record }) => record),
    }));
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
