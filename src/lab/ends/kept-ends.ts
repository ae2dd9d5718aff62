import { quantile } from '../../base/quantile.ts';
import type { EndPrediction } from './predict.ts';

/** Shares of a run at which its prediction is remembered and scored. */
export const MARKS = [0.25, 0.5, 0.75] as const;
export type MarkShare = (typeof MARKS)[number];

/** A prediction that was made when this share of the steps was done. */
export interface MarkedEnd extends EndPrediction {
  readonly share: MarkShare;
}

/** What was foretold of a run, and what came; both of the run as it was planned, whatever it was lengthened by. */
export interface KeptEnds {
  /** Ascending in their shares. */
  readonly marks: readonly MarkedEnd[];
  /** Mean training loss of the last steps; null before they are there. */
  readonly cameNats: number | null;
}

export const NO_ENDS: KeptEnds = { marks: [], cameNats: null };

/** Of one prediction once the end is there. */
export interface EndScore {
  readonly inside: boolean;
  /** Predicted less what came. */
  readonly errorNats: number;
}

export function scoreOf({ cameNats }: KeptEnds, mark: MarkedEnd): EndScore | null {
  if (cameNats === null) return null;
  return { inside: mark.low <= cameNats && cameNats <= mark.high, errorNats: mark.lossNats - cameNats };
}

/** What is known by now, with what was known before: a page that goes on with a run saw none of its beginning. */
export function joinEnds(before: KeptEnds, now: KeptEnds): KeptEnds {
  const total = ({ marks }: KeptEnds): number | undefined => marks[0]?.totalSteps;
  // A plan that was played to its end is scored; predictions of another length would not be of the same end. Marks of that very end may
  // still come.
  if (before.cameNats !== null && before.cameNats !== now.cameNats) return before;
  if (total(before) !== undefined && total(now) !== undefined && total(before) !== total(now)) return now;
  const marks = MARKS.flatMap((share) => {
    const mark = [...before.marks, ...now.marks].find((one) => one.share === share);
    return mark === undefined ? [] : [mark];
  });
  return { marks, cameNats: now.cameNats };
}

/** How good the predictions of many runs were at one share of their steps. */
export interface EndTally {
  readonly runs: number;
  readonly inside: number;
  readonly medianErrorNats: number;
}

/** null where no run has ended whose end was foretold then. */
export function tallyOf(kept: readonly KeptEnds[], share: MarkShare): EndTally | null {
  const scores = kept.flatMap((ends) => {
    const mark = ends.marks.find((one) => one.share === share);
    return (mark === undefined ? null : scoreOf(ends, mark)) ?? [];
  });
  if (scores.length === 0) return null;
  return {
    runs: scores.length,
    inside: scores.filter(({ inside }) => inside).length,
    medianErrorNats: quantile(
      scores.map(({ errorNats }) => Math.abs(errorNats)),
      0.5,
    ),
  };
}

export function isKeptEnds(value: unknown): value is KeptEnds {
  if (typeof value !== 'object' || value === null || !('marks' in value) || !('cameNats' in value)) return false;
  const { marks, cameNats } = value;
  return (cameNats === null || typeof cameNats === 'number') && Array.isArray(marks) && marks.every(isMark);
}

function isMark(value: unknown): value is MarkedEnd {
  if (typeof value !== 'object' || value === null) return false;
  return ['share', 'step', 'totalSteps', 'lossNats', 'low', 'high'].every((key) => Number.isFinite(Reflect.get(value, key)));
}
