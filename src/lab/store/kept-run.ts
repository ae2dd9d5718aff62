import { ChunkStore, type KeyRanges } from './append.ts';
import { base64 } from './base64.ts';
import { allOf } from './database.ts';
import { COLUMNS, SERIES, type Curves } from './curves.ts';
import { recordIn } from './progress.ts';
import { isActive, isRunRecord, type RunRecord } from './record.ts';

/** A run with everything that was measured of it. */
export interface KeptRun {
  readonly record: RunRecord;
  readonly curves: Curves;
}

/** What an import has done. */
export interface ImportOutcome {
  readonly added: readonly string[];
  /** They were there already, as they are in the file. */
  readonly same: readonly string[];
  /** Their ids were taken by other runs: id in the file, id here. */
  readonly renamed: readonly (readonly [string, string])[];
}

/**
 * Puts runs where their ids are free. What was measured makes a run the same or another one; what the user said of it since (name, tags,
 * note) does not.
 */
export async function importIn(tx: IDBTransaction, ranges: KeyRanges, runs: readonly KeptRun[]): Promise<ImportOutcome> {
  const added: string[] = [];
  const same: string[] = [];
  const renamed: [string, string][] = [];
  const store = tx.objectStore('runs');
  const chunks = new ChunkStore(tx, ranges);
  let pinned = (await allOf(store.getAll(), isRunRecord)).items.some(({ baseline }) => baseline);

  async function take(run: KeptRun, ids: readonly string[], hash: string): Promise<void> {
    const [id, ...others] = ids;
    if (id === undefined) return;
    const there = await recordIn(tx, id);
    if (there === null) {
      const state = isActive(run.record.state) ? 'interrupted' : run.record.state;
      const baseline = run.record.baseline && !pinned;
      pinned ||= baseline;
      store.put({ ...run.record, id, state, baseline, removedAt: null });
      chunks.put(id, run.curves);
      if (id === run.record.id) added.push(id);
      else renamed.push([run.record.id, id]);
    } else if (others.length === 0 || contentHash({ record: there, curves: await chunks.curves(id) }) === hash) {
      if (there.removedAt !== null) store.put({ ...there, removedAt: null });
      same.push(id);
    } else {
      await take(run, others, hash);
    }
  }

  // One after another: a file may hold an id twice. The second name is made of the content, so that importing again finds it.
  await runs.reduce(async (before, run) => {
    await before;
    const hash = contentHash(run);
    await take(run, [run.record.id, `${run.record.id}-${hash}`], hash);
  }, Promise.resolve());
  return { added, same, renamed };
}

/** 64 bits of what was measured and of what decided it, as text. */
export function contentHash({ record, curves }: KeptRun): string {
  const { spec, step, totalSteps, sweep, counts, data, environment } = record;
  let hash = hashed(canonical({ spec, step, totalSteps, sweep, counts, data, environment }), SEEDS);
  for (const series of SERIES)
    for (const [name, values] of Object.entries(curves[series]))
      if (name in COLUMNS[series] && ArrayBuffer.isView(values)) hash = hashed(base64(values), hash);
  return hash.map((part) => part.toString(36)).join('');
}

/** JSON whose keys are sorted, so that equal content is equal text. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

const SEEDS: readonly [number, number] = [0x811c9dc5, 0x2f0b4c47];

/** Two hashes of 32 bits in the way of FNV-1a, from different seeds and with different multipliers. */
function hashed(text: string, [a, b]: readonly [number, number]): [number, number] {
  let [x, y] = [a, b];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    x = Math.imul(x ^ code, 0x01000193) >>> 0;
    y = Math.imul(y ^ code, 0x85ebca6b) >>> 0;
  }
  return [x, y];
}
