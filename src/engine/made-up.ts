import { GraphError } from '../base/errors.ts';
import { hashName, normals } from '../base/random.ts';
import { sizeOf } from '../base/shape.ts';
import type { Graph } from '../graph/graph.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Dtype, Node, Value } from '../graph/types.ts';
import { opOf } from '../ops/table.ts';
import type { Program } from './program.ts';
import type { Store } from './store.ts';

/** Inputs like those of a node; states for packs, and where the op updates one: copies that are thrown away. */
export function fakeInputs(g: Graph, node: Node): readonly Value[] {
  const { updates = [] } = opOf(node.op);
  return node.inputs.map(({ type: { dtype, shape, parts } }, i) => {
    const isState = updates.includes(i) || parts !== undefined;
    if (!isState) return g.input(`in${i}`, { dtype, shape }, 'step');
    const tensors = (parts ?? [shape]).map((part, j) => ({ name: `part${j}`, shape: part }));
    const state = g.state(`in${i}`, tensors, dtype === 'u32' ? 'u32' : 'f32');
    return parts === undefined ? first([...state.tensors.values()]) : state.pack;
  });
}

/** A node like `node` with other inputs, in another graph. */
export function copyOf(node: Node): (g: Graph, inputs: readonly Value[]) => readonly Value[] {
  const types = node.outputs.map((output) => output.type);
  return (g, inputs) => g.add(node.op, inputs, node.attrs, types, node.name);
}

/** Changes made-up floats that nothing is said of, the elements of a tensor whose last dimension is `columns`. */
export type Change = (view: Float32Array, columns: number) => void;

export const unchanged: Change = () => undefined;

/** Fills all inputs of a graph that were made up for `node`: normals, other ones for each `draw`, or what its op says. */
export function fillInputs(program: Program, g: Graph, node: Node, change = unchanged, draw = 0): void {
  for (const input of g.nodes) {
    const [columns = 1] = input.outputs[0]?.type.shape.slice(-1) ?? [];
    if (input.op === 'input')
      fillInput(program, String(input.attrs['name']), node, (view) => {
        fillNoise(view, `${String(input.attrs['name'])} ${draw}`);
        change(view, columns);
      });
  }
}

function fillInput(program: Program, name: string, node: Node, fill: (view: Float32Array) => void): void {
  const { words, floats } = opOf(node.op);
  const view = program.slot(name, 0);
  const position = positionOf(name);
  if (view instanceof Float32Array) {
    if (floats?.(node, position, 0) === undefined) fill(view);
    else for (let i = 0; i < view.length; i++) view[i] = floats(node, position, i) ?? 0;
  } else {
    if (words === undefined)
      throw new GraphError({ where: nodeLabel(node), rule: 'the op says nothing of its inputs of integers' });
    for (let i = 0; i < view.length; i++) view[i] = words(node, position, i);
  }
}

/**
 * Fills the states of a graph that were made up for `node` with numbers of many magnitudes; of integers with bits of
 * such. `change` sees floats of ops that update no state.
 */
export function fillStates(store: Store, g: Graph, node: Node, change = unchanged): void {
  const { positive = [], updates } = opOf(node.op);
  for (const { arena, names, dtype } of statesOf(g)) {
    const position = positionOf(arena);
    for (const name of names) {
      const shape = store.shapeOf(arena, name);
      const values = new Float32Array(sizeOf(shape));
      fillNoise(values, `${arena} ${name}`);
      const isPositive = dtype !== 'f32' || positive.includes(position);
      for (const [i, value] of values.entries()) values[i] = (isPositive ? Math.abs(value) : value) * 2 ** ((i % 41) - 20);
      if (dtype === 'f32' && updates === undefined) change(values, shape.at(-1) ?? 1);
      store.write(arena, name, 0, dtype === 'f32' ? values : new Uint32Array(values.buffer));
    }
  }
}

/** Normals that all made-up data are taken from: a prime number, so that no two tiles or rows of a kernel are given the same. */
const NOISE = 65_521;
let noise: Float32Array | undefined;

/** Normals, others under another name. */
function fillNoise(view: Float32Array, name: string): void {
  if (noise === undefined) normals((noise = new Float32Array(NOISE)), 1, 'made up');
  const start = hashName(name) % NOISE;
  for (let i = 0; i < view.length; i++) view[i] = noise[(start + i) % NOISE] ?? 0;
}

/** Which input of the node an input or a state was made up for. */
function positionOf(name: string): number {
  return Number(name.slice('in'.length));
}

export function statesOf(
  g: Graph,
): readonly { readonly arena: string; readonly names: readonly string[]; readonly dtype: Dtype | undefined }[] {
  return g.nodes
    .filter(({ op }) => op === 'state')
    .map(({ attrs, outputs }) => ({
      arena: String(attrs['arena']),
      names: String(attrs['tensors']).split(' '),
      dtype: outputs[0]?.type.dtype,
    }));
}
