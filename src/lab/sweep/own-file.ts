import { SpecError } from '../../base/errors.ts';
import type { DataReport, FileReport } from '../../worker/protocol.ts';
import type { RunRecord } from '../store/record.ts';
import type { SweptRun } from './axes.ts';

/** A file of the user's that runs were trained on, by the hash of its bytes. */
export interface OwnFile {
  readonly hash: string;
  readonly name: string;
  readonly runs: number;
}

/** Which of the user's files the runs of a sweep are of: a run says what it was trained on, its spec only that it was a file. */
export interface OwnFiles {
  /** The one that counts: the file at hand; without one, that of the run that was trained last. null: nobody knows. */
  readonly counted: Pick<OwnFile, 'hash' | 'name'> | null;
  /** Whether that is the file at hand. */
  readonly atHand: boolean;
  /** Others that runs were trained on, the latest first. */
  readonly others: readonly OwnFile[];
  /** Whether a run was trained on another file than the one that counts. */
  readonly isOther: (record: RunRecord) => boolean;
}

/** @param file the user's that is at hand. */
export function ownFiles(records: Iterable<RunRecord>, file: DataReport | null): OwnFiles {
  const files = new Map<string, OwnFile>();
  const latestFirst = [...records].toSorted((a, b) => b.updatedAt - a.updatedAt);
  for (const { spec, data } of latestFirst) {
    if (spec.data.source !== 'file' || data?.fileHash === undefined) continue;
    const { name, runs } = files.get(data.fileHash) ?? { name: data.name, runs: 0 };
    files.set(data.fileHash, { hash: data.fileHash, name, runs: runs + 1 });
  }
  const [latest = null] = files.values();
  const atHand = file?.fileHash === undefined ? null : { hash: file.fileHash, name: file.name };
  const counted = atHand ?? latest;
  return {
    counted,
    atHand: atHand !== null,
    others: [...files.values()].filter(({ hash }) => hash !== counted?.hash),
    isOther: ({ spec, data }) => {
      if (spec.data.source !== 'file' || data === null) return false;
      return data.fileHash === undefined ? isOfAnotherSplit(spec, data, file) : data.fileHash !== counted?.hash;
    },
  };
}

/** Runs as far as they are of the file that counts: of one on another file it is as if it had not begun. */
export function onCounted(runs: readonly SweptRun[], { isOther }: OwnFiles): readonly SweptRun[] {
  return runs.map((run) => (run.record !== null && isOther(run.record) ? { ...run, record: null } : run));
}

/**
 * Sees to it that what is left of a sweep has the file that it is to be trained on.
 *
 * @param kept files that the worker has or finds.
 * @throws SpecError where the file that counts is not among them, or there is none at all.
 */
export function requireFile({ counted }: OwnFiles, kept: readonly FileReport[], where: string): void {
  if (counted === null && kept.length === 0) {
    const cure = 'Open one on the Train page, or drop it anywhere on the page.';
    throw new SpecError({ where, rule: 'its runs read a file of yours, and there is none', cure });
  }
  if (counted === null || kept.some(({ hash }) => hash === counted.hash)) return;
  throw new SpecError({
    where,
    rule: 'the file that its runs were trained on is no longer kept',
    expected: fileName(counted),
    cure: 'Open that file again, on the Train page or by dropping it; on another one its runs begin anew.',
  });
}

/** `"letters.txt" (SHA-256 1a2b3c4d)`. */
function fileName({ name, hash }: Pick<OwnFile, 'hash' | 'name'>): string {
  return `"${name}" (SHA-256 ${hash.slice(0, 8)})`;
}

/** Where a sweep is trained on another file than some of its runs were, in words; null where it is not. */
export function changedFileWords({ counted, atHand, others }: OwnFiles, title: string): string | null {
  if (counted === null || !atHand || others.length === 0) return null;
  const earlier = others.map((file) => `${fileName(file)} (${file.runs} run${file.runs === 1 ? '' : 's'})`).join(', ');
  return `The sweep ${title} is trained on ${fileName(counted)} from here, another file than its runs have been trained on: ${earlier}.`;
}

/** Of a file at least this share is held out, and at least one window of so many bytes a token. */
const HELD_OUT = 0.05;
const BYTES_PER_TOKEN = 8;

/**
 * Whether a run that an earlier build trained, which did not keep the file's hash, was on another file than `file`. What is held out is part
 * of the hash that there is: where that may differ for the same file, nothing can be told, which is false.
 */
function isOfAnotherSplit(spec: RunRecord['spec'], data: Pick<DataReport, 'contentHash'>, file: DataReport | null): boolean {
  if (file === null || spec.data.order === 'sequential') return false;
  // It was read as bytes, with windows of two.
  const bytes = file.trainTokens + file.validationTokens;
  return (spec.data.context + 1) * BYTES_PER_TOKEN <= HELD_OUT * bytes && data.contentHash !== file.contentHash;
}
