import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canShareProgram, expandSweep, parseSweep, planSweep, shardRuns, totalSteps } from '../../src/spec/index.ts';
import type { SweepGroup, SweepRun } from '../../src/spec/index.ts';
import { programKey, runFlops } from '../../src/spec/sweep-plan.ts';
import { validSpec } from './arbitrary.ts';
import { anySweep } from './sweep-arbitrary.ts';

const runsOf = (value: unknown): readonly SweepRun[] => expandSweep(parseSweep(value));
const ids = (runs: readonly SweepRun[]): string[] => runs.map(({ id }) => id);
const groupIds = (groups: readonly SweepGroup[]): string[][] => groups.map(({ runs }) => ids(runs));

/** Widths, learning rates and seeds: 2 x 5 x 3 runs. */
const GRID = {
  axes: [
    { path: 'seed.init', values: [1, 2, 3] },
    { path: 'model.width', values: [64, 32] },
    { path: 'optimizer.lr', values: [1e-3, 2e-3, 4e-3, 8e-3, 16e-3] },
  ],
};

describe('programKey', () => {
  it('is equal exactly where specs may be lanes of one program', () => {
    fc.assert(
      fc.property(validSpec, validSpec, (a, b) => {
        expect(programKey(a) === programKey(b)).toBe(canShareProgram(a, b));
        const lane = { ...a, seed: b.seed, loss: b.loss, name: b.name };
        expect(programKey(a) === programKey(lane)).toBe(canShareProgram(a, lane));
      }),
      { numRuns: 30 },
    );
  });
});

describe('planSweep', () => {
  it('holds for every sweep: groups partition the runs, lanes share a program, sums are those of the groups', () => {
    fc.assert(
      fc.property(anySweep, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 }), (input, maxLanes, fullLanes) => {
        const runs = runsOf(input);
        const plan = planSweep(runs, {
          maxLanes,
          fullLanes,
          memory: (specs) => 100 * specs.length,
          estimateMs: (_, steps) => steps,
        });
        expect(groupIds(plan.groups).flat().toSorted()).toEqual(ids(runs).toSorted());
        for (const { runs: lanes, steps, flops, bytes } of plan.groups) {
          expect(lanes.length).toBeLessThanOrEqual(maxLanes);
          for (const { spec } of lanes) {
            expect(canShareProgram(spec, lanes[0]?.spec ?? spec)).toBe(true);
            expect(totalSteps(spec)).toBe(steps);
          }
          expect(flops).toBeCloseTo(
            lanes.reduce((sum, { spec }) => sum + runFlops(spec), 0),
            -3,
          );
          expect(bytes).toBe(100 * lanes.length);
        }
        expect(plan.ms).toBe(plan.groups.reduce((sum, { steps }) => sum + steps, 0));
        expect(plan.peakBytes).toBe(Math.max(...plan.groups.map(({ runs: lanes }) => 100 * lanes.length)));
        expect(plan.runs).toBe(runs.length);
      }),
      { numRuns: 30 },
    );
  });

  it('trains one seed of everything before the second, cheap before dear, the ends of an axis first, then its middle', () => {
    const { groups } = planSweep(runsOf(GRID));
    expect(groups.map(({ wave, runs: [first, ...others] }) => [wave, first?.spec.model.width, others.length + 1])).toEqual([
      [0, 32, 5],
      [0, 64, 5],
      [1, 32, 5],
      [1, 64, 5],
      [2, 32, 5],
      [2, 64, 5],
    ]);
    expect(groups[0]?.runs.map(({ spec }) => spec.optimizer.lr)).toEqual([1e-3, 16e-3, 4e-3, 2e-3, 8e-3]);
  });

  it('orders groups of equal cost from coarse to fine, and batches them by what fits', () => {
    const decays = [0, 0.1, 0.2, 0.3, 0.4];
    const runs = runsOf({ axes: [{ path: 'optimizer.weightDecay', values: decays }] });
    const { groups } = planSweep(runs, { maxLanes: 1 });
    expect(groups.map(({ runs: [run] }) => run?.spec.optimizer.weightDecay)).toEqual([0, 0.4, 0.2, 0.1, 0.3]);
  });

  it('lets seeds train together where a wave alone does not fill the adapter, and apart where it does', () => {
    const runs = runsOf({ recipe: { kind: 'seeds', seeds: 8 } });
    expect(planSweep(runs, { fullLanes: 8 }).groups).toHaveLength(1);
    expect(planSweep(runs, { fullLanes: 3 }).groups.map(({ runs: lanes }) => lanes.length)).toEqual([3, 3, 2]);
    expect(planSweep(runs, { fullLanes: 1 }).groups).toHaveLength(8);
  });

  it('splits a group that memory does not take into parts of about equal size', () => {
    const runs = runsOf({ recipe: { kind: 'seeds', seeds: 10 } });
    const memory = (specs: readonly unknown[]): number => {
      if (specs.length > 7) throw new Error('larger than this adapter binds');
      return 1000 * specs.length;
    };
    const lanes = (options: object): number[] =>
      planSweep(runs, { memory, fullLanes: 64, ...options }).groups.map((group) => group.runs.length);
    expect(lanes({})).toEqual([5, 5]);
    expect(lanes({ maxBytes: 3500 })).toEqual([3, 2, 3, 2]);
    expect(lanes({ maxBytes: 10 })).toEqual(Array.from({ length: 10 }, () => 1));
  });

  it('says of a run that does not fit alone why, and plans the others', () => {
    const runs = runsOf({ axes: [{ path: 'model.width', values: [32, 64] }] });
    const { groups, peakBytes } = planSweep(runs, {
      memory: ([spec]) => {
        if (spec?.model.width === 64) throw new Error('larger than this adapter binds');
        return 5;
      },
    });
    expect(groups.map(({ bytes, refusal }) => [bytes, refusal])).toEqual([
      [5, null],
      [null, 'larger than this adapter binds'],
    ]);
    expect(peakBytes).toBeNull();
  });

  it('knows no time of the whole while it knows none of a part', () => {
    const runs = runsOf(GRID);
    expect(planSweep(runs).ms).toBeNull();
    const flops = planSweep(runs).groups.map((group) => group.flopsPerStep);
    const plan = planSweep(runs, { estimateMs: (flopsPerStep) => (flopsPerStep === Math.min(...flops) ? 7 : null) });
    expect(plan.groups.map(({ ms }) => ms)).toEqual([7, null, 7, null, 7, null]);
    expect(plan.ms).toBeNull();
  });
});

