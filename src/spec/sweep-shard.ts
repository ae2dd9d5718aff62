import type { SweepRun } from './sweep.ts';
import { gather, programKey, runFlops } from './sweep-plan.ts';

interface Unit {
  readonly runs: readonly SweepRun[];
  readonly flops: number;
  readonly id: string;
}

/**
 * The runs of shard `index` of `count`, from 0, in the order given. All shards together have every run once, and each about as much
 * arithmetic. Runs that can be lanes of one program stay together as long as that leaves the shards balanced.
 *
 * Who gets what follows from the runs alone: not from their order, nor from the machine.
 */
export function shardRuns(runs: readonly SweepRun[], index: number, count: number): readonly SweepRun[] {
  const own = new Set(shardsOf(runs, count)[index]);
  return runs.filter(({ id }) => own.has(id));
}

/** The ids of each shard: units from the dearest to the cheapest, each to the shard with the least to do (Graham, 1969). */
function shardsOf(runs: readonly SweepRun[], count: number): readonly (readonly string[])[] {
  const shards = Array.from({ length: count }, () => ({ flops: 0, ids: [] as string[] }));
  for (const unit of unitsOf(runs, count)) {
    const least = shards.reduce((best, shard) => (shard.flops < best.flops ? shard : best));
    least.flops += unit.flops;
    least.ids.push(...unit.runs.map(({ id }) => id));
  }
  return shards.map(({ ids }) => ids);
}

/** Runs of one program, cut into units of at most a shard's share. */
function unitsOf(runs: readonly SweepRun[], count: number): readonly Unit[] {
  const sorted = runs.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const cost = new Map(sorted.map(({ id, spec }) => [id, runFlops(spec)]));
  const flopsOf = ({ id }: SweepRun): number => cost.get(id) ?? 0;
  const share = sorted.reduce((sum, run) => sum + flopsOf(run), 0) / count;
  const units: Unit[] = [];
  for (const members of gather(sorted, ({ spec }) => programKey(spec)).values()) {
    const [first] = members;
    if (first === undefined) continue;
    // A share of exactly so many runs may come out a rounding error below them.
    const lanes = Math.max(1, Math.floor((share / flopsOf(first)) * (1 + 1e-9)));
    for (let i = 0; i < members.length; i += lanes) {
      const part = members.slice(i, i + lanes);
      units.push({ runs: part, flops: part.length * flopsOf(first), id: part[0]?.id ?? '' });
    }
  }
  return units.toSorted((a, b) => b.flops - a.flops || (a.id < b.id ? -1 : 1));
}
