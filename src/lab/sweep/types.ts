import type { Sweep, SweepRun } from '../../spec/index.ts';
import type { OwnFiles } from './own-file.ts';

/** `ready`: kept, never begun; `paused`: by the user, or because the page went away; `done`: nothing of it waits any more. */
export type SweepState = 'ready' | 'running' | 'paused' | 'done';

/** A sweep as it is kept. What became of its runs the store of runs knows, by their ids. Plain data. */
export interface SweepRecord {
  readonly version: 1;
  readonly id: string;
  readonly sweep: Sweep;
  /** Milliseconds since the epoch, both. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** As of a run: removed ones can be restored until their time is over. */
  readonly removedAt: number | null;
  readonly state: SweepState;
  /** Ids of runs that train together, in the order in which they are to run: the planner's until the user moves them. */
  readonly groups: readonly (readonly string[])[];
  /** Ids of runs that the user has skipped. */
  readonly skipped: readonly string[];
  /** Groups that stopped with an error, by the id of their first run: why, in words. They wait until they are tried again. */
  readonly failed: { readonly [group: string]: string };
  /** Groups of which not even one lane fits the adapter that planned them last: why. */
  readonly refused: { readonly [group: string]: string };
}

/**
 * `waiting` for its turn, `paused` where it has begun and does not train now, `skipped` by the user, `refused`: not even one lane fits this adapter, `failed`: it
 * stopped with an error and may be tried again, `done`: every run of it has ended, diverged ones too.
 */
export type GroupState = 'waiting' | 'running' | 'paused' | 'skipped' | 'refused' | 'failed' | 'done';

/** Runs of a sweep that train together as lanes of one program, as the queue shows them. */
export interface QueuedGroup {
  /** The id of its first run: stable over reloads. */
  readonly id: string;
  readonly runs: readonly SweepRun[];
  readonly state: GroupState;
  /** Steps done of {@link steps}. */
  readonly step: number;
  readonly steps: number;
  /** Training FLOPs of all lanes. */
  readonly flops: number;
  /** GPU bytes; null before it was planned here. */
  readonly bytes: number | null;
  /** Milliseconds that are left, from what was measured on this adapter; null where nothing like it was. */
  readonly leftMs: number | null;
  /** Why it was refused or has failed, in words. */
  readonly reason: string | null;
  /** Runs of it that diverged: stopped early, kept. */
  readonly diverged: readonly string[];
}

/** A sweep, opened: what its queue stands at. */
export interface SweepQueue {
  readonly record: SweepRecord;
  /** As the record has it, but for one that was done and of which something waits again: that is paused. */
  readonly state: SweepState;
  readonly groups: readonly QueuedGroup[];
  readonly runs: number;
  readonly runsDone: number;
  /** The user's files that its runs were trained on, as far as they read one. */
  readonly files: OwnFiles;
  /** Runs that ended on another file of the user's than the one that counts: they are not done. */
  readonly runsOnAnotherFile: number;
  readonly flops: number;
  readonly flopsDone: number;
  /** Of the whole; null before anything like it was measured. */
  readonly etaMs: number | null;
  readonly peakBytes: number | null;
}
