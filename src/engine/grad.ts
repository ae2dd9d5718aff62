import { GraphError } from '../base/errors.ts';
import { nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Node, Value } from '../graph/types.ts';
import { add } from '../ops/elementwise.ts';
import { constant } from '../ops/reduce.ts';
import { opOf } from '../ops/table.ts';

/** {@link pullback} of a value of one element: its gradient with respect to each of `wrt`. */
export function gradients(g: Graph, objective: Value, wrt: readonly Value[]): readonly Value[] {
  const one = g.scope('objective', () => constant(g, { value: 1, size: 1 }));
  return pullback(g, new Map([[objective, one]]), wrt);
}

/**
 * Reverse-mode differentiation: adds the backward pass to the graph, from the gradients `seeds` of some values, and gives the
 * gradient of each of `wrt`. Where a value is used several times its gradients are summed in the reverse order of its uses, always
 * the same.
 *
 * @throws GraphError when no seed depends on a value of `wrt`, or an op on the way has no VJP.
 */
export function pullback(g: Graph, seeds: ReadonlyMap<Value, Value>, wrt: readonly Value[]): readonly Value[] {
  const forward = [...g.nodes];
  const live = reachableFrom(forward, new Set(wrt));
  const grads = new Map(seeds);
  for (const node of forward.toReversed()) {
    if (!node.inputs.some((input) => live.has(input)) || !node.outputs.some((output) => grads.has(output))) continue;
    const { vjp } = opOf(node.op);
    if (vjp === 'none') throw new GraphError({ where: nodeLabel(node), rule: 'the op has no gradient' });
    const douts = node.outputs.map((output) => grads.get(output));
    const dins = g.scope(`d ${node.name}`, () => vjp(g, node, douts));
    for (const [i, input] of node.inputs.entries()) {
      const din = dins[i];
      if (din === undefined || !live.has(input)) continue;
      const before = grads.get(input);
      grads.set(input, before === undefined ? din : g.scope(`d ${input.node.name}`, () => add(g, before, din)));
    }
  }
  return wrt.map((value) => {
    const grad = grads.get(value);
    if (grad === undefined) throw new GraphError({ where: nodeLabel(value.node), rule: 'the objective does not depend on it' });
    return grad;
  });
}

/** Values that depend on one of `sources`, the sources included. */
function reachableFrom(nodes: readonly Node[], sources: ReadonlySet<Value>): ReadonlySet<Value> {
  const reached = new Set<Value>(sources);
  for (const node of nodes) {
    if (node.inputs.some((input) => reached.has(input))) node.outputs.forEach((output) => reached.add(output));
  }
  return reached;
}
