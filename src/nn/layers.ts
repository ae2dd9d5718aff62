import { GraphError } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/types.ts';
import { biasAdd } from '../ops/elementwise.ts';
import { matmul } from '../ops/matmul.ts';
import { norm } from '../ops/norm.ts';

/** A model's tensors by name. */
export type Weights = ReadonlyMap<string, Value>;

/** @throws GraphError for a name that the model has not. */
export function weight(weights: Weights, name: string): Value {
  const value = weights.get(name);
  if (value === undefined) throw new GraphError({ where: `weight ${name}`, rule: 'the model has no such tensor' });
  return value;
}

/**
 * `x W + b`: x `[..,K]`, `<name>.weight` `[K,N]`, `<name>.bias` `[N]` where the model has one. `parts` are column counts of layers
 * that lie side by side in one weight, and are multiplied one by one unless a rule merges them.
 */
export function linear(g: Graph, weights: Weights, name: string, x: Value, parts: readonly number[] = []): Value {
  return g.scope(name, () => {
    const y = matmul(g, x, weight(weights, `${name}.weight`), { parts });
    const bias = weights.get(`${name}.bias`);
    return bias === undefined ? y : biasAdd(g, y, bias);
  });
}

export const NORM_EPS = 1e-5;

/** Layer norm or RMS norm over the last dimension, with `<name>.gain` `[C]` and, where the model has one, `<name>.bias` `[C]`. */
export function normalize(g: Graph, weights: Weights, name: string, kind: 'layernorm' | 'rmsnorm', x: Value): Value {
  return g.scope(name, () => {
    const [y] = norm(g, x, weight(weights, `${name}.gain`), weights.get(`${name}.bias`), { kind, eps: NORM_EPS });
    return y;
  });
}
