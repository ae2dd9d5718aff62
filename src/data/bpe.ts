import { SpecError } from '../base/errors.ts';
import type { BpeModel } from './bpe-train.ts';
import { MAX_MERGES } from './bpe-train.ts';
import { requireInVocab, type Tokenizer } from './tokenizer.ts';
import { MAX_WORD_BYTES, WordTable, wordEnd } from './words.ts';

/**
 * Byte-level BPE with trained merges: ids 0..255 are the bytes, 256 + i is merge i. Lossless on any bytes. Training may find fewer
 * merges than the spec asks for; the vocabulary then keeps the spec's size, and the ids left over stand for no bytes and never occur.
 */
export class BpeTokenizer implements Tokenizer {
  readonly kind = 'bpe';
  readonly vocab: number;
  readonly model: BpeModel;
  /** left * 65536 + right to the merged id; a smaller id was merged earlier and goes first. */
  readonly #merged = new Map<number, number>();
  /** Token t stands for #bytes[#ends[t] .. #ends[t + 1]). */
  readonly #bytes: Uint8Array;
  readonly #ends: Uint32Array;

  /**
   * SpecError when the merges cannot have come from training.
   * @param merges those the vocabulary has room for, at least as many as the model has.
   */
  constructor(model: BpeModel, merges = model.merges.length) {
    this.model = model;
    this.vocab = 256 + merges;
    requireMerges(merges <= MAX_MERGES, 'the vocabulary is too large', `${merges} merges`, `at most ${MAX_MERGES}`);
    requireMerges(
      model.merges.length <= merges,
      'the model has more merges than the spec',
      String(model.merges.length),
      `at most ${merges}`,
    );
    const pieces: number[][] = Array.from({ length: 256 }, (_, byte) => [byte]);
    model.merges.forEach(([left, right], i) => {
      const known = pieces[left];
      const more = pieces[right];
      const bothKnown = known !== undefined && more !== undefined;
      requireMerges(bothKnown, `merge ${i} joins ids that are not yet made`, `${left}, ${right}`, `0..${255 + i}`);
      const joined = [...(known ?? []), ...(more ?? [])];
      requireMerges(
        joined.length <= MAX_WORD_BYTES,
        `merge ${i} is too long`,
        `${joined.length} bytes`,
        `at most ${MAX_WORD_BYTES}`,
      );
      const key = left * 65536 + right;
      requireMerges(!this.#merged.has(key), `merge ${i} repeats an earlier one`, `${left}, ${right}`, 'a new pair');
      this.#merged.set(key, 256 + i);
      pieces.push(joined);
    });
    this.#bytes = Uint8Array.from(pieces.flat());
    this.#ends = new Uint32Array(this.vocab + 1);
    for (let id = 0; id < this.vocab; id += 1) this.#ends[id + 1] = (this.#ends[id] ?? 0) + (pieces[id]?.length ?? 0);
  }

  encode(bytes: Uint8Array): Uint16Array<ArrayBuffer> {
    const out = new Uint16Array(bytes.length);
    const table = new WordTable();
    /** Where `out` first got the ids of each word, and how many they are: a repeated word is copied from there. */
    const firstAt: number[] = [];
    const lengths: number[] = [];
    let to = 0;
    for (let at = 0; at < bytes.length;) {
      const end = wordEnd(bytes, at);
      const known = table.size;
      const word = table.intern(bytes, at, end);
      if (word === known) {
        firstAt.push(to);
        lengths.push(this.#encodeWord(bytes, at, end, out, to));
      } else {
        const from = firstAt[word] ?? 0;
        out.copyWithin(to, from, from + (lengths[word] ?? 0));
      }
      to += lengths[word] ?? 0;
      at = end;
    }
    return out.slice(0, to);
  }

  decode(ids: ArrayLike<number>): Uint8Array<ArrayBuffer> {
    requireInVocab('bpe tokenizer', ids, this.vocab);
    let total = 0;
    for (let i = 0; i < ids.length; i += 1) total += this.byteLength(ids[i] ?? 0);
    const out = new Uint8Array(total);
    let to = 0;
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[i] ?? 0;
      out.set(this.#bytes.subarray(this.#ends[id] ?? 0, this.#ends[id + 1] ?? 0), to);
      to += this.byteLength(id);
    }
    return out;
  }

  byteLength(id: number): number {
    return (this.#ends[id + 1] ?? 0) - (this.#ends[id] ?? 0);
  }

  /** Applies the merges to one word in the order of their making, left to right; writes ids at `out[to]` and returns their number. */
  #encodeWord(bytes: Uint8Array, start: number, end: number, out: Uint16Array, to: number): number {
    let length = end - start;
    for (let i = 0; i < length; i += 1) out[to + i] = bytes[start + i] ?? 0;
    for (;;) {
      let best = Infinity;
      for (let i = 1; i < length; i += 1) {
        const merged = this.#merged.get((out[to + i - 1] ?? 0) * 65536 + (out[to + i] ?? 0));
        if (merged !== undefined && merged < best) best = merged;
      }
      if (best === Infinity) return length;
      const [left, right] = this.model.merges[best - 256] ?? [0, 0];
      let kept = 0;
      for (let i = 0; i < length; i += 1) {
        const joins = out[to + i] === left && i + 1 < length && out[to + i + 1] === right;
        out[to + kept] = joins ? best : (out[to + i] ?? 0);
        kept += 1;
        if (joins) i += 1;
      }
      length = kept;
    }
  }
}

/** A model that was kept as JSON, e.g. in the browser's storage; SpecError unless it has the shape of one. */
export function parseBpeModel(value: unknown): BpeModel {
  const merges = typeof value === 'object' && value !== null && 'merges' in value ? value.merges : undefined;
  if (!Array.isArray(merges)) throw notAModel('no list of merges');
  return {
    merges: merges.map((pair: unknown, i): [number, number] => {
      const items: readonly unknown[] = Array.isArray(pair) ? pair : [];
      const [left, right, more] = items;
      if (typeof left !== 'number' || typeof right !== 'number' || more !== undefined)
        throw notAModel(`${JSON.stringify(pair)} as merge ${i}`);
      return [left, right];
    }),
  };
}

function notAModel(got: string): SpecError {
  const cure = 'Train the tokenizer again.';
  return new SpecError({ where: 'tokenizer bpe', rule: 'is not a kept tokenizer', got, expected: 'pairs of token ids', cure });
}

function requireMerges(holds: boolean, rule: string, got: string, expected: string): void {
  if (!holds) throw new SpecError({ where: 'tokenizer bpe', rule, got, expected, cure: 'Train the tokenizer again.' });
}
