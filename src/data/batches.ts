import { SpecError, unreachable } from '../base/errors.ts';
import { integerBelow, philoxInto, STREAM } from '../base/random.ts';
import { requireInVocab, type Tokens } from './tokenizer.ts';

export type BatchOrder = 'shuffled' | 'random' | 'sequential';

export interface BatcherOptions {
  readonly tokens: Tokens;
  readonly vocab: number;
  /** Tokens a row sees, T. */
  readonly context: number;
  /** Rows of a micro-batch, B. */
  readonly batch: number;
  readonly order: BatchOrder;
  readonly seed: number;
}

/** Rounds of the Feistel network that permutes windows; four are enough in theory (Luby and Rackoff, 1988), this is cheap. */
const ROUNDS = 6;

/**
 * Cuts windows of T tokens, and the same window one token later as targets, out of a token array. Which window is row r of
 * micro-batch b follows from (b, r, seed) alone: there is no state, so a run resumes at any b.
 *
 * - `sequential`: window (b B + r) mod floor((n - 1) / T) of the windows that lie end to end from token 0.
 * - `shuffled`: every epoch cuts the tokens into windows end to end, from an offset in [0, T) drawn for the epoch, so that
 *   window borders move, and takes each window once, in an order drawn for the epoch. The number of windows is the same in every
 *   epoch: as many as fit behind the largest offset.
 * - `random`: every row starts anywhere, independently.
 */
export class Batcher {
  readonly context: number;
  readonly batch: number;
  readonly order: BatchOrder;
  /** Tokens in the data. */
  readonly size: number;
  /** Windows that make one epoch; for `random`, data size over T, which need not be whole. */
  readonly windows: number;
  readonly #tokens: Tokens;
  readonly #seed: number;
  /** Offsets that an epoch of `shuffled` may have. */
  readonly #offsets: number;
  readonly #halfBits: number;
  readonly #scratch = new Uint32Array(4);
  #epoch = -1;
  #offset = 0;

  /** SpecError when the data is shorter than T + 1 tokens or holds a token outside the vocabulary. */
  constructor({ tokens, vocab, context, batch, order, seed }: BatcherOptions) {
    requireCount('spec data.context', context);
    requireCount('spec data.batch', batch);
    requireWindow('data', tokens.length, context);
    requireInVocab('data', tokens, vocab);
    this.context = context;
    this.batch = batch;
    this.order = order;
    this.size = tokens.length;
    this.#tokens = tokens;
    this.#seed = seed;
    const n = tokens.length;
    switch (order) {
      case 'sequential':
        this.windows = Math.floor((n - 1) / context);
        break;
      case 'shuffled':
        this.windows = Math.max(1, Math.floor((n - context) / context));
        break;
      case 'random':
        this.windows = (n - 1) / context;
        break;
      default:
        unreachable(order);
    }
    this.#offsets = Math.max(1, Math.min(context, n - this.windows * context));
    this.#halfBits = Math.max(1, Math.ceil(Math.log2(Math.max(2, this.windows)) / 2));
  }

  /** Writes micro-batch b (0-based) into u32[B, T] arrays; allocates nothing. */
  fill(b: number, tokens: Uint32Array, targets: Uint32Array): void {
    const { context } = this;
    if (tokens.length !== this.batch * context || targets.length !== tokens.length) {
      throw new RangeError(
        `Batcher.fill: arrays have ${tokens.length} and ${targets.length} elements, expected ${this.batch * context}`,
      );
    }
    for (let row = 0; row < this.batch; row += 1) {
      const start = this.start(b, row);
      const to = row * context;
      for (let t = 0; t < context; t += 1) {
        tokens[to + t] = this.#tokens[start + t] ?? 0;
        targets[to + t] = this.#tokens[start + t + 1] ?? 0;
      }
    }
  }

  /** Index of the first token of row r of micro-batch b. */
  start(b: number, row: number): number {
    const { context, order } = this;
    const index = b * this.batch + row;
    switch (order) {
      case 'sequential':
        return (index % this.windows) * context;
      case 'shuffled': {
        const epoch = Math.floor(index / this.windows);
        if (epoch !== this.#epoch) {
          this.#epoch = epoch;
          this.#offset = integerBelow(this.#offsets, this.#seed, STREAM.offset, epoch, 0, 0);
        }
        return this.#offset + this.#permuted(index % this.windows, epoch) * context;
      }
      case 'random':
        return integerBelow(this.size - context, this.#seed, STREAM.data, b, Math.floor(b / 4294967296), row);
      default:
        return unreachable(order);
    }
  }

  /** Passes over the data when b micro-batches are done. */
  epochs(b: number): number {
    return (b * this.batch) / this.windows;
  }

  /** Place of window i in the order of an epoch: a Feistel permutation of 2^(2h) >= windows, walked until it lands on a window. */
  #permuted(i: number, epoch: number): number {
    const h = this.#halfBits;
    const mask = 2 ** h - 1;
    let place = i;
    do {
      let left = Math.floor(place / 2 ** h);
      let right = place % 2 ** h;
      for (let round = 0; round < ROUNDS; round += 1) {
        philoxInto(this.#scratch, right, round, epoch, 0, this.#seed, STREAM.shuffle);
        const mixed = (left ^ ((this.#scratch[0] ?? 0) & mask)) >>> 0;
        left = right;
        right = mixed;
      }
      place = left * 2 ** h + right;
    } while (place >= this.windows);
    return place;
  }
}

/** SpecError unless `size` tokens hold one window of `context` tokens and its targets. */
export function requireWindow(where: string, size: number, context: number): void {
  if (size > context) return;
  throw new SpecError({
    where,
    rule: size === 0 ? 'is empty' : 'is shorter than one window of the context',
    got: size === 1 ? '1 token' : `${size} tokens`,
    expected: `at least context + 1 = ${context + 1}`,
    cure: size <= 1 ? 'Choose a longer file.' : 'Choose a longer file or a smaller context.',
  });
}

function requireCount(where: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new SpecError({ where, rule: 'is out of range', got: String(value), expected: 'an integer of at least 1' });
  }
}

/**
 * Sorts the positions of a batch by their token, stably (a counting sort): afterwards the positions that hold token v are
 * order[starts[v] .. starts[v + 1]), rising. With it the embedding gradient is one ordered sum per row and needs no atomics.
 * @param order u32[N] and
 * @param starts u32[V + 1], both overwritten; nothing is allocated. SpecError for a token outside the vocabulary.
 */
export function tokenOrder(tokens: Uint32Array, vocab: number, order: Uint32Array, starts: Uint32Array): void {
  if (order.length !== tokens.length || starts.length !== vocab + 1) {
    throw new RangeError(
      `tokenOrder: order and starts have ${order.length} and ${starts.length} elements, expected ${tokens.length} and ${vocab + 1}`,
    );
  }
  requireInVocab('batch', tokens, vocab);
  starts.fill(0);
  for (let i = 0; i < tokens.length; i += 1) {
    const slot = (tokens[i] ?? 0) + 1;
    starts[slot] = (starts[slot] ?? 0) + 1;
  }
  for (let v = 1; v <= vocab; v += 1) starts[v] = (starts[v] ?? 0) + (starts[v - 1] ?? 0);
  for (let i = 0; i < tokens.length; i += 1) {
    const v = tokens[i] ?? 0;
    const at = starts[v] ?? 0;
    order[at] = i;
    starts[v] = at + 1;
  }
  // Each start has moved to the next token's; move them back by one place.
  starts.copyWithin(1, 0, vocab);
  starts[0] = 0;
}
