import { GraphError } from '../base/errors.ts';
import { normals } from '../base/random.ts';
import { at, sizeOf } from '../base/shape.ts';
import type { Gpu } from '../gpu/device.ts';
import { Graph, nodeLabel } from '../graph/graph.ts';
import type { Node, Value } from '../graph/types.ts';
import type { Caps, Op } from '../ops/op.ts';
import { opOf } from '../ops/table.ts';
import { pullback } from './grad.ts';
import { planProgram, variantsFor } from './plan.ts';
import type { Plan, PlanOptions } from './plan.ts';
import { Program } from './program.ts';
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
    const small = probe.nodes[node.id];
    const serves = small?.op === node.op && variantsFor(small, caps, new Set()).some(({ name }) => name === variant);
    const tried = serves ? small : node;
    const key = `${variant} ${signatureOf(tried)}`;
    cases.set(key, { node: tried, variant, key });
  }
  return [...cases.values()];
}

/**
 * Holds one fast path against the plain kernels on random data (promise 4): a variant against the last one of its op, a fused op
 * against the ops it stands for, with its gradient. What does not compile, run or fit has failed, and so has what gives only zeros:
 * it was not put to the test.
 *
 * @throws whatever a lost device raises: it says nothing about a kernel.
 */
export async function tryPath(gpu: Gpu, { node, variant, key }: Case): Promise<Verdict> {
  let excess: number;
  try {
    const plain = plainOf(node);
    const shared = plain?.outputs ?? node.outputs.length;
    const want = await evaluate(gpu, node, plain?.build ?? copyOf(node), shared, 'plain');
    const got = await evaluate(gpu, node, copyOf(node), shared, { [node.op]: variant });
    const isExact = opOf(node.op).exact === true;
    excess = Math.max(
      ...got.map(({ values, words }, i) =>
        isExact || words ? unlike(values, at(want, i).values) : worst(values, at(want, i).values),
      ),
    );
  } catch (error) {
    if (!gpu.alive) throw error;
    excess = Infinity;
  }
  return { key, path: `${node.op}/${variant}`, ok: excess <= 1, excess, fused: variant === plainName(opOf(node.op)) };
}

/** Whether a node computed by `variant` has a plainer form to be held against. */
function isFastPath(node: Node, variant: string): boolean {
  return variant !== plainName(opOf(node.op)) || plainOf(node) !== undefined;
}

function plainName(op: Op): string {
  return at(op.variants, op.variants.length - 1).name;
}

type Build = (g: Graph, inputs: readonly Value[]) => readonly Value[];

function copyOf(node: Node): Build {
  const types = node.outputs.map((output) => output.type);
  return (g, inputs) => g.add(node.op, inputs, node.attrs, types, node.name);
}

/** The fused op as plain ops, which may lack what only its backward pass reads; undefined for an op, or attributes, that have no other form. */
function plainOf(node: Node): { readonly build: Build; readonly outputs: number } | undefined {
  const { plain } = opOf(node.op);
  if (plain === undefined) return undefined;
  const probe = new Graph();
  const outputs = plain(probe, fakeInputs(probe, node), node.attrs).length;
  const same = probe.nodes.some((made) => made.op === node.op && JSON.stringify(made.attrs) === JSON.stringify(node.attrs));
  return same ? undefined : { outputs, build: (g, inputs) => plain(g, inputs, node.attrs) };
}

/** Inputs like those of a node; states where the op updates one, copies that are thrown away. */
function fakeInputs(g: Graph, node: Node): readonly Value[] {
  const { updates = [] } = opOf(node.op);
  return node.inputs.map(({ type: { dtype, shape, parts } }, i) => {
    if (updates.length === 0 || parts === undefined) return g.input(`in${i}`, { dtype, shape }, 'step');
    const tensors = parts.map((part, j) => ({ name: `part${j}`, shape: part }));
    return g.state(`in${i}`, tensors, dtype === 'u32' ? 'u32' : 'f32').pack;
  });
}

/** What an op gave. */
interface Result {
  readonly values: Float32Array;
  /** They are integers or packed codes: no difference is small. */
  readonly words: boolean;
}

