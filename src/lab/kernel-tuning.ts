import type { Candidate, Tuned } from '../worker/protocol.ts';

/** A variant beside the one that is used untuned. */
export interface CandidateFigures extends Candidate {
  readonly firstGuess: boolean;
  readonly chosen: boolean;
  /** Half the distance between the quartiles, in milliseconds; null where there are too few regions. */
  readonly halfMs: number | null;
  /** Its time over that of the first guess: 0.5 is twice as fast; null where one of them was not timed. */
  readonly ofFirst: number | null;
}

/** The candidates of a shape, with what follows from their times. */
export function candidateFigures({ candidates, chosen }: Tuned): readonly CandidateFigures[] {
  const firstMs = candidates[0]?.ms ?? null;
  return candidates.map((candidate, i) => {
    const { variant, ms, spreadMs } = candidate;
    return {
      ...candidate,
      firstGuess: i === 0,
      chosen: variant === chosen,
      halfMs: spreadMs === null ? null : spreadMs / 2,
      ofFirst: ms === null || firstMs === null ? null : ms / firstMs,
    };
  });
}

/** Whether another variant is used than without the tuner. */
export function isChanged({ candidates, chosen }: Tuned): boolean {
  return chosen !== candidates[0]?.variant;
}

/** How many times as fast the chosen variant is as the first guess; 1 where that stays or was not timed. */
export function tuningGain(tuned: Tuned): number {
  const ofFirst = candidateFigures(tuned).find(({ chosen }) => chosen)?.ofFirst ?? 1;
  return isChanged(tuned) ? 1 / ofFirst : 1;
}

/** Why a candidate has no figures, or not all; empty where it has. */
export function candidateNote({ ms, spreadMs }: Candidate): string {
  if (ms === null) return 'failed its check, or did not run';
  return spreadMs === null ? 'slower by far, timed once' : '';
}
