import type { HeatView } from '../lab/index.ts';
import { HEAT_LEVELS } from './compare-heat.ts';

/** Colours of a map of losses: from the lowest, which is quiet, to the highest. */
export interface LossScale {
  readonly level: (loss: number) => number;
  readonly low: number;
  /** What is this high or higher has the last colour. */
  readonly high: number;
  readonly capped: boolean;
}

/** Beyond this many times the distance from the lowest to the median, losses look alike: one bad corner would take all room. */
const REACH = 3;

/** The highest loss that a picture of these has room for: the highest of all, or less where a few are far above the others. */
export function lossReach(losses: readonly number[]): number {
  const sorted = losses.toSorted((a, b) => a - b);
  const [low = Number.NaN, high = Number.NaN] = [sorted[0], sorted.at(-1)];
  const median = sorted[Math.floor(sorted.length / 2)] ?? low;
  const reach = low + REACH * (median - low);
  return reach > low && reach < high ? reach : high;
}

/** Equal steps of loss; a few that are far above the others share the last colour. */
export function lossScale({ cells, low, high }: HeatView): LossScale {
  const means = cells.flat().flatMap((cell) => (cell !== null && Number.isFinite(cell.mean) ? [cell.mean] : []));
  const top = lossReach(means);
  const level = (loss: number): number => {
    if (!Number.isFinite(loss)) return -1;
    const share = top > low ? (loss - low) / (top - low) : 0;
    return Math.min(HEAT_LEVELS - 1, Math.floor(share * HEAT_LEVELS));
  };
  return { level, low, high: top, capped: top < high };
}
