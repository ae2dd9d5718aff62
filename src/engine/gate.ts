import { at } from '../base/shape.ts';
import type { Gpu } from '../gpu/device.ts';
import { Graph } from '../graph/graph.ts';
import type { Node, Value } from '../graph/types.ts';
import { addOp } from '../ops/op.ts';
import type { Caps, Maxima, Op } from '../ops/op.ts';
import { opOf } from '../ops/table.ts';
import { startCompiling } from './builder.ts';
import { pullback } from './grad.ts';
import { copyOf, fakeInputs, fillInputs, fillStates, statesOf, unchanged } from './made-up.ts';
import type { Change } from './made-up.ts';
import { planProgram, variantsFor } from './plan.ts';
import type { Plan } from './plan.ts';
import { Program } from './program.ts';
import { signatureOf } from './signature.ts';
import { Store } from './store.ts';

/** What was found of one fast path on one device. */
export interface Verdict {
  readonly key: string;
  /** `matmul/tiled`: op and variant. */
  readonly path: string;
  readonly ok: boolean;
  /** Largest difference from the plain form, as a multiple of what is allowed; infinite for NaN or a kernel that does not run. */
  readonly excess: number;
  /** The variant is the plain one: what was tried is the fusion. */
  readonly fused: boolean;
}

/** Fast and plain forms sum in other orders; a kernel that is wrong is wrong by far more. */
const RTOL = 1e-3;
/** Share of the root mean square that counts as zero. */
const ATOL = 1e-4;

const INFINITY_BITS = 0x7f800000;

/** A fast path to try: a node, and the variant that would compute it. */
export interface Case {
  readonly node: Node;
  readonly variant: string;
  /** Names the path and the node's op, attributes and input types; verdicts are remembered by it. */
  readonly key: string;
}

/**
 * The distinct fast paths of a plan. Each is tried on the node of `probe` at the same place, the same graph with fewer rows, where the
 * variant serves that node too; else on the plan's own node, so that nothing the plan uses goes untried.
 */
export function fastPaths(plan: Plan, probe: Graph, caps: Caps): readonly Case[] {
  const cases = new Map<string, Case>();
  for (const { node, variant } of plan.steps) {
    if (opOf(node.op).checkedWith !== undefined || !isFastPath(node, variant)) continue;
    const path = caseOf(node, variant, probe, caps);
    cases.set(path.key, path);
  }
  return [...cases.values()];
}

/** How a variant is tried that would compute `node` of a plan: on the node of `probe` at the same place where all its kernels serve that too. */
export function caseOf(node: Node, variant: string, probe: Graph | undefined, caps: Caps): Case {
  const small = probe?.nodes[node.id];
  if (small?.op !== node.op) return caseAs(node, variant);
  const shrunk = { ...small, attrs: opOf(node.op).shrunk?.(node, small) ?? small.attrs };
  const tried = kernelsOf(shrunk, variant, caps);
  return caseAs(kernelsOf(node, variant, caps).every((kernel) => tried.includes(kernel)) ? shrunk : node, variant);
}

function caseAs(node: Node, variant: string): Case {
  return { node, variant, key: `${variant} ${signatureOf(node)}` };
}

/** What a node is computed by: its kernels and their templates; none where the variant does not serve it. */
function kernelsOf(node: Node, name: string, caps: Caps): readonly string[] {
  const variant = variantsFor(node, caps, new Set()).find((candidate) => candidate.name === name);
  return (variant?.lower(node, caps) ?? []).map(({ kernel, template }) => `${kernel} ${JSON.stringify(template)}`);
}

/**
 * Holds one fast path against the plain kernels on random data (promise 4): a variant against the last one of its op, a fused op
 * against the ops it stands for, with its gradient; an op that wraps another is held to the bits of that op's same variant with the rest as
 * ops of their own, and that variant is tried too. What does not compile, run or fit has failed, and so has what gives only zeros:
 * it was not put to the test.
 *
 * @param known of the op within, by the keys of {@link Case}: believed; what is found of it is added.
 * @throws whatever a lost device raises: it says nothing about a kernel.
 */
