import { specFaults } from '../spec/index.ts';
import type { CheckpointReport } from '../worker/protocol.ts';
import { isSweepProgram } from './sweep/programs.ts';

/** Checkpoints in the browser's storage that this build can go on with. */
export interface Stored {
  /** Of runs, newest first; one that was interrupted comes before all others. */
  readonly runs: readonly CheckpointReport[];
  /** Of groups of sweeps: their queue goes on with them, nobody else can. */
  readonly groups: readonly CheckpointReport[];
}

export const NOTHING_STORED: Stored = { runs: [], groups: [] };

export function orderStored(stored: readonly CheckpointReport[], interrupted: string | null): Stored {
  // One of a build with other specs cannot be offered.
  const readable = stored.filter(({ spec }) => specFaults(spec).length === 0);
  const first = ({ runId }: CheckpointReport): number => Number(runId === interrupted);
  return {
    runs: readable.filter(({ runId }) => !isSweepProgram(runId)).sort((a, b) => first(b) - first(a) || b.savedAt - a.savedAt),
    groups: readable.filter(({ runId }) => isSweepProgram(runId)),
  };
}

/** The oldest that is of none of these runs; undefined where there is none. */
export function oldestStored(
  { runs, groups }: Stored,
  needed: readonly (string | null | undefined)[],
): CheckpointReport | undefined {
  return [...runs, ...groups].filter(({ runId }) => !needed.includes(runId)).sort((a, b) => a.savedAt - b.savedAt)[0];
}
