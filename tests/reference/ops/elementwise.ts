import type { Attrs } from '../../../src/graph/types.ts';
import { dim, el, fill, input, numberOf, rowsOf, tensor, textOf } from '../tensor.ts';
import type { Reference } from '../tensor.ts';

const GELU_SLOPE = Math.sqrt(2 / Math.PI);
const GELU_CUBIC = 0.044715;

/** A function of one variable and its derivative. */
interface Curve {
  at(x: number): number;
  slope(x: number): number;
}

/** The tanh form of Hendrycks and Gimpel 2016, section 2. */
const gelu: Curve = {
  at: (x) => 0.5 * x * (1 + Math.tanh(GELU_SLOPE * (x + GELU_CUBIC * x ** 3))),
  slope(x) {
    const t = Math.tanh(GELU_SLOPE * (x + GELU_CUBIC * x ** 3));
    // 1 - t^2 is 0 wherever the polynomial beside it could overflow.
    const bell = 1 - t * t;
    return 0.5 * (1 + t) + (bell === 0 ? 0 : 0.5 * x * bell * GELU_SLOPE * (1 + 3 * GELU_CUBIC * x * x));
  },
};

/** Squared ReLU, So et al. 2021 (Primer). */
const relu2: Curve = { at: (x) => Math.max(x, 0) ** 2, slope: (x) => 2 * Math.max(x, 0) };

const softcap = (cap: number): Curve => ({ at: (x) => cap * Math.tanh(x / cap), slope: (x) => 1 - Math.tanh(x / cap) ** 2 });

export function curveOf(kind: string, cap = 0): Curve {
  switch (kind) {
    case 'gelu':
      return gelu;
    case 'relu2':
      return relu2;
    case 'softcap':
      return softcap(cap);
    default:
      throw new TypeError(`no activation ${kind}`);
  }
}

const curveIn = (attrs: Attrs): Curve => curveOf(textOf(attrs, 'kind'), numberOf(attrs, 'cap'));
const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

const add: Reference = (inputs) => {
  const [a, b] = [input(inputs, 0), input(inputs, 1)];
  return [fill(a.shape, (i) => el(a.data, i) + el(b.data, i))];
};

/** `x [..,N]`, `bias [N]`. */
const biasAdd: Reference = (inputs) => {
  const [x, bias] = [input(inputs, 0), input(inputs, 1)];
  const n = dim(bias, 0);
  return [fill(x.shape, (i) => el(x.data, i) + el(bias.data, i % n))];
};

/** `x [B,T,C]`, `table [T,C]`. */
const positionAdd: Reference = (inputs) => {
  const [x, table] = [input(inputs, 0), input(inputs, 1)];
  const size = table.data.length;
  return [fill(x.shape, (i) => el(x.data, i) + el(table.data, i % size))];
};

/** The sum over all dimensions but the last `keep`. */
const sumLeading: Reference = (inputs, attrs) => {
  const x = input(inputs, 0);
  const y = tensor(x.shape.slice(x.shape.length - numberOf(attrs, 'keep')));
  const size = y.data.length;
  for (let i = 0; i < x.data.length; i++) y.data[i % size] = el(y.data, i % size) + el(x.data, i);
  return [y];
};

const activation: Reference = (inputs, attrs) => {
  const x = input(inputs, 0);
  const curve = curveIn(attrs);
  return [fill(x.shape, (i) => curve.at(el(x.data, i)))];
};

const activationBackward: Reference = (inputs, attrs) => {
  const [dy, x] = [input(inputs, 0), input(inputs, 1)];
  const curve = curveIn(attrs);
  return [fill(x.shape, (i) => el(dy.data, i) * curve.slope(el(x.data, i)))];
};

/** `x [..,2F]` to `[..,F]`: silu of the first F columns times the last F (Shazeer 2020). */
const swiglu: Reference = (inputs) => {
  const x = input(inputs, 0);
  const f = dim(x, -1) / 2;
  return [
    fill([...x.shape.slice(0, -1), f], (i) => {
      const gate = 2 * f * Math.floor(i / f) + (i % f);
      const [g, u] = [el(x.data, gate), el(x.data, gate + f)];
      return g * sigmoid(g) * u;
    }),
  ];
};

const swigluBackward: Reference = (inputs) => {
  const [dy, x] = [input(inputs, 0), input(inputs, 1)];
  const f = dim(x, -1) / 2;
  const dx = tensor(x.shape);
  for (let r = 0; r < rowsOf(x); r++) {
    for (let c = 0; c < f; c++) {
      const [gate, up] = [2 * f * r + c, 2 * f * r + f + c];
      const [d, g, u] = [el(dy.data, f * r + c), el(x.data, gate), el(x.data, up)];
      const s = sigmoid(g);
      dx.data[gate] = d * u * (s + g * s * (1 - s));
      dx.data[up] = d * g * s;
    }
  }
  return [dx];
};

/** The mean of all elements, `[1]`. */
const mean: Reference = (inputs) => {
  const x = input(inputs, 0);
  return [tensor([1], [x.data.reduce((sum, value) => sum + value, 0) / x.data.length])];
};

/** `x [1]` times `scale`, `size` times over. */
const broadcast: Reference = (inputs, attrs) => {
  const x = el(input(inputs, 0).data, 0) * numberOf(attrs, 'scale');
  return [fill([numberOf(attrs, 'size')], () => x)];
};

const constant: Reference = (_, attrs) => {
  const value = numberOf(attrs, 'value');
  return [fill([numberOf(attrs, 'size')], () => value)];
};

export const elementwiseReferences = {
  add,
  bias_add: biasAdd,
  position_add: positionAdd,
  sum_leading: sumLeading,
  activation,
  activation_backward: activationBackward,
  swiglu,
  swiglu_backward: swigluBackward,
  mean,
  broadcast,
  constant,
} satisfies Record<string, Reference>;