export async function tryPath(gpu: Gpu, path: Case, known = new Map<string, Verdict>()): Promise<Verdict> {
  const { node, variant, key } = path;
  let excess: number;
  try {
    const { want, got, wrapped } = trialsOf(gpu.caps, path);
    excess = 0;
    if (wrapped !== undefined && isFastPath(wrapped.node, wrapped.variant)) {
      const within = known.get(wrapped.key) ?? (await tryPath(gpu, wrapped));
      known.set(wrapped.key, within);
      ({ excess } = within);
    }
    const isExact = opOf(node.op).exact === true || wrapped !== undefined;
    const changes = changesFor(node, isExact);
    const truth = await run(gpu, want, node, changes);
    const given = await run(gpu, got, node, changes);
    for (const [draw, results] of given.entries()) {
      for (const [i, result] of results.entries())
        excess = Math.max(excess, (isExact || result.words ? unlike : worst)(result, at(at(truth, draw), i)));
    }
    if (isExact && !tellsParts(node, given.slice(1))) excess = Infinity;
  } catch (error) {
    if (!gpu.alive) throw error;
    excess = Infinity;
  }
  return { key, path: `${node.op}/${variant}`, ok: excess <= 1, excess, fused: variant === plainName(opOf(node.op)) };
}

/** Starts to compile what {@link tryPath} will run, which says so where that cannot be. */
export function prepareToTry(gpu: Gpu, path: Case): void {
  try {
    const { want, got, wrapped } = trialsOf(gpu.caps, path);
    startCompiling(gpu, want.plan);
    startCompiling(gpu, got.plan);
    if (wrapped !== undefined && isFastPath(wrapped.node, wrapped.variant)) prepareToTry(gpu, wrapped);
  } catch {
    // The path fails when it is tried.
  }
}

/** A program that gives what is to be compared. */
interface Trial {
  readonly graph: Graph;
  readonly results: readonly Value[];
  readonly plan: Plan;
}

interface Trials {
  readonly want: Trial;
  readonly got: Trial;
  /** What the node gives more than. */
  readonly wrapped: Case | undefined;
}

/** Trials that are made when a case is prepared, and used when it is tried. */
const prepared = new WeakMap<Case, Trials>();

function trialsOf(caps: Caps, path: Case): Trials {
  const trials = prepared.get(path) ?? makeTrials(caps, path);
  prepared.set(path, trials);
  return trials;
}

function makeTrials(caps: Caps, { node, variant }: Case): Trials {
  const plain = plainOf(node);
  const shared = plain?.outputs ?? node.outputs.length;
  const wrapped = wrappedBy(node, variant);
  const within = wrapped === undefined ? {} : { [wrapped.node.op]: wrapped.variant };
  const truth = (graph: Graph): Record<string, string> => ({ ...plainVariantsOf(graph), ...within });
  return {
    want: trialOf(caps, node, plain?.build ?? copyOf(node), shared, truth),
    got: trialOf(caps, node, copyOf(node), shared, () => ({ [node.op]: variant })),
    wrapped,
  };
}

/** The node that `node` gives more than, and the variant of it that `variant` is at heart; undefined where it is no such node. */
function wrappedBy(node: Node, variant: string): Case | undefined {
  const bare = opOf(node.op).wraps?.(node);
  if (bare === undefined) return undefined;
  const g = new Graph();
  const [made] = addOp(g, bare.op, opOf(bare.op), fakeInputs(g, node), bare.attrs, node.name);
  if (made === undefined) return undefined;
  const names = opOf(bare.op).variants.map(({ name }) => name);
  return caseAs(made.node, names.includes(variant) ? variant : plainName(opOf(bare.op)));
}

/** Whether a node computed by `variant` has a plainer form to be held against. */
function isFastPath(node: Node, variant: string): boolean {
  return variant !== plainName(opOf(node.op)) || plainOf(node) !== undefined;
}

function plainName(op: Op): string {
  return at(op.variants, op.variants.length - 1).name;
}

type Build = (g: Graph, inputs: readonly Value[]) => readonly Value[];

