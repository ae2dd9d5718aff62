import { lawNamed, pointsFromCsv, type FitOptions, type Law } from '../../laws/index.ts';
import { LAWS_VIEW_START, lawsQuery, type LawsView } from '../laws-view.ts';
import { Observable } from '../observable.ts';
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
import type { FitClient } from './fit-client.ts';
import { PROCEDURES, procedureOf, type FitOutcome, type FitRequest, type FitStep, type Procedure } from './fit-protocol.ts';
import { pointsOf, type CountingChoice, type LawPoints } from './run-points.ts';

/** `points`: what is fitted, or where it comes from; `fit`: the fit, its error, or those of the frontier; `progress`: of what is under way. */
export type LawsTopic = 'points' | 'fit' | 'progress';

export interface LawsPorts {
  /** Null where runs are not kept: only files are fitted then. */
  readonly store: RunStore | null;
  readonly fits: FitClient;
  readonly report: (error: unknown, where: string) => void;
  readonly notice: (text: string) => void;
}

/** A fit, and what it was made of. */
export interface LawFit {
  readonly law: Law;
  readonly outcome: FitOutcome;
  readonly points: LawPoints;
  /** Rows that were left out by hand. */
  readonly excluded: ReadonlySet<number>;
  readonly options: FitOptions;
}

/** Runs of one sweep that are kept. */
export interface KeptSweep {
  readonly id: string;
  /** What its runs are called; empty where they have no name. */
  readonly name: string;
  readonly runs: number;
  readonly finished: number;
}

const DELAY_MS = 120;
const BOOTSTRAP = 200;
/** Whole curves that are read at once. */
const BATCH = 20;
const NONE: ReadonlySet<string> = new Set();
/** Beside the fit itself, both procedures make a frontier. */
const NO_FRONTIERS: Readonly<Record<Procedure, FitOutcome | null>> = { 'chinchilla-envelope': null, 'chinchilla-isoflop': null };

/**
 * Points and the law that is fitted to them, live: it fits again when runs end, when a point is left out, or when a choice changes, and keeps
 * the last good fit of the same law meanwhile.
 */
