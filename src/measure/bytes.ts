import type { Plan } from '../engine/index.ts';
import { boundBytes } from '../engine/profile.ts';

/** Bytes of all tensors that the dispatches of a step are bound to, each counted once a dispatch. */
export function boundBytesOf({ steps, lanes, microBatches }: Plan): number {
  let bytes = 0;
  for (const { node, dispatches } of steps) {
    const times = node.phase === 'micro' ? microBatches : 1;
    for (const dispatch of dispatches) bytes += times * boundBytes(dispatch, lanes);
  }
  return bytes;
}
