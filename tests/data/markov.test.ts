import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { unigramEntropyNats, uniformEntropyNats } from '../../src/data/entropy.ts';
import { MarkovSource } from '../../src/data/markov.ts';

/** Stationary distribution by Gaussian elimination on pi (P - I) = 0, sum pi = 1: another method than the source's. */
function solveStationary(p: number[][]): number[] {
  const n = p.length;
  const rows = Array.from({ length: n }, (_, j) => {
    const row = Array.from({ length: n }, (_unused, i) => (p[i]?.[j] ?? 0) - (i === j ? 1 : 0));
    return j === n - 1 ? [...new Array<number>(n).fill(1), 1] : [...row, 0];
  });
  for (let k = 0; k < n; k += 1) {
    let pivot = k;
    for (let i = k; i < n; i += 1) if (Math.abs(rows[i]?.[k] ?? 0) > Math.abs(rows[pivot]?.[k] ?? 0)) pivot = i;
    [rows[k], rows[pivot]] = [rows[pivot] ?? [], rows[k] ?? []];
    for (let i = 0; i < n; i += 1) {
      if (i === k) continue;
      const factor = (rows[i]?.[k] ?? 0) / (rows[k]?.[k] ?? 1);
      for (let j = k; j <= n; j += 1) (rows[i] ?? [])[j] = (rows[i]?.[j] ?? 0) - factor * (rows[k]?.[j] ?? 0);
    }
  }
  return rows.map((row, k) => (row[n] ?? 0) / (row[k] ?? 1));
}

/** Entropy rate from the public transition probabilities alone. */
function bruteForceRate(source: MarkovSource): number {
  const { symbols, order } = source;
  const contexts = symbols ** order;
  const p = Array.from({ length: contexts }, (_, context) => {
    const row = new Array<number>(contexts).fill(0);
    for (let s = 0; s < symbols; s += 1) {
      const to = (context * symbols + s) % contexts;
      row[to] = (row[to] ?? 0) + source.probability(context, s);
    }
    return row;
  });
  return solveStationary(p).reduce((sum, share, context) => {
    let row = 0;
    for (let s = 0; s < symbols; s += 1) row -= source.probability(context, s) * Math.log(source.probability(context, s));
    return sum + share * row;
  }, 0);
}