export class LawsDesk extends Observable<LawsTopic> {
  view: LawsView = LAWS_VIEW_START;
  /** Every kept run; null until they are read. */
  runs: readonly RunRecord[] | null = null;
  file: PointsFile | null = null;
  /** The points come from {@link file}. */
  fromFile = false;
  /** Before anything was left out by hand; null until they are there. */
  points: LawPoints | null = null;
  /** The last good fit of the law that is chosen. */
  fit: LawFit | null = null;
  /** Why there is no fit of these points, in words. */
  error: string | null = null;
  /** Of the fit under way; null while none is. */
  progress: FitStep | null = null;
  /** Power laws through the best sizes of budgets, by procedure; null where the points give none. */
  frontiers: Readonly<Record<Procedure, FitOutcome | null>> = NO_FRONTIERS;
  readonly #ports: LawsPorts;
  /** Keys of points that are left out, by source. */
  readonly #excluded = new Map<string, ReadonlySet<string>>();
  /** Of curves that were read, what {@link CurveDetail} of them was asked for, by run. */
  readonly #digests: Readonly<Record<CurveDetail, Map<string, CurveDigest>>> = {
    stops: new Map(),
    fine: new Map(),
    rates: new Map(),
  };
  #timer: ReturnType<typeof setTimeout> | undefined;
  #under: AbortController | null = null;
  #done = '';
  readonly #frontiersDone = new Map<Procedure, string>();
  #again = false;
  #asleep = false;
  #changedAsleep = false;
  #end = (): void => {};

  constructor(ports: LawsPorts) {
    super();
    this.#ports = ports;
  }

  open(): void {
    this.#end = this.#ports.store?.watch((ids) => void this.#runsChanged(ids)) ?? ((): void => {});
    void this.#read();
  }

  close(): void {
    this.#end();
    clearTimeout(this.#timer);
    this.#under?.abort();
  }

  /** While nobody looks, changes of runs are only remembered. */
  set asleep(asleep: boolean) {
    this.#asleep = asleep;
    if (!asleep && this.#changedAsleep) void this.#read();
  }

  get law(): Law {
    return lawNamed(this.view.law);
  }

  /** Whether what is shown as the fit is of other points or choices than those now. */
  get stale(): boolean {
    return this.#under !== null || this.#timer !== undefined;
  }

  /** Sweeps of which runs are kept, the newest first. */
  get sweeps(): readonly KeptSweep[] {
    const found = new Map<string, { id: string; name: string; runs: number; finished: number }>();
    for (const { sweep, state, spec } of this.runs ?? []) {
      if (sweep === null) continue;
      const own = found.get(sweep.id) ?? { id: sweep.id, name: spec.name, runs: 0, finished: 0 };
      own.runs += 1;
      if (state === 'finished') own.finished += 1;
      found.set(sweep.id, own);
    }
    return [...found.values()];
  }

  get tags(): readonly string[] {
    return [...new Set((this.runs ?? []).flatMap(({ tags }) => tags))].sort();
  }

  /** The runs that the choice of a source names. */
  get chosen(): readonly RunRecord[] {
    const { sweep, tag } = this.view;
    const all = this.runs ?? [];
    if (sweep !== '') return all.filter((run) => run.sweep?.id === sweep);
    return all.filter((run) => !run.hidden && (tag === '' || run.tags.includes(tag)));
  }

  /** Keys of the points of this source that are left out by hand. */
  get excluded(): ReadonlySet<string> {
    return this.#excluded.get(this.#source) ?? NONE;
  }

  get #source(): string {
    return this.fromFile ? `file ${this.file?.name}` : `sweep ${this.view.sweep} tag ${this.view.tag}`;
  }

  /** Shows and fits what a view says; what only the drawing minds is not fitted again. */
  look(view: LawsView): void {
    const before = this.view;
    this.view = view;
    if (this.runs === null && !this.fromFile) return;
    if (fittedOf(before) === fittedOf(view)) return;
    if (before.law !== view.law) this.fit = null;
    if (before.sweep !== view.sweep || before.tag !== view.tag) {
      this.fromFile = false;
      this.#forget();
    }
    this.#soon(true);
  }

  /** Leaves a point out, or takes it in again. */
  toggle(key: string): void {
    const next = new Set(this.excluded);
    if (!next.delete(key)) next.add(key);
    this.#exclude(next);
  }

  includeAll(): void {
    this.#exclude(new Set());
  }

  #exclude(keys: ReadonlySet<string>): void {
    this.#excluded.set(this.#source, keys);
    this.emit('points');
    this.#soon(true);
  }

  /** Takes points of a file in, and fits them from now on. What the file cannot give is reported; the points before it stay. */
  import(text: string, name: string): void {
    try {
      const points = pointsFromCsv(text, name);
      this.file = { name, text, points };
      this.fromFile = true;
      this.#forget();
      this.#soon(true);
      const { faults, ignored } = points;
      const parts = [
        `${name}: ${points.runs.length} ${points.runs.length === 1 ? 'point' : 'points'}`,
        ...(faults.length === 0 ? [] : [`${faults.length} ${faults.length === 1 ? 'row is' : 'rows are'} left out`]),
        ...(ignored.length === 0
          ? []
          : [`columns that hold no numbers: ${ignored.filter((column) => column !== '').join(', ')}`]),
      ];
      this.#ports.notice(`${parts.join('; ')}.`);
    } catch (error) {
      this.#ports.report(error, name);
    }
  }

  /** Has the points from the file, or from runs again. */
  useFile(fromFile: boolean): void {
    if (fromFile === this.fromFile || (fromFile && this.file === null)) return;
    this.fromFile = fromFile;
    this.#forget();
    this.#soon(true);
  }

  /** Another source: nothing that was fitted is of it. */
  #forget(): void {
    this.fit = null;
    this.error = null;
    this.points = null;
    this.frontiers = NO_FRONTIERS;
    this.#done = '';
    this.#frontiersDone.clear();
    this.emit('points', 'fit');
  }

  async #read(): Promise<void> {
    this.#changedAsleep = false;
    const { store, report } = this.#ports;
    try {
      this.runs = store === null ? [] : await store.list();
    } catch (error) {
      this.runs ??= [];
      report(error, 'laws');
    }
    this.emit('points');
    this.#soon(false);
  }

  async #runsChanged(ids: readonly string[]): Promise<void> {
    for (const digests of Object.values(this.#digests)) {
      if (ids.length === 0) digests.clear();
      for (const id of ids) digests.delete(id);
    }
    this.#changedAsleep = this.#asleep;
    if (!this.#asleep) await this.#read();
  }

  /** @param now ends a fit that is under way, as its choices are no longer asked for; else it ends by itself, so that runs that end one after another do not keep it from ever being done. */
  #soon(now: boolean): void {
    if (now) {
      this.#under?.abort();
      this.#under = null;
    }
    if (this.#under !== null) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#fitNow();
    }, DELAY_MS);
  }

  async #fitNow(): Promise<void> {
    const controller = new AbortController();
    this.#under = controller;
    this.#again = false;
    const current = (): boolean => this.#under === controller;
    try {
      const points = await this.#pointsNow(this.law);
      if (!current()) return;
      this.points = points;
      this.emit('points');
      await this.#fitLaw(points, controller.signal);
      if (current()) await this.#fitFrontiers(points, controller.signal);
    } catch (error) {
      if (!current()) return;
      this.fit = null;
      this.error = error instanceof Error ? error.message : String(error);
    } finally {
      if (current()) {
        this.#under = null;
        this.progress = null;
        this.emit('fit', 'progress');
        if (this.#again) this.#soon(false);
      }
    }
  }

  async #fitLaw(points: LawPoints, signal: AbortSignal): Promise<void> {
    const { law, view } = this;
    const excluded = this.#rowsOut(points);
    const procedure = procedureOf(law.id) !== null;
    const options: FitOptions = {
      bootstrap: view.bootstrap ? BOOTSTRAP : 0,
      ...(excluded.size === 0 ? {} : { excluded: [...excluded] }),
      ...(procedure ? {} : { loss: view.loss, projected: view.projected, fixed: view.fixed }),
      ...(view.tied && law.tie !== undefined ? { tied: true } : {}),
    };
    const request: FitRequest = {
      law: law.id,
      points: points.points,
      options,
      ...(view.hold > 0 && !procedure ? { holdOut: { column: 'C', limit: view.hold } } : {}),
    };
    const asked = signatureOf(request);
    if (asked === this.#done && this.fit !== null) return;
    const outcome = await this.#ports.fits.fit(request, {
      signal,
      onProgress: (step) => {
        this.progress = step;
        this.emit('progress');
      },
    });
    this.#done = asked;
    this.fit = { law, outcome, points, excluded, options };
    this.error = null;
    this.emit('fit');
  }

  /** Best sizes of budgets, from the ends of runs and from their curves, where these give any. */
  async #fitFrontiers(points: LawPoints, signal: AbortSignal): Promise<void> {
    const { law, view } = this;
    if (law.target !== 'loss' || law.columns.some(({ name }) => name === 'S1')) return;
    for (const id of PROCEDURES) {
      if (procedureOf(law.id) === id) {
        this.frontiers = { ...this.frontiers, [id]: this.fit?.outcome ?? null };
        continue;
      }
      const made = id === 'chinchilla-envelope' ? await this.#envelopePoints() : this.#endPoints(points);
      if (made === null) {
        this.frontiers = { ...this.frontiers, [id]: null };
        this.#frontiersDone.delete(id);
        continue;
      }
      const excluded = this.#rowsOut(made);
      const request: FitRequest = {
        law: id,
        points: made.points,
        options: { bootstrap: view.bootstrap ? BOOTSTRAP : 0, excluded: [...excluded] },
      };
      const asked = signatureOf(request);
      if (this.#frontiersDone.get(id) === asked) continue;
      const found = await this.#ports.fits.fit(request, { signal }).catch((error: unknown) => {
        if (signal.aborted) throw error;
        return null;
      });
      this.frontiers = { ...this.frontiers, [id]: found };
      this.#frontiersDone.set(id, asked);
    }
  }

  #rowsOut({ rows }: LawPoints): ReadonlySet<number> {
    const keys = this.excluded;
    return new Set(rows.flatMap(({ key }, row) => (keys.has(key) ? [row] : [])));
  }

  #endPoints(points: LawPoints): LawPoints {
    // Of a file, other rows may have what this law reads.
    if (this.fromFile && this.file !== null) return this.#ofBest(filePoints(this.file, lawNamed('chinchilla-isoflop')));
    if (alongCurves(this.law) === null) return points;
    return this.#ofBest(pointsOf(this.chosen, this.view.counting));
  }

  async #envelopePoints(): Promise<LawPoints | null> {
    if (this.fromFile || this.chosen.length < 2) return null;
    try {
      return await this.#alongCurves(ENVELOPE);
    } catch (error) {
      // What a frontier lacks is no reason to have no fit.
      this.#ports.report(error, 'envelope of training curves');
      return null;
    }
  }

  /** The points of the source for a law, those at the best learning rates where that is asked for. */
  async #pointsNow(law: Law): Promise<LawPoints> {
    const along = this.fromFile ? null : alongCurves(law);
    if (along !== null) return this.#alongCurves(along);
    const whole = this.fromFile && this.file !== null ? filePoints(this.file, law) : pointsOf(this.chosen, this.view.counting);
    if (law.target === 'lr') return bestAmong(whole, ['N', 'D'], 'lr');
    if (law.target === 'B') return bestAmong(whole, ['D'], 'B');
    return this.#ofBest(whole);
  }

  #ofBest(whole: LawPoints): LawPoints {
    return this.view.best ? bestAmong(whole, ['N', 'D'], 'lr') : whole;
  }

  async #alongCurves({ make, detail }: AlongCurves): Promise<LawPoints> {
    const { best, counting } = this.view;
    const { runs, notes } = best ? bestRuns(this.chosen, counting) : { runs: this.chosen, notes: [] };
    const made = make(runs, await this.#digestsOf(runs, detail), counting);
    return { ...made, notes: [...made.notes, ...notes] };
  }

  /** Reads whole curves a few at a time, and keeps of them what is asked for. */
  async #digestsOf(runs: readonly RunRecord[], detail: CurveDetail): Promise<DigestsById> {
    const { store } = this.#ports;
    const digests = this.#digests[detail];
    // Rates are as long as their runs: they are kept for the law that reads them alone.
    if (alongCurves(this.law)?.detail !== 'rates') this.#digests.rates.clear();
    const missing = runs.filter(({ id, state }) => state === 'finished' && !digests.has(id)).map(({ id }) => id);
    for (let at = 0; at < missing.length; at += BATCH)
      for (const [id, curves] of (await store?.curves(missing.slice(at, at + BATCH))) ?? [])
        digests.set(id, digested(curves, detail));
    return (id) => digests.get(id);
  }
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

/** A view without what only the drawing minds. */
function fittedOf(view: LawsView): string {
  const { x, reach, published } = LAWS_VIEW_START;
  return lawsQuery({ ...view, x, reach, published }).toString();
}

/** Equal for fits that would be the same. */
function signatureOf({ law, points, options, holdOut }: FitRequest): string {
  const columns = Object.entries(points.columns).map(([name, values]) => `${name} ${values.join()}`);
  return JSON.stringify([law, options, holdOut, columns, points.runs]);
}
