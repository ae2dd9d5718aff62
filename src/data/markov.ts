import { exp, ln } from '../base/elementary.ts';
import { SpecError } from '../base/errors.ts';
import { philox, philoxInto, RandomSequence, STREAM } from '../base/random.ts';

export interface MarkovOptions {
  /** Size of the alphabet, 2..256. */
  readonly symbols: number;
  /** Symbols the next one depends on, 0 or more; symbols^(order + 1) is at most 2^20. */
  readonly order: number;
  /** Dirichlet concentration of every transition row, > 0; small is predictable. */
  readonly concentration: number;
  readonly seed: number;
}

const MAX_ENTRIES = 2 ** 20;
const TWO_32 = 4294967296;
/**
 * Share of every row that is spread evenly over the symbols. Without it a small concentration gives chains that stay for millions
 * of tokens in one corner, so that no run of ordinary length would see the entropy rate that belongs to the whole chain.
 */
const UNIFORM_SHARE = 2 ** -10;
/** Multiply-adds that the power iteration may spend, a few seconds; a chain that needs more remembers for thousands of tokens. */
const MAX_WORK = 5e8;
/** What a row costs besides its entries, in multiply-adds. */
const ROW_OVERHEAD = 8;
const SPLITS = { train: 0, validation: 1 } as const;

/**
 * A random Markov chain whose entropy rate is known. Each transition row is drawn from a symmetric Dirichlet, mixed with 1/1024
 * of the uniform distribution, and rounded to multiples of 2^-32: a u32 draw then samples the row exactly, and the entropy rate is
 * that of the chain as sampled, not of an ideal that it approximates. All entries being positive, the chain has one stationary
 * distribution.
 *
 * Train and validation are two independent walks of the same chain, each begun in the stationary distribution.
 */
export class MarkovSource {
  readonly symbols: number;
  readonly order: number;
  /** Mean of -ln p(next | context) over the stationary distribution: the lowest loss any model can reach, in nats per token. */
  readonly entropyRateNats: number;
  /** Entropy of a single symbol under the stationary distribution, in nats: the best loss without any context. */
  readonly unigramEntropyNats: number;
  readonly #seed: number;
  readonly #contexts: number;
  /** f64[contexts, symbols]: cumulative weights of each row, up to 2^32. */
  readonly #cumulative: Float64Array;
  /** f64[contexts]; the context's last symbol varies fastest. */
  readonly #stationary: Float64Array;

