import { sameShape, sizeOf } from '../base/shape.ts';
import { ShapeError, unreachable } from '../base/errors.ts';
import { first, nodeLabel } from '../graph/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Node, Value } from '../graph/types.ts';
import { lastOf, vecWidth } from './launch.ts';
import { flatDispatch, isProducer } from './made.ts';
import type { Producer } from './made.ts';
import { addOp, inputAt, numberAttr, outputAt, plainVariant, requireShape, rowVariants, textAttr } from './op.ts';
import type { Dispatch, Op, Unshaped } from './op.ts';
import { sumLeading } from './reduce.ts';

/** a + b, of one shape: the residual stream. */
export function add(g: Graph, a: Value, b: Value, name?: string): Value {
  return first(addOp(g, 'add', elementwiseOps.add, [a, b], {}, name));
}

/** x f32[..,N] + bias f32[N]. */
export function biasAdd(g: Graph, x: Value, bias: Value, name?: string): Value {
  return first(addOp(g, 'bias_add', elementwiseOps.bias_add, [x, bias], {}, name));
}

export type ActivationKind = 'gelu' | 'relu2' | 'softcap';

/** `gelu` is the tanh form; `softcap` is cap tanh(x / cap) and needs a positive `cap`. */
export function activation(g: Graph, x: Value, attrs: { kind: ActivationKind; cap?: number }, name?: string): Value {
  const { kind, cap = 0 } = attrs;
  return first(addOp(g, 'activation', elementwiseOps.activation, [x], { kind, cap }, name));
}

/** The gradient by x where `dy` is that by activation(x). */
export function activationBackward(
  g: Graph,
  dy: Value,
  x: Value,
  attrs: { kind: ActivationKind; cap?: number },
  name?: string,
): Value {
  const { kind, cap = 0 } = attrs;
  return first(addOp(g, 'activation_backward', elementwiseOps.activation_backward, [dy, x], { kind, cap }, name));
}

export const elementwiseOps: Record<'add' | 'bias_add' | 'activation' | 'activation_backward', Op> = {
  add: {
    shape(node) {
      const [a, b] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, a.dtype === 'f32' && b.dtype === 'f32', 'both terms are f32');
      requireShape(node, sameShape(a.shape, b.shape), 'terms differ in shape');
      return [a];
    },
    // d(a + b) = da + db
    vjp: (_g, _node, [dy]) => [dy, dy],
    variants: plainVariant((node) => lowerAdd(node, false)),
  },

  bias_add: {
    shape(node) {
      const [x, bias] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, x.dtype === 'f32' && bias.dtype === 'f32', 'x and bias are f32');
      requireShape(node, sameShape(bias.shape, x.shape.slice(-1)), 'the bias does not fit the last dimension of x');
      return [x];
    },
    // dx = dy, dbias[n] = sum over rows of dy[r,n]
    vjp: (g, node, [dy]) => (dy === undefined ? [] : [dy, sumLeading(g, dy, 1, node.name)]),
    variants: plainVariant((node) => lowerAdd(node, false)),
  },

  activation: {
    shape(node) {
      const x = inputAt(node, 0).type;
      requireShape(node, x.dtype === 'f32', 'x is f32');
      kindOf(node);
      return [x];
    },
    // dx = dy f'(x)
    vjp(g, node, [dy]) {
      if (dy === undefined) return [];
      return addOp(g, 'activation_backward', elementwiseOps.activation_backward, [dy, inputAt(node, 0)], node.attrs, node.name);
    },
    variants: plainVariant((node) => lowerActivation(node, false)),
  },

  activation_backward: {
    shape(node) {
      const [dy, x] = [inputAt(node, 0).type, inputAt(node, 1).type];
      requireShape(node, dy.dtype === 'f32' && x.dtype === 'f32', 'dy and x are f32');
      requireShape(node, sameShape(dy.shape, x.shape), 'dy and x differ in shape');
      kindOf(node);
      return [x];
    },
    vjp: 'none',
    variants: plainVariant((node) => lowerActivationBackward(node, false)),
  },
};

/** Sums and activations that give more beside their result: which result, and how. */
export const elementwiseProducers: Record<'add' | 'activation' | 'activation_backward', Producer> = {
  add: { op: elementwiseOps.add, result: 0, variants: rowVariants(lowerAdd) },
  activation: { op: elementwiseOps.activation, result: 0, variants: rowVariants(lowerActivation) },
  activation_backward: { op: elementwiseOps.activation_backward, result: 0, variants: rowVariants(lowerActivationBackward) },
};

function lowerAdd(node: Node, alone: boolean): readonly Dispatch[] {
  return [addRepeated(inputAt(node, 0), inputAt(node, 1), outputAt(node, 0), alone)];
}

/** y = a + b, where b repeats to fill a: the dispatch of every sum with broadcasting over leading dimensions. */
export function addRepeated(a: Value, b: Value, y: Value, alone = false): Dispatch {
  const vec = widthOf(y, b);
  const sizes = { period: sizeOf(b.type.shape) / vec };
  const dispatch = { kernel: 'elementwise/add-forward', bind: { a, b, y }, sizes, template: { WIDTH: vec } };
  return flatDispatch(dispatch, y, sizeOf(y.type.shape) / vec, alone);
}

function lowerActivation(node: Node, alone: boolean): readonly Dispatch[] {
  const [x, y] = [inputAt(node, 0), outputAt(node, 0)];
  return [pointwise(node, 'elementwise/activation-forward', { x, y }, y, alone)];
}

function lowerActivationBackward(node: Node, alone: boolean): readonly Dispatch[] {
  const [dy, x, dx] = [inputAt(node, 0), inputAt(node, 1), outputAt(node, 0)];
  return [pointwise(node, 'elementwise/activation-backward', { dy, x, dx }, dx, alone)];
}

function pointwise(node: Node, kernel: string, bind: Record<string, Value>, y: Value, alone: boolean): Dispatch {
  const vec = widthOf(y);
  const sizes = { cap: numberAttr(node, 'cap') };
  const dispatch = { kernel, bind, sizes, overrides: { KIND: kindOf(node) }, template: { WIDTH: vec } };
  return flatDispatch(dispatch, y, sizeOf(y.type.shape) / vec, alone);
}

/** Floats a vector of y, and of what repeats to fill it. What is given beside y may belong to whole rows: vectors do not cross those. */
function widthOf(y: Value, repeated = y): 1 | 4 {
  return vecWidth(isProducer(y.node) ? lastOf(y.type) : sizeOf(repeated.type.shape));
}

/** The override `KIND`. @throws ShapeError for a kind that there is not, or a cap that is not positive. */
function kindOf(node: Unshaped): number {
  const kind = textAttr(node, 'kind');
  const where = nodeLabel(node);
  if (!isKind(kind)) throw new ShapeError({ where, rule: 'there is no such activation', got: kind, expected: KINDS.join(', ') });
  switch (kind) {
    case 'gelu':
      return 0;
    case 'relu2':
      return 1;
    case 'softcap':
      if (!(numberAttr(node, 'cap') > 0))
        throw new ShapeError({ where, rule: 'the cap is not positive', got: `${numberAttr(node, 'cap')}` });
      return 2;
    default:
      return unreachable(kind);
  }
}

const KINDS = ['gelu', 'relu2', 'softcap'] as const satisfies readonly ActivationKind[];

function isKind(text: string): text is ActivationKind {
  return KINDS.some((kind) => kind === text);
}
