import { joinEnds, NO_ENDS, type KeptEnds } from '../ends/kept-ends.ts';
import { ChunkStore, type KeyRanges } from './append.ts';
import type { Curves } from './curves.ts';
import { asked } from './database.ts';
import { isRunRecord, newRecord, type NewRun, type RunRecord } from './record.ts';
import { isOwner, type Owner } from './tabs.ts';
import { StoreError } from './trouble.ts';

/** A run that begins, or goes on from its checkpoint. */
export interface Beginning {
  readonly run: NewRun;
  /** Its checkpoint's step: what was measured after it goes. */
  readonly afterStep: number;
  readonly facts: Partial<Pick<RunRecord, 'totalSteps' | 'counts' | 'data' | 'environment'>>;
}

/** What went on of a run that is trained here: what is known of it by now, and what was measured since the last time. */
export interface Advance {
  readonly id: string;
  readonly change: Partial<Pick<RunRecord, 'state' | 'step' | 'totalSteps' | 'failure' | 'msPerStep' | 'environment'>>;
  readonly added: Curves;
  /** What this page has foretold of it. */
  readonly ends?: KeptEnds;
}

/**
 * What became of an {@link Advance}. `removed`: someone removed the run; it is kept once it is restored. `taken`: another tab goes on with
 * it. `gone`: the browser removed the whole database; the run must begin anew.
 */
export type Outcome = 'saved' | 'removed' | 'taken' | 'gone';

/** What a transaction must know of its tab. */
export interface TabContext {
  readonly ranges: KeyRanges;
  readonly token: string;
  readonly now: number;
  readonly lives: (owner: Owner) => boolean;
}

/** @throws StoreError `owned` where another tab trains it. */
export async function beginIn(tx: IDBTransaction, tab: TabContext, { run, afterStep, facts }: Beginning): Promise<RunRecord> {
  const [before, owner] = await Promise.all([recordIn(tx, run.id), ownerIn(tx, run.id)]);
  if (owner !== null && owner.token !== tab.token && tab.lives(owner)) {
    throw new StoreError('owned', {
      rule: 'another tab trains this run',
      got: before?.name === undefined || before.name === '' ? run.id : `"${before.name}"`,
      cure: 'Look at it there, or close that tab and continue the run here.',
    });
  }
  const chunks = new ChunkStore(tx, tab.ranges);
  await chunks.truncate(run.id, afterStep + 1);
  const record: RunRecord = {
    ...(before ?? newRecord(run, tab.now)),
    ...facts,
    // Where it goes on, its checkpoint is from now on.
    ...(run.program === undefined ? {} : { program: run.program }),
    ...(before?.sweep === null && run.sweep !== undefined ? { sweep: run.sweep } : {}),
    updatedAt: tab.now,
    removedAt: null,
    state: 'preparing',
    step: afterStep,
    failure: null,
    summary: await chunks.summarise(run.id),
  };
  tx.objectStore('runs').put(record);
  putOwner(tx, { runId: run.id, token: tab.token, beatAt: tab.now });
  return record;
}

/** @param epoch of the database that the run began in. */
export async function appendIn(tx: IDBTransaction, tab: TabContext, advance: Advance, epoch: string): Promise<Outcome> {
  const { id, change, added, ends = NO_ENDS } = advance;
  const [record, owner] = await Promise.all([recordIn(tx, id), ownerIn(tx, id)]);
  // Without a database that has the run in its bin, it was removed for good: begun again it would be a piece of itself.
  if (record === null) return (await epochIn(tx)) === epoch ? 'removed' : 'gone';
  if (owner?.token !== tab.token) return 'taken';
  if (record.removedAt !== null) return 'removed';
  const summary = await new ChunkStore(tx, tab.ranges).append(id, record.summary, added);
  const predictions = joinEnds(record.predictions ?? NO_ENDS, ends);
  const known = predictions.marks.length > 0 ? { predictions } : {};
  tx.objectStore('runs').put({ ...record, ...change, ...known, summary, updatedAt: tab.now });
  putOwner(tx, { ...owner, beatAt: tab.now });
  return 'saved';
}

/** Which database this is. */
export async function epochIn(tx: IDBTransaction): Promise<string> {
  const entry = await asked(tx.objectStore('meta').get('epoch'));
  return String(Reflect.get(Object(entry), 'value'));
}

export async function recordIn(tx: IDBTransaction, id: string): Promise<RunRecord | null> {
  const value = await asked(tx.objectStore('runs').get(id));
  if (value === undefined || isRunRecord(value)) return value ?? null;
  throw new StoreError('failed', {
    rule: 'a run is of a form that this build does not know',
    got: id,
    cure: 'It was left as it is.',
  });
}

export async function ownerIn(tx: IDBTransaction, id: string): Promise<Owner | null> {
  const value = await asked(tx.objectStore('owners').get(id));
  return isOwner(value) ? value : null;
}

export function putOwner(tx: IDBTransaction, owner: Owner): void {
  tx.objectStore('owners').put(owner);
}