  constructor({ symbols, order, concentration, seed }: MarkovOptions) {
    requireThat(
      Number.isInteger(symbols) && symbols >= 2 && symbols <= 256,
      'symbols',
      'is out of range',
      symbols,
      'an integer in 2..256',
    );
    requireThat(Number.isInteger(order) && order >= 0, 'order', 'is out of range', order, 'an integer of at least 0');
    const positive = concentration > 0 && Number.isFinite(concentration);
    requireThat(positive, 'concentration', 'is out of range', concentration, 'a number above 0');
    requireThat(
      symbols ** (order + 1) <= MAX_ENTRIES,
      'order',
      'makes the chain too large',
      `${symbols}^${order + 1} entries`,
      'at most 2^20',
    );
    this.symbols = symbols;
    this.order = order;
    this.#seed = seed;
    this.#contexts = symbols ** order;
    this.#cumulative = new Float64Array(this.#contexts * symbols);
    const logs = new Float64Array(symbols);
    for (let context = 0; context < this.#contexts; context += 1) {
      dirichletLogs(logs, concentration, new RandomSequence(seed, STREAM.markovRows, context));
      quantise(logs, this.#cumulative.subarray(context * symbols, (context + 1) * symbols));
    }
    this.#stationary = this.#stationaryDistribution();

    const marginal = new Float64Array(symbols);
    let rate = 0;
    for (let context = 0; context < this.#contexts; context += 1) {
      const share = this.#stationary[context] ?? 0;
      let row = 0;
      for (let symbol = 0; symbol < symbols; symbol += 1) {
        const p = this.probability(context, symbol);
        row -= p * ln(p);
        marginal[symbol] = (marginal[symbol] ?? 0) + share * p;
      }
      rate += share * row;
    }
    this.entropyRateNats = rate;
    this.unigramEntropyNats = marginal.reduce((sum, p) => sum - p * ln(p), 0);
  }

  /** p(symbol | context); the context's index is its symbols read as digits in base `symbols`, oldest first. */
  probability(context: number, symbol: number): number {
    const at = context * this.symbols + symbol;
    return ((this.#cumulative[at] ?? 0) - (symbol === 0 ? 0 : (this.#cumulative[at - 1] ?? 0))) / TWO_32;
  }

  /** The first `count` tokens of a walk; a longer request begins with the tokens of a shorter one. */
  tokens(split: keyof typeof SPLITS, count: number): Uint16Array<ArrayBuffer> {
    const out = new Uint16Array(count);
    const bits = new Uint32Array(4);
    const walk = SPLITS[split];
    let context = this.#firstContext(walk);
    for (let t = 0; t < count; t += 1) {
      if (t % 4 === 0) philoxInto(bits, t / 4, 0, walk, 0, this.#seed, STREAM.markovTokens);
      const row = context * this.symbols;
      const symbol = firstAbove(this.#cumulative, row, row + this.symbols, bits[t % 4] ?? 0) - row;
      out[t] = symbol;
      context = (context * this.symbols + symbol) % this.#contexts;
    }
    return out;
  }

  #firstContext(walk: number): number {
    const [high, low] = philox([0, 0, walk, 1], [this.#seed, STREAM.markovTokens]);
    let rest = (high + low / TWO_32) / TWO_32;
    for (let context = 0; context < this.#contexts; context += 1) {
      rest -= this.#stationary[context] ?? 0;
      if (rest < 0) return context;
    }
    return this.#contexts - 1;
  }

  /**
   * Power iteration on (I + P) / 2, which has the stationary distribution of P and no eigenvalue near -1 or elsewhere on the unit
   * circle; stops when the geometric tail of the remaining changes is below 1e-12 (L1).
   */
  #stationaryDistribution(): Float64Array {
    const { symbols } = this;
    const contexts = this.#contexts;
    let now = new Float64Array(contexts);
    // From one context, not from all: an even start can be balanced between corners of the chain that hardly exchange, and look done.
    now[0] = 1;
    if (contexts === 1) return now;
    let next = new Float64Array(contexts);
    let lastChange = 0;
    for (let work = 0; work < MAX_WORK; work += contexts * (symbols + ROW_OVERHEAD)) {
      for (let i = 0; i < contexts; i += 1) next[i] = (now[i] ?? 0) / 2;
      for (let context = 0; context < contexts; context += 1) {
        const share = (now[context] ?? 0) / (2 * TWO_32);
        const row = context * symbols;
        const target = (context * symbols) % contexts;
        let below = 0;
        for (let symbol = 0; symbol < symbols; symbol += 1) {
          const upTo = this.#cumulative[row + symbol] ?? 0;
          next[target + symbol] = (next[target + symbol] ?? 0) + share * (upTo - below);
          below = upTo;
        }
      }
      const total = next.reduce((sum, p) => sum + p, 0);
      let change = 0;
      for (let i = 0; i < contexts; i += 1) {
        next[i] = (next[i] ?? 0) / total;
        change += Math.abs((next[i] ?? 0) - (now[i] ?? 0));
      }
      [now, next] = [next, now];
      const ratio = change / lastChange;
      // Below 1e-15 the change is rounding noise and its ratio says nothing.
      if (change < 1e-15 || (ratio < 1 && (change * ratio) / (1 - ratio) < 1e-12)) return now;
      lastChange = change;
    }
    throw new SpecError({
      where: 'spec data.markov',
      rule: 'the chain forgets its past too slowly for its entropy rate to be computed',
      cure: 'Raise concentration, or lower order or symbols.',
    });
  }
}

function requireThat(holds: boolean, field: string, rule: string, got: unknown, expected: string): void {
  if (!holds) throw new SpecError({ where: `spec data.markov.${field}`, rule, got: String(got), expected });
}

/** ln of unnormalised Dirichlet components into `out`; in logs, because a Gamma(0.01) deviate is often below the smallest f64. */
function dirichletLogs(out: Float64Array, concentration: number, random: RandomSequence): void {
  for (let i = 0; i < out.length; i += 1) {
    // Gamma(a) for a < 1 is Gamma(a + 1) * u^(1/a).
    const boost = concentration < 1 ? ln(random.open()) / concentration : 0;
    out[i] = logGammaDeviate(concentration < 1 ? concentration + 1 : concentration, random) + boost;
  }
}

/** ln of a Gamma(shape, 1) deviate, shape >= 1 (Marsaglia and Tsang, "A simple method for generating gamma variables", 2000). */
function logGammaDeviate(shape: number, random: RandomSequence): number {
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const root = 1 + c * x;
    const u = random.open();
    if (root <= 0) continue;
    const v = root * root * root;
    if (ln(u) < 0.5 * x * x + d - d * v + d * ln(v)) return ln(d) + ln(v);
  }
}

/** Turns logs of weights into cumulative integer weights that end at 2^32, the uniform share mixed in. */
function quantise(logs: Float64Array, cumulative: Float64Array): void {
  const top = logs.reduce((a, b) => Math.max(a, b), -Infinity);
  const total = logs.reduce((sum, log) => sum + exp(log - top), 0);
  let largest = 0;
  let used = 0;
  for (let i = 0; i < logs.length; i += 1) {
    if ((logs[i] ?? 0) > (logs[largest] ?? 0)) largest = i;
    const drawn = exp((logs[i] ?? 0) - top) / total;
    const weight = Math.floor(((1 - UNIFORM_SHARE) * drawn + UNIFORM_SHARE / logs.length) * (TWO_32 - 1));
    cumulative[i] = weight;
    used += weight;
  }
  cumulative[largest] = (cumulative[largest] ?? 0) + TWO_32 - used;
  for (let i = 1; i < cumulative.length; i += 1) cumulative[i] = (cumulative[i] ?? 0) + (cumulative[i - 1] ?? 0);
}

/** First index in [from, to) of a rising array whose value is above x; the last value is. */
function firstAbove(values: Float64Array, from: number, to: number, x: number): number {
  let low = from;
  let high = to - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) > x) high = middle;
    else low = middle + 1;
  }
  return low;
}
