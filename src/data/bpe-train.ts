import { SpecError } from '../base/errors.ts';
import { WordTable, wordEnd } from './words.ts';

/** What a trained BPE is: merge i joins two ids below 256 + i into the id 256 + i. Plain data, to be kept as JSON. */
export interface BpeModel {
  readonly merges: readonly (readonly [number, number])[];
}

export interface BpeTraining {
  /** Merges wanted, 1..65,280; fewer are made when no pair is left that occurs twice. */
  readonly merges: number;
  /** Called with the share done, 0..1, a few times a second. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

export const MAX_MERGES = 65536 - 256;
/** Longest stretch without letting other tasks of the thread run; an abort is noticed this late. */
const SLICE_MS = 50;
/** Bytes between two looks at the clock while words are counted. */
const COUNT_CHUNK_BYTES = 1 << 18;
const COUNTING_SHARE = 0.2;

/**
 * Byte-level BPE (Sennrich, Haddow, Birch, "Neural machine translation of rare words with subword units", 2016): again and again
 * the pair of neighbouring ids that occurs most often within words becomes a new id. Of equally frequent pairs the one with the
 * smaller left, then smaller right id wins, so that equal bytes give equal merges everywhere.
 *
 * Runs in slices of 50 ms; rejects with the signal's reason when aborted. SpecError for a bad number of merges or no bytes.
 */
export async function trainBpe(bytes: Uint8Array, { merges, onProgress, signal }: BpeTraining): Promise<BpeModel> {
  if (!Number.isInteger(merges) || merges < 1 || merges > MAX_MERGES) {
    throw new SpecError({
      where: 'spec data.merges',
      rule: 'is out of range',
      got: String(merges),
      expected: `an integer in 1..${MAX_MERGES}`,
    });
  }
  if (bytes.length === 0)
    throw new SpecError({
      where: 'tokenizer bpe',
      rule: 'cannot be trained on empty data',
      cure: 'Choose a file with text in it.',
    });
  signal?.throwIfAborted();
  const slice = slicer(signal);

  const table = new WordTable();
  let frequencies = new Float64Array(1 << 10);
  for (let at = 0; at < bytes.length;) {
    const stop = Math.min(bytes.length, at + COUNT_CHUNK_BYTES);
    while (at < stop) {
      const end = wordEnd(bytes, at);
      const word = table.intern(bytes, at, end);
      if (word >= frequencies.length) {
        const larger = new Float64Array(frequencies.length * 2);
        larger.set(frequencies);
        frequencies = larger;
      }
      frequencies[word] = (frequencies[word] ?? 0) + 1;
      at = end;
    }
    if (await slice()) onProgress?.((COUNTING_SHARE * at) / bytes.length);
  }

  const state = new PairCounts(table, frequencies);
  const made: [number, number][] = [];
  while (made.length < merges) {
    const pair = state.mergeMostFrequent(256 + made.length);
    if (pair === null) break;
    made.push(pair);
    if (await slice()) onProgress?.(COUNTING_SHARE + ((1 - COUNTING_SHARE) * made.length) / merges);
  }
  onProgress?.(1);
  return { merges: made };
}

/** A function that lets other tasks run when 50 ms have passed since they last could, and then says true. */
function slicer(signal: AbortSignal | undefined): () => Promise<boolean> {
  let since = performance.now();
  return async () => {
    if (performance.now() - since < SLICE_MS) return false;
    await new Promise((resolve) => setTimeout(resolve, 0));
    signal?.throwIfAborted();
    since = performance.now();
    return true;
  };
}

/**
 * All words as ids, and how often each pair of neighbours occurs in them. A merge edits only the words that hold its pair, so all
 * merges together cost about as many edits as the words have bytes.
 */
class PairCounts {
  readonly #frequencies: Float64Array;
  /** Ids of all words, one after the other; a word shrinks in place. */
  readonly #ids: Uint16Array;
  readonly #starts: Uint32Array;
  readonly #lengths: Uint8Array;
  readonly #pairOf = new Map<number, number>();
  readonly #left: number[] = [];
  readonly #right: number[] = [];
  readonly #counts: number[] = [];
  /** Words that held the pair at some time, in rising order, each once. */
  readonly #words: number[][] = [];
  /** Binary heap of pairs, most frequent first, by the count at the time of pushing. */
  readonly #heap: number[] = [];
  readonly #heapCounts: number[] = [];

