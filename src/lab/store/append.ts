import {
  curvesOf,
  cutEvals,
  cutTrain,
  isChunk,
  joinEvals,
  joinTrain,
  SERIES,
  SPLITS,
  type Chunk,
  type Curves,
  type EvalCurve,
  type TrainCurve,
} from './curves.ts';
import { allOf, asked } from './database.ts';
import { foldEvals, foldTrain, NO_SUMMARY, type RunSummary } from './summary.ts';

/** The part of `IDBKeyRange` that the store uses. */
export type KeyRanges = Pick<typeof IDBKeyRange, 'bound'>;

type Series = Chunk['series'];

/** Values that a chunk is filled up to; longer ones are left alone. So a save rewrites some 40 KB at most, and a curve has few chunks. */
const FULL = 1024;
/** Values of a chunk of a curve that comes whole. */
const WHOLE = 16_384;

/** A run's chunks inside a transaction. */
export class ChunkStore {
  readonly #store: IDBObjectStore;
  readonly #ranges: KeyRanges;

  constructor(tx: IDBTransaction, ranges: KeyRanges) {
    this.#store = tx.objectStore('chunks');
    this.#ranges = ranges;
  }

  async curves(runId: string): Promise<Curves> {
    return curvesOf((await allOf(this.#store.getAll(this.#ofRun(runId)), isChunk)).items);
  }

  remove(runId: string): void {
    this.#store.delete(this.#ofRun(runId));
  }

  /** Puts whole curves where none are. */
  put(runId: string, curves: Curves): void {
    const { train } = curves;
    for (let from = 0; from < train.steps.length; from += WHOLE)
      this.#putTrain(runId, cutTrain(train, from, Math.min(train.steps.length, from + WHOLE)));
    for (const split of SPLITS)
      if (curves[split].steps.length > 0) this.#putEvals(runId, split, cutEvals(curves[split], 0, curves[split].steps.length));
  }

  /**
   * Appends what was measured. Steps that are there already are replaced, and what came after them goes: a run that went back to a
   * checkpoint repeats them.
   *
   * @returns the summary of the whole run.
   */
  async append(runId: string, summary: RunSummary, added: Curves): Promise<RunSummary> {
    let folded = summary;
    const [first] = added.train.steps;
    if (first !== undefined && (await this.truncate(runId, first))) folded = await this.summarise(runId);
    for (const split of SPLITS) {
      const [from] = added[split].steps;
      if (from !== undefined && (await this.#cut(runId, split, from))) folded = await this.summarise(runId);
    }
    await this.#grow(runId, added);
    for (const split of SPLITS) folded = foldEvals(folded, split, added[split]);
    return foldTrain(folded, added.train);
  }

  /** Forgets steps from `step` on, evaluations too. @returns whether there were any. */
  async truncate(runId: string, step: number): Promise<boolean> {
    const cuts = await Promise.all(SERIES.map((series) => this.#cut(runId, series, step)));
    return cuts.includes(true);
  }

  async summarise(runId: string): Promise<RunSummary> {
    return summaryOf(await this.curves(runId));
  }

  async #grow(runId: string, added: Curves): Promise<void> {
    if (added.train.steps.length > 0) {
      const last = await this.#last(runId, 'train');
      const fits = last?.series === 'train' && last.steps.length + added.train.steps.length <= FULL;
      this.#putTrain(runId, fits ? joinTrain([last, added.train]) : added.train);
    }
    for (const split of SPLITS) {
      const evals = added[split];
      if (evals.steps.length === 0) continue;
      const last = await this.#last(runId, split);
      const fits = last !== null && last.series !== 'train' && last.steps.length + evals.steps.length <= FULL;
      this.#putEvals(runId, split, fits ? joinEvals([last, evals]) : evals);
    }
  }

  async #cut(runId: string, series: Series, step: number): Promise<boolean> {
    const last = await this.#last(runId, series);
    if (last === null || (last.steps.at(-1) ?? 0) < step) return false;
    this.#store.delete(this.#ranges.bound([runId, series, step], [runId, series, Infinity]));
    const left = await this.#last(runId, series);
    const keep = left === null ? 0 : left.steps.filter((at) => at < step).length;
    if (left?.series === 'train') this.#putTrain(runId, cutTrain(left, 0, keep));
    else if (left !== null) this.#putEvals(runId, left.series, cutEvals(left, 0, keep));
    return true;
  }

  /** The chunk with the last steps; null where there is none. */
  async #last(runId: string, series: Series): Promise<Chunk | null> {
    const cursor = await asked(this.#store.openCursor(this.#ranges.bound([runId, series], [runId, series, Infinity]), 'prev'));
    const value: unknown = typeof cursor === 'object' && cursor !== null ? Reflect.get(cursor, 'value') : null;
    return isChunk(value) ? value : null;
  }

  #putTrain(runId: string, curve: TrainCurve): void {
    this.#store.put({ ...curve, runId, series: 'train', firstStep: curve.steps[0] ?? 0 });
  }

  #putEvals(runId: string, series: (typeof SPLITS)[number], { steps, lossNats }: EvalCurve): void {
    this.#store.put({ steps, lossNats, runId, series, firstStep: steps[0] ?? 0 });
  }

  /** An array comes after every text and number, so `[id, []]` after all that begins with `id`. */
  #ofRun(runId: string): IDBKeyRange {
    return this.#ranges.bound([runId], [runId, []]);
  }
}

/** What a record says of such curves. */
export function summaryOf(curves: Curves): RunSummary {
  return foldTrain(foldEvals(foldEvals(NO_SUMMARY, 'validation', curves.validation), 'ood', curves.ood), curves.train);
}
