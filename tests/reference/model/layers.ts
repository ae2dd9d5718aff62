import { Matrix, addScaled, at, dot } from './matrix.ts';
import type { Layer, Parameter } from './matrix.ts';

const NORM_EPS = 1e-5;

/** `y = x W + b` with W `[in, out]`. */
export function linear(x: Matrix, weight: Parameter, bias?: Parameter): Layer {
  const inputs = x.cols;
  const outputs = weight.value.length / inputs;
  const y = new Matrix(x.rows, outputs);
  for (let r = 0; r < x.rows; r++) {
    if (bias !== undefined) y.row(r).set(bias.value);
    for (let i = 0; i < inputs; i++) addScaled(y.data, r * outputs, x.get(r, i), weight.value, i * outputs, outputs);
  }
  const back = (dy: Matrix): Matrix => {
    const dx = new Matrix(x.rows, inputs);
    for (let r = 0; r < x.rows; r++) {
      for (let i = 0; i < inputs; i++) {
        addScaled(weight.gradient, i * outputs, x.get(r, i), dy.data, r * outputs, outputs);
        dx.set(r, i, dot(weight.value, i * outputs, dy.data, r * outputs, outputs));
      }
      if (bias !== undefined) addScaled(bias.gradient, 0, 1, dy.data, r * outputs, outputs);
    }
    return dx;
  };
  return { y, back };
}

/** `y = x W^T` with W `[out, in]`: a head that is the embedding. */
export function linearTransposed(x: Matrix, weight: Parameter): Layer {
  const inputs = x.cols;
  const outputs = weight.value.length / inputs;
  const y = new Matrix(x.rows, outputs);
  for (let r = 0; r < x.rows; r++) {
    for (let o = 0; o < outputs; o++) y.set(r, o, dot(weight.value, o * inputs, x.data, r * inputs, inputs));
  }
  const back = (dy: Matrix): Matrix => {
    const dx = new Matrix(x.rows, inputs);
    for (let r = 0; r < x.rows; r++) {
      for (let o = 0; o < outputs; o++) {
        addScaled(weight.gradient, o * inputs, dy.get(r, o), x.data, r * inputs, inputs);
        addScaled(dx.data, r * inputs, dy.get(r, o), weight.value, o * inputs, inputs);
      }
    }
    return dx;
  };
  return { y, back };
}

/** Each row less its mean (layernorm only), over its root mean square, times gain, plus bias. */
export function norm(x: Matrix, kind: 'layernorm' | 'rmsnorm', gain: Parameter, bias?: Parameter): Layer {
  const y = new Matrix(x.rows, x.cols);
  const pulls: ((dy: Float64Array, dx: Float64Array) => void)[] = [];
  for (let r = 0; r < x.rows; r++) {
    const normed = normalise(x.row(r), kind === 'layernorm');
    for (let c = 0; c < x.cols; c++)
      y.set(r, c, at(normed.y, c) * at(gain.value, c) + (bias === undefined ? 0 : at(bias.value, c)));
    pulls.push((dy, dx) => {
      const slopes = dy.map((slope, c) => {
        gain.gradient[c] = at(gain.gradient, c) + slope * at(normed.y, c);
        if (bias !== undefined) bias.gradient[c] = at(bias.gradient, c) + slope;
        return slope * at(gain.value, c);
      });
      dx.set(normed.back(slopes));
    });
  }
  return { y, back: (dy) => pullRows(x, dy, pulls) };
}

/** RMS norm of every head in the given columns on its own, with one gain for all of them; other columns pass. */
export function headNorm(x: Matrix, firstHead: number, heads: number, headSize: number, gain: Parameter): Layer {
  const y = new Matrix(x.rows, x.cols, x.data.slice());
  const pulls: ((dy: Float64Array, dx: Float64Array) => void)[] = [];
  for (let r = 0; r < x.rows; r++) {
    const normed = Array.from({ length: heads }, (_, h) => {
      const start = (firstHead + h) * headSize;
      const head = normalise(x.row(r).subarray(start, start + headSize), false);
      head.y.forEach((value, i) => y.set(r, start + i, value * at(gain.value, i)));
      return { start, ...head };
    });
    pulls.push((dy, dx) => {
      dx.set(dy);
      for (const head of normed) {
        const slopes = dy.subarray(head.start, head.start + headSize).map((slope, i) => {
          gain.gradient[i] = at(gain.gradient, i) + slope * at(head.y, i);
          return slope * at(gain.value, i);
        });
        dx.set(head.back(slopes), head.start);
      }
    });
  }
  return { y, back: (dy) => pullRows(x, dy, pulls) };
}

function pullRows(x: Matrix, dy: Matrix, pulls: readonly ((dy: Float64Array, dx: Float64Array) => void)[]): Matrix {
  const dx = new Matrix(x.rows, x.cols);
  pulls.forEach((pull, r) => pull(dy.row(r), dx.row(r)));
  return dx;
}

/** A vector over its standard deviation (centred) or root mean square, and the transpose of the Jacobian of that. */
function normalise(x: Float64Array, centred: boolean): { y: Float64Array; back(dy: Float64Array): Float64Array } {
  const n = x.length;
  const mean = centred ? total(x) / n : 0;
  const moved = x.map((value) => value - mean);
  const sigma = Math.sqrt(total(moved.map((value) => value * value)) / n + NORM_EPS);
  // d y_j / d moved_i = [i = j] / sigma - moved_j moved_i / (n sigma^3); centring then removes the mean of the gradient.
  const back = (dy: Float64Array): Float64Array => {
    const along = total(dy.map((slope, j) => slope * at(moved, j)));
    const dmoved = dy.map((slope, i) => slope / sigma - (along * at(moved, i)) / (n * sigma ** 3));
    const drift = centred ? total(dmoved) / n : 0;
    return dmoved.map((slope) => slope - drift);
  };
  return { y: moved.map((value) => value / sigma), back };
}

