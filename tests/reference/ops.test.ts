import { describe, expect, it } from 'vitest';
import { philox, uniform24 } from '../../src/base/random.ts';
import { HYPER, HYPER_SIZE } from '../../src/ops/hyper.ts';
import { references } from './ops.ts';
import { at } from './model/matrix.ts';
import { fill, noise, tensor } from './tensor.ts';
import type { Tensor } from './tensor.ts';

function hyperOf(values: Partial<Record<keyof typeof HYPER, number>>): Tensor {
  const hyper = tensor([HYPER_SIZE]);
  for (const [key, place] of Object.entries(HYPER))
    hyper.data[place] = Object.entries(values).find(([name]) => name === key)?.[1] ?? 0;
  return hyper;
}

function only(outputs: readonly Tensor[]): number[] {
  expect(outputs).toHaveLength(1);
  return outputs.flatMap(({ data }) => [...data]);
}

describe('references of ops that have no gradient to check them', () => {
  it('embedding_backward adds up the rows of each token, and gives zeros to tokens that do not occur', () => {
    const dy = tensor([1, 3, 2], [1, 2, 10, 20, 100, 200]);
    // Tokens 2, 0, 2 of a vocabulary of 4.
    const [order, starts] = [tensor([3], [1, 0, 2]), tensor([5], [0, 1, 1, 3, 3])];
    expect(only(references.embedding_backward([dy, order, starts], {}))).toEqual([10, 20, 0, 0, 101, 202, 0, 0]);
  });

  it('sum_leading keeps the trailing dimensions', () => {
    const x = fill([2, 2, 3], (i) => i);
    expect(only(references.sum_leading([x], { keep: 1 }))).toEqual([18, 22, 26]);
    expect(only(references.sum_leading([x], { keep: 2 }))).toEqual([6, 8, 10, 12, 14, 16]);
  });

  it('global_norm is the length of everything', () => {
    expect(only(references.global_norm([{ ...tensor([3], [2, 3, 6]), parts: [[1], [2]] }], {}))).toEqual([7]);
  });

  it('accumulate starts over at the first micro-batch', () => {
    const [grads, acc] = [tensor([2], [4, 8]), tensor([2], [1, 1])];
    expect(only(references.accumulate([grads, acc, tensor([2], [1, 0.25])], {}))).toEqual([1, 2]);
    expect(only(references.accumulate([grads, acc, tensor([2], [0, 0.25])], {}))).toEqual([2, 3]);
  });

  it('adamw moves by the sign of the gradient at the first step, decays where it is told, and clips', () => {
    const pack = (values: readonly number[]): Tensor => ({ ...tensor([3], values), parts: [[2], [1]] });
    const zero = pack([0, 0, 0]);
    const hyper = hyperOf({ lr: 0.1, beta1: 0.9, beta2: 0.99, weightDecay: 0.5, clip: 1, correction1: 10, correction2: 100 });
    const inputs = [pack([3, -4, 12]), pack([1, 1, 1]), zero, zero, tensor([1], [13]), hyper];
    const [weights, m, v] = references.adamw(inputs, { clips: true, decay: [1, 0] });
    expect([...(weights?.data ?? [])].map((value) => Number(value.toFixed(12)))).toEqual([0.85, 1.05, 0.9]);
    [3, -4, 12].forEach((gradient, i) => {
      expect(m?.data[i]).toBeCloseTo((0.1 * gradient) / 13, 12);
      expect(v?.data[i]).toBeCloseTo(0.01 * (gradient / 13) ** 2, 12);
    });
    expect([...zero.data]).toEqual([0, 0, 0]);
  });

  it('text_window gives the last tokens before the cursor', () => {
    const text = tensor([8], [10, 11, 12, 13, 14, 15, 16, 17]);
    expect(only(references.text_window([text, tensor([4], [6, 0, 0, 0])], { context: 4 }))).toEqual([12, 13, 14, 15]);
    expect(only(references.text_window([text, tensor([4], [2, 0, 0, 0])], { context: 4 }))).toEqual([10, 11, 12, 13]);
  });
});

describe('sample_token', () => {
  const logits = tensor([1, 2, 3], [0, 0, 9, Math.log(0.2), Math.log(0.5), Math.log(0.3)]);
  const draw = (cursor: number, index: number, temperature: number): number => {
    const inputs = [logits, tensor([5]), tensor([4], [cursor, 7, 8, index]), tensor([1], [temperature])];
    return at(Float64Array.from(only(references.sample_token(inputs, {}))), cursor);
  };

  it('takes the likeliest token at temperature 0, of the row that the cursor says', () => {
    expect(draw(1, 0, 0)).toBe(2);
    expect(draw(2, 0, 0)).toBe(1);
    expect(draw(4, 0, 0)).toBe(1);
  });

  it('inverts the cumulative distribution at the 24-bit uniform of its counter', () => {
    const counts = [0, 0, 0];
    for (let index = 0; index < 2000; index++) {
      const u = uniform24(philox([2, index, 0, 0], [7, 8])[0]);
      const token = draw(2, index, 1);
      expect(token).toBe(u < 0.2 ? 0 : u < 0.7 ? 1 : 2);
      counts[token] = (counts[token] ?? 0) + 1;
    }
    // Five standard deviations of a binomial of 2000.
    [0.2, 0.5, 0.3].forEach((p, i) =>
      expect(Math.abs((counts[i] ?? 0) / 2000 - p)).toBeLessThan(5 * Math.sqrt((p * (1 - p)) / 2000)),
    );
  });

  it('leaves the rest of the text as it is', () => {
    const text = tensor([5], [9, 9, 9, 9, 9]);
    const next = only(references.sample_token([logits, text, tensor([4], [2, 7, 8, 0]), tensor([1], [0])], {}));
    expect(next).toEqual([9, 9, 1, 9, 9]);
  });
});

describe('references stay finite where the formula is', () => {
  const far = tensor([6], [0, -0, 1e30, -1e30, 88, -1e-40]);
  it.each(['gelu', 'relu2', 'softcap'])('activation %s and its slope', (kind) => {
    const attrs = { kind, cap: 30 };
    const ones = fill([6], () => 1);
    for (const value of only(references.activation([far], attrs))) expect(value).not.toBeNaN();
    for (const value of only(references.activation_backward([ones, far], attrs))) expect(value).not.toBeNaN();
  });

  it('softmax, attention and cross-entropy with scores of 1e30', () => {
    const scores = tensor([1, 1, 2, 2], [1e30, 0, -1e30, 1e30]);
    expect(only(references.causal_softmax([scores], {}))).toEqual([1, 0, 0, 1]);
    const qkv = tensor([1, 2, 6], Array.from(noise(12, 'qkv', 1e15)));
    for (const output of references.attention([qkv], {
      heads: 1,
      kvHeads: 1,
      headSize: 2,
      scale: 1,
      qkNorm: false,
      eps: 0,
      base: 0,
    })) {
      for (const value of output.data) expect(value).not.toBeNaN();
    }
    const logits = tensor([1, 2, 2], [1e30, 0, 0, -1e30]);
    const [, lse, nll] = references.cross_entropy([logits, tensor([1, 2], [0, 1]), hyperOf({})], {});
    expect([...(lse?.data ?? [])]).toEqual([1e30, 0]);
    expect([...(nll?.data ?? [])]).toEqual([0, 1e30]);
  });
});
