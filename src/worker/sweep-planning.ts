import type { Caps } from '../gpu/index.ts';
import {
  fullLanes,
  getField,
  GROUP_BYTES,
  planningSweep,
  pricingGroups,
  vocabSize,
  type SweepPlanOptions,
  type SweepRun,
} from '../spec/index.ts';
import { planTraining, type TrainerOptions } from '../train/index.ts';
import type { Command, GroupPlan, SweepPlanReport } from './protocol.ts';

export interface PlanningPorts {
  readonly caps: Caps;
  readonly plan: NonNullable<TrainerOptions['plan']>;
  readonly estimateMs: (flopsPerStep: number, steps: number) => number | null;
  /** Milliseconds since any fixed time. */
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** Longest that planning keeps the worker from its other work, beside the planning of one program, in ms. */
const SLICE_MS = 10;

/** Groups runs, or prices groups that are made already. Allocates nothing; a run that trains meanwhile goes on. */
export async function planRuns(
  { runs: specs, paths, groups }: Extract<Command, { type: 'planSweep' }>,
  { caps, plan, estimateMs, now, sleep }: PlanningPorts,
): Promise<SweepPlanReport> {
  const options: SweepPlanOptions = {
    memory: (lanes) => planTraining(lanes, Math.max(...lanes.map(vocabSize)), { caps, ...plan }).peakBytes,
    maxBytes: GROUP_BYTES,
    estimateMs,
    fullLanes: fullLanes(caps.software),
  };
  let startedAt = now();
  async function inSlices<T>(slices: Generator<undefined, T, undefined>): Promise<T> {
    for (;;) {
      const slice = slices.next();
      if (slice.done === true) return slice.value;
      if (now() - startedAt < SLICE_MS) continue;
      // One slice after another: this is the pause between them.
      await sleep(0);
      startedAt = now();
    }
  }
  if (groups !== undefined) {
    const chosen = groups.map((members) => members.map((i) => specs[i]).filter((spec) => spec !== undefined));
    const costs = await inSlices(pricingGroups(chosen, options));
    return { groups: costs.map((cost, i) => ({ ...cost, runs: groups[i] ?? [] })) };
  }
  const runs = specs.map((spec, i): SweepRun => {
    const values = Object.fromEntries(paths.map((path) => [path, getField(spec, path)]));
    return { id: String(i), values, spec };
  });
  const planned = await inSlices(planningSweep(runs, options));
  return {
    groups: planned.groups.map(({ runs: members, steps, flopsPerStep, flops, bytes, ms, refusal }): GroupPlan => ({
      runs: members.map(({ id }) => Number(id)),
      steps,
      flopsPerStep,
      flops,
      bytes,
      ms,
      refusal,
    })),
  };
}
