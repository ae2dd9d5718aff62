import { at } from '../base/shape.ts';
import { isTimed, isTuned } from '../base/tuned.ts';
import type { Candidate, Tuned } from '../base/tuned.ts';
import type { Gpu } from '../gpu/device.ts';
import { Graph } from '../graph/graph.ts';
import { printType } from '../graph/types.ts';
import type { Node } from '../graph/types.ts';
import { WITH_AMAX } from '../ops/made.ts';
import { matmulView } from '../ops/matmul-view.ts';
import { textAttr } from '../ops/op.ts';
import { opOf } from '../ops/table.ts';
import { caseOf, tryPath } from './gate.ts';
import type { Verdict } from './gate.ts';
import { copyOf, fakeInputs, fillInputs, fillStates } from './made-up.ts';
import { planProgram, variantsFor } from './plan.ts';
import type { Choices, Plan } from './plan.ts';
import { Program } from './program.ts';
import { signatureOf } from './signature.ts';
import { Store } from './store.ts';
import { openClock, repeatsFor, timeInTurns } from './timing.ts';
import type { Clock, Repeated } from './timing.ts';

export type { Candidate, Tuned } from '../base/tuned.ts';

/** Results by signature, of one adapter, build and browser. */
export type KnownTunings = ReadonlyMap<string, Tuned>;

export interface TuneProgress {
  readonly done: number;
  readonly total: number;
  /** The node that is worked on, or was just done. */
  readonly shape: string;
  /** What was found of it, once all of it was. */
  readonly tuned: Tuned | null;
}

export interface TuneOptions {
  /** Verdicts on fast paths, which are believed; new ones are added. */
  readonly verdicts?: Map<string, Verdict>;
  /** Earlier results, which are believed where their choice still serves. */
  readonly known?: KnownTunings;
  /** `op/variant` names that failed their check on this device. */
  readonly disabled?: ReadonlySet<string>;
  /** The plan's graph with fewer rows: candidates are checked on its nodes, as `fastPaths` does. */
  readonly probe?: Graph;
  /** What times them; the device's best when left out. */
  readonly clock?: Clock;
  /** Each round has two regions of every candidate. */
  readonly rounds?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TuneProgress) => void;
}

/** A candidate that is this many times as slow as the fastest so far has lost: it is not timed any further. */
const HOPELESS = 3;
/** Times that one which seems so is looked at again: whatever else a machine does can make a region long, and nothing makes it short. */
const SECOND_LOOKS = 2;

/**
 * Finds the fastest variant of every distinct node of a plan that two or more serve: each is held against the plain kernel first
 * (promise 4), then timed on made-up data of one lane, in turns with the others. The one that is used untuned stays unless another is
 * faster by more than the spread of both.
 *
 * @throws DeviceError when the timer has no resolution or the device is lost; the signal's reason once it is aborted. Nothing is kept of
 *   a node then that was not done.
 */
export async function tune(gpu: Gpu, plan: Plan, options: TuneOptions = {}): Promise<readonly Tuned[]> {
  const { known = new Map<string, Tuned>(), disabled = new Set(), signal, onProgress } = options;
  const nodes = tunable(gpu, plan, disabled);
  const clock = options.clock ?? openClock(gpu);
  try {
    const results: Tuned[] = [];
    for (const [signature, { node, variants }] of nodes) {
      signal?.throwIfAborted();
      const shape = shapeWords(node);
      const progress = { total: nodes.size, shape };
      onProgress?.({ ...progress, done: results.length, tuned: null });
      const before = known.get(signature);
      const believed = before !== undefined && variants.includes(before.chosen);
      const tuned = believed ? before : await tuneNode({ ...options, gpu, clock }, { node, variants, signature, shape });
      results.push(tuned);
      onProgress?.({ ...progress, done: results.length, tuned });
    }
    return results;
  } finally {
    if (options.clock === undefined) clock.destroy();
  }
}

/** Which variants results stand for: what a plan is made with. */
export function choicesOf(tunings: Iterable<Tuned>): Choices {
  return new Map([...tunings].filter(isTimed).map(({ signature, chosen }) => [signature, chosen]));
}

/** Results that were kept as JSON; whatever else is there is passed over, and so are shapes of which no variant ran. */
export function readTunings(value: unknown): Map<string, Tuned> {
  const list: readonly unknown[] = Array.isArray(value) ? value : [];
  return new Map(
    list
      .filter(isTuned)
      .filter(isTimed)
      .map((tuned) => [tuned.signature, tuned]),
  );
}

/** The distinct nodes with a choice, by signature, and the names of the variants that serve each. */
function tunable(
  { caps }: Gpu,
  { steps }: Plan,
  disabled: ReadonlySet<string>,
): ReadonlyMap<string, { readonly node: Node; readonly variants: readonly string[] }> {
  const nodes = new Map<string, { node: Node; variants: readonly string[] }>();
  for (const { node } of steps) {
    const variants = variantsFor(node, caps, disabled).map(({ name }) => name);
    if (variants.length > 1) nodes.set(signatureOf(node), { node, variants });
  }
  return nodes;
}

interface Tools extends TuneOptions {
  readonly gpu: Gpu;
  readonly clock: Clock;
}

interface Job {
  readonly node: Node;
  readonly variants: readonly string[];
  readonly signature: string;
  readonly shape: string;
}