/** The fused op as plain ops, which may lack what only its backward pass reads; undefined for an op, or attributes, that have no other form. */
function plainOf(node: Node): { readonly build: Build; readonly outputs: number } | undefined {
  const { plain } = opOf(node.op);
  if (plain === undefined) return undefined;
  const probe = new Graph();
  const outputs = plain(probe, fakeInputs(probe, node), node.attrs).length;
  const same = probe.nodes.some((made) => made.op === node.op && JSON.stringify(made.attrs) === JSON.stringify(node.attrs));
  return same ? undefined : { outputs, build: (g, inputs) => plain(g, inputs, node.attrs) };
}

/** What an op gave. */
interface Result {
  readonly values: Float32Array;
  /** They are integers or packed codes: no difference is small. */
  readonly words: boolean;
  /** Of maxima of parts: all of them, where `values` is what is compared. */
  readonly parts?: Uint32Array;
}

/** The op's first `shared` outputs, and where it has a gradient the gradients of its first output's inputs. */
function trialOf(
  caps: Caps,
  node: Node,
  build: Build,
  shared: number,
  variantsOf: (graph: Graph) => Record<string, string>,
): Trial {
  const graph = new Graph();
  const inputs = fakeInputs(graph, node);
  const outputs = build(graph, inputs);
  const results = outputs.slice(0, shared);
  const [y] = outputs;
  const floats = inputs.filter((input) => input.type.dtype === 'f32');
  if (
    opOf(node.op).plain !== undefined &&
    opOf(node.op).vjp !== 'none' &&
    y !== undefined &&
    canDifferentiate(node) &&
    floats.length > 0
  ) {
    const seed = graph.input('seed', y.type, 'step');
    results.push(...pullback(graph, new Map([[y, seed]]), floats));
  }
  for (const [i, value] of results.entries()) graph.output(`out${i}`, value, 'step');
  return {
    graph,
    results,
    plan: planProgram(graph, { caps, slots: 1, variants: variantsOf(graph) }),
  };
}

/**
 * What made-up inputs are changed by before each run. Sums of what is huge or NaN would say nothing; what is exact is to be right over all
 * of f32, and is run on that first: what a kernel then leaves unwritten is not zero.
 */
function changesFor(node: Node, isExact: boolean): readonly Change[] {
  if (!isExact) return [unchanged];
  return [spread, ...(foldedOf(node) === undefined ? [unchanged] : WINDOWS)];
}

/** Runs it once for each change, on inputs of its own. */
async function run(
  gpu: Gpu,
  { graph, results, plan }: Trial,
  node: Node,
  changes: readonly Change[],
): Promise<readonly (readonly Result[])[]> {
  const store = new Store(gpu, 1);
  const program = await Program.create(store, plan);
  try {
    const draws: (readonly Result[])[] = [];
    for (const [draw, change] of changes.entries()) {
      fillInputs(program, graph, node, change, draw);
      fillStates(store, graph, node, change);
      const reading = await program.run(1);
      const given = results.map(({ type }, i) => resultOf(node, i, reading.get(`out${i}`, 0).slice(), type.dtype !== 'f32'));
      const updated = await Promise.all((opOf(node.op).updates ?? []).map((i) => readState(store, graph, `in${i}`)));
      draws.push([...given, ...updated.flat()]);
    }
    return draws;
  } finally {
    program.destroy();
    store.destroy();
  }
}

function resultOf(node: Node, i: number, values: Float32Array, words: boolean): Result {
  const maxima = opOf(node.op).maxima?.(node);
  if (i !== maxima?.words) return { values, words };
  const parts = magnitudes(values);
  const compared = maxima.folded ? Uint32Array.of(parts.reduce((a, b) => Math.max(a, b), 0)) : parts;
  return { values: new Float32Array(compared.buffer), words, parts };
}

/** Bits of magnitudes. A NaN is one whatever its other bits, which compilers choose. */
function magnitudes({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length).map((word) => Math.min(word & 0x7fffffff, INFINITY_BITS + 1));
}

function foldedOf(node: Node): Maxima | undefined {
  const maxima = opOf(node.op).maxima?.(node);
  return maxima?.folded === true ? maxima : undefined;
}

