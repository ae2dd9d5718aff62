import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { Batcher, tokenOrder, type BatcherOptions } from '../../src/data/batches.ts';

/** Tokens that are their own position, so that a batch shows where it was cut. */
const ramp = (n: number): Uint32Array => Uint32Array.from({ length: n }, (_, i) => i);

function batcher(n: number, options: Partial<BatcherOptions> = {}): Batcher {
  return new Batcher({ tokens: ramp(n), vocab: n + 1, context: 4, batch: 2, order: 'sequential', seed: 1, ...options });
}

function filled(from: Batcher, b: number): { tokens: Uint32Array; targets: Uint32Array } {
  const tokens = new Uint32Array(from.batch * from.context);
  const targets = new Uint32Array(tokens.length);
  from.fill(b, tokens, targets);
  return { tokens, targets };
}

describe('Batcher, sequential', () => {
  it('starts row r of batch b at (b * batch + r) * context modulo what fits, targets one later', () => {
    // 14 tokens hold 3 windows of 4 and their targets: starts 0, 4, 8.
    const data = batcher(14);
    expect([0, 1, 2].map((b) => [...filled(data, b).tokens])).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      [8, 9, 10, 11, 0, 1, 2, 3],
      [4, 5, 6, 7, 8, 9, 10, 11],
    ]);
    expect([...filled(data, 1).targets]).toEqual([9, 10, 11, 12, 1, 2, 3, 4]);
    expect(data.epochs(3)).toBe(2);
  });

  it('uses the last window exactly when its last target exists', () => {
    expect([batcher(5).windows, batcher(8).windows, batcher(9).windows]).toEqual([1, 1, 2]);
  });
});

const shape = fc.record({
  n: fc.integer({ min: 2, max: 400 }),
  context: fc.integer({ min: 1, max: 40 }),
  batch: fc.integer({ min: 1, max: 5 }),
  seed: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
});

describe('Batcher, every order', () => {
  it('promise 1: gives the same batch from b alone, whatever came before, within the data', () => {
    fc.assert(
      fc.property(
        shape,
        fc.constantFrom('sequential', 'shuffled', 'random'),
        fc.integer({ min: 0, max: 10_000 }),
        (s, order, b) => {
          fc.pre(s.n > s.context);
          const options = { context: s.context, batch: s.batch, seed: s.seed, order };
          const used = batcher(s.n, options);
          for (const other of [0, 3, b + 7, 1]) filled(used, other);
          const { tokens, targets } = filled(used, b);
          expect(tokens).toEqual(filled(batcher(s.n, options), b).tokens);
          expect(targets).toEqual(tokens.map((token) => token + 1));
          expect(Math.max(...targets)).toBeLessThan(s.n);
        },
      ),
    );
  });
});

describe('Batcher, shuffled', () => {
  it('takes every window once an epoch, end to end from one offset', () => {
    fc.assert(
      fc.property(shape, fc.integer({ min: 0, max: 50 }), (s, epoch) => {
        fc.pre(s.n > s.context);
        const data = batcher(s.n, { context: s.context, batch: 1, seed: s.seed, order: 'shuffled' });
        const starts = Array.from({ length: data.windows }, (_, i) => data.start(epoch * data.windows + i, 0)).sort(
          (a, b) => a - b,
        );
        const offset = starts[0] ?? -1;
        expect(offset).toBeLessThan(s.context);
        expect(starts).toEqual(Array.from({ length: data.windows }, (_, i) => offset + i * s.context));
        expect(data.epochs(data.windows)).toBe(1);
        // All but the ends are seen: fewer than two windows of tokens are left out.
        expect(s.n - data.windows * s.context).toBeLessThan(2 * s.context + 1);
      }),
    );
  });

  it('has another order and another offset in each epoch and under each seed', () => {
    const order = (seed: number, epoch: number): string => {
      const data = batcher(2000, { context: 16, batch: 1, seed, order: 'shuffled' });
      return Array.from({ length: data.windows }, (_, i) => Math.floor(data.start(epoch * data.windows + i, 0) / 16)).join();
    };
    expect(new Set([order(1, 0), order(1, 1), order(1, 2), order(2, 0)]).size).toBe(4);
    const data = batcher(2000, { context: 16, batch: 1, order: 'shuffled' });
    const offsets = Array.from({ length: 40 }, (_, epoch) => data.start(epoch * data.windows, 0) % 16);
    expect(new Set(offsets).size).toBeGreaterThan(10);
  });

  it('puts a window at every place of the order about equally often', () => {
    // 8 windows, 4000 epochs: each place expects 500, standard deviation 21.
    const data = batcher(36, { context: 4, batch: 1, order: 'shuffled', seed: 3 });
    expect(data.windows).toBe(8);
    const counts = new Array<number>(64).fill(0);
    for (let epoch = 0; epoch < 4000; epoch += 1) {
      for (let i = 0; i < 8; i += 1) {
        const slot = i * 8 + Math.floor(data.start(epoch * 8 + i, 0) / 4);
        counts[slot] = (counts[slot] ?? 0) + 1;
      }
    }
    expect(Math.min(...counts)).toBeGreaterThan(400);
    expect(Math.max(...counts)).toBeLessThan(600);
  });
});