async function tuneNode(tools: Tools, { node, variants, signature, shape }: Job): Promise<Tuned> {
  const { gpu, clock, signal } = tools;
  const trials: Trial[] = [];
  try {
    for (const variant of variants) {
      signal?.throwIfAborted();
      const trial = (await hasPassed(tools, node, variant)) ? await openTrial(gpu, node, variant) : undefined;
      if (trial !== undefined) trials.push(trial);
    }
    const times = await race(tools, trials);
    const candidates = variants.map((variant): Candidate => {
      const { ms = null, spreadMs = null } = times.get(variant) ?? {};
      return { variant, ms, spreadMs };
    });
    return { signature, shape, candidates, chosen: winner(candidates), timedBy: clock.by, software: gpu.caps.software };
  } finally {
    for (const { destroy } of trials) destroy();
  }
}

async function hasPassed({ gpu, probe, verdicts }: Tools, node: Node, variant: string): Promise<boolean> {
  // The last variant is what the others are held against.
  if (variant === opOf(node.op).variants.at(-1)?.name) return true;
  const path = caseOf(node, variant, probe, gpu.caps);
  const verdict = verdicts?.get(path.key) ?? (await tryPath(gpu, path));
  verdicts?.set(path.key, verdict);
  return verdict.ok;
}

/** A variant with a program of its own. */
interface Trial {
  readonly variant: string;
  readonly work: Repeated;
  readonly destroy: () => void;
}

/** Undefined where the variant does not compile or fit. */
async function openTrial(gpu: Gpu, node: Node, variant: string): Promise<Trial | undefined> {
  const g = new Graph();
  copyOf(node)(g, fakeInputs(g, node));
  const store = new Store(gpu, 1);
  let program: Program | undefined;
  const destroy = (): void => {
    program?.destroy();
    store.destroy();
  };
  try {
    const plan = planProgram(g, { caps: gpu.caps, slots: 1, variants: { [node.op]: variant } });
    const made = await Program.create(store, plan);
    program = made;
    fillInputs(made, g, node);
    fillStates(store, g, node);
    await made.run(1);
    const work: Repeated = (pass, times) => {
      for (let i = 0; i < times; i++) {
        for (let index = 0; index < plan.dispatchesPerStep; index++) made.encodeAlone(pass, index, 1);
      }
    };
    return { variant, work, destroy };
  } catch (error) {
    destroy();
    if (!gpu.alive) throw error;
    return undefined;
  }
}

/** Times of the candidates by name; of one that is slower by far, the least of its first regions and no spread. */
async function race(
  { clock, rounds = 4, signal }: Tools,
  trials: readonly Trial[],
): Promise<ReadonlyMap<string, { readonly ms: number; readonly spreadMs: number | null }>> {
  const warm: { readonly trial: Trial; repeats: number; ms: number }[] = [];
  for (const trial of trials) warm.push({ trial, ...(await repeatsFor(clock, trial.work, signal)) });
  for (let look = 0; look < SECOND_LOOKS; look++) {
    const fastest = Math.min(...warm.map(({ ms }) => ms));
    for (const one of warm.filter(({ ms }) => ms > HOPELESS * fastest)) {
      const again = await repeatsFor(clock, one.trial.work, signal);
      if (again.ms < one.ms) Object.assign(one, again);
    }
  }
  const best = Math.min(...warm.map(({ ms }) => ms));
  const close = warm.filter(({ ms }) => ms <= HOPELESS * best);
  const timings = await timeInTurns(
    clock,
    close.map(({ trial, repeats }) => ({ work: trial.work, repeats })),
    { rounds, ...(signal === undefined ? {} : { signal }) },
  );
  const times = new Map<string, { readonly ms: number; readonly spreadMs: number | null }>();
  for (const { trial, ms } of warm) times.set(trial.variant, { ms, spreadMs: null });
  for (const [i, { ms, quartilesMs }] of timings.entries()) {
    times.set(at(close, i).trial.variant, { ms, spreadMs: quartilesMs[1] - quartilesMs[0] });
  }
  return times;
}

/** The first candidate that was timed, unless another is faster by more than the spread of both. */
export function winner(candidates: readonly Candidate[]): string {
  const timed = candidates.flatMap(({ variant, ms, spreadMs }) =>
    ms === null ? [] : [{ variant, ms, spreadMs: spreadMs ?? 0 }],
  );
  const [first, ...others] = timed;
  // None runs: the plan's own choice is no worse.
  if (first === undefined) return candidates[0]?.variant ?? '';
  const faster = others.filter(({ ms, spreadMs }) => ms + Math.max(spreadMs, first.spreadMs) < first.ms);
  return faster.reduce((best, other) => (other.ms < best.ms ? other : best), first).variant;
}

function shapeWords(node: Node): string {
  const { op: made = node.op } = node.attrs;
  if (made !== 'matmul' && made !== 'matmul_cast') {
    return `${String(made)} ${node.inputs.map(({ type }) => printType(type)).join(' ')}`;
  }
  const { batch, M, N, K, transposeA, transposeB, activation, slope, bias, residual, columnSums, aCodes, bCodes } =
    matmulView(node);
  const also = [
    transposeA ? 'A turned' : '',
    transposeB ? 'B turned' : '',
    aCodes === undefined && bCodes === undefined ? '' : 'of codes',
    bias === undefined ? '' : 'bias',
    activation === 'none' ? '' : activation,
    residual === undefined ? '' : 'residual',
    slope === 'none' ? '' : `slope of ${slope}`,
    columnSums ? 'sums of columns' : '',
    node.op === 'matmul_cast' ? `cast to ${textAttr(node, 'format')}` : '',
    node.op === WITH_AMAX ? 'with its amax' : '',
  ].filter((word) => word !== '');
  return [`matmul ${batch === 1 ? '' : `${batch} x `}M ${M} N ${N} K ${K}`, ...also].join(', ');
}
