import { ln } from '../base/elementary.ts';
import type { Tokens } from './tokenizer.ts';

/** Entropy of the token frequencies, in nats: the loss of the best guess that ignores all context. 0 for no tokens. */
export function unigramEntropyNats(tokens: Tokens, vocab: number): number {
  const counts = new Float64Array(vocab);
  for (const id of tokens) counts[id] = (counts[id] ?? 0) + 1;
  let sum = 0;
  for (const count of counts) if (count > 0) sum += count * ln(count);
  // H = ln n - (1/n) sum c ln c; rounding may leave a single-valued array a hair below zero.
  return tokens.length === 0 ? 0 : Math.max(0, ln(tokens.length) - sum / tokens.length);
}

/** ln V, the loss of a uniform guess, in nats. */
export function uniformEntropyNats(vocab: number): number {
  return ln(vocab);
}

/** Number of different ids that occur. */
export function distinctTokens(tokens: Tokens, vocab: number): number {
  const seen = new Uint8Array(vocab);
  for (const id of tokens) seen[id] = 1;
  return seen.reduce((sum, flag) => sum + flag, 0);
}
