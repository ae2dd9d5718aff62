import type { RunSpec, SweepRun } from '../../spec/index.ts';
import type { CheckpointReport } from '../../worker/protocol.ts';
import type { RunRecord } from '../store/record.ts';

/** What is known of a group that is about to train. */
export interface GroupParts {
  readonly programId: string;
  /** Its runs that have not ended. */
  readonly left: readonly SweepRun[];
  /** What the store knows of them. */
  readonly records: ReadonlyMap<string, RunRecord>;
  /** What is kept under the program's name. */
  readonly kept: CheckpointReport;
}

/** The lanes that go on from a checkpoint, runs that it lacks being trained after them, and what is to be said of that; or why none can. */
export type GroupStart =
  | { readonly lanes: readonly SweepRun[]; readonly note: string | null }
  | { readonly lanes: null; readonly why: string };

/** How a group goes on from what is kept of it. */
export function startFrom(parts: GroupParts): GroupStart {
  const { records, kept } = parts;
  const lanes = lanesOf(parts);
  if (lanes.length === 0) return { lanes: null, why: 'its checkpoint was of other runs' };
  const missed = lanes.some(({ id }) => (records.get(id)?.step ?? 0) < kept.step);
  if (missed && kept.step >= kept.totalSteps && lanes.some(({ spec }) => !holdsOut(spec)))
    return { lanes: null, why: 'its checkpoint is of its end, and its last losses were not stored' };
  const others = parts.left.length - lanes.length;
  const notes = [
    ...(missed ? ['not all that was measured up to there is stored'] : []),
    ...(others > 0 ? [`${others} of its runs ${others === 1 ? 'is' : 'are'} not in it and trained afterwards`] : []),
  ];
  return { lanes, note: notes.length === 0 ? null : [`goes on from its checkpoint at step ${kept.step}`, ...notes].join('; ') };
}

/** Those lanes of the checkpoint that have not ended. */
function lanesOf({ programId, left, records, kept }: GroupParts): readonly SweepRun[] {
  const ids = kept.lanes ?? recordedLanes(programId, left, records);
  return ids.flatMap((id) => left.find((run) => run.id === id) ?? []);
}

/** The lanes of a checkpoint that an earlier build stored, which does not name them: those that the store says were its program's. */
function recordedLanes(programId: string, left: readonly SweepRun[], records: GroupParts['records']): readonly string[] {
  const own = [...records.values()].filter(({ program }) => program.id === programId);
  // A run that ended before the others were begun again was a lane of another program of this name.
  const size = own.find(({ id }) => left.some((run) => run.id === id))?.program.lanes;
  const placed = own.filter(({ program }) => program.lanes === size).toSorted((a, b) => a.program.lane - b.program.lane);
  return placed.length === size ? placed.map(({ id }) => id) : [];
}

/** Whether the end of a run has a loss of its own, which is measured there. */
function holdsOut({ eval: { everySteps }, data }: RunSpec): boolean {
  return everySteps > 0 && !(data.source === 'file' && data.order === 'sequential');
}
