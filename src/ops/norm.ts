import { GraphError, ShapeError } from '../base/errors.ts';
import { sameShape } from '../base/shape.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import { f32 } from '../graph/types.ts';
import type { Node, Type, Value } from '../graph/types.ts';
import { add } from './elementwise.ts';
import { columnsFor, lastOf, rowsOf, vecWidth } from './launch.ts';
import { madeBy, teamDispatch } from './made.ts';
import type { Producer } from './made.ts';
import { addOp, flagAttr, inputAt, numberAttr, outputAt, requireShape, rowVariants, textAttr } from './op.ts';
import type { Dispatch, Op, Scratch, Unshaped } from './op.ts';
import { sumColumns } from './reduce.ts';

export type NormKind = 'layernorm' | 'rmsnorm';

/**
 * Norm of each row of x f32[..,C] with gain f32[C] and, if given, bias f32[C].
 *
 * @returns y, and the stats f32[R,2] (mean and 1 / standard deviation of each row; mean 0 for rmsnorm) that the backward pass reads.
 */
export function norm(
  g: Graph,
  x: Value,
  gain: Value,
  bias: Value | undefined,
  attrs: { kind: NormKind; eps: number },
  name?: string,
): readonly [Value, Value] {
  const inputs = bias === undefined ? [x, gain] : [x, gain, bias];
  const [y, stats] = addOp(g, 'norm', normOps.norm, inputs, { ...attrs, bias: bias !== undefined }, name);
  if (y === undefined || stats === undefined) throw new GraphError({ where: 'norm', rule: 'the node lacks an output' });
  return [y, stats];
}

/** The norm of a + b, and the sum itself, in one pass: `sum`, then y and stats as {@link norm} has them. */
export function residualNorm(
  g: Graph,
  a: Value,
  b: Value,
  gain: Value,
  bias: Value | undefined,
  attrs: { kind: NormKind; eps: number },
  name?: string,
): { readonly sum: Value; readonly y: Value; readonly stats: Value } {
  const inputs = bias === undefined ? [a, b, gain] : [a, b, gain, bias];
  const outputs = addOp(g, 'residual_norm', normOps.residual_norm, inputs, { ...attrs, bias: bias !== undefined }, name);
  const [sum, y, stats] = outputs;
  if (sum === undefined || y === undefined || stats === undefined)
    throw new GraphError({ where: 'residual_norm', rule: 'the node lacks an output' });
  return { sum, y, stats };
}

export const normOps: Record<'norm' | 'residual_norm' | 'norm_backward' | 'norm_param_backward', Op> = {
  norm: {
    shape(node) {
      const x = inputAt(node, 0).type;
      requireNorm(node, x, 1);
      return [x, f32(rowsOf(x), 2)];
    },
    // xhat = (x - mean) rstd, w = dy gain: dx = rstd (w - mean(w) - xhat mean(w xhat)), the first mean only in layernorm
    // dgain = sum over rows of dy xhat, dbias = sum over rows of dy
    vjp(g, node, [dy, dstats]) {
      if (dstats !== undefined) throw new GraphError({ where: nodeLabel(node), rule: 'its stats have no gradient' });
      if (dy === undefined) return [];
      const [x, gain, stats] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 1)];
      const kind = textAttr(node, 'kind');
      const backward = addOp(g, 'norm_backward', normOps.norm_backward, [dy, x, gain, stats], { kind, addend: false }, node.name);
      const attrs = { kind, bias: flagAttr(node, 'bias') };
      return [backward[0], ...addOp(g, 'norm_param_backward', normOps.norm_param_backward, [dy, x, stats], attrs, node.name)];
    },
    variants: rowVariants(lowerNorm),
  },

  residual_norm: {
    shape(node) {
      const [a, b] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, sameShape(a.shape, b.shape) && b.dtype === 'f32', 'what is added differs in shape');
      requireNorm(node, a, 2);
      return [a, a, f32(rowsOf(a), 2)];
    },
    vjp: 'none',
    plain(g, [a, b, gain, bias], attrs) {
      if (a === undefined || b === undefined || gain === undefined) return [];
      const sum = add(g, a, b);
      return [sum, ...addOp(g, 'norm', normOps.norm, bias === undefined ? [sum, gain] : [sum, gain, bias], attrs)];
    },
    variants: rowVariants(lowerResidualNorm),
  },

  norm_backward: {
    shape(node) {
      const [dy, x] = [inputAt(node, 0).type, inputAt(node, 1).type];
      const [gain, stats] = [inputAt(node, 2).type, inputAt(node, 3).type];
      centred(node);
      requireShape(node, sameShape(dy.shape, x.shape), 'dy and x differ in shape');
      requireShape(node, sameShape(gain.shape, x.shape.slice(-1)), 'the gain does not fit the last dimension of x');
      requireShape(node, sameShape(stats.shape, [rowsOf(x), 2]), 'the stats do not fit the rows of x');
      if (flagAttr(node, 'addend'))
        requireShape(node, sameShape(inputAt(node, 4).type.shape, x.shape), 'the addend and x differ in shape');
      return [x];
    },
    vjp: 'none',
    plain(g, [dy, x, gain, stats, addend], attrs) {
      if (dy === undefined || x === undefined || gain === undefined || stats === undefined) return [];
      const bare = addOp(g, 'norm_backward', normOps.norm_backward, [dy, x, gain, stats], { ...attrs, addend: false });
      return addend === undefined ? bare : [add(g, addend, first(bare))];
    },
    variants: rowVariants(lowerBackward),
  },

  norm_param_backward: {
    shape(node) {
      const [dy, x, stats] = [inputAt(node, 0).type, inputAt(node, 1).type, inputAt(node, 2).type];
      centred(node);
      requireShape(node, sameShape(dy.shape, x.shape), 'dy and x differ in shape');
      requireShape(node, sameShape(stats.shape, [rowsOf(x), 2]), 'the stats do not fit the rows of x');
      const gain = f32(lastOf(x));
      return flagAttr(node, 'bias') ? [gain, gain] : [gain];
    },
    vjp: 'none',
    variants: rowVariants(lowerParamBackward),
  },
};

