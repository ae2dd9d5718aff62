import { sameShape } from '../base/shape.ts';
import { first } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Type, Value } from '../graph/types.ts';
import { lastOf, rowsOf, teamsFor, vecWidth } from './launch.ts';
import { addOp, inputAt, outputAt, requireShape, rowVariants } from './op.ts';
import type { Dispatch, Op, Unshaped } from './op.ts';

/** Softmax of row t of scores f32[B,H,T,T] over columns 0..t; 0 beyond. */
export function causalSoftmax(g: Graph, scores: Value, name?: string): Value {
  return first(addOp(g, 'causal_softmax', softmaxOps.causal_softmax, [scores], {}, name));
}

/** Gradient of the scores, given that of the probabilities p = {@link causalSoftmax}(scores). */
export function softmaxBackward(g: Graph, dp: Value, p: Value, name?: string): Value {
  return first(addOp(g, 'softmax_backward', softmaxOps.softmax_backward, [dp, p], {}, name));
}

export const softmaxOps: Record<'causal_softmax' | 'softmax_backward', Op> = {
  causal_softmax: {
    shape: (node) => [squareRows(node, inputAt(node, 0).type)],
    // ds[r,c] = p[r,c] (dp[r,c] - sum_k dp[r,k] p[r,k])
    vjp: (g, node, [dp]) => (dp === undefined ? [] : [softmaxBackward(g, dp, outputAt(node, 0), node.name)]),
    variants: rowVariants((node, alone) => {
      const [scores, p] = [inputAt(node, 0), outputAt(node, 0)];
      return [overRows('softmax/causal-softmax-forward', { scores, p }, p.type, alone)];
    }),
  },

  softmax_backward: {
    shape(node) {
      const [dp, p] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, sameShape(dp.shape, p.shape), 'dp and p differ in shape');
      return [squareRows(node, p)];
    },
    vjp: 'none',
    variants: rowVariants((node, alone) => {
      const [dp, p, ds] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
      return [overRows('softmax/softmax-backward', { dp, p, ds }, p.type, alone)];
    }),
  },
};

function squareRows(node: Unshaped, type: Type): Type {
  const square = type.shape.length >= 2 && type.shape.at(-1) === type.shape.at(-2);
  requireShape(node, type.dtype === 'f32' && square, 'the last two dimensions are not equal');
  return type;
}

function overRows(kernel: string, bind: Dispatch['bind'], type: Type, alone: boolean): Dispatch {
  const T = lastOf(type);
  const vec = vecWidth(T);
  const teams = teamsFor(T / vec, alone);
  return {
    kernel,
    bind,
    sizes: { rows: rowsOf(type), T },
    overrides: teams.overrides,
    template: { WIDTH: vec },
    grid: teams.grid(rowsOf(type)),
  };
}
