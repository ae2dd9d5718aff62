import { roundUp } from '../base/shape.ts';
import { PACK_ALIGN, wordsOf } from './types.ts';
import type { Type } from './types.ts';

/** Where the parts of a pack lie for L lanes, in words of 4 bytes: part i is `[L, ...part]` from `offsets[i]`. */
export interface PackLayout {
  readonly offsets: readonly number[];
  readonly total: number;
}

/** Parts one after another, each aligned to {@link PACK_ALIGN}. A plain tensor is a pack of one. */
export function packLayout(type: Type, lanes: number): PackLayout {
  const offsets: number[] = [];
  let total = 0;
  for (const part of type.parts ?? [type.shape]) {
    offsets.push(total);
    total += roundUp(lanes * wordsOf({ dtype: type.dtype, shape: part }), PACK_ALIGN);
  }
  return { offsets, total };
}
