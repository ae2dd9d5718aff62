import { at } from '../base/shape.ts';
import type { Gpu } from '../gpu/device.ts';
import { Graph } from '../graph/graph.ts';
import type { Node, Value } from '../graph/types.ts';
import { addOp } from '../ops/op.ts';
import type { Caps, Op } from '../ops/op.ts';
import { opOf } from '../ops/table.ts';
import { startCompiling } from './builder.ts';
import { pullback } from './grad.ts';
import { copyOf, fakeInputs, fillInputs, fillStates, statesOf } from './made-up.ts';
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

/** How a variant is tried that would compute `node` of a plan: on the node of `probe` at the same place where it serves that too. */
export function caseOf(node: Node, variant: string, probe: Graph | undefined, caps: Caps): Case {
  const small = probe?.nodes[node.id];
  const serves = small?.op === node.op && variantsFor(small, caps, new Set()).some(({ name }) => name === variant);
  const tried = serves ? { ...small, attrs: opOf(node.op).shrunk?.(node, small) ?? small.attrs } : node;
  return { node: tried, variant, key: `${variant} ${signatureOf(tried)}` };
}

/**
 * Holds one fast path against the plain kernels on random data (promise 4): a variant against the last one of its op, a fused op
 * against the ops it stands for, with its gradient; an op that wraps another is held to the bits of that op's same variant with the rest as
 * ops of their own, and that variant is tried too. What does not compile, run or fit has failed, and so has what gives only zeros:
 * it was not put to the test.
 *
 * @throws whatever a lost device raises: it says nothing about a kernel.
 */
export async function tryPath(gpu: Gpu, path: Case): Promise<Verdict> {
  const { node, variant, key } = path;
  let excess: number;
  try {
    const { want, got, wrapped } = trialsOf(gpu.caps, path);
    const within = wrapped !== undefined && isFastPath(wrapped.node, wrapped.variant) ? await tryPath(gpu, wrapped) : undefined;
    const isExact = opOf(node.op).exact === true || wrapped !== undefined;
    excess = within?.excess ?? 0;
    // Sums of what is huge or NaN would say nothing; casts are to be right over all of f32.
    for (const change of wrapped !== undefined ? [undefined, spread] : isExact ? [spread] : [undefined]) {
      const truth = await run(gpu, want, node, change);
      for (const [i, result] of (await run(gpu, got, node, change)).entries())
        excess = Math.max(excess, (isExact || result.words ? unlike : worst)(result, at(truth, i)));
    }
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

function trialsOf(caps: Caps, { node, variant }: Case): Trials {
  const plain = plainOf(node);
  const shared = plain?.outputs ?? node.outputs.length;
  const wrapped = wrappedBy(node, variant);
  const truth = wrapped === undefined ? 'plain' : { [wrapped.node.op]: wrapped.variant };
  return {
    want: trialOf(caps, node, plain?.build ?? copyOf(node), shared, truth),
    got: trialOf(caps, node, copyOf(node), shared, { [node.op]: variant }),
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
  return { node: made.node, variant: names.includes(variant) ? variant : plainName(opOf(bare.op)), key: bare.op };
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
}

/** The op's first `shared` outputs, and where it has a gradient the gradients of its first output's inputs. */
function trialOf(caps: Caps, node: Node, build: Build, shared: number, variants: 'plain' | Record<string, string>): Trial {
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
    plan: planProgram(graph, { caps, slots: 1, variants: variants === 'plain' ? plainVariantsOf(graph) : variants }),
  };
}

/** Runs it on made-up inputs. */
async function run(
  gpu: Gpu,
  { graph, results, plan }: Trial,
  node: Node,
  change: typeof spread | undefined,
): Promise<readonly Result[]> {
  const store = new Store(gpu, 1);
  const program = await Program.create(store, plan);
  try {
    fillInputs(program, graph, node, change);
    fillStates(store, graph);
    const reading = await program.run(1);
    const maxima = opOf(node.op).maxima?.(node);
    const given = results.map(({ type }, i): Result => {
      const values = reading.get(`out${i}`, 0).slice();
      return { values: i === maxima ? largestOf(values) : values, words: type.dtype !== 'f32' };
    });
    const updated = await Promise.all((opOf(node.op).updates ?? []).map((i) => readState(store, graph, `in${i}`)));
    return [...given, ...updated.flat()];
  } finally {
    program.destroy();
    store.destroy();
  }
}

/** The largest of partial maxima, which are words. A NaN is one whatever its other bits, which compilers choose. */
function largestOf({ buffer }: Float32Array): Float32Array {
  const largest = new Uint32Array(buffer).reduce((a, b) => Math.max(a, b), 0);
  return new Float32Array(Uint32Array.of(Math.min(largest, INFINITY_BITS + 1)).buffer);
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
  return a.length === b.length && a.every(isSame) && a.some((word) => word !== 0) ? 0 : Infinity;
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
