import { HYPER } from '../../../src/ops/hyper.ts';
import { dim, el, flagOf, input, numberOf, rowsOf, tensor } from '../tensor.ts';
import type { Reference } from '../tensor.ts';

/**
 * `logits [..,V]`, `targets [..]`, `hyper` to three vectors of a value a row: the loss `nll + c lse^2` (z-loss of PaLM,
 * section 5), lse, and `nll = lse - logits[target]`.
 */
const crossEntropy: Reference = (inputs) => {
  const [logits, targets, hyper] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const [N, V] = [rowsOf(logits), dim(logits, -1)];
  const [losses, lses, nlls] = [tensor([N]), tensor([N]), tensor([N])];
  for (let n = 0; n < N; n++) {
    const row = logits.data.subarray(n * V, n * V + V);
    const top = row.reduce((most, value) => Math.max(most, value), -Infinity);
    const lse = top + Math.log(row.reduce((sum, value) => sum + Math.exp(value - top), 0));
    const nll = lse - el(row, el(targets.data, n));
    losses.data[n] = nll + el(hyper.data, HYPER.zLoss) * lse * lse;
    lses.data[n] = lse;
    nlls.data[n] = nll;
  }
  return [losses, lses, nlls];
};

/** `dlogits = dlosses ((1 + 2 c lse) softmax(logits) - onehot(target))`. */
const crossEntropyBackward: Reference = (inputs) => {
  const [logits, targets, lse, hyper] = [input(inputs, 0), input(inputs, 1), input(inputs, 2), input(inputs, 3)];
  const dlosses = input(inputs, 4);
  const V = dim(logits, -1);
  const dlogits = tensor(logits.shape);
  for (let i = 0; i < logits.data.length; i++) {
    const [n, v] = [Math.floor(i / V), i % V];
    const pull = 1 + 2 * el(hyper.data, HYPER.zLoss) * el(lse.data, n);
    const p = Math.exp(el(logits.data, i) - el(lse.data, n));
    dlogits.data[i] = el(dlosses.data, n) * (pull * p - (el(targets.data, n) === v ? 1 : 0));
  }
  return [dlogits];
};

/** Losses, lse, nll and `scale` times the gradient of the sum of losses. */
const crossEntropyFused: Reference = (inputs, attrs) => {
  const [logits, targets, hyper] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const forward = crossEntropy(inputs, {});
  const lse = input(forward, 1);
  const dlosses = tensor([rowsOf(logits)]);
  dlosses.data.fill(numberOf(attrs, 'scale'));
  return [...forward, ...crossEntropyBackward([logits, targets, lse, hyper, dlosses], {})];
};

/** `logits = x W`, or `x Wᵀ` where the weight is tied; losses, lse, nll; and where asked for the gradients by x and by the weight. */
const headLoss: Reference = (inputs, attrs) => {
  const [x, weight, targets, hyper] = [input(inputs, 0), input(inputs, 1), input(inputs, 2), input(inputs, 3)];
  const [N, C, tied] = [rowsOf(x), dim(x, -1), flagOf(attrs, 'tied')];
  const V = weight.data.length / C;
  const at = (c: number, v: number): number => (tied ? v * C + c : c * V + v);
  const logits = tensor([...x.shape.slice(0, -1), V]);
  for (let i = 0; i < N * V; i++)
    for (let c = 0; c < C; c++)
      logits.data[i] = el(logits.data, i) + el(x.data, Math.floor(i / V) * C + c) * el(weight.data, at(c, i % V));
  if (!flagOf(attrs, 'gradient')) return crossEntropy([logits, targets, hyper], {});
  const [losses, lse, nll, dlogits] = crossEntropyFused([logits, targets, hyper], attrs);
  if (losses === undefined || lse === undefined || nll === undefined || dlogits === undefined) throw new RangeError('no loss');
  const [dx, dweight] = [tensor(x.shape), tensor(weight.shape)];
  for (let i = 0; i < N * V; i++) {
    const [n, v, slope] = [Math.floor(i / V), i % V, el(dlogits.data, i)];
    for (let c = 0; c < C; c++) {
      dx.data[n * C + c] = el(dx.data, n * C + c) + slope * el(weight.data, at(c, v));
      dweight.data[at(c, v)] = el(dweight.data, at(c, v)) + slope * el(x.data, n * C + c);
    }
  }
  return [losses, lse, nll, dx, dweight];
};

export const lossReferences = {
  cross_entropy: crossEntropy,
  cross_entropy_backward: crossEntropyBackward,
  cross_entropy_fused: crossEntropyFused,
  head_loss: headLoss,
} satisfies Record<string, Reference>;
