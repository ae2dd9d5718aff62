import { describe, expect, it } from 'vitest';
import { startFrom, type GroupParts } from '../../src/lab/sweep/group-start.ts';
import { newRecord, type RunRecord } from '../../src/lab/store/record.ts';
import { expandSweep, type SweepRun } from '../../src/spec/index.ts';
import { smallSweep } from '../support/sweep-site.ts';

const PROGRAM = 'sweep-s-g';

interface Parts extends GroupParts {
  /** All runs of the group, whether they have ended or not. */
  readonly members: readonly SweepRun[];
}

/** A group of three runs whose checkpoint is at step 10 of 20, stored up to there. */
function group(changes: { everySteps?: number; step?: number; stored?: number } = {}): Parts {
  const { everySteps = 10, step = 10, stored = 10 } = changes;
  const base = { budget: { steps: 20 }, eval: { everySteps }, schedule: { warmupSteps: 0 } };
  const members = expandSweep(smallSweep({ base, axes: [{ path: 'optimizer.lr', values: [0.001, 0.003, 0.01] }] }));
  const lanes = members.map(({ id }) => id);
  const records = new Map(members.map((run, lane) => [run.id, recordOf(run, lane, { step: stored })]));
  const spec = members[0]?.spec;
  if (spec === undefined) throw new Error('no runs');
  return {
    programId: PROGRAM,
    members,
    left: members,
    records,
    kept: { runId: PROGRAM, spec, lanes, step, totalSteps: 20, sizeBytes: 1, savedAt: 1 },
  };
}

function recordOf(run: SweepRun, lane: number, changes: Partial<RunRecord>): RunRecord {
  return { ...newRecord({ ...run, program: { id: PROGRAM, lane, lanes: 3 } }, 0), ...changes };
}

const elsewhere = { id: 'another', lane: 0, lanes: 1 };

/** The same with the record of its first run changed. */
function withFirst(parts: Parts, changes: Partial<RunRecord>): Parts {
  const [run] = parts.members;
  if (run === undefined) throw new Error('no runs');
  return { ...parts, records: new Map([...parts.records, [run.id, recordOf(run, 0, changes)]]) };
}

describe('a group that has a checkpoint', () => {
  it('goes on with all its lanes, whoever the store says that the runs belong to', () => {
    const parts = group();
    expect(startFrom(parts)).toEqual({ lanes: parts.members, note: null });
    // Another sweep has trained one further than this checkpoint.
    expect(startFrom(withFirst(parts, { program: elsewhere, step: 15 }))).toEqual({ lanes: parts.members, note: null });
    expect(startFrom({ ...parts, records: new Map() })).toMatchObject({
      lanes: parts.members,
      note: expect.stringContaining('not all') as string,
    });
  });

  it('goes on without a lane that has ended, in it or elsewhere', () => {
    const parts = group();
    const left = parts.members.slice(1);
    expect(startFrom({ ...parts, left })).toEqual({ lanes: left, note: null });
    expect(startFrom({ ...withFirst(parts, { program: elsewhere, step: 20 }), left })).toEqual({ lanes: left, note: null });
  });

  it('promise 7: goes on with the lanes that the checkpoint has, and says which runs come after them', () => {
    const parts = group();
    const two = { ...parts.kept, lanes: parts.members.slice(0, 2).map(({ id }) => id) };
    expect(startFrom({ ...parts, kept: two })).toEqual({
      lanes: parts.members.slice(0, 2),
      note: 'goes on from its checkpoint at step 10; 1 of its runs is not in it and trained afterwards',
    });
    expect(startFrom({ ...parts, kept: two, left: parts.members.slice(1) }).lanes).toEqual(parts.members.slice(1, 2));
  });

  it('begins anew where the checkpoint has no run that is left', () => {
    const parts = group();
    const two = { ...parts.kept, lanes: parts.members.slice(0, 2).map(({ id }) => id) };
    expect(startFrom({ ...parts, kept: two, left: parts.members.slice(2) })).toEqual({
      lanes: null,
      why: 'its checkpoint was of other runs',
    });
    expect(startFrom({ ...parts, kept: { ...parts.kept, lanes: [] } }).lanes).toBeNull();
  });

  it('asks the store for the lanes of one that an earlier build stored', () => {
    const { kept, ...parts } = group();
    const { lanes: _, ...unnamed } = kept;
    expect(startFrom({ ...parts, kept: unnamed }).lanes).toEqual(parts.members);
    expect(startFrom(withFirst({ ...parts, kept: unnamed }, { program: elsewhere })).lanes).toBeNull();
  });

  it('begins anew where nothing could tell its losses any more', () => {
    const end = { step: 20, stored: 3 };
    expect(startFrom(group(end)).lanes).not.toBeNull();
    expect(startFrom(group({ ...end, everySteps: 0 }))).toEqual({
      lanes: null,
      why: 'its checkpoint is of its end, and its last losses were not stored',
    });
    expect(startFrom(group({ step: 20, stored: 20, everySteps: 0 })).lanes).not.toBeNull();
  });
});