  constructor(table: WordTable, frequencies: Float64Array) {
    this.#frequencies = frequencies;
    this.#starts = new Uint32Array(table.size);
    this.#lengths = new Uint8Array(table.size);
    let total = 0;
    for (let word = 0; word < table.size; word += 1) {
      const { length } = table.word(word);
      this.#starts[word] = total;
      this.#lengths[word] = length;
      total += length;
    }
    this.#ids = new Uint16Array(total);
    for (let word = 0; word < table.size; word += 1) {
      const bytes = table.word(word);
      this.#ids.set(bytes, this.#starts[word] ?? 0);
      for (let i = 1; i < bytes.length; i += 1) this.#add(bytes[i - 1] ?? 0, bytes[i] ?? 0, frequencies[word] ?? 0, word);
    }
    for (let pair = 0; pair < this.#counts.length; pair += 1) this.#push(pair);
  }

  /** Replaces the most frequent pair by `id` everywhere and returns it; null when no pair occurs twice. */
  mergeMostFrequent(id: number): [number, number] | null {
    const pair = this.#pop();
    if (pair < 0 || (this.#counts[pair] ?? 0) < 2) return null;
    const left = this.#left[pair] ?? 0;
    const right = this.#right[pair] ?? 0;
    const firstNew = this.#counts.length;
    for (const word of this.#words[pair] ?? []) this.#mergeInWord(word, left, right, id);
    this.#words[pair] = [];
    // Only pairs with the new id can have become more frequent, and those did not exist before.
    for (let fresh = firstNew; fresh < this.#counts.length; fresh += 1) this.#push(fresh);
    return [left, right];
  }

  #mergeInWord(word: number, left: number, right: number, id: number): void {
    const ids = this.#ids;
    const frequency = this.#frequencies[word] ?? 0;
    const start = this.#starts[word] ?? 0;
    const end = start + (this.#lengths[word] ?? 0);
    let to = start;
    for (let from = start; from < end; from += 1) {
      if (ids[from] !== left || from + 1 >= end || ids[from + 1] !== right) {
        ids[to] = ids[from] ?? 0;
        to += 1;
        continue;
      }
      this.#add(left, right, -frequency, word);
      if (to > start) {
        const before = ids[to - 1] ?? 0;
        this.#add(before, left, -frequency, word);
        this.#add(before, id, frequency, word);
      }
      if (from + 2 < end) {
        const after = ids[from + 2] ?? 0;
        this.#add(right, after, -frequency, word);
        this.#add(id, after, frequency, word);
      }
      ids[to] = id;
      to += 1;
      from += 1;
    }
    this.#lengths[word] = to - start;
  }

  #add(left: number, right: number, change: number, word: number): void {
    const key = left * 65536 + right;
    let pair = this.#pairOf.get(key);
    if (pair === undefined) {
      pair = this.#counts.length;
      this.#pairOf.set(key, pair);
      this.#left.push(left);
      this.#right.push(right);
      this.#counts.push(0);
      this.#words.push([]);
    }
    this.#counts[pair] = (this.#counts[pair] ?? 0) + change;
    const words = this.#words[pair];
    if (change > 0 && words !== undefined && words.at(-1) !== word) words.push(word);
  }

  /** Whether pair a (counted x) goes before pair b (counted y). */
  #before(a: number, x: number, b: number, y: number): boolean {
    if (x !== y) return x > y;
    const byLeft = (this.#left[a] ?? 0) - (this.#left[b] ?? 0);
    return byLeft !== 0 ? byLeft < 0 : (this.#right[a] ?? 0) < (this.#right[b] ?? 0);
  }

  #push(pair: number): void {
    const count = this.#counts[pair] ?? 0;
    let at = this.#heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = this.#heap[parent] ?? 0;
      const otherCount = this.#heapCounts[parent] ?? 0;
      if (!this.#before(pair, count, other, otherCount)) break;
      this.#heap[at] = other;
      this.#heapCounts[at] = otherCount;
      at = parent;
    }
    this.#heap[at] = pair;
    this.#heapCounts[at] = count;
  }

  /** Takes the most frequent pair; -1 when there is none. Counts in the heap are never too small, so one that is still right is the largest. */
  #pop(): number {
    for (;;) {
      const pair = this.#heap[0];
      if (pair === undefined) return -1;
      const wasCount = this.#heapCounts[0] ?? 0;
      this.#dropTop();
      const count = this.#counts[pair] ?? 0;
      if (count === wasCount) return pair;
      if (count > 0) this.#push(pair);
    }
  }

  #dropTop(): void {
    const pair = this.#heap.pop() ?? 0;
    const count = this.#heapCounts.pop() ?? 0;
    const size = this.#heap.length;
    if (size === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      const sibling = child + 1;
      if (sibling < size && this.#heapBefore(sibling, child)) child = sibling;
      if (!this.#before(this.#heap[child] ?? 0, this.#heapCounts[child] ?? 0, pair, count)) break;
      this.#heap[at] = this.#heap[child] ?? 0;
      this.#heapCounts[at] = this.#heapCounts[child] ?? 0;
      at = child;
    }
    this.#heap[at] = pair;
    this.#heapCounts[at] = count;
  }

  #heapBefore(i: number, j: number): boolean {
    return this.#before(this.#heap[i] ?? 0, this.#heapCounts[i] ?? 0, this.#heap[j] ?? 0, this.#heapCounts[j] ?? 0);
  }
}
