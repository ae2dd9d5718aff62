import { remembered } from '../../base/remembered.ts';
import { filterPoints, lawNamed, type Law } from '../../laws/index.ts';
import type { RunRecord } from '../store/record.ts';
import type { RunStore } from '../store/store.ts';
import { bestAmong, bestRuns } from './best-rates.ts';
import {
  curvePointsOf,
  digested,
  schedulePointsOf,
  targetPointsOf,
  type CurveDetail,
  type CurveDigest,
  type DigestsById,
} from './curve-points.ts';
import { filePoints, type PointsFile } from './file-points.ts';
import { NO_SWEEPS, optimalBatches, optimalRates, type Optima, type OwnOptima } from './optima.ts';
import { pointsOf, type CountingChoice, type LawPoints } from './run-points.ts';

/** Where points come from, and the choices that make them. */
export interface Source {
  readonly runs: readonly RunRecord[];
  /** Instead of runs. */
  readonly file: PointsFile | null;
  readonly counting: CountingChoice;
  /** Of the learning rates of a size and its tokens only the best. */
  readonly best: boolean;
  /** Keys of points that are left out by hand. */
  readonly excluded: ReadonlySet<string>;
}

/** Whole curves that are read at once. */
const BATCH = 20;

/** Makes the points of a law from kept runs, from their curves or from a file, and keeps what it read of curves. */
export class PointsSource {
  readonly #store: RunStore | null;
  /** Of curves that were read, what {@link CurveDetail} of them was asked for, by run. */
  readonly #digests: Readonly<Record<CurveDetail, Map<string, CurveDigest>>> = {
    stops: new Map(),
    fine: new Map(),
    rates: new Map(),
  };

  /** Finished runs as they were read last. */
  readonly #runs = new Map<string, RunRecord>();
  /** One fit asks several times for the ends of the same runs. */
  readonly #ofRuns = remembered(pointsOf);

  constructor(store: RunStore | null) {
    this.#store = store;
  }

  /** Runs that were read anew, those that have not changed since as they were: what was counted of a record is kept by it. */
  known(runs: readonly RunRecord[]): readonly RunRecord[] {
    return runs.map((run) => {
      const before = this.#runs.get(run.id);
      if (before?.state === run.state && before.updatedAt === run.updatedAt) return before;
      if (run.state === 'finished') this.#runs.set(run.id, run);
      return run;
    });
  }

  /** What was read of these runs is old; of none: of all. */
  forget(ids: readonly string[]): void {
    for (const known of [this.#runs, ...Object.values(this.#digests)]) {
      if (ids.length === 0) known.clear();
      for (const id of ids) known.delete(id);
    }
  }

  /** The points for a law, those at the best learning rates where that is asked for. */
  async of(law: Law, source: Source): Promise<LawPoints> {
    const along = source.file === null ? alongCurves(law) : null;
    // Rates are as long as their runs: they are kept for the law that reads them alone.
    if (alongCurves(law)?.detail !== 'rates') this.#digests.rates.clear();
    if (along !== null) return this.#alongCurves(along, source);
    if (law.target === 'lr' || law.target === 'B') return optimaAmong(this.#endsOf(law, source), law, source);
    return this.#endsBy(law, source);
  }

  /** Ends of runs for isoFLOP curves. */
  ends(source: Source): LawPoints {
    return this.#endsBy(lawNamed('chinchilla-isoflop'), source);
  }

  /** The best learning rates and batches, but for those that are left out by hand. */
  own(source: Source): Pick<OwnOptima, 'rates' | 'batches'> {
    const of = (id: string): Optima => {
      const law = lawNamed(id);
      const found = optimaAmong(this.#endsOf(law, source), law, source);
      return { ...found, ...without(found, source.excluded) };
    };
    return { rates: of('step-law'), batches: of('step-law-batch') };
  }

  /** A point for each run or row, at its end. */
  #endsOf(law: Law, { runs, file, counting }: Source): LawPoints {
    return file === null ? this.#ofRuns(runs, counting) : filePoints(file, law);
  }

  #endsBy(law: Law, source: Source): LawPoints {
    const whole = this.#endsOf(law, source);
    return source.best ? bestAmong(whole, ['N', 'D'], 'lr') : whole;
  }

  /** For the envelope of training curves; null where there are fewer than two. */
  async envelope(source: Source): Promise<LawPoints | null> {
    return source.file !== null || source.runs.length < 2 ? null : this.#alongCurves(ENVELOPE, source);
  }

  /** Steps to a loss of these runs, of each batch at its best learning rate. */
  async steps(runs: readonly RunRecord[], { counting }: Source): Promise<ReturnType<typeof targetPointsOf>> {
    const best = bestRuns(runs, counting).runs;
    return targetPointsOf(best, await this.#digestsOf(best, 'fine'), counting);
  }

  async #alongCurves({ make, detail }: AlongCurves, { best, counting, runs: all }: Source): Promise<LawPoints> {
    const { runs, notes } = best ? bestRuns(all, counting) : { runs: all, notes: [] };
    const made = make(runs, await this.#digestsOf(runs, detail), counting);
    return { ...made, notes: [...made.notes, ...notes] };
  }

  /** Reads whole curves a few at a time, and keeps of them what is asked for. */
  async #digestsOf(runs: readonly RunRecord[], detail: CurveDetail): Promise<DigestsById> {
    const digests = this.#digests[detail];
    const missing = runs.filter(({ id, state }) => state === 'finished' && !digests.has(id)).map(({ id }) => id);
    for (let at = 0; at < missing.length; at += BATCH)
      for (const [id, curves] of (await this.#store?.curves(missing.slice(at, at + BATCH))) ?? [])
        digests.set(id, digested(curves, detail));
    return (id) => digests.get(id);
  }
}

/** The best learning rates or the best batches; a file without losses has them as its points. */
function optimaAmong(whole: LawPoints, law: Law, { excluded }: Source): Optima {
  if (whole.points.columns['loss'] === undefined) return { ...whole, ...NO_SWEEPS };
  return (law.target === 'lr' ? optimalRates : optimalBatches)(without(whole, excluded));
}

/** Points without those of such keys. */
export function without({ points, rows, notes }: LawPoints, keys: ReadonlySet<string>): LawPoints {
  const keep = (row: number): boolean => !keys.has(rows[row]?.key ?? '');
  return { points: filterPoints(points, keep), rows: rows.filter((_, row) => keep(row)), notes };
}

/** How a law's points are made of curves, and what it reads of them. */
interface AlongCurves {
  readonly detail: CurveDetail;
  readonly make: (runs: readonly RunRecord[], digestOf: DigestsById, counting: CountingChoice) => LawPoints;
}

const ENVELOPE: AlongCurves = { detail: 'stops', make: curvePointsOf };

/** Laws that read more of a run than its end. */
function alongCurves({ id, columns, target }: Law): AlongCurves | null {
  if (columns.some(({ name }) => name === 'S1')) return { detail: 'rates', make: schedulePointsOf };
  if (id === 'chinchilla-envelope' || id === 'kaplan-ns') return ENVELOPE;
  return target === 'S' ? { detail: 'fine', make: targetPointsOf } : null;
}
