import { roundUp, sizeOf } from '../base/shape.ts';
import { PACK_ALIGN } from '../graph/types.ts';
import type { Type } from '../graph/types.ts';

/** Elements that one workgroup of a kernel over packs takes. */
export const CHUNK = 1024;

/** The parts of a pack; a plain tensor is a pack of one. */
export function partsOf(type: Type): readonly (readonly number[])[] {
  return type.parts ?? [type.shape];
}

/** How many chunks a pack is cut into: the same for any number of lanes, so that reductions keep their order. */
export function chunkCount(type: Type): number {
  return partsOf(type).reduce((sum, part) => sum + Math.ceil(sizeOf(part) / CHUNK), 0);
}

/**
 * A pack as chunks of at most {@link CHUNK} elements that lie in one part each, four words a chunk: the first element in lane 0,
 * the number of elements, the elements from one lane to the next, and twice its place in the lane's dense pack plus its flag. Read in shaders through `lib/chunks`.
 *
 * @param decay 1 for each part that weight decay acts on.
 */
export function packTable(type: Type, lanes: number, decay: readonly number[] = []): Uint32Array {
  const table = new Uint32Array(4 * chunkCount(type));
  let [row, offset, dense] = [0, 0, 0];
  for (const [i, part] of partsOf(type).entries()) {
    const size = sizeOf(part);
    const flag = decay[i] === 1 ? 1 : 0;
    for (let start = 0; start < size; start += CHUNK) {
      table.set([offset + start, Math.min(CHUNK, size - start), size, 2 * (dense + start) + flag], 4 * row++);
    }
    offset += roundUp(lanes * size, PACK_ALIGN);
    dense += size;
  }
  return table;
}