/** Whether each of the maxima that are folded is that of a part of the result: a magnitude in it always, and not always zero. */
function tellsParts(node: Node, draws: readonly (readonly Result[])[]): boolean {
  const maxima = foldedOf(node);
  if (maxima === undefined) return true;
  const told = draws.map((results) => at(results, maxima.words).parts ?? new Uint32Array());
  const made = draws.map((results) => new Set(magnitudes(at(results, maxima.of).values)));
  return (
    told.every((parts, draw) => parts.every((word) => at(made, draw).has(word))) &&
    at(told, 0).every((_, part) => told.some((parts) => (parts[part] ?? 0) > 0))
  );
}

/** A matmul with an epilogue is made after gradients are taken, so it has none to compare. */
function canDifferentiate(node: Node): boolean {
  return node.op !== 'matmul';
}

function plainVariantsOf(g: Graph): Record<string, string> {
  const kernels = g.nodes.filter((node) => !isStructural(node));
  return Object.fromEntries(kernels.map((node) => [node.op, plainName(opOf(node.op))]));
}

function isStructural(node: Node): boolean {
  return node.op === 'input' || node.op === 'state' || node.op === 'pack';
}

/** Numbers that casts find hard: beyond both ends of every format, halfway between two of its numbers, and none at all. */
const HARD = [0, -0, 1e-45, -1e-39, 2 ** -126, 3.4e38, -3.4e38, Infinity, -Infinity, NaN, 448, 464, 57344, 61440, 65504, 65520];

/** Of normals makes numbers of all magnitudes, every other one a tie of formats of few bits, and some that are hard. */
function spread(view: Float32Array): void {
  for (const [i, value] of view.entries()) {
    const few = i % 2 === 0 ? value : Math.round(value * 64) / 64;
    view[i] = i % 7 === 0 ? at(HARD, (i / 7) % HARD.length) : few * 2 ** ((Math.imul(i, 37) % 81) - 40);
  }
}

/** Twice a quarter of the rows and a quarter of the columns of all inputs: so the largest of what is made lies now here, now there. */
const WINDOWS = [0, 1, 2, 3].map((quarter): Change => (view, columns) => {
  const rows = view.length / columns;
  for (const [i, value] of view.entries()) {
    const [down, along] = [Math.floor(i / columns) / rows, (i % columns) / columns];
    view[i] = value * [down, along].reduce((by, place) => (Math.floor(4 * place) === quarter ? 2 * by : by), 1);
  }
});

async function readState(store: Store, g: Graph, name: string): Promise<readonly Result[]> {
  const states = statesOf(g).filter(({ arena }) => arena === name);
  const read = await Promise.all(states.map(({ arena }) => store.read(arena)));
  return read.flatMap((tensors) => [...tensors.values()].map((lanes) => ({ values: at(lanes, 0), words: false })));
}

/** For what must be equal in every bit; of numbers, any NaN is like any other. */
function unlike(got: Result, want: Result): number {
  const bits = ({ values: { buffer, byteOffset, length } }: Result): Uint32Array => new Uint32Array(buffer, byteOffset, length);
  const [a, b] = [bits(got), bits(want)];
  const isSame = (word: number, i: number): boolean =>
    word === b[i] || (!got.words && Number.isNaN(got.values[i]) && Number.isNaN(want.values[i]));
  // Of NaN and Inf the largest that is finite is rightly none.
  return a.length === b.length && a.every(isSame) && (got.parts !== undefined || a.some((word) => word !== 0)) ? 0 : Infinity;
}

/** The largest difference over what is allowed. Written so that NaN fails. */
function worst({ values: got }: Result, { values: want }: Result): number {
  let squares = 0;
  for (const value of want) squares += value * value;
  if (squares === 0) return Infinity;
  const atol = ATOL * Math.sqrt(squares / Math.max(1, want.length));
  let excess = got.length === want.length ? 0 : Infinity;
  for (const [i, value] of want.entries()) {
    const ratio = Math.abs((got[i] ?? NaN) - value) / (atol + RTOL * Math.abs(value));
    if (!(ratio <= excess)) excess = Number.isNaN(ratio) ? Infinity : ratio;
  }
  return excess;
}