/** Runs the op on made-up inputs: its first `shared` outputs, and where it has a gradient the gradients of its first output's inputs. */
async function evaluate(
  gpu: Gpu,
  node: Node,
  build: Build,
  shared: number,
  variants: 'plain' | Record<string, string>,
): Promise<readonly Result[]> {
  const g = new Graph();
  const inputs = fakeInputs(g, node);
  const outputs = build(g, inputs);
  const results = outputs.slice(0, shared);
  const [y] = outputs;
  const floats = inputs.filter((input) => input.type.dtype === 'f32' && input.type.shape.length > 1);
  if (
    opOf(node.op).plain !== undefined &&
    opOf(node.op).vjp !== 'none' &&
    y !== undefined &&
    canDifferentiate(node) &&
    floats.length > 0
  ) {
    const seed = g.input('seed', y.type, 'step');
    results.push(...pullback(g, new Map([[y, seed]]), floats));
  }
  for (const [i, value] of results.entries()) g.output(`out${i}`, value, 'step');
  const options: PlanOptions = { caps: gpu.caps, slots: 1, variants: variants === 'plain' ? plainVariantsOf(g) : variants };
  const store = new Store(gpu, 1);
  const program = await Program.create(store, planProgram(g, options));
  try {
    for (const input of g.nodes.filter((candidate) => candidate.op === 'input')) fill(program, input, node);
    fillStates(store, g);
    const reading = await program.run(1);
    const given = results.map(({ type }, i) => ({ values: reading.get(`out${i}`, 0).slice(), words: type.dtype !== 'f32' }));
    const updated = await Promise.all((opOf(node.op).updates ?? []).map((i) => readState(store, g, `in${i}`)));
    return [...given, ...updated.flat()];
  } finally {
    program.destroy();
    store.destroy();
  }
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

function fill(program: Program, input: Node, node: Node): void {
  const name = String(input.attrs['name']);
  const view = program.slot(name, 0);
  const position = Number(name.slice('in'.length));
  const { words, floats } = opOf(node.op);
  if (view instanceof Float32Array) {
    const value = floats?.(node, position);
    if (value === undefined) normals(view, 1, name, 1);
    else view.fill(value);
    // Sums of what is huge or NaN would say nothing; casts are to be right over all of f32.
    if (value === undefined && opOf(node.op).exact === true) spread(view);
  } else {
    if (words === undefined)
      throw new GraphError({ where: nodeLabel(node), rule: 'the op says nothing of its inputs of integers' });
    for (let i = 0; i < view.length; i++) view[i] = words(node, position, i);
  }
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

/** Each of many magnitudes, for states hold amaxes too. */
function fillStates(store: Store, g: Graph): void {
  for (const { arena, names } of statesOf(g)) {
    for (const name of names) {
      const values = new Float32Array(sizeOf(store.shapeOf(arena, name)));
      normals(values, 1, `${arena} ${name}`, 1);
      store.write(
        arena,
        name,
        0,
        values.map((value, i) => Math.abs(value) * 2 ** ((i % 41) - 20)),
      );
    }
  }
}

async function readState(store: Store, g: Graph, name: string): Promise<readonly Result[]> {
  const states = statesOf(g).filter(({ arena }) => arena === name);
  const read = await Promise.all(states.map(({ arena }) => store.read(arena)));
  return read.flatMap((tensors) => [...tensors.values()].map((lanes) => ({ values: at(lanes, 0), words: false })));
}

function statesOf(g: Graph): readonly { readonly arena: string; readonly names: readonly string[] }[] {
  return g.nodes
    .filter(({ op }) => op === 'state')
    .map(({ attrs }) => ({ arena: String(attrs['arena']), names: String(attrs['tensors']).split(' ') }));
}

/** For what must be equal in every bit, codes of NaN among them. */
function unlike(got: Float32Array, want: Float32Array): number {
  const [a, b] = [got, want].map(({ buffer, byteOffset, length }) => new Uint32Array(buffer, byteOffset, length));
  const same = a?.length === b?.length && a?.every((word, i) => word === b?.[i]) === true;
  return same && a.some((word) => word !== 0) ? 0 : Infinity;
}

/** The largest difference over what is allowed. Written so that NaN fails. */
function worst(got: Float32Array, want: Float32Array): number {
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

function signatureOf(node: Node): string {
  const types = node.inputs.map(
    ({ type: { dtype, shape, parts = [shape] } }) => `${dtype}[${parts.map((part) => part.join(',')).join(' ')}]`,
  );
  return `${node.op}(${types.join(', ')}) ${JSON.stringify(node.attrs)}`;
}