/** Norms that give more beside their result: which result, and how. */
export const normProducers: Record<'norm' | 'residual_norm' | 'norm_backward', Producer> = {
  norm: { op: normOps.norm, result: 0, variants: rowVariants(lowerNorm) },
  residual_norm: { op: normOps.residual_norm, result: 1, variants: rowVariants(lowerResidualNorm) },
  norm_backward: { op: normOps.norm_backward, result: 0, variants: rowVariants(lowerBackward) },
};

/** What norm and residual_norm have in common; the gain is input `at`, the bias the one after it. */
function requireNorm(node: Unshaped, x: Type, at: number): void {
  const gain = inputAt(node, at).type;
  centred(node);
  const eps = numberAttr(node, 'eps');
  requireShape(node, eps >= 0 && eps < Infinity, `eps is ${eps}`);
  requireShape(node, x.dtype === 'f32' && x.shape.length > 0, 'x is f32 of at least one dimension');
  requireShape(node, sameShape(gain.shape, x.shape.slice(-1)), 'the gain does not fit the last dimension of x');
  if (flagAttr(node, 'bias')) {
    requireShape(node, sameShape(inputAt(node, at + 1).type.shape, gain.shape), 'the bias does not fit the last dimension of x');
  }
}

interface ForwardOperands {
  readonly x: Value;
  readonly gain: Value;
  readonly bias: Value | undefined;
  readonly y: Value;
  readonly stats: Value;
  readonly addend: Value | undefined;
  readonly sum: Value | undefined;
}

function lowerNorm(node: Node, alone: boolean): readonly Dispatch[] {
  const [x, gain, y, stats] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0), outputAt(node, 1)];
  const bias = flagAttr(node, 'bias') ? inputAt(node, 2) : undefined;
  return lowerForward(node, { x, gain, bias, y, stats, addend: undefined, sum: undefined }, alone);
}

function lowerResidualNorm(node: Node, alone: boolean): readonly Dispatch[] {
  const [x, addend, gain] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2)];
  const [sum, y, stats] = [outputAt(node, 0), outputAt(node, 1), outputAt(node, 2)];
  const bias = flagAttr(node, 'bias') ? inputAt(node, 3) : undefined;
  return lowerForward(node, { x, gain, bias, y, stats, addend, sum }, alone);
}

function lowerForward(node: Node, operands: ForwardOperands, alone: boolean): readonly Dispatch[] {
  const flags = { BIASED: operands.bias !== undefined, SUMMED: operands.addend !== undefined };
  const dispatch = overRows('norm/norm-forward', node, { ...operands }, operands.y, alone, flags);
  return [{ ...dispatch, sizes: { ...dispatch.sizes, eps: numberAttr(node, 'eps') } }];
}

function lowerBackward(node: Node, alone: boolean): readonly Dispatch[] {
  const [dy, x, gain, stats] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), inputAt(node, 3)];
  const dx = outputAt(node, 0);
  const ADDEND = flagAttr(node, 'addend');
  const bind = { dy, x, gain, stats, addend: ADDEND ? inputAt(node, 4) : undefined, dx };
  return [overRows('norm/norm-backward', node, bind, dx, alone, { ADDEND })];
}

/** `y` is what the rows make. */
function overRows(
  kernel: string,
  node: Node,
  bind: Dispatch['bind'],
  y: Value,
  alone: boolean,
  flags: Record<string, boolean>,
): Dispatch {
  const overrides = { CENTRED: centred(node), ...flags };
  return teamDispatch({ kernel, bind, sizes: {}, overrides }, y.type, madeBy(y, alone), alone);
}

function lowerParamBackward(node: Node, alone: boolean): readonly Dispatch[] {
  const [dy, x, stats, dgain] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), outputAt(node, 0)];
  const dbias = flagAttr(node, 'bias') ? outputAt(node, 1) : undefined;
  const rows = rowsOf(x.type);
  const width = lastOf(x.type);
  const vec = vecWidth(width);
  const { overrides, chunk, chunks, grid } = columnsFor(rows, width / vec, alone);
  const stage = (gainTo: Value | Scratch, biasTo: Value | Scratch | undefined): Dispatch => ({
    kernel: 'norm/norm-param-backward',
    bind: { dy, x, stats, dgain: gainTo, dbias: biasTo },
    sizes: { rows, columns: width / vec, chunk },
    overrides: { ...overrides, BIASED: dbias !== undefined },
    template: { WIDTH: vec },
    grid,
  });
  if (chunks === 1) return [stage(dgain, dbias)];
  const gains: Scratch = { scratch: 'gain sums', type: f32(chunks, width) };
  const biases: Scratch = { scratch: 'bias sums', type: f32(chunks, width) };
  return [
    stage(gains, dbias === undefined ? undefined : biases),
    ...sumColumns(gains, dgain, chunks, width, alone),
    ...(dbias === undefined ? [] : sumColumns(biases, dbias, chunks, width, alone)),
  ];
}

/** Whether the rows are centred. @throws ShapeError for a kind of norm that there is not. */
function centred(node: Unshaped): boolean {
  const kind = textAttr(node, 'kind');
  if (kind !== 'layernorm' && kind !== 'rmsnorm') {
    throw new ShapeError({ where: nodeLabel(node), rule: 'there is no such norm', got: kind, expected: 'layernorm, rmsnorm' });
  }
  return kind === 'layernorm';
}
