import type { DataReport } from '../../worker/protocol.ts';
import type { RunRecord } from '../store/record.ts';

/** Of a file at least this share is held out, and at least one window of so many bytes a token. */
const HELD_OUT = 0.05;
const BYTES_PER_TOKEN = 8;

/**
 * Whether a run was trained on another file of the user's than `file`, which runs are trained on from now on; null: nobody knows which that
 * is. What is held out is part of a hash: where that may differ for the same file, nothing can be told, which is false.
 */
export function isOnAnotherFile({ spec, data }: Pick<RunRecord, 'spec' | 'data'>, file: DataReport | null): boolean {
  if (file === null || data === null || spec.data.source !== 'file' || spec.data.order === 'sequential') return false;
  // It was read as bytes, with windows of two.
  const bytes = file.trainTokens + file.validationTokens;
  return (spec.data.context + 1) * BYTES_PER_TOKEN <= HELD_OUT * bytes && data.contentHash !== file.contentHash;
}
