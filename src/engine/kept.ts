import { wordsOf } from '../graph/types.ts';
import type { Value } from '../graph/types.ts';
import type { Plan } from './plan.ts';
import { gradientsOf } from './sites.ts';

/**
 * Bytes that a step keeps from its forward pass for its backward pass, all lanes together: what is made before the first gradient and
 * read after it. Weights and inputs are there anyway and do not count.
 */
export function keptBytes({ graph, lanes, steps, homes }: Pick<Plan, 'graph' | 'lanes' | 'steps' | 'homes'>): number {
  const gradients = gradientsOf(graph);
  const turn = steps.findIndex(({ node }) => node.outputs.some((output) => gradients.has(output)));
  if (turn < 0) return 0;
  const made = new Set<Value>(steps.slice(0, turn).flatMap(({ node }) => node.outputs));
  const isKept = (value: Value): boolean => made.has(value) && homes.get(value)?.kind === 'pool';
  const kept = new Set<Value>(steps.slice(turn + 1).flatMap(({ node }) => node.inputs.filter(isKept)));
  return [...kept].reduce((sum, { type }) => sum + 4 * lanes * wordsOf(type), 0);
}