describe('MarkovSource', () => {
  it('has the entropy rate of the closed form for two states', () => {
    const source = new MarkovSource({ symbols: 2, order: 1, concentration: 1, seed: 3 });
    const a = source.probability(0, 1);
    const b = source.probability(1, 0);
    const h = (p: number): number => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
    expect(source.entropyRateNats).toBeCloseTo((b * h(a) + a * h(b)) / (a + b), 12);
    expect(source.unigramEntropyNats).toBeCloseTo(h(a / (a + b)), 12);
  });

  it.each([
    { symbols: 7, order: 0, concentration: 0.5, seed: 1 },
    { symbols: 16, order: 1, concentration: 0.1, seed: 2 },
    { symbols: 5, order: 3, concentration: 0.3, seed: 3 },
    { symbols: 4, order: 2, concentration: 0.02, seed: 1 },
    { symbols: 8, order: 1, concentration: 0.001, seed: 5 },
    { symbols: 12, order: 1, concentration: 50, seed: 6 },
  ])('has the entropy rate of a direct solution for $symbols symbols, order $order, concentration $concentration', (options) => {
    const source = new MarkovSource(options);
    expect(Math.abs(source.entropyRateNats - bruteForceRate(source))).toBeLessThan(1e-10);
  });

  it('draws rows that sum to one and are more predictable at small concentration', () => {
    const rate = (concentration: number): number =>
      new MarkovSource({ symbols: 32, order: 1, concentration, seed: 1 }).entropyRateNats;
    expect(rate(0.05)).toBeLessThan(rate(0.5));
    expect(rate(0.5)).toBeLessThan(rate(5));
    expect(rate(1000)).toBeGreaterThan(0.999 * Math.log(32));
    const source = new MarkovSource({ symbols: 9, order: 2, concentration: 0.1, seed: 1 });
    for (let context = 0; context < 81; context += 1) {
      const row = Array.from({ length: 9 }, (_, symbol) => source.probability(context, symbol));
      expect(row.reduce((sum, p) => sum + p, 0)).toBe(1);
      expect(Math.min(...row)).toBeGreaterThan(1e-4 * 0.9);
    }
  });

  it('draws Dirichlet components with the variance of their concentration', () => {
    // Var p = (1/S)(1 - 1/S) / (S a + 1) for Dirichlet(a, ..., a).
    const [symbols, concentration] = [8, 0.4];
    const source = new MarkovSource({ symbols, order: 4, concentration, seed: 11 });
    let sum = 0;
    for (let context = 0; context < 4096; context += 1) sum += (source.probability(context, 3) - 1 / symbols) ** 2;
    const expected = ((1 / symbols) * (1 - 1 / symbols)) / (symbols * concentration + 1);
    expect(Math.abs(sum / 4096 / expected - 1)).toBeLessThan(0.1);
  });

  it('generates tokens whose empirical conditional entropy is the entropy rate', () => {
    const source = new MarkovSource({ symbols: 8, order: 1, concentration: 0.3, seed: 9 });
    const tokens = source.tokens('train', 200_000);
    let loss = 0;
    for (let t = 1; t < tokens.length; t += 1) loss -= Math.log(source.probability(tokens[t - 1] ?? 0, tokens[t] ?? 0));
    // Standard error of the mean is near 1 / sqrt(200,000) = 0.0022.
    expect(Math.abs(loss / (tokens.length - 1) - source.entropyRateNats)).toBeLessThan(0.015);
    expect(Math.abs(unigramEntropyNats(tokens, 8) - source.unigramEntropyNats)).toBeLessThan(0.02);
  });

  it('promise 1: repeats its tokens, and a longer walk begins with the shorter one', () => {
    const options = { symbols: 20, order: 2, concentration: 0.2, seed: 4 };
    const long = new MarkovSource(options).tokens('train', 5000);
    expect(new MarkovSource(options).tokens('train', 1234)).toEqual(long.slice(0, 1234));
    expect([...long.subarray(0, 24)]).toMatchInlineSnapshot(`
      [
        9,
        16,
        8,
        9,
        12,
        17,
        3,
        12,
        4,
        12,
        15,
        13,
        13,
        3,
        3,
        14,
        12,
        7,
        17,
        11,
        14,
        1,
        10,
        3,
      ]
    `);
  });

  it('has validation tokens that are another walk than training', () => {
    const source = new MarkovSource({ symbols: 64, order: 1, concentration: 1, seed: 4 });
    const train = source.tokens('train', 4000);
    const validation = source.tokens('validation', 4000);
    let equal = 0;
    for (let t = 0; t < 4000; t += 1) if (train[t] === validation[t]) equal += 1;
    // Chance alone gives about 1/64 of 4000, 63.
    expect(equal).toBeLessThan(200);
  });

  it('generates tokens at a rate of a million in under a second', () => {
    const source = new MarkovSource({ symbols: 64, order: 1, concentration: 0.1, seed: 1 });
    // The best of three, in time of this process alone: other work on the machine does not count.
    const times = [1, 2, 3].map(() => {
      const began = process.cpuUsage();
      source.tokens('train', 250_000);
      return process.cpuUsage(began).user / 1000;
    });
    expect(4 * Math.min(...times)).toBeLessThan(1000);
  });

  it.each([
    [{ symbols: 1, order: 1, concentration: 1, seed: 0 }, /symbols: is out of range: got 1, expected an integer in 2..256/],
    [{ symbols: 8, order: -1, concentration: 1, seed: 0 }, /order: is out of range/],
    [{ symbols: 8, order: 1, concentration: 0, seed: 0 }, /concentration: is out of range/],
    [{ symbols: 256, order: 9, concentration: 1, seed: 0 }, /too large: got 256\^10 entries/],
  ])('refuses %j in words', (options, message) => {
    expect(() => new MarkovSource(options)).toThrow(SpecError);
    expect(() => new MarkovSource(options)).toThrow(message);
  });
});

describe('unigramEntropyNats', () => {
  it('is ln of the number of equally frequent tokens, and 0 for one token', () => {
    expect(unigramEntropyNats(Uint16Array.of(0, 1, 2, 3, 3, 2, 1, 0), 4)).toBeCloseTo(Math.log(4), 14);
    expect(unigramEntropyNats(new Uint16Array(1000).fill(7), 8)).toBe(0);
    expect(unigramEntropyNats(new Uint16Array(0), 8)).toBe(0);
    expect(uniformEntropyNats(256)).toBeCloseTo(Math.log(256), 14);
  });

  it('never exceeds the uniform entropy', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(15), { minLength: 1 }),
        (ids) => unigramEntropyNats(Uint16Array.from(ids), 16) <= Math.log(16) + 1e-12,
      ),
    );
  });
});