describe('shardRuns', () => {
  it('partitions the runs of every sweep, whatever the order of axes and keys', () => {
    const reversed = (value: unknown): unknown => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
      return Object.fromEntries(
        Object.entries(value)
          .toReversed()
          .map(([key, inner]) => [key, reversed(inner)]),
      );
    };
    fc.assert(
      fc.property(anySweep, fc.integer({ min: 1, max: 7 }), (input, count) => {
        const runs = runsOf(input);
        const shuffled = runsOf({ base: reversed(input.base), axes: input.axes.map(reversed).toReversed() });
        const shards = Array.from({ length: count }, (_, i) => shardRuns(runs, i, count));
        expect(shards.flatMap(ids).toSorted()).toEqual(ids(runs).toSorted());
        for (const [i, shard] of shards.entries()) {
          expect(ids(shard)).toEqual(ids(runs).filter((id) => ids(shard).includes(id)));
          expect(ids(shardRuns(shuffled, i, count)).toSorted()).toEqual(ids(shard).toSorted());
        }
      }),
      { numRuns: 30 },
    );
  });

  it('balances arithmetic within a run of a share and a third, as the greedy rule promises', () => {
    fc.assert(
      fc.property(anySweep, fc.integer({ min: 2, max: 6 }), (input, count) => {
        const runs = runsOf(input);
        const costs = runs.map(({ spec }) => runFlops(spec));
        const share = costs.reduce((sum, cost) => sum + cost, 0) / count;
        for (let i = 0; i < count; i++) {
          const own = shardRuns(runs, i, count).reduce((sum, { spec }) => sum + runFlops(spec), 0);
          expect(own).toBeLessThanOrEqual(1.001 * (Math.max(share, ...costs) + share));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('keeps lanes together as far as that leaves the shards balanced', () => {
    const runs = runsOf(GRID);
    const widths = (i: number): Set<number> => new Set(shardRuns(runs, i, 2).map(({ spec }) => spec.model.width));
    const [first, second] = [shardRuns(runs, 0, 2), shardRuns(runs, 1, 2)];
    const cost = (shard: readonly SweepRun[]): number => shard.reduce((sum, { spec }) => sum + runFlops(spec), 0);
    expect(Math.abs(Math.log(cost(first) / cost(second)))).toBeLessThan(0.5);
    expect(Math.min(widths(0).size, widths(1).size)).toBe(1);
  });

  it('leaves shards empty where there are more of them than runs', () => {
    const runs = runsOf({ recipe: { kind: 'seeds', seeds: 2 } });
    expect([0, 1, 2].map((i) => shardRuns(runs, i, 3).length)).toEqual([1, 1, 0]);
  });
});
