import { GraphError } from '../base/errors.ts';
import { sameShape } from '../base/shape.ts';
import { nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Value } from '../graph/types.ts';
import { columnsFor, lastOf, rowsOf, teamsFor, vecWidth } from './launch.ts';
import { addOp, inputAt, numberAttr, outputAt, requireShape, rowVariants } from './op.ts';
import type { Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { sumColumns } from './reduce.ts';

/**
 * RMS norm of each head of q and k in qkv f32[..,(H+2Hkv)*D], with the gains qgain and kgain f32[D]; v is copied.
 *
 * @returns y as qkv, and the 1 / rms f32[R,H+Hkv] that the backward pass reads.
 */
export function qkNorm(
  g: Graph,
  qkv: Value,
  qgain: Value,
  kgain: Value,
  attrs: { heads: number; kvHeads: number; headSize: number; eps: number },
  name?: string,
): readonly [Value, Value] {
  const [y, rstd] = addOp(g, 'qk_norm', qkNormOps.qk_norm, [qkv, qgain, kgain], { ...attrs }, name);
  if (y === undefined || rstd === undefined) throw new GraphError({ where: 'qk_norm', rule: 'the node lacks an output' });
  return [y, rstd];
}

export const qkNormOps: Record<'qk_norm' | 'qk_norm_backward' | 'qk_norm_param_backward', Op> = {
  qk_norm: {
    shape(node) {
      const [qkv, qgain, kgain] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      const { normed, headSize } = headsOf(node, inputAt(node, 0));
      const gains = sameShape(qgain.shape, [headSize]) && sameShape(kgain.shape, [headSize]);
      requireShape(node, gains, `the gains do not fit head size ${headSize}`);
      return [qkv, f32(rowsOf(qkv), normed)];
    },
    // Per head of q and k, xhat = x rstd, w = dy gain: dx = rstd (w - xhat mean(w xhat)); dv = dy
    // dgain = sum over rows and heads of dy xhat
    vjp(g, node, [dy, drstd]) {
      if (drstd !== undefined) throw new GraphError({ where: nodeLabel(node), rule: 'its 1 / rms has no gradient' });
      if (dy === undefined) return [];
      const [qkv, qgain, kgain, rstd] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), outputAt(node, 1)];
      const { attrs, name } = node;
      return [
        ...addOp(g, 'qk_norm_backward', qkNormOps.qk_norm_backward, [dy, qkv, qgain, kgain, rstd], attrs, name),
        ...addOp(g, 'qk_norm_param_backward', qkNormOps.qk_norm_param_backward, [dy, qkv, rstd], attrs, name),
      ];
    },
    variants: rowVariants((node, alone) => {
      const [x, qgain, kgain, y, rstds] = [
        inputAt(node, 0),
        inputAt(node, 1),
        inputAt(node, 2),
        outputAt(node, 0),
        outputAt(node, 1),
      ];
      const dispatch = overHeads('norm/qk-norm-forward', node, { x, qgain, kgain, y, rstds }, x, alone);
      return [{ ...dispatch, sizes: { ...dispatch.sizes, eps: numberAttr(node, 'eps') } }];
    }),
  },

  qk_norm_backward: {
    shape(node) {
      const [dy, qkv] = [inputAt(node, 0), inputAt(node, 1)];
      const { normed, headSize } = headsOf(node, qkv);
      requireShape(node, sameShape(dy.type.shape, qkv.type.shape), 'dy and qkv differ in shape');
      const gains = [2, 3].every((i) => sameShape(inputAt(node, i).type.shape, [headSize]));
      requireShape(node, gains, `the gains do not fit head size ${headSize}`);
      requireShape(
        node,
        sameShape(inputAt(node, 4).type.shape, [rowsOf(qkv.type), normed]),
        'rstd does not fit the heads of qkv',
      );
      return [qkv.type];
    },
    vjp: 'none',
    variants: rowVariants((node, alone) => {
      const [dy, x, qgain, kgain] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
      const bind = { dy, x, qgain, kgain, rstds: inputAt(node, 4), dx: outputAt(node, 0) };
      return [overHeads('norm/qk-norm-backward', node, bind, x, alone)];
    }),
  },

  qk_norm_param_backward: {
    shape(node) {
      const [dy, qkv, rstd] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
      const { normed, headSize } = headsOf(node, qkv);
      requireShape(node, sameShape(dy.type.shape, qkv.type.shape), 'dy and qkv differ in shape');
      requireShape(node, sameShape(rstd.type.shape, [rowsOf(qkv.type), normed]), 'rstd does not fit the heads of qkv');
      return [f32(headSize), f32(headSize)];
    },
    vjp: 'none',
    variants: rowVariants((node, alone) => {
      const { queries, kvHeads } = headsOf(node, inputAt(node, 1));
      return [
        ...gainSums(node, outputAt(node, 0), 0, queries, alone),
        ...gainSums(node, outputAt(node, 1), queries, kvHeads, alone),
      ];
    }),
  },
};

interface Heads {
  readonly queries: number;
  readonly kvHeads: number;
  /** H + Hkv */
  readonly normed: number;
  /** H + 2 Hkv */
  readonly all: number;
  readonly headSize: number;
}

/** @throws ShapeError when the heads of the attributes do not make up the last dimension of qkv. */
function headsOf(node: Unshaped, qkv: Value): Heads {
  const [queries, kvHeads, headSize] = [numberAttr(node, 'heads'), numberAttr(node, 'kvHeads'), numberAttr(node, 'headSize')];
  const all = queries + 2 * kvHeads;
  requireShape(node, qkv.type.dtype === 'f32' && qkv.type.shape.length > 0, 'qkv is f32 of at least one dimension');
  const fits = [queries, kvHeads, headSize].every((n) => Number.isInteger(n) && n > 0) && all * headSize === lastOf(qkv.type);
  requireShape(node, fits, `${queries} + 2 x ${kvHeads} heads of ${headSize} are not the last dimension of qkv`);
  return { queries, kvHeads, normed: queries + kvHeads, all, headSize };
}

function overHeads(kernel: string, node: Node, bind: Dispatch['bind'], x: Value, alone: boolean): Dispatch {
  const { queries, normed, all, headSize } = headsOf(node, x);
  const rows = rowsOf(x.type);
  const vec = vecWidth(headSize);
  const teams = teamsFor(headSize / vec, alone);
  return {
    kernel,
    bind,
    sizes: { rows, queries, normed, heads: all, columns: headSize / vec },
    overrides: teams.overrides,
    template: { WIDTH: vec },
    grid: teams.grid(rows * all),
  };
}

/** dgain of the `counted` heads from `start` on. */
function gainSums(node: Node, dgain: Value, start: number, counted: number, alone: boolean): readonly Dispatch[] {
  const [dy, x, rstds] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
  const { normed, all, headSize } = headsOf(node, x);
  const rows = rowsOf(x.type);
  const vec = vecWidth(headSize);
  const { overrides, chunk, chunks, grid } = columnsFor(rows * counted, headSize / vec, alone);
  const stage = (to: Value | Scratch): Dispatch => ({
    kernel: 'norm/qk-norm-param-backward',
    bind: { dy, x, rstds, dgain: to },
    sizes: { rows, first: start, counted, normed, heads: all, columns: headSize / vec, chunk },
    overrides,
    template: { WIDTH: vec },
    grid,
  });
  if (chunks === 1) return [stage(dgain)];
  const sums: Scratch = { scratch: `gain sums from head ${start}`, type: f32(chunks, headSize) };
  return [stage(sums), ...sumColumns(sums, dgain, chunks, headSize, alone)];
}
