import { GraphError } from '../base/errors.ts';
import { nodeLabel, printGraph, valueLabel } from './graph.ts';
import type { Graph } from './graph.ts';
import { printType, sameType } from './types.ts';
import type { Node, Type, Value } from './types.ts';

/** What the checker must know of an op: its shape rule, and which inputs it updates in place. */
export interface OpRules {
  shape(node: Pick<Node, 'op' | 'name' | 'inputs' | 'attrs' | 'id'>): readonly Type[];
  updates(op: string): readonly number[];
}

/**
 * Holds a graph against its rules: every value defined before it is used, types as the shape rules say, phases in order,
 * no state read by a micro node after its update, but by one that updates another tensor of it, no value in two packs. Run after
 * building and after every pass.
 *
 * @throws GraphError naming the node; its cause carries the printed graph.
 */
export function checkGraph(graph: Graph, rules: OpRules): void {
  const fail = (node: Node, rule: string, got?: string, expected?: string): never => {
    throw new GraphError({
      where: nodeLabel(node),
      rule,
      ...(got === undefined ? {} : { got }),
      ...(expected === undefined ? {} : { expected }),
      cause: new Error(printGraph(graph)),
    });
  };
  const defined = new Set<Value>();
  const packed = new Set<Value>();
  const updated = new Set<Node>();
  const targets = new Set<Value>();
  let phase = 'micro';
  for (const [position, node] of graph.nodes.entries()) {
    if (node.id !== position) fail(node, 'ids follow the order of nodes', `id ${node.id}`, `${position}`);
    if (phase === 'update' && node.phase === 'micro') fail(node, 'a micro node follows an update node');
    phase = node.phase;
    for (const [i, input] of node.inputs.entries()) {
      if (!defined.has(input)) fail(node, `input ${valueLabel(input)} is not defined before it is used`);
      if (updated.has(input.node) && node.phase === 'micro' && !rules.updates(node.op).includes(i))
        fail(node, `input ${valueLabel(input)} was updated before this read`);
    }
    if (node.op === 'pack') {
      for (const input of node.inputs) {
        if (packed.has(input)) fail(node, `input ${valueLabel(input)} lies in a pack already`);
        if (input.node.op === 'state' || input.node.op === 'input' || input.node.op === 'pack') {
          fail(node, `input ${valueLabel(input)} cannot be moved into a pack`, input.node.op, 'the output of a kernel');
        }
        packed.add(input);
      }
    }
    if (node.op !== 'input' && node.op !== 'state' && node.op !== 'pack') {
      const types = rules.shape(node);
      const agree =
        types.length === node.outputs.length && types.every((type, i) => sameType(type, node.outputs[i]?.type ?? type));
      if (!agree) {
        const got = node.outputs.map((value) => printType(value.type)).join(', ');
        fail(node, 'output types are not those of the shape rule', got, types.map(printType).join(', '));
      }
      for (const i of rules.updates(node.op)) {
        const target = node.inputs[i];
        if (target?.node.op !== 'state') fail(node, `input ${i} is updated in place`, target?.node.op ?? 'nothing', 'a state');
        else if (node.phase === 'micro' && targets.has(target)) fail(node, `input ${valueLabel(target)} is updated twice`);
        else {
          updated.add(target.node);
          targets.add(target);
        }
      }
    }
    node.outputs.forEach((value) => defined.add(value));
  }
  for (const output of graph.outputs) {
    if (!defined.has(output.value)) {
      throw new GraphError({ where: `output "${output.name}"`, rule: `${valueLabel(output.value)} is not in the graph` });
    }
  }
}
