import { flopsPerToken } from './counts.ts';
import type { SpecPath } from './field.ts';
import type { RunSpec } from './run-spec.ts';
import { fieldAt, getField, SPEC_PATHS } from './schema.ts';
import { tokensPerStep, totalSteps } from './steps.ts';
import type { SweepRun } from './sweep.ts';

/** Runs that train together, as lanes of one program. */
export interface SweepGroup {
  /** The id of its first run. */
  readonly id: string;
  readonly runs: readonly SweepRun[];
  /** How many runs like its first one, but for the seeds, come before it. */
  readonly wave: number;
  readonly steps: number;
  /** Training FLOPs of a step of all lanes. */
  readonly flopsPerStep: number;
  readonly flops: number;
  /** GPU bytes; null where nobody was asked. */
  readonly bytes: number | null;
  /** Null where nothing like it was measured. */
  readonly ms: number | null;
  /** Why not even one lane fits this adapter; null where it does. */
  readonly refusal: string | null;
}

export interface SweepPlan {
  /** In the order in which they are to run. */
  readonly groups: readonly SweepGroup[];
  readonly runs: number;
  readonly flops: number;
  /** Of the largest group; one trains at a time. */
  readonly peakBytes: number | null;
  readonly ms: number | null;
}

export interface SweepPlanOptions {
  /** GPU bytes of these specs as lanes of one program. May throw: the adapter does not take them. */
  readonly memory?: (specs: readonly RunSpec[]) => number;
  /** Most GPU bytes of a group of several; a run alone may take more, as no split would help it. */
  readonly maxBytes?: number;
  /** Milliseconds of `steps` steps that do so much arithmetic each; null where nothing was measured. */
  readonly estimateMs?: (flopsPerStep: number, steps: number) => number | null;
  /** Most lanes of a group; default 64. */
  readonly maxLanes?: number;
  /** Lanes from which on more of them take longer in proportion: fewer wait for second seeds to join. 1 for a software adapter; default 4. */
  readonly fullLanes?: number;
}

/** Most lanes of a group. */
export const MAX_LANES = 64;
/** Most GPU bytes of a group: WebGPU does not tell how much memory there is; what is more than this leaves none to others. */
export const GROUP_BYTES = 2 * 2 ** 30;
const FULL_LANES = 4;

/** Lanes that have diverged still compute: where they are so large a share, the others go on without them. */
const IDLE_SHARE = 0.5;
/** Share of the steps from which on that is not worth making a program anew. */
const NEARLY_DONE = 0.8;

/** Whether the lanes of a group that train on should do so without those that have diverged. */
export function shouldPart({
  lanes,
  diverged,
  step,
  steps,
}: {
  readonly lanes: number;
  readonly diverged: number;
  readonly step: number;
  readonly steps: number;
}): boolean {
  return diverged < lanes && diverged >= IDLE_SHARE * lanes && step < NEARLY_DONE * steps;
}

/** {@link SweepPlanOptions.fullLanes} of an adapter: a software adapter has no idle lanes to fill. */
export function fullLanes(software: boolean): number {
  return software ? 1 : FULL_LANES;
}

/** What a group costs. */
export type GroupCost = Pick<SweepGroup, 'steps' | 'flopsPerStep' | 'flops' | 'bytes' | 'ms' | 'refusal'>;

const SEEDS: ReadonlySet<SpecPath> = new Set<SpecPath>(['seed.init', 'seed.data']);
/** Numbers that a sweep sets in the wake of others: they make no grid of their own. */
const NO_SCALE: ReadonlySet<SpecPath> = new Set<SpecPath>([...SEEDS, 'schedule.warmupSteps', 'name']);

/** Equal exactly where `canShareProgram` says that two specs may be lanes of one program. */
export function programKey(spec: RunSpec): string {
  return keyOf(spec, (path) => !fieldAt(path).laneable);
}

function keyOf(spec: RunSpec, counts: (path: SpecPath) => boolean): string {
  return JSON.stringify(SPEC_PATHS.filter(counts).map((path) => plain(path, getField(spec, path))));
}

