import { normals, philox } from '../base/random.ts';
import { at } from '../base/shape.ts';
import type { Gpu } from '../gpu/device.ts';
import { Graph } from '../graph/graph.ts';
import type { Node, Value } from '../graph/types.ts';
import type { Op } from '../ops/op.ts';
import { opOf } from '../ops/table.ts';
import { pullback } from './grad.ts';
import { planProgram, variantsFor } from './plan.ts';
import type { PlanOptions } from './plan.ts';
import { Program } from './program.ts';
import { Store } from './store.ts';

/** What was found of one fast path on one device. */
export interface Verdict {
  /** `matmul/tiled`: op and variant. */
  readonly path: string;
  /** The node it was tried on: op, attributes and input types. */
  readonly signature: string;
  readonly ok: boolean;
  /** Largest difference from the plain form, as a multiple of what is allowed; infinite for NaN or a kernel that does not run. */
  readonly excess: number;
}

/** Fast and plain forms sum in other orders; a kernel that is wrong is wrong by far more. */
const RTOL = 1e-3;
/** Share of the root mean square that counts as zero. */
const ATOL = 1e-4;

/**
 * Holds every fast path that `graph` would use on this device against the plain kernels, on random data (promise 4): variants
 * against the last one of their op, fused ops against the ops they stand for, with their gradients. Gives a verdict for each path
 * and node shape; what fails must be planned around ({@link PlanOptions.disabled}).
 *
 * @param graph a small one, of the shapes at hand but few rows: every distinct node is run twice.
 * @param paths the paths to try; others are left alone.
 */
export async function gate(
  gpu: Gpu,
  graph: Graph,
  paths: ReadonlySet<string>,
  onProgress?: (done: number, total: number) => void,
): Promise<readonly Verdict[]> {
  const cases = new Map<string, { node: Node; variant: string }>();
  for (const node of graph.nodes) {
    if (node.op === 'input' || node.op === 'state' || node.op === 'pack') continue;
    if ((opOf(node.op).updates ?? []).length > 0) continue;
    for (const variant of variantsFor(node, gpu.caps, new Set())) {
      if (paths.has(`${node.op}/${variant.name}`)) cases.set(`${variant.name} ${signatureOf(node)}`, { node, variant: variant.name });
    }
  }
  const verdicts: Verdict[] = [];
  for (const { node, variant } of cases.values()) {
    verdicts.push(await tryPath(gpu, node, variant));
    onProgress?.(verdicts.length, cases.size);
  }
  return verdicts;
}

/** Whether a node computed by `variant` has a plainer form to be held against. */
export function isFastPath(node: Node, variant: string): boolean {
  const op = opOf(node.op);
  return variant !== plainName(op) || (op.plain !== undefined && plainOf(node) !== undefined);
}

function plainName(op: Op): string {
  return at(op.variants, op.variants.length - 1).name;
}

async function tryPath(gpu: Gpu, node: Node, variant: string): Promise<Verdict> {
  const path = `${node.op}/${variant}`;
  const signature = signatureOf(node);
  let excess: number;
  try {
    const want = await evaluate(gpu, node, plainOf(node) ?? copyOf(node), 'plain');
    const got = await evaluate(gpu, node, copyOf(node), { [node.op]: variant });
    excess = Math.max(...got.map((values, i) => worst(values, at(want, i))));
  } catch (error) {
    // A device that is gone says nothing about a kernel.
    if (error instanceof Error && error.name === 'DeviceError') throw error;
    excess = Infinity;
  }
  return { path, signature, ok: excess <= 1, excess };
}

type Build = (g: Graph, inputs: readonly Value[]) => readonly Value[];

function copyOf(node: Node): Build {
  const types = node.outputs.map((output) => output.type);
  return (g, inputs) => g.add(node.op, inputs, node.attrs, types, node.name);
}

/** The fused op as plain ops; undefined for an op, or attributes, that have no other form. */
function plainOf(node: Node): Build | undefined {
  const { plain } = opOf(node.op);
  if (plain === undefined) return undefined;
  const probe = new Graph();
  plain(probe, fakeInputs(probe, node), node.attrs);
  const same = probe.nodes.some((made) => made.op === node.op && JSON.stringify(made.attrs) === JSON.stringify(node.attrs));
  return same ? undefined : (g, inputs) => plain(g, inputs, node.attrs);
}

function fakeInputs(g: Graph, node: Node): readonly Value[] {
  return node.inputs.map((input, i) => g.input(`in${i}`, { dtype: input.type.dtype, shape: input.type.shape }, 'step'));
}

/** Runs the op on made-up inputs: its outputs, and where it has a gradient the gradients of its first output's inputs. */
async function evaluate(gpu: Gpu, node: Node, build: Build, variants: 'plain' | Record<string, string>): Promise<readonly Float32Array[]> {
  const g = new Graph();
  const inputs = fakeInputs(g, node);
  const outputs = build(g, inputs);
  const results = [...outputs];
  const [y] = outputs;
  const floats = inputs.filter((input) => input.type.dtype === 'f32' && input.type.shape.length > 1);
  if (opOf(node.op).plain !== undefined && opOf(node.op).vjp !== 'none' && y !== undefined && canDifferentiate(node) && floats.length > 0) {
    const seed = g.input('seed', y.type, 'step');
    results.push(...pullback(g, new Map([[y, seed]]), floats));
  }
  for (const [i, value] of results.entries()) g.output(`out${i}`, value, 'step');
  const options: PlanOptions = { caps: gpu.caps, slots: 1, variants: variants === 'plain' ? plainVariantsOf(g) : variants };
  const store = new Store(gpu, 1);
  const program = await Program.create(store, planProgram(g, options));
  try {
    for (const input of g.nodes.filter((candidate) => candidate.op === 'input')) fill(program, input, node);
    const reading = await program.run(1);
    return results.map((_, i) => reading.get(`out${i}`, 0).slice());
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
  const kernels = g.nodes.filter((node) => node.op !== 'input' && node.op !== 'state' && node.op !== 'pack');
  return Object.fromEntries(kernels.map((node) => [node.op, plainName(opOf(node.op))]));
}

function fill(program: Program, input: Node, node: Node): void {
  const name = String(input.attrs['name']);
  const view = program.slot(name, 0);
  if (view instanceof Float32Array) normals(view, 1, name, 1);
  else {
    const position = Number(name.slice('in'.length));
    const below = opOf(node.op).below?.(node, position) ?? 1;
    for (let i = 0; i < view.length; i++) view[i] = philox([i, 0, 0, 0], [1, position])[0] % below;
  }
}

/** The largest difference over what is allowed. Written so that NaN fails. */
function worst(got: Float32Array, want: Float32Array): number {
  let squares = 0;
  for (const value of want) squares += value * value;
  const atol = ATOL * Math.sqrt(squares / Math.max(1, want.length)) + 1e-30;
  let excess = got.length === want.length ? 0 : Infinity;
  for (const [i, value] of want.entries()) {
    const ratio = Math.abs((got[i] ?? NaN) - value) / (atol + RTOL * Math.abs(value));
    if (!(ratio <= excess)) excess = Number.isNaN(ratio) ? Infinity : ratio;
  }
  return excess;
}

function signatureOf(node: Node): string {
  const types = node.inputs.map(({ type }) => `${type.dtype}[${type.shape.join(',')}]`);
  return `${node.op}(${types.join(', ')}) ${JSON.stringify(node.attrs)}`;
}
