import { GraphError } from '../base/errors.ts';
import { packOf, printType } from './types.ts';
import type { Attrs, Dtype, Node, Phase, Type, Value } from './types.ts';

/** How often a graph input is fed or an output is read. */
export type Rate = 'micro' | 'step';

export interface Output {
  readonly name: string;
  readonly value: Value;
  readonly rate: Rate;
}

/**
 * A static program as a list of nodes in the order they run. Nodes are only added; a rewrite makes a new graph
 * (see `engine/rewrite.ts`).
 */
export class Graph {
  readonly nodes: Node[] = [];
  readonly outputs: Output[] = [];
  /** Phase and name prefix that the next nodes get. */
  phase: Phase = 'micro';
  private readonly scopes: string[] = [];

  /** Adds a node. `types` come from the op's shape rule; builders in `ops/` compute them. */
  add(op: string, inputs: readonly Value[], attrs: Attrs, types: readonly Type[], name?: string): readonly Value[] {
    const outputs: Value[] = [];
    const node: Node = {
      id: this.nodes.length,
      op,
      name: name ?? this.scopes.join('.'),
      inputs,
      attrs,
      outputs,
      phase: this.phase,
    };
    for (const [index, type] of types.entries()) outputs.push({ node, index, type });
    this.nodes.push(node);
    return outputs;
  }

  /** Data that the host uploads for every micro-batch or every step. */
  input(name: string, type: Type, rate: Rate): Value {
    return first(this.add('input', [], { name, rate }, [type], name));
  }

  /**
   * Tensors that live from step to step in one buffer, the arena `arena`; what it holds is the store's.
   * Gives the whole arena as a pack, and its tensors by name.
   */
  state(arena: string, tensors: readonly NamedShape[], dtype: Dtype = 'f32'): State {
    const shapes = tensors.map((tensor) => tensor.shape);
    const types: Type[] = [packOf(shapes, dtype), ...shapes.map((shape): Type => ({ dtype, shape }))];
    const names = tensors.map((tensor) => tensor.name).join(' ');
    const [pack, ...parts] = this.add('state', [], { arena, tensors: names }, types, arena);
    return {
      pack: first(pack === undefined ? [] : [pack]),
      tensors: new Map(tensors.map((tensor, i) => [tensor.name, first(parts.slice(i))])),
    };
  }

  /** Makes the given values, of one dtype, lie one after another in one buffer, so that one dispatch can take them all. */
  pack(values: readonly Value[], name: string): Value {
    const dtype = values[0]?.type.dtype ?? 'f32';
    return first(
      this.add(
        'pack',
        values,
        {},
        [
          packOf(
            values.map((value) => value.type.shape),
            dtype,
          ),
        ],
        name,
      ),
    );
  }

  /** Names a value that the host reads back. */
  output(name: string, value: Value, rate: Rate): void {
    if (this.outputs.some((output) => output.name === name)) {
      throw new GraphError({ where: `output "${name}"`, rule: 'the name is taken' });
    }
    this.outputs.push({ name, value, rate });
  }

  /** Runs `body` with `name` appended to the names of the nodes it adds. */
  scope<T>(name: string, body: () => T): T {
    this.scopes.push(name);
    try {
      return body();
    } finally {
      this.scopes.pop();
    }
  }
}

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

export interface State {
  readonly pack: Value;
  readonly tensors: ReadonlyMap<string, Value>;
}

/** The only value of a list. */
export function first(values: readonly Value[]): Value {
  const value = values[0];
  if (value === undefined) throw new GraphError({ where: 'graph', rule: 'the node has no output' });
  return value;
}

/** `node 14 matmul "mlp/0"`: how errors name a node. */
export function nodeLabel(node: { readonly id: number; readonly op: string; readonly name: string }): string {
  return `node ${node.id} ${node.op} "${node.name}"`;
}

/** `%14` or `%14.1` for a second output. */
export function valueLabel(value: Value): string {
  return value.index === 0 ? `%${value.node.id}` : `%${value.node.id}.${value.index}`;
}

/** How often each value is read, by nodes and by outputs. */
export function countUses(graph: Graph): Map<Value, number> {
  const uses = new Map<Value, number>();
  const use = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of graph.nodes) node.inputs.forEach(use);
  for (const output of graph.outputs) use(output.value);
  return uses;
}

/** One line a node: `%14: f32[8,64] = matmul(%3, %5) {transposeB: true} "blocks.0.mlp.fc"`. */
export function printGraph(graph: Graph): string {
  const lines = graph.nodes.map((node) => {
    const outputs = node.outputs.map((value) => `${valueLabel(value)}: ${printType(value.type)}`).join(', ');
    const attrs = Object.entries(node.attrs).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
    const tail = `${attrs.length === 0 ? '' : ` {${attrs.join(', ')}}`} "${node.name}"`;
    const call = `${node.op}(${node.inputs.map(valueLabel).join(', ')})${tail}`;
    return `${node.phase === 'update' ? 'update ' : ''}${outputs === '' ? call : `${outputs} = ${call}`}`;
  });
  for (const { name, value, rate } of graph.outputs) lines.push(`output ${name}: ${valueLabel(value)} each ${rate}`);
  return lines.join('\n');
}