/** Rules are a set and casts are a list, so the order of keys counts in casts only. */
function plain(path: SpecPath, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  return fieldAt(path).kind === 'casts' ? entries : entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** Training FLOPs of one step of a run, everything counted. */
export function runFlopsPerStep(spec: RunSpec): number {
  return flopsPerToken(spec).total * tokensPerStep(spec);
}

/** What a run costs on any machine: its training FLOPs, everything counted. */
export function runFlops(spec: RunSpec): number {
  return runFlopsPerStep(spec) * totalSteps(spec);
}

interface Placed {
  readonly run: SweepRun;
  readonly wave: number;
  readonly level: number;
}

/**
 * Groups runs into lanes and orders the groups so that what is done at any time is already worth looking at: one seed of everything
 * before the second, what is cheap before what costs twice as much, and among equals the ends and the middle of every axis before
 * what lies between. Lanes of one program share a group up to what memory takes; further ones make groups of about equal size.
 */
export function planSweep(runs: readonly SweepRun[], options: SweepPlanOptions = {}): SweepPlan {
  return finished(planningSweep(runs, options));
}

/** {@link planSweep} in slices: pauses before every question about memory, which may take its time. */
export function* planningSweep(runs: readonly SweepRun[], options: SweepPlanOptions = {}): Slices<SweepPlan> {
  const { fullLanes: full = FULL_LANES } = options;
  const placed = place(runs);
  const order = new Map(runs.map(({ id }, i) => [id, i]));
  const at = ({ run }: Placed): number => order.get(run.id) ?? 0;
  const groups: { group: SweepGroup; level: number; index: number }[] = [];
  for (const members of gather(placed, ({ run }) => programKey(run.spec)).values()) {
    const sorted = members.toSorted((a, b) => a.wave - b.wave || a.level - b.level || at(a) - at(b));
    const room = yield* roomOf(
      sorted.map(({ run }) => run.spec),
      options,
    );
    for (const lanes of stretches(sorted, full).flatMap((stretch) => evenly(stretch, Math.max(1, room.lanes)))) {
      const [first] = lanes;
      if (first === undefined) continue;
      const specs = lanes.map(({ run }) => run.spec);
      const bytes = yield* room.bytes(lanes.length);
      const group: SweepGroup = {
        id: first.run.id,
        runs: lanes.map(({ run }) => run),
        wave: first.wave,
        ...costOf(specs, options),
        bytes,
        refusal: room.refusal,
      };
      groups.push({ group, level: Math.min(...lanes.map(({ level }) => level)), index: Math.min(...lanes.map(at)) });
    }
  }
  const octave = ({ flops, runs: lanes }: SweepGroup): number => Math.floor(Math.log2(flops / lanes.length));
  const sorted = groups.toSorted(
    (a, b) => a.group.wave - b.group.wave || octave(a.group) - octave(b.group) || a.level - b.level || a.index - b.index,
  );
  return summed(sorted.map(({ group }) => group));
}

/** What groups cost that are made already, in slices as {@link planningSweep}. */
export function* pricingGroups(
  groups: readonly (readonly RunSpec[])[],
  options: SweepPlanOptions = {},
): Slices<readonly GroupCost[]> {
  const costs: GroupCost[] = [];
  for (const specs of groups) {
    const room = yield* roomOf(specs, { ...options, maxBytes: Infinity, maxLanes: specs.length });
    const bytes = yield* room.bytes(specs.length);
    costs.push({ ...costOf(specs, options), bytes, refusal: room.refusal });
  }
  return costs;
}

function costOf(
  specs: readonly RunSpec[],
  { estimateMs = () => null }: SweepPlanOptions,
): Pick<GroupCost, 'steps' | 'flopsPerStep' | 'flops' | 'ms'> {
  const [first] = specs;
  const steps = first === undefined ? 0 : totalSteps(first);
  const flopsPerStep = first === undefined ? 0 : runFlopsPerStep(first) * specs.length;
  return { steps, flopsPerStep, flops: flopsPerStep * steps, ms: estimateMs(flopsPerStep, steps) };
}

function finished<T>(slices: Slices<T>): T {
  let slice = slices.next();
  while (slice.done !== true) slice = slices.next();
  return slice.value;
}

function summed(groups: readonly SweepGroup[]): SweepPlan {
  const known = <T>(values: readonly (T | null)[]): T[] | null =>
    values.every((value): value is T => value !== null) ? [...values] : null;
  const bytes = known(groups.map((group) => group.bytes));
  const times = known(groups.map((group) => group.ms));
  return {
    groups,
    runs: groups.reduce((sum, group) => sum + group.runs.length, 0),
    flops: groups.reduce((sum, group) => sum + group.flops, 0),
    peakBytes: bytes === null ? null : Math.max(0, ...bytes),
    ms: times === null ? null : times.reduce((sum, ms) => sum + ms, 0),
  };
}

/** Each run with its wave among those that differ from it in seeds only, and its level on the axes of numbers. */
function place(runs: readonly SweepRun[]): readonly Placed[] {
  const waves = new Map<string, number>();
  const peers = gather(runs, ({ spec }) => keyOf(spec, (path) => path !== 'name' && !SEEDS.has(path)));
  for (const members of peers.values()) {
    const bySeed = members.toSorted(
      (a, b) => a.spec.seed.init - b.spec.seed.init || a.spec.seed.data - b.spec.seed.data || (a.id < b.id ? -1 : 1),
    );
    for (const [wave, { id }] of bySeed.entries()) waves.set(id, wave);
  }
  const scales = SPEC_PATHS.filter((path) => !NO_SCALE.has(path)).flatMap((path) => {
    const numbers = new Set(runs.map(({ values }) => values[path]).filter((value) => typeof value === 'number'));
    if (numbers.size < 3) return [];
    const levels = levelsOf(numbers.size);
    return [{ path, levels: new Map([...numbers].toSorted((a, b) => a - b).map((value, i) => [value, levels[i] ?? 0])) }];
  });
  return runs.map((run) => {
    const level = ({ path, levels }: (typeof scales)[number]): number => {
      const value = run.values[path];
      return typeof value === 'number' ? (levels.get(value) ?? 0) : 0;
    };
    return { run, wave: waves.get(run.id) ?? 0, level: Math.max(0, ...scales.map(level)) };
  });
}

/** How often n places in a row are halved before each is met: the ends 0, the middle 1, the quarters 2. */
function levelsOf(n: number): readonly number[] {
  const levels = Array.from({ length: n }, () => 0);
  const halve = (lo: number, hi: number, level: number): void => {
    if (hi - lo < 2) return;
    const middle = Math.floor((lo + hi) / 2);
    levels[middle] = level;
    halve(lo, middle, level + 1);
    halve(middle, hi, level + 1);
  };
  halve(0, n - 1, 1);
  return levels;
}

/** Cuts a list before a new wave begins, where what comes before it fills the adapter. */
function stretches(sorted: readonly Placed[], fullLanes: number): readonly (readonly Placed[])[] {
  const cut: Placed[][] = [];
  let open: Placed[] = [];
  for (const member of sorted) {
    if (open.length >= fullLanes && open.at(-1)?.wave !== member.wave) {
      cut.push(open);
      open = [];
    }
    open.push(member);
  }
  return [...cut, open];
}

/** As few parts of at most `most` as there can be, of about equal length. */
function evenly<T>(list: readonly T[], most: number): readonly (readonly T[])[] {
  const parts = Math.ceil(list.length / most);
  return Array.from({ length: parts }, (_, i) =>
    list.slice(Math.round((i * list.length) / parts), Math.round(((i + 1) * list.length) / parts)),
  );
}

type Slices<T> = Generator<undefined, T, undefined>;

interface Room {
  /** Most lanes of a group, 0 where not even one fits. */
  readonly lanes: number;
  readonly bytes: (lanes: number) => Slices<number | null>;
  readonly refusal: string | null;
}

/** How many of these specs fit as lanes, by halving: memory grows with each lane. */
function* roomOf(
  specs: readonly RunSpec[],
  { memory, maxBytes = Infinity, maxLanes = MAX_LANES }: SweepPlanOptions,
): Slices<Room> {
  const most = Math.min(maxLanes, specs.length);
  const asked = new Map<number, number | Error>();
  function* need(lanes: number): Slices<number | Error | null> {
    if (memory === undefined) return null;
    const known = asked.get(lanes);
    if (known !== undefined) return known;
    yield;
    let found: number | Error;
    try {
      found = memory(specs.slice(0, lanes));
    } catch (error) {
      found = error instanceof Error ? error : new Error(String(error));
    }
    asked.set(lanes, found);
    return found;
  }
  function* fits(lanes: number): Slices<boolean> {
    const bytes = yield* need(lanes);
    return bytes === null || (typeof bytes === 'number' && (lanes === 1 || bytes <= maxBytes));
  }
  function* bytes(lanes: number): Slices<number | null> {
    const found = yield* need(lanes);
    return typeof found === 'number' ? found : null;
  }
  if (yield* fits(most)) return { lanes: most, bytes, refusal: null };
  let [enough, tooMany] = [0, most];
  while (tooMany - enough > 1) {
    const middle = Math.floor((enough + tooMany) / 2);
    if (yield* fits(middle)) enough = middle;
    else tooMany = middle;
  }
  if (enough === 0 && (yield* fits(1))) enough = 1;
  const one = yield* need(1);
  return { lanes: enough, bytes, refusal: one instanceof Error ? one.message : null };
}

/** Members by key, in order of appearance. */
export function gather<T>(members: readonly T[], key: (member: T) => string): ReadonlyMap<string, readonly T[]> {
  const found = new Map<string, T[]>();
  for (const member of members) {
    const own = key(member);
    const peers = found.get(own);
    if (peers === undefined) found.set(own, [member]);
    else peers.push(member);
  }
  return found;
}