function total(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

/** Turns columns i and i + D/2 of each leading head of row t by the angle `t * 10000^(-2i/D)`. */
export function rotary(x: Matrix, heads: number, headSize: number): Layer {
  const half = headSize / 2;
  const turn = (source: Matrix, sign: number): Matrix => {
    const turned = new Matrix(source.rows, source.cols, source.data.slice());
    for (let t = 0; t < source.rows; t++) {
      for (let pair = 0; pair < heads * half; pair++) {
        const i = pair % half;
        const low = Math.floor(pair / half) * headSize + i;
        const angle = (sign * t) / Math.pow(10000, i / half);
        const [re, im] = [source.get(t, low), source.get(t, low + half)];
        turned.set(t, low, re * Math.cos(angle) - im * Math.sin(angle));
        turned.set(t, low + half, re * Math.sin(angle) + im * Math.cos(angle));
      }
    }
    return turned;
  };
  return { y: turn(x, 1), back: (dy) => turn(dy, -1) };
}

/** Causal attention over the rows of `x [T, (H+2Hkv)*D]`, scores over sqrt(D); neighbouring query heads share keys and values. */
export function attention(x: Matrix, heads: number, kvHeads: number, headSize: number): Layer {
  const scale = 1 / Math.sqrt(headSize);
  const y = new Matrix(x.rows, heads * headSize);
  const done = Array.from({ length: heads }, (_, h) => {
    const group = Math.floor(h / (heads / kvHeads));
    const q = (t: number): number => t * x.cols + h * headSize;
    const k = (s: number): number => s * x.cols + (heads + group) * headSize;
    const v = (s: number): number => s * x.cols + (heads + kvHeads + group) * headSize;
    const own = (t: number): number => t * y.cols + h * headSize;
    const weights = Array.from({ length: x.rows }, (__, t) => {
      const scores = Float64Array.from({ length: t + 1 }, (___, s) => scale * dot(x.data, q(t), x.data, k(s), headSize));
      const p = softmax(scores);
      p.forEach((weight, s) => addScaled(y.data, own(t), weight, x.data, v(s), headSize));
      return p;
    });
    return { q, k, v, own, weights };
  });
  const back = (dy: Matrix): Matrix => {
    const dx = new Matrix(x.rows, x.cols);
    for (const { q, k, v, own, weights } of done) {
      for (const [t, p] of weights.entries()) {
        const dp = p.map((_, s) => dot(dy.data, own(t), x.data, v(s), headSize));
        const mean = dot(dp, 0, p, 0, p.length);
        p.forEach((weight, s) => {
          const dscore = weight * (at(dp, s) - mean) * scale;
          addScaled(dx.data, v(s), weight, dy.data, own(t), headSize);
          addScaled(dx.data, q(t), dscore, x.data, k(s), headSize);
          addScaled(dx.data, k(s), dscore, x.data, q(t), headSize);
        });
      }
    }
    return dx;
  };
  return { y, back };
}

export function softmax(scores: Float64Array): Float64Array {
  const top = scores.reduce((most, score) => Math.max(most, score), -Infinity);
  const grown = scores.map((score) => Math.exp(score - top));
  const sum = total(grown);
  return grown.map((value) => value / sum);
}

/** The MLP's non-linearity; swiglu halves the columns: silu of the first half times the second. */
export function nonlinearity(x: Matrix, kind: 'gelu' | 'relu2' | 'swiglu'): Layer {
  if (kind === 'swiglu') return gatedSilu(x);
  const [f, slope] = kind === 'gelu' ? [gelu, geluSlope] : [relu2, relu2Slope];
  return { y: x.map(f), back: (dy) => dy.map((value, i) => value * slope(at(x.data, i))) };
}

/** 0.5 x (1 + tanh u) is x / (1 + exp(-2u)), with u = sqrt(2/pi) (x + 0.044715 x^3). */
const gelu = (x: number): number => x * logistic(geluArgument(x));
const geluSlope = (x: number): number => {
  const p = logistic(geluArgument(x));
  return p + x * p * (1 - p) * 2 * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x);
};
const geluArgument = (x: number): number => 2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x);
const relu2 = (x: number): number => (x > 0 ? x * x : 0);
const relu2Slope = (x: number): number => (x > 0 ? 2 * x : 0);
const logistic = (x: number): number => 1 / (1 + Math.exp(-x));

function gatedSilu(x: Matrix): Layer {
  const F = x.cols / 2;
  const y = new Matrix(x.rows, F);
  for (let r = 0; r < x.rows; r++) for (let c = 0; c < F; c++) y.set(r, c, x.get(r, c) * logistic(x.get(r, c)) * x.get(r, F + c));
  const back = (dy: Matrix): Matrix => {
    const dx = new Matrix(x.rows, x.cols);
    for (let r = 0; r < x.rows; r++) {
      for (let c = 0; c < F; c++) {
        const [gate, up, slope] = [x.get(r, c), x.get(r, F + c), dy.get(r, c)];
        const open = logistic(gate);
        dx.set(r, c, slope * up * open * (1 + gate * (1 - open)));
        dx.set(r, F + c, slope * gate * open);
      }
    }
    return dx;
  };
  return { y, back };
}

/** `cap * tanh(x / cap)`. */
export function softcap(x: Matrix, cap: number): Layer {
  const y = x.map((value) => cap * Math.tanh(value / cap));
  return { y, back: (dy) => dy.map((slope, i) => slope * (1 - (at(y.data, i) / cap) ** 2)) };
}
