import { runFlops, runFlopsPerStep, totalSteps, type StepRates, type SweepRun } from '../../spec/index.ts';
import type { GroupPlan } from '../../worker/protocol.ts';
import type { RunRecord } from '../store/record.ts';
import type { OwnFiles } from './own-file.ts';
import type { GroupState, QueuedGroup, SweepQueue, SweepRecord } from './types.ts';

/** What is known of a run of a sweep beside the run itself. */
export interface RunFacts {
  readonly ended: boolean;
  readonly diverged: boolean;
  /** It has ended, but on another file of the user's than the one that counts: it is to be trained on that. */
  readonly onAnotherFile: boolean;
  /** Steps that it has done, or its checkpoint has. */
  readonly step: number;
}

const NOTHING: RunFacts = { ended: false, diverged: false, onAnotherFile: false, step: 0 };

/** What the store knows of a run. One that diverged is over, whatever became of the program that it was a lane of. */
export function factsOf(record: RunRecord | undefined, { isOther }: Pick<OwnFiles, 'isOther'>): RunFacts {
  if (record === undefined) return NOTHING;
  const diverged = record.summary.divergedStep !== null;
  const ended = record.state === 'finished' || diverged;
  if (ended && isOther(record)) return { ...NOTHING, onAnotherFile: true };
  return { ended, diverged, onAnotherFile: false, step: record.step };
}

/** The group that is on the GPU. */
export interface LiveGroup {
  readonly groupId: string;
  readonly paused: boolean;
  readonly step: number;
  readonly totalSteps: number;
  /** Milliseconds a step of all lanes; null before it was measured. */
  readonly msPerStep: number | null;
  /** Runs among its lanes that have diverged. */
  readonly diverged: ReadonlySet<string>;
}

export interface QueueParts {
  readonly record: SweepRecord;
  readonly runs: ReadonlyMap<string, SweepRun>;
  readonly facts: (runId: string) => RunFacts;
  readonly files: OwnFiles;
  /** As this page's worker has planned it, by group; null before that. */
  readonly plan: ReadonlyMap<string, GroupPlan> | null;
  readonly live: LiveGroup | null;
  readonly rates: StepRates;
}

/** What a sweep's queue stands at. */
export function queueOf(parts: QueueParts): SweepQueue {
  const { record, runs, facts } = parts;
  const groups = record.groups.flatMap((ids) => {
    const members = ids.map((id) => runs.get(id)).filter((run) => run !== undefined);
    return members.length === 0 ? [] : [groupOf(members, parts)];
  });
  const left = groups.filter(({ state }) => state === 'waiting' || state === 'running' || state === 'paused');
  const bytes = groups.map((group) => group.bytes).filter((size) => size !== null);
  return {
    record,
    state: record.state === 'done' && left.length > 0 ? 'paused' : record.state,
    groups,
    runs: runs.size,
    runsDone: [...runs.keys()].filter((id) => facts(id).ended).length,
    files: parts.files,
    runsOnAnotherFile: [...runs.keys()].filter((id) => facts(id).onAnotherFile).length,
    flops: groups.reduce((sum, { flops }) => sum + flops, 0),
    flopsDone: groups.reduce((sum, group) => sum + flopsDone(group, facts), 0),
    etaMs: left.reduce<number | null>((sum, { leftMs }) => (sum === null || leftMs === null ? null : sum + leftMs), 0),
    peakBytes: bytes.length === 0 ? null : Math.max(...bytes),
  };
}

function groupOf(members: readonly SweepRun[], parts: QueueParts): QueuedGroup {
  const { facts, plan, live, rates, record } = parts;
  const id = members[0]?.id ?? '';
  const own = live?.groupId === id ? live : null;
  const left = members.filter((run) => !facts(run.id).ended);
  const spec = left[0]?.spec ?? members[0]?.spec;
  const steps = own?.totalSteps || (spec === undefined ? 0 : totalSteps(spec));
  const step = own?.step ?? (left.length === 0 ? steps : Math.min(...left.map((run) => facts(run.id).step)));
  const state = stateOf(id, members, left, own, record, step);
  const planned = plan?.get(id) ?? null;
  const flopsPerStep = left.reduce((sum, run) => sum + runFlopsPerStep(run.spec), 0);
  const stepsLeft = Math.max(0, steps - step);
  const estimated = rates.estimateMs(flopsPerStep, stepsLeft) ?? plannedMs(planned, flopsPerStep, stepsLeft);
  const measured = own === null || own.msPerStep === null ? null : own.msPerStep * stepsLeft;
  return {
    id,
    runs: members,
    state,
    step,
    steps,
    flops: members.reduce((sum, run) => sum + runFlops(run.spec), 0),
    bytes: planned?.bytes ?? null,
    leftMs: state === 'done' ? 0 : (measured ?? estimated),
    reason: state === 'failed' ? (record.failed[id] ?? null) : state === 'refused' ? (record.refused[id] ?? null) : null,
    diverged: members.filter((run) => facts(run.id).diverged || own?.diverged.has(run.id) === true).map((run) => run.id),
  };
}

function stateOf(
  id: string,
  members: readonly SweepRun[],
  left: readonly SweepRun[],
  live: LiveGroup | null,
  { skipped, failed, refused }: SweepRecord,
  step: number,
): GroupState {
  if (live !== null) return live.paused ? 'paused' : 'running';
  if (left.length === 0) return 'done';
  if (members.every((run) => skipped.includes(run.id))) return 'skipped';
  if (failed[id] !== undefined) return 'failed';
  if (refused[id] !== undefined) return 'refused';
  return step > 0 ? 'paused' : 'waiting';
}

function plannedMs(planned: GroupPlan | null, flopsPerStep: number, steps: number): number | null {
  if (planned === null || planned.ms === null || planned.flops === 0) return null;
  return (planned.ms * flopsPerStep * steps) / planned.flops;
}

function flopsDone({ runs, state, step, steps }: QueuedGroup, facts: QueueParts['facts']): number {
  const share = state === 'done' || steps === 0 ? 1 : step / steps;
  return runs.reduce((sum, run) => sum + runFlops(run.spec) * (facts(run.id).ended ? 1 : share), 0);
}

/** The group that trains next: in the order of the queue, one that has begun before those that wait; null where nothing waits. */
export function nextGroup({ groups }: SweepQueue): QueuedGroup | null {
  return groups.find(({ state }) => state === 'paused') ?? groups.find(({ state }) => state === 'waiting') ?? null;
}

/** Groups with one of those that wait at another place among them. */
export function movedGroups({ record, groups }: SweepQueue, groupId: string, to: number): SweepRecord['groups'] {
  const waiting = groups.filter(({ state }) => state === 'waiting').map(({ id }) => id);
  if (!waiting.includes(groupId)) return record.groups;
  const others = waiting.filter((id) => id !== groupId);
  const order = others.toSpliced(Math.max(0, Math.min(others.length, Math.trunc(to))), 0, groupId);
  const byId = new Map(record.groups.map((ids) => [ids[0] ?? '', ids]));
  // Those that wait take each other's places; all others stay at theirs.
  return record.groups.map((ids) => (waiting.includes(ids[0] ?? '') ? (byId.get(order.shift() ?? '') ?? ids) : ids));
}
