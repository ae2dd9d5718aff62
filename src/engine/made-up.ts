import { GraphError } from '../base/errors.ts';
import { normals } from '../base/random.ts';
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

/** Fills all inputs of a graph that were made up for `node`: normals, or what its op says. `change` sees those of floats that nothing is said of. */
export function fillInputs(program: Program, g: Graph, node: Node, change?: (view: Float32Array) => void): void {
  for (const input of g.nodes) {
    if (input.op === 'input') fillInput(program, String(input.attrs['name']), node, change);
  }
}

function fillInput(program: Program, name: string, node: Node, change?: (view: Float32Array) => void): void {
  const { words, floats } = opOf(node.op);
  const view = program.slot(name, 0);
  const position = Number(name.slice('in'.length));
  if (view instanceof Float32Array) {
    if (floats?.(node, position, 0) === undefined) {
      normals(view, 1, name, 1);
      change?.(view);
    } else for (let i = 0; i < view.length; i++) view[i] = floats(node, position, i) ?? 0;
  } else {
    if (words === undefined)
      throw new GraphError({ where: nodeLabel(node), rule: 'the op says nothing of its inputs of integers' });
    for (let i = 0; i < view.length; i++) view[i] = words(node, position, i);
  }
}

/** Fills the states of a graph with numbers of many magnitudes, for states hold amaxes too. */
export function fillStates(store: Store, g: Graph): void {
  for (const { arena, names, dtype } of statesOf(g)) {
    for (const name of names) {
      const values = new Float32Array(sizeOf(store.shapeOf(arena, name)));
      normals(values, 1, `${arena} ${name}`, 1);
      const spread = values.map((value, i) => Math.abs(value) * 2 ** ((i % 41) - 20));
      store.write(arena, name, 0, dtype === 'f32' ? spread : new Uint32Array(spread.buffer));
    }
  }
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
