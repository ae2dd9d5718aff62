import type { Value } from '../graph/types.ts';
import type { Plan } from './plan.ts';
import { gradientsOf } from './sites.ts';

/**
 * Bytes that a step keeps from its forward pass for its backward pass, all lanes together: what is made before the first gradient and
 * read after it. Weights and inputs are there anyway and do not count.
 */
export function keptBytes({ graph, steps, homes }: Pick<Plan, 'graph' | 'steps' | 'homes'>): number {
  const gradients = gradientsOf(graph);
  const turn = steps.findIndex(({ node }) => node.outputs.some((output) => gradients.has(output)));
  if (turn < 0) return 0;
  const made = new Set<Value>(steps.slice(0, turn).flatMap(({ node }) => node.outputs));
  const kept = new Set<Value>(steps.slice(turn + 1).flatMap(({ node }) => node.inputs.filter((input) => made.has(input))));
  return [...kept].reduce((sum, value) => {
    const home = homes.get(value);
    return sum + (home?.kind === 'pool' ? home.size : 0);
  }, 0);
}
