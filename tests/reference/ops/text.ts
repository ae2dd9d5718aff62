import { philox, uniform24 } from '../../../src/base/random.ts';
import { dim, el, fill, input, numberOf, tensor } from '../tensor.ts';
import type { Reference } from '../tensor.ts';

/** The `context` tokens of `text [S]` that end before the cursor, or the first ones while there are fewer: `[1,T]`. */
const textWindow: Reference = (inputs, attrs) => {
  const [text, cursor] = [input(inputs, 0), el(input(inputs, 1).data, 0)];
  const T = numberOf(attrs, 'context');
  return [fill([1, T], (i) => el(text.data, Math.max(0, cursor - T) + i))];
};

/**
 * Writes at the cursor the token that inverse-CDF sampling draws from `softmax(logits[min(cursor,T)-1] / temperature)`: the first
 * whose cumulative probability exceeds u, the 24-bit uniform of the first word of philox([cursor, draw, 0, 0], [seed0, seed1]);
 * the first of the largest logits at temperature 0. Gives the new text.
 */
const sampleToken: Reference = (inputs) => {
  const [logits, text, place] = [input(inputs, 0), input(inputs, 1), input(inputs, 2).data];
  const temperature = el(input(inputs, 3).data, 0);
  const cursor = el(place, 0);
  const [T, V] = [dim(logits, 1), dim(logits, 2)];
  const start = (Math.min(cursor, T) - 1) * V;
  const [bits] = philox([cursor, el(place, 3), 0, 0], [el(place, 1), el(place, 2)]);
  const next = tensor(text.shape, text.data);
  next.data[cursor] = drawToken(logits.data.subarray(start, start + V), temperature, uniform24(bits));
  return [next];
};

function drawToken(logits: Float64Array, temperature: number, u: number): number {
  const top = Math.max(...logits);
  if (temperature === 0) return logits.indexOf(top);
  const weights = logits.map((logit) => Math.exp((logit - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let cumulative = 0;
  const drawn = weights.findIndex((weight) => (cumulative += weight) > u * total);
  return drawn < 0 ? weights.length - 1 : drawn;
}

export const textReferences = { text_window: textWindow, sample_token: sampleToken } satisfies Record<string, Reference>;
