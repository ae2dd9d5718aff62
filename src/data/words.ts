/*
 * Cutting bytes into words, the units inside which BPE merges. Every byte belongs to exactly one word and words follow each other
 * without gaps, so joining them gives the bytes back, whatever the bytes are.
 *
 * The rule is GPT-2's, on bytes: a word is a run of letters (A-Z, a-z and every byte from 0x80 up, so that UTF-8 letters stay
 * whole), of digits, of white space (space, \t \n \v \f \r) or of anything else, together with one space before it if there is one.
 * A run of white space leaves its last byte to the next word if that byte is a space. English contractions ('s, 'll, ...) are not
 * special. No word is longer than MAX_WORD_BYTES; a longer run is cut.
 */

/** Bounds the work of encoding text without spaces: merging is quadratic within a word. */
export const MAX_WORD_BYTES = 64;

const LETTER = 0;
const DIGIT = 1;
const SPACE = 2;
const OTHER = 3;
const SPACE_BYTE = 0x20;

const CLASS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x80 || (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)) return LETTER;
  if (byte >= 0x30 && byte <= 0x39) return DIGIT;
  return byte === SPACE_BYTE || (byte >= 0x09 && byte <= 0x0d) ? SPACE : OTHER;
});

/** Where the word that begins at `start` ends; `start` is below the number of bytes. */
export function wordEnd(bytes: Uint8Array, start: number): number {
  const limit = Math.min(bytes.length, start + MAX_WORD_BYTES);
  let kind = CLASS[bytes[start] ?? 0];
  let end = start + 1;
  if (kind === SPACE) {
    while (end < limit && CLASS[bytes[end] ?? 0] === SPACE) end += 1;
    if (end === limit || bytes[end - 1] !== SPACE_BYTE) return end;
    if (end - 1 > start) return end - 1;
    kind = CLASS[bytes[end] ?? 0];
    end += 1;
  }
  while (end < limit && CLASS[bytes[end] ?? 0] === kind) end += 1;
  return end;
}

/** The different words seen so far, numbered from 0 in order of first sight. */
export class WordTable {
  /** Number of different words. */
  size = 0;
  #bytes = new Uint8Array(1 << 12);
  /** Word i is bytes #ends[i] .. #ends[i + 1]. */
  #ends = new Uint32Array(1 << 10);
  #hashes = new Uint32Array(1 << 10);
  /** Open addressing; word number + 1, 0 is free. */
  #slots = new Uint32Array(1 << 11);

  /** The number of the word `bytes[start..end)`; {@link size} grows when it is new. */
  intern(bytes: Uint8Array, start: number, end: number): number {
    let hash = 0x811c9dc5;
    for (let i = start; i < end; i += 1) hash = Math.imul(hash ^ (bytes[i] ?? 0), 0x01000193);
    // FNV's low bits are its weakest; fold the high ones in.
    hash = (hash ^ (hash >>> 15)) >>> 0;
    const mask = this.#slots.length - 1;
    let slot = hash & mask;
    for (;;) {
      const word = (this.#slots[slot] ?? 0) - 1;
      if (word < 0) break;
      if (this.#hashes[word] === hash && this.#equals(word, bytes, start, end)) return word;
      slot = (slot + 1) & mask;
    }
    const word = this.size;
    this.#append(bytes, start, end, hash);
    this.#slots[slot] = word + 1;
    if (this.size * 2 > this.#slots.length) this.#rehash();
    return word;
  }

  /** The bytes of a word, as a view that is good until the next {@link intern}. */
  word(index: number): Uint8Array {
    return this.#bytes.subarray(this.#ends[index] ?? 0, this.#ends[index + 1] ?? 0);
  }

  #equals(word: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.#ends[word] ?? 0;
    if ((this.#ends[word + 1] ?? 0) - from !== end - start) return false;
    for (let i = start; i < end; i += 1) if (this.#bytes[from + i - start] !== bytes[i]) return false;
    return true;
  }

  #append(bytes: Uint8Array, start: number, end: number, hash: number): void {
    const from = this.#ends[this.size] ?? 0;
    const to = from + end - start;
    while (to > this.#bytes.length) this.#bytes = grown(this.#bytes, new Uint8Array(this.#bytes.length * 2));
    if (this.size + 2 > this.#ends.length) {
      this.#ends = grown(this.#ends, new Uint32Array(this.#ends.length * 2));
      this.#hashes = grown(this.#hashes, new Uint32Array(this.#hashes.length * 2));
    }
    for (let i = start; i < end; i += 1) this.#bytes[from + i - start] = bytes[i] ?? 0;
    this.#hashes[this.size] = hash;
    this.size += 1;
    this.#ends[this.size] = to;
  }

  #rehash(): void {
    const slots = new Uint32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let word = 0; word < this.size; word += 1) {
      let slot = (this.#hashes[word] ?? 0) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = word + 1;
    }
    this.#slots = slots;
  }
}

function grown<A extends Uint8Array | Uint32Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