describe('Batcher, random', () => {
  it('starts anywhere that fits, the last place included', () => {
    const data = batcher(9, { order: 'random', batch: 1 });
    const starts = new Set(Array.from({ length: 300 }, (_, b) => data.start(b, 0)));
    expect([...starts].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4]);
    expect(data.epochs(6)).toBe(3);
  });

  it('draws rows of a batch independently', () => {
    const data = batcher(100_000, { order: 'random', batch: 5 });
    expect(new Set([0, 1, 2, 3, 4].map((row) => data.start(0, row))).size).toBe(5);
  });
});

describe('Batcher, bad input', () => {
  it.each([
    [{ tokens: new Uint16Array(0) }, 'data: is empty: got 0 tokens, expected at least context + 1 = 5. Choose a longer file.'],
    [
      { tokens: new Uint16Array(1) },
      'data: is shorter than one window of the context: got 1 token, expected at least context + 1 = 5. Choose a longer file.',
    ],
    [
      { tokens: new Uint16Array(4) },
      'data: is shorter than one window of the context: got 4 tokens, expected at least context + 1 = 5. Choose a longer file or a smaller context.',
    ],
    [
      { tokens: Uint16Array.of(1, 2, 9, 1, 2, 3), vocab: 9 },
      'data: token 2 is not in the vocabulary: got 9, expected 0..8. Use the tokenizer that the model was made for.',
    ],
    [{ context: 0 }, 'spec data.context: is out of range: got 0, expected an integer of at least 1.'],
    [{ batch: 1.5 }, 'spec data.batch: is out of range: got 1.5, expected an integer of at least 1.'],
  ])('refuses %j in words', (options, message) => {
    expect(() => batcher(20, options)).toThrow(SpecError);
    expect(() => batcher(20, options)).toThrow(message);
  });

  it('refuses arrays of the wrong size', () => {
    expect(() => batcher(20).fill(0, new Uint32Array(8), new Uint32Array(7))).toThrow(/8 and 7 elements, expected 8/);
  });
});

describe('tokenOrder', () => {
  it('lists the positions of every token in rising order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(12), { maxLength: 100 }), (ids) => {
        const order = new Uint32Array(ids.length).fill(99);
        const starts = new Uint32Array(14).fill(99);
        tokenOrder(Uint32Array.from(ids), 13, order, starts);
        for (let v = 0; v < 13; v += 1) {
          const positions = ids.flatMap((id, i) => (id === v ? [i] : []));
          expect([...order.subarray(starts[v], starts[v + 1])]).toEqual(positions);
        }
        expect(starts[0]).toBe(0);
        expect(starts[13]).toBe(ids.length);
      }),
    );
  });

  it('refuses a token outside the vocabulary and arrays of the wrong size', () => {
    expect(() => tokenOrder(Uint32Array.of(0, 3), 3, new Uint32Array(2), new Uint32Array(4))).toThrow(
      /token 1 is not in the vocabulary/,
    );
    expect(() => tokenOrder(Uint32Array.of(0, 1), 3, new Uint32Array(2), new Uint32Array(3))).toThrow(RangeError);
  });
});
