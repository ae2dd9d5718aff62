import { accrue, dim, el, fill, flagOf, input, numberOf, rowsOf, tensor } from '../tensor.ts';
import type { Reference } from '../tensor.ts';

/** `tokens [B,T]`, `table [V,C]` to `[B,T,C]`. The order of tokens that the backward pass uses does not matter here. */
const embedding: Reference = (inputs) => {
  const [tokens, table] = [input(inputs, 0), input(inputs, 1)];
  const C = dim(table, 1);
  return [fill([...tokens.shape, C], (i) => el(table.data, el(tokens.data, Math.floor(i / C)) * C + (i % C)))];
};

/** `embedding` with `positions [T,C]` added to every text. */
const embeddingPosition: Reference = (inputs, attrs) => {
  const positions = input(inputs, 2);
  const size = positions.data.length;
  return embedding(inputs, attrs).map((x) => fill(x.shape, (i) => el(x.data, i) + el(positions.data, i % size)));
};

/** `dtable[v]` is the sum of the rows `order[starts[v] .. starts[v+1]]` of `dy [B,T,C]`. */
const embeddingBackward: Reference = (inputs) => {
  const [dy, order, starts] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const [V, C] = [dim(starts, 0) - 1, dim(dy, -1)];
  const dtable = tensor([V, C]);
  for (let v = 0; v < V; v++) {
    for (let i = el(starts.data, v); i < el(starts.data, v + 1); i++) {
      for (let c = 0; c < C; c++) accrue(dtable.data, v * C + c, el(dy.data, el(order.data, i) * C + c));
    }
  }
  return [dtable];
};

/**
 * Rotary positions (Su et al. 2021) in the "rotate half" layout: in the leading `heads` heads of `qkv [B,T,W]` the pair
 * (i, i + D/2) turns by the angle `t * base^(-2i/D)`, backwards where `inverse`; the other columns are copied.
 */
const rope: Reference = (inputs, attrs) => {
  const x = input(inputs, 0);
  const [heads, D, base] = [numberOf(attrs, 'heads'), numberOf(attrs, 'headSize'), numberOf(attrs, 'base')];
  const [T, W] = [dim(x, -2), dim(x, -1)];
  const y = tensor(x.shape, x.data);
  for (let r = 0; r < rowsOf(x); r++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < D / 2; i++) {
        const angle = (r % T) * base ** ((-2 * i) / D) * (flagOf(attrs, 'inverse') ? -1 : 1);
        const [low, high] = [r * W + h * D + i, r * W + h * D + i + D / 2];
        const [a, b] = [el(x.data, low), el(x.data, high)];
        y.data[low] = a * Math.cos(angle) - b * Math.sin(angle);
        y.data[high] = b * Math.cos(angle) + a * Math.sin(angle);
      }
    }
  }
  return [y];
};

export const embeddingReferences = {
  embedding,
  embedding_position: embeddingPosition,
  embedding_backward: embeddingBackward,
  rope,
} satisfies Record<string, Reference>;
