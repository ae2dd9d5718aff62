import { countUses, Graph } from '../graph/graph.ts';
import { checkGraph } from '../graph/check.ts';
import type { Node, Value } from '../graph/types.ts';
import { opRules, updatesOf } from '../ops/table.ts';

/** What a rule may ask and do while a graph is copied node by node into a new one. */
export interface Rewriting {
  /** The new graph, as far as it is copied; a rule adds its nodes here. */
  readonly g: Graph;
  /** The value of the new graph that stands for `value` of the old. */
  get(value: Value): Value;
  /** How often the old graph reads `value`. */
  uses(value: Value): number;
  /** Nodes of the old graph that read `value`, in order. */
  readers(value: Value): readonly Node[];
  /** From here on `to` (new graph) stands for `from` (old graph). */
  replace(from: Value, to: Value): void;
}

/** A named rewrite, switched by its name in the spec. */
export interface Rule {
  readonly name: string;
  /** The fused op that it makes. */
  readonly makes: string;
  /** Before the gradient is taken (the backward pass follows from the fused form), or after. */
  readonly stage: 'forward' | 'whole';
  /** Replaces what `node` computes, or gives false and leaves it as it is. */
  apply(node: Node, rewriting: Rewriting): boolean;
}

/** Copies `graph`, letting `rule` replace nodes; what nothing reads any more is left out, and the result is checked. */
export function rewrite(graph: Graph, rule: Rule): Graph {
  const g = new Graph();
  const values = new Map<Value, Value>();
  const uses = countUses(graph);
  const readers = new Map<Value, Node[]>();
  for (const node of graph.nodes) {
    for (const input of new Set(node.inputs)) readers.set(input, [...(readers.get(input) ?? []), node]);
  }
  const rewriting: Rewriting = {
    g,
    get: (value) => values.get(value) ?? value,
    uses: (value) => uses.get(value) ?? 0,
    readers: (value) => readers.get(value) ?? [],
    replace: (from, to) => void values.set(from, to),
  };
  for (const node of graph.nodes) {
    if (node.outputs.length > 0 && node.outputs.every((output) => values.has(output))) continue;
    g.phase = node.phase;
    if (!rule.apply(node, rewriting)) copyNode(node, rewriting);
  }
  for (const { name, value, rate } of graph.outputs) g.output(name, rewriting.get(value), rate);
  const pruned = prune(g);
  checkGraph(pruned, opRules);
  return pruned;
}

/** Leaves out every node that neither an output nor an update in place depends on. States and inputs stay. */
export function prune(graph: Graph): Graph {
  const live = new Set<Node>();
  const mark = (value: Value): void => void live.add(value.node);
  graph.outputs.forEach((output) => mark(output.value));
  for (const node of graph.nodes.toReversed()) {
    if (node.op === 'state' || node.op === 'input' || updatesOf(node.op).length > 0) live.add(node);
    if (live.has(node)) node.inputs.forEach(mark);
  }
  const g = new Graph();
  const values = new Map<Value, Value>();
  const get = (value: Value): Value => values.get(value) ?? value;
  for (const node of graph.nodes) {
    if (!live.has(node)) continue;
    g.phase = node.phase;
    copyNode(node, { g, get, replace: (from, to) => void values.set(from, to) });
  }
  for (const { name, value, rate } of graph.outputs) g.output(name, get(value), rate);
  return g;
}

function copyNode(node: Node, { g, get, replace }: Pick<Rewriting, 'g' | 'get' | 'replace'>): void {
  const types = node.outputs.map((output) => output.type);
  const copies = g.add(node.op, node.inputs.map(get), node.attrs, types, node.name);
  for (const [i, output] of node.outputs.entries()) {
    const copy = copies[i];
    if (copy !== undefined) replace(output, copy);
  }
}
