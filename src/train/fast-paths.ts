import { fastPaths, planProgram, prepareToTry, startCompiling, tryPath, withoutOps } from '../engine/index.ts';
import type { Case, Choices, Plan, Verdict } from '../engine/index.ts';
import type { Gpu } from '../gpu/device.ts';
import type { Graph } from '../graph/index.ts';
import { OPS } from '../ops/table.ts';
import type { Op } from '../ops/op.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { specFaults } from '../spec/validate.ts';
import { evaluationGraph, samplingGraph, trainingGraph } from './graphs.ts';

/** Which fast paths this device may use: what {@link checkFastPaths} found. */
export interface Cleared {
  /** Variants that failed, as `op/variant`: planned around. */
  readonly disabled: ReadonlySet<string>;
  /** The spec, without fusion rules whose op failed. */
  readonly spec: RunSpec;
  /** What was tried, now or earlier. */
  readonly verdicts: readonly Verdict[];
}

/** Verdicts of this adapter and build, by key; filled as paths are tried. */
export type KnownVerdicts = Map<string, Verdict>;

/** Tokens a row, and rows in all, that the check is cut to about: enough to cross the borders of the tiles. */
const PROBE_CONTEXT = 96;
const PROBE_ROWS = 192;

/** Every graph that a run needs. */
const GRAPHS: readonly ((spec: RunSpec, vocab: number) => Graph)[] = [trainingGraph, evaluationGraph, samplingGraph];

export interface CheckOptions {
  /** Verdicts of earlier checks, which are believed; those of this one are added. */
  readonly known?: KnownVerdicts | undefined;
  /** Variants that are not to be used whatever the verdict, as `op/variant`. */
  readonly disabled?: ReadonlySet<string> | undefined;
  /** Those that the run is to be planned with. */
  readonly choices?: Choices | undefined;
  /** What the run needs: training, evaluation and sampling when left out. */
  readonly graphs?: typeof GRAPHS;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Tries every fast path that a run of `spec` would use, on this device, against the plain kernels (promise 4). What fails is switched
 * off and the plans made again, until all of it has passed.
 */
export async function checkFastPaths(gpu: Gpu, spec: RunSpec, vocab: number, options: CheckOptions = {}): Promise<Cleared> {
  const { known = new Map<string, Verdict>(), choices, graphs = GRAPHS, onProgress } = options;
  const disabled = new Set(options.disabled);
  const badOps = new Set<string>();
  const used = new Map<string, Verdict>();
  for (;;) {
    const cleared: RunSpec = { ...spec, fusion: withoutOps(spec.fusion, badOps) };
    const made = plansOf(gpu, cleared, vocab, { disabled, graphs, ...(choices === undefined ? {} : { choices }) });
    const cases = casesOf(made, gpu).filter(({ key }) => !used.has(key));
    // Compilers work side by side, and on what is tried last while the first is tried.
    for (const path of cases) if (!known.has(path.key)) prepareToTry(gpu, path);
    for (const { plan } of made) startCompiling(gpu, plan);
    for (const [i, path] of cases.entries()) {
      const verdict = known.get(path.key) ?? (await tryPath(gpu, path, known));
      known.set(path.key, verdict);
      used.set(path.key, verdict);
      onProgress?.(i + 1, cases.length);
    }
    const before = disabled.size + badOps.size;
    for (const { path, fused, ok } of used.values()) {
      const [op = '', variant = ''] = path.split('/');
      if (ok) continue;
      if (fused) badOps.add(op);
      else for (const name of [op, ...checkedWith(op)]) disabled.add(`${name}/${variant}`);
    }
    if (disabled.size + badOps.size === before) return { disabled, spec: cleared, verdicts: [...used.values()] };
  }
}

/** Ops whose kernels the check of `op` covers. */
function checkedWith(op: string): readonly string[] {
  return Object.entries(OPS).flatMap(([name, row]) => ((row as Op).checkedWith === op ? [name] : []));
}

interface CaseOptions {
  readonly disabled: ReadonlySet<string>;
  readonly graphs: typeof GRAPHS;
  readonly choices?: Choices;
}

/** A graph as the run has it, and the same on fewer rows. */
interface Planned {
  readonly plan: Plan;
  readonly probe: Graph;
}

function plansOf({ caps }: Gpu, spec: RunSpec, vocab: number, { graphs, ...options }: CaseOptions): readonly Planned[] {
  const small = probeSpec(spec);
  return graphs.map((graph) => ({ plan: planProgram(graph(spec, vocab), { caps, ...options }), probe: graph(small, vocab) }));
}

function casesOf(made: readonly Planned[], { caps }: Gpu): readonly Case[] {
  const cases = made.flatMap(({ plan, probe }) => fastPaths(plan, probe, caps));
  return [...new Map(cases.map((path) => [path.key, path])).values()];
}

/** A spec with the same graphs on fewer rows, as fast paths are tried on; the spec itself where it has no smaller form. */
export function probeSpec(spec: RunSpec): RunSpec {
  const context = Math.min(spec.data.context, PROBE_CONTEXT);
  const batch = Math.min(spec.data.batch, Math.ceil(PROBE_ROWS / context));
  const cut: RunSpec = { ...spec, data: { ...spec.data, batch, context } };
  // Blocks of a recipe may not divide fewer tokens.
  return specFaults(cut).length === 0 ? cut : spec;
}
