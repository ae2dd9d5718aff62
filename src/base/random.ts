import { cosTurn, ln, sinTurn } from './elementary.ts';

/**
 * Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
 * A value is a function of its coordinates (seed, stream, index, ...) alone, so there is no state to keep, and a run resumes,
 * regroups into lanes or changes its batch without changing any draw. `shaders/lib/philox.wgsl` is the same function on the GPU.
 *
 * Everywhere the key is (seed, stream); the four counter words are the caller's coordinates.
 */

/** Four u32 words. */
export type Counter = readonly [number, number, number, number];
/** Two u32 words: seed and stream. */
export type Key = readonly [number, number];

/** The second key word: draws of different purpose never meet, even under equal seeds. Values are part of every saved run: never reuse one. */
export const STREAM = {
  init: 1,
  /** Independent starts of the batch order `random`. */
  data: 2,
  /** The permutation of the batch order `shuffled`. */
  shuffle: 3,
  /** The offset by which block borders move each epoch. */
  offset: 4,
  /** Sampling text from a model. */
  sample: 5,
  /** Shuffling the lines of a corpus. */
  corpus: 6,
  /** Transition rows of a Markov source. */
  markovRows: 7,
  /** Tokens of a Markov source. */
  markovTokens: 8,
  /** Stochastic rounding. */
  rounding: 9,
  /** Bootstraps and starts of fits. */
  fit: 10,
} as const;
export type Stream = (typeof STREAM)[keyof typeof STREAM];

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const ROUNDS = 10;

/** High 32 bits of the 64-bit product of two u32. */
export function mulhi(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) >>> 0;
  const carry = (Math.imul(aLow, bHigh) + (middle & 0xffff)) >>> 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (carry >>> 16)) >>> 0;
}

/** Philox4x32-10 into `out[0..3]`, nothing allocated. Inputs are taken modulo 2^32. */
export function philoxInto(out: Uint32Array, c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): void {
  for (let round = 0; round < ROUNDS; round += 1) {
    const high0 = mulhi(M0, c0);
    const low0 = Math.imul(M0, c0);
    const high1 = mulhi(M1, c2);
    const low1 = Math.imul(M1, c2);
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

const scratch = new Uint32Array(4);

/** Philox4x32-10 of one counter under one key: four u32 words. */
export function philox(counter: Counter, key: Key): [number, number, number, number] {
  philoxInto(scratch, counter[0], counter[1], counter[2], counter[3], key[0], key[1]);
  return [scratch[0] ?? 0, scratch[1] ?? 0, scratch[2] ?? 0, scratch[3] ?? 0];
}

/** The u32 `bits` as a number in [0, 1): its top 24 bits, so that f32 holds it exactly. */
export function uniform24(bits: number): number {
  return (bits >>> 8) / 16777216;
}

/** FNV-1a of a name's UTF-8 bytes: u32. */
export function hashName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}

/**
 * Standard normals times `std` into `out`, for the initial values of the tensor `name`. Element i depends on (seed, name, i) alone:
 * other tensors, their order and the tensor's own length do not matter. Box-Muller in f64 with the functions of `elementary.ts`,
 * rounded to f32 once, after the multiplication. Smallest |u| is 2^-32, so values stay within 6.67 std.
 * @param start index of `out[0]` within the tensor; a multiple of 4.
 */
export function normals(out: Float32Array, seed: number, name: string, std = 1, start = 0): void {
  if (start % 4 !== 0) throw new RangeError(`normals "${name}": start is not a multiple of 4: got ${start}`);
  const tensor = hashName(name);
  for (let i = 0; i < out.length; i += 4) {
    const block = (start + i) / 4;
    philoxInto(scratch, block, Math.floor(block / 4294967296), tensor, 0, seed, STREAM.init);
    for (let pair = 0; pair < 4; pair += 2) {
      const u = ((scratch[pair] ?? 0) + 1) / 4294967296;
      const turn = scratch[pair + 1] ?? 0;
      const radius = Math.sqrt(-2 * ln(u)) * std;
      // Stores past the end of a typed array do nothing, which trims the last block.
      out[i + pair] = radius * cosTurn(turn);
      out[i + pair + 1] = radius * sinTurn(turn);
    }
  }
}

/**
 * An integer in [0, n), 1 <= n <= 2^32, every value equally likely (Lemire, "Fast random integer generation in an interval", 2019:
 * multiply and reject), from the coordinates (seed, stream, a, b, c).
 */
export function integerBelow(n: number, seed: number, stream: Stream, a: number, b: number, c: number): number {
  if (!Number.isInteger(n) || n < 1 || n > 4294967296) throw new RangeError(`integerBelow: n is not in 1..2^32: got ${n}`);
  // The products whose low word falls below this would make some values likelier than others.
  const rejectBelow = (4294967296 - n) % n;
  for (let attempt = 0; ; attempt += 1) {
    philoxInto(scratch, attempt, a, b, c, seed, stream);
    for (let word = 0; word < 4; word += 1) {
      const bits = scratch[word] ?? 0;
      if (n === 4294967296) return bits;
      if (Math.imul(bits, n) >>> 0 >= rejectBelow) return mulhi(bits, n);
    }
  }
}

/** A sequence of draws where random access is not needed; `a` and `b` tell sequences of one seed and stream apart. */
export class RandomSequence {
  readonly #block = new Uint32Array(4);
  readonly #seed: number;
  readonly #stream: Stream;
  readonly #a: number;
  readonly #b: number;
  #drawn = 0;

  constructor(seed: number, stream: Stream, a = 0, b = 0) {
    this.#seed = seed;
    this.#stream = stream;
    this.#a = a;
    this.#b = b;
  }

  /** A u32. */
  bits(): number {
    const word = this.#drawn % 4;
    if (word === 0) {
      const block = this.#drawn / 4;
      philoxInto(this.#block, block, Math.floor(block / 4294967296), this.#a, this.#b, this.#seed, this.#stream);
    }
    this.#drawn += 1;
    return this.#block[word] ?? 0;
  }

  /** In (0, 1), 32 bits: never 0, so its logarithm is finite. */
  open(): number {
    return (this.bits() + 0.5) / 4294967296;
  }

  /** An integer in [0, n), unbiased, 1 <= n < 2^32. */
  below(n: number): number {
    const rejectBelow = (4294967296 - n) % n;
    for (;;) {
      const bits = this.bits();
      if (Math.imul(bits, n) >>> 0 >= rejectBelow) return mulhi(bits, n);
    }
  }

  /** A standard normal, f64. */
  normal(): number {
    const radius = Math.sqrt(-2 * ln(this.open()));
    return radius * cosTurn(this.bits());
  }
}
