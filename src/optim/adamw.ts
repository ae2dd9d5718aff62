import type { Graph, State } from '../graph/graph.ts';
import type { Value } from '../graph/types.ts';
import { adamw, clipGrads, decayWeights, globalNorm } from '../ops/optimizer.ts';
import { roundState } from '../ops/round-state.ts';
import type { RoundStateAttrs } from '../ops/round-state.ts';

export interface Trained {
  readonly name: string;
  readonly shape: readonly number[];
  /** Decoupled weight decay applies. */
  readonly decay: boolean;
}

/** How states are rounded after a step; those left out stay as they are. */
export interface Rounding {
  readonly weights?: RoundStateAttrs;
  readonly m?: RoundStateAttrs;
  readonly v?: RoundStateAttrs;
  /** `u32[2]`, seed and counter, for stochastic rounding. */
  readonly draw?: Value;
}

/**
 * One AdamW step over all parameters (Loshchilov and Hutter 2019), gradients clipped by their global norm. `grads` is a pack in the
 * order of `trained`; the moments live in the arenas `m` and `v`. Gives the global norm before clipping, `[1]`; where that is not finite the
 * lane halts with the weights it had, and m is NaN from then on.
 */
export function adamwStep(
  g: Graph,
  grads: Value,
  weights: State,
  trained: readonly Trained[],
  hyper: Value,
  rounding: Rounding = {},
): Value {
  g.phase = 'update';
  return g.scope('adamw', () => {
    const [m, v] = [g.state('m', trained), g.state('v', trained)];
    const norm = globalNorm(g, grads);
    const clipped = clipGrads(g, grads, norm, hyper);
    const states = { weights: weights.pack, m: m.pack, v: v.pack };
    decayWeights(
      g,
      { ...states, norm, hyper },
      trained.map(({ decay }) => (decay ? 1 : 0)),
    );
    adamw(g, { grads: clipped, ...states, norm, hyper });
    for (const [state, attrs] of [
      [weights, rounding.weights],
      [m, rounding.m],
      [v, rounding.v],
    ] as const) {
      if (attrs !== undefined) roundState(g, state.pack, attrs, attrs.rounding === 'stochastic' ? rounding.draw : undefined);
    }
    return norm;
  });
}
