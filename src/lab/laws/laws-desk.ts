import { SpecError } from '../../base/errors.ts';
import { remembered } from '../../base/remembered.ts';
import { lawNamed, type FitOptions, type Law } from '../../laws/index.ts';
import { LAWS_VIEW_START, lawsQuery, type LawsView } from '../laws-view.ts';
import { Observable } from '../observable.ts';
import type { RunRecord } from '../store/record.ts';
import type { RunStore } from '../store/store.ts';
import { keptFile, pointsFile, readWords, type PointsFile } from './file-points.ts';
import type { FitClient } from './fit-client.ts';
import {
  PROCEDURES,
  procedureOf,
  signatureOf,
  type FitRequest,
  type FitStep,
  type OwnFit,
  type Procedure,
} from './fit-protocol.ts';
import type { KeptLaws } from './kept-laws.ts';
import { NO_OPTIMA, type OwnOptima } from './optima.ts';
import { PointsSource, type Source } from './points-source.ts';
import { rowsOut, type LawPoints } from './run-points.ts';
import { SideFits } from './side-fits.ts';

/** `points`: what is fitted, or where it comes from; `fit`: the fit, its error, or those of the frontier; `progress`: of what is under way. */
export type LawsTopic = 'points' | 'fit' | 'progress';

export interface LawsPorts {
  /** Null where runs are not kept: only files are fitted then. */
  readonly store: RunStore | null;
  readonly fits: FitClient;
  /** What is remembered from visit to visit. */
  readonly kept: KeptLaws;
  readonly report: (error: unknown, where: string) => void;
  readonly notice: (text: string) => void;
}

/** A fit, and what it was made of. */
export interface LawFit {
  readonly law: Law;
  readonly outcome: OwnFit;
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
const NO_RUNS: readonly RunRecord[] = [];
/** Beside the fit itself, both procedures make a frontier. */
const NO_FRONTIERS: Readonly<Record<Procedure, OwnFit | null>> = { 'chinchilla-envelope': null, 'chinchilla-isoflop': null };

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
  frontiers: Readonly<Record<Procedure, OwnFit | null>> = NO_FRONTIERS;
  /** The best learning rates and batches of the same runs. */
  own: OwnOptima = NO_OPTIMA;
  readonly #ports: LawsPorts;
  readonly #points: PointsSource;
  readonly #side: SideFits;
  /** The same list for as long as it is: what was counted of it is kept by it. */
  readonly #chosen = remembered(runsOf);
  /** What is left out of the source of this name: of a link, else what is remembered. */
  #out: { readonly name: string; readonly keys: ReadonlySet<string> } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #under: AbortController | null = null;
  #done = '';
  #again = false;
  #asleep = false;
  #changedAsleep = false;
  #end = (): void => {};

  constructor(ports: LawsPorts) {
    super();
    this.#ports = ports;
    this.#points = new PointsSource(ports.store);
    this.#side = new SideFits(ports, this.#points);
    this.file = keptFile(ports.kept.file);
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
    return this.#chosen(this.runs ?? NO_RUNS, this.view.sweep, this.view.tag);
  }

  /** Keys of the points of this source that are left out by hand. */
  get excluded(): ReadonlySet<string> {
    const name = this.#name;
    const out = this.#out?.name === name ? this.#out : { name, keys: this.#ports.kept.excluded(name) };
    this.#out = out;
    return out.keys;
  }

  /** What a link says of the points that are fitted. */
  get linked(): Pick<LawsView, 'file' | 'out'> {
    return { file: this.fromFile ? (this.file?.id ?? '') : '', out: [...this.excluded] };
  }

