import type { Plan } from '../engine/index.ts';
import { boundBytes } from '../engine/profile.ts';

/** Bytes of what the dispatches of a step read or write of the tensors that they are bound to, each element counted once a dispatch. */
export function boundBytesOf({ steps, lanes, microBatches }: Plan): number {
  let bytes = 0;
  for (const { node, dispatches } of steps) {
    const times = node.phase === 'micro' ? microBatches : 1;
    for (const dispatch of dispatches) bytes += times * boundBytes(dispatch, lanes);
  }
  return bytes;
}
