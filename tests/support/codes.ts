import type { Dtype } from '../../src/graph/types.ts';

const BITS: { readonly [D in Dtype]: number } = { f32: 32, u32: 32, u16: 16, u8: 8, u4: 4 };

/** Whole numbers as words of a packed dtype, from the lowest bits up. */
export function packCodes(values: ArrayLike<number>, dtype: Dtype): Uint32Array<ArrayBuffer> {
  const bits = BITS[dtype];
  const perWord = 32 / bits;
  const words = new Uint32Array(Math.ceil(values.length / perWord));
  for (let i = 0; i < values.length; i++) {
    const at = Math.floor(i / perWord);
    words[at] = (words[at] ?? 0) | ((values[i] ?? 0) << (bits * (i % perWord)));
  }
  return words;
}

/** The numbers that {@link packCodes} packed. @throws RangeError when bits are set beyond the last one. */
export function unpackCodes(words: Uint32Array, dtype: Dtype, count: number): Float64Array {
  const bits = BITS[dtype];
  const perWord = 32 / bits;
  const at = (i: number): number => (((words[Math.floor(i / perWord)] ?? 0) >>> (bits * (i % perWord))) & (2 ** bits - 1)) >>> 0;
  for (let i = count; i < words.length * perWord; i++)
    if (at(i) !== 0) throw new RangeError(`element ${i} of ${count} ${dtype} is not 0`);
  return Float64Array.from({ length: count }, (_, i) => at(i));
}