  get #name(): string {
    return this.fromFile ? `file ${this.file?.id}` : `sweep ${this.view.sweep} tag ${this.view.tag}`;
  }

  get #source(): Source {
    const { counting, best } = this.view;
    return { runs: this.chosen, file: this.fromFile ? this.file : null, counting, best, excluded: this.excluded };
  }

  /** Shows and fits what a view says; what only the drawing minds is not fitted again. */
  look(view: LawsView): void {
    const before = this.view;
    this.view = view;
    const moved = before.sweep !== view.sweep || before.tag !== view.tag;
    if (moved || before.file !== view.file) this.#takeFrom(view.file, moved);
    // A link that leaves nothing out says nothing of what was left out here, nor does one of points that are not here.
    const asked = view.out.length > 0 && view.file === this.linked.file && (moved || view.out.join() !== before.out.join());
    const told = asked && view.out.join() !== [...this.excluded].join();
    if (told) this.#out = { name: this.#name, keys: new Set(view.out) };
    if (this.runs === null && !this.fromFile) return;
    if (fittedOf(before) === fittedOf(view) && !told) return;
    if (before.law !== view.law) this.fit = null;
    this.#soon(true);
  }

  /** Has the points from the file that a link names, or from runs where it names none. */
  #takeFrom(file: string, moved: boolean): void {
    if (file !== '' && file !== this.file?.id)
      this.#ports.report(
        new SpecError({
          where: 'URL',
          rule: `the file of points ${JSON.stringify(file.slice(0, 60))} is not kept in this browser`,
          cure: 'Import it again.',
        }),
        'URL',
      );
    const fromFile = file !== '' && file === this.file?.id;
    if (fromFile === this.fromFile && !moved) return;
    this.fromFile = fromFile;
    this.#forget();
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
    this.#out = { name: this.#name, keys };
    this.#ports.kept.exclude(this.#name, keys);
    this.emit('points');
    this.#soon(true);
  }

  /** Takes points of a file in, and fits them from now on. What the file cannot give is reported; the points before it stay. */
  import(text: string, name: string): void {
    try {
      this.file = pointsFile(name, text);
      const kept = this.#ports.kept.keepFile({ name, text });
      this.fromFile = true;
      this.#forget();
      this.#soon(true);
      this.#ports.notice(readWords(this.file, kept));
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
    this.own = NO_OPTIMA;
    this.#done = '';
    this.emit('points', 'fit');
  }

  async #read(): Promise<void> {
    this.#changedAsleep = false;
    const { store, report } = this.#ports;
    try {
      this.runs = store === null ? [] : this.#points.known(await store.list());
    } catch (error) {
      this.runs ??= [];
      report(error, 'laws');
    }
    this.emit('points');
    this.#soon(false);
  }

  async #runsChanged(ids: readonly string[]): Promise<void> {
    this.#points.forget(ids);
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
    const source = this.#source;
    try {
      const points = await this.#points.of(this.law, source);
      if (!current()) return;
      this.points = points;
      this.own = { ...this.own, ...this.#points.own(source) };
      this.emit('points');
      // What cannot be fitted is no reason to have no frontier.
      await this.#fitLaw(points, countedIn(source), controller.signal).catch((error: unknown) => {
        if (current()) this.#failed(error);
      });
      await this.#fitBeside(source, controller.signal);
    } catch (error) {
      if (current()) this.#failed(error);
    } finally {
      if (current()) {
        this.#under = null;
        this.progress = null;
        this.emit('fit', 'progress');
        if (this.#again) this.#soon(false);
      }
    }
  }

  /** Frontiers and critical batches, where the points give any. */
  async #fitBeside(source: Source, signal: AbortSignal): Promise<void> {
    const asked = { source, bootstrap: this.view.bootstrap ? BOOTSTRAP : 0, signal };
    const counting = countedIn(source);
    for (const id of PROCEDURES) {
      const own = procedureOf(this.law.id) === id;
      const found = own ? (this.fit?.outcome ?? null) : await this.#side.frontier(id, asked);
      if (signal.aborted) return;
      this.frontiers = { ...this.frontiers, [id]: found && { ...found, counting } };
    }
    const critical = await this.#side.critical(asked);
    if (!signal.aborted) this.own = { ...this.own, critical };
  }

  #failed(error: unknown): void {
    this.fit = null;
    this.error = error instanceof Error ? error.message : String(error);
    this.emit('fit');
  }

  async #fitLaw(points: LawPoints, counting: OwnFit['counting'], signal: AbortSignal): Promise<void> {
    const { law, view } = this;
    const excluded = rowsOut(points, this.excluded);
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
    const asked = JSON.stringify([signatureOf(request), counting]);
    if (asked === this.#done && this.fit !== null) return;
    const outcome = await this.#ports.fits.fit(request, {
      signal,
      onProgress: (step) => {
        this.progress = step;
        this.emit('progress');
      },
    });
    this.#done = asked;
    this.fit = { law, outcome: { ...outcome, counting }, points, excluded, options };
    this.error = null;
    this.emit('fit');
  }
}

function runsOf(all: readonly RunRecord[], sweep: string, tag: string): readonly RunRecord[] {
  if (sweep !== '') return all.filter((run) => run.sweep?.id === sweep);
  return all.filter((run) => !run.hidden && (tag === '' || run.tags.includes(tag)));
}

/** What N and C of a source count; a file has them as they are. */
function countedIn({ file, counting }: Source): OwnFit['counting'] {
  return file === null ? counting : null;
}

/** A view without what only the drawing minds. */
function fittedOf(view: LawsView): string {
  const { x, reach, published, frontiers, plan, out } = LAWS_VIEW_START;
  return lawsQuery({ ...view, x, reach, published, frontiers, plan, out }).toString();
}
