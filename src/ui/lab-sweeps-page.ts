import { css, html, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import {
  lawsQuery,
  onCounted,
  outcomeOf,
  ownFiles,
  RUNS_VIEW_START,
  RunsDesk,
  runsQuery,
  SweepDraft,
  sweepLawsView,
  sweptAxes,
  sweptRecords,
  sweptRuns,
  type Lab,
  type OwnFiles,
  type RunRecord,
  type SweepDesk,
  type SweepRecord,
  type SweepsView,
  type SweptAxis,
  type SweptRun,
} from '../lab/index.ts';
import { expandSweep, specToHash, sweepFromHash, type SweepRun } from '../spec/index.ts';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import type { LabSweepBuilder } from './lab-sweep-builder.ts';
import type { ListedSweep } from './lab-sweep-list.ts';
import { sharedStyles } from './shared-styles.ts';
import { filesWords, shownState, sweepTitle } from './sweep-words.ts';
import { Throttle } from './throttle.ts';
import './lab-notices.ts';
import './lab-sweep-builder.ts';
import './lab-sweep-list.ts';
import './lab-sweep-queue.ts';
import './lab-sweep-results.ts';
import './lab-sweep-undo.ts';
import './lab-unsupported.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweeps-page': LabSweepsPage;
  }
}

/** A queue is looked at anew so often at most: with hundreds of runs it takes milliseconds to make and to render. */
const RENDER_MS = 500;
const BADGES = { ready: 'NOT BEGUN', running: 'TRAINING', paused: 'PAUSED', done: '', elsewhere: 'IN ANOTHER TAB' } as const;
const NO_RECORDS: readonly RunRecord[] = [];

/** The runs of a sweep and their axes, made of these records. */
interface Placed {
  readonly id: string;
  readonly kept: boolean;
  readonly records: readonly RunRecord[];
  readonly file: Lab['file'];
  /** As far as they are of the file that counts. */
  readonly runs: readonly SweptRun[];
  readonly axes: readonly SweptAxis[];
  readonly files: OwnFiles;
}

/** Sweeps: the one that is being made, those that are kept with their queues, and what their runs came to. */
@customElement('lab-sweeps-page')
export class LabSweepsPage extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      main {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
        max-width: 1760px;
        margin: 0 auto;
        padding: 16px 20px 48px;
      }
      @media (max-width: 960px) {
        main {
          padding: 12px 14px 40px;
        }
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  @query('lab-sweep-builder') private readonly builder!: LabSweepBuilder | null;
  protected override readonly topics = ['device', 'data'] as const;
  readonly #draft = new SweepDraft();
  /** The plan of the address as it was last read or written here. */
  #plan = '';
  #runs: RunsDesk | null = null;
  /** Runs of sweeps by id: writing them down takes a while. */
  readonly #expanded = new Map<string, readonly SweepRun[]>();
  #last: Placed | null = null;
  readonly #later = new Throttle(() => this.requestUpdate(), RENDER_MS);
  /** The sweep that was deleted last, on this visit. */
  #deleted = '';
  #ends: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    const { lab, address } = this;
    if (lab.store === null || lab.sweeps === null) return;
    const report = (error: unknown, where: string): void => lab.report(error, where);
    const runs = (this.#runs ??= new RunsDesk({ store: lab.store, report, notice: (text) => lab.notice(text) }));
    this.#ends = [
      runs.on('runs', () => this.#later.call()),
      lab.sweeps.on('sweeps', () => this.requestUpdate()),
      lab.sweeps.on('queue', () => this.#later.call()),
      address.on('view', () => this.#viewed()),
      address.on('page', () => {
        runs.asleep = address.page !== 'sweeps';
        this.requestUpdate();
      }),
      () => runs.close(),
    ];
    runs.open();
    this.#viewed();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#later.cancel();
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  /** While another page is shown nothing is rendered: a queue changes with every step. */
  override shouldUpdate(): boolean {
    return this.address.page === 'sweeps' || !this.hasUpdated;
  }

  override render(): unknown {
    const { lab, address } = this;
    const desk = lab.sweeps;
    if (desk === null)
      return html`<main><p class="card">Sweeps need storage, and this browser stores nothing for this page.</p></main>`;
    const { sweep } = address.sweeps;
    const records = this.#runs?.runs ?? NO_RECORDS;
    const listed = this.#listed(desk, records);
    return html`<main
      @lab-sweeps-view=${(event: CustomEvent<Partial<SweepsView>>): void => address.setSweeps(event.detail)}
      @lab-planned=${(): void => this.#planned()}
      @lab-sweep-reuse=${(event: CustomEvent<string>): void => this.#reuse(event.detail)}
      @lab-sweep-delete=${(event: CustomEvent<string>): void => void this.#delete(desk, event.detail)}
    >
      ${lab.deviceState === 'none' ? html`<lab-unsupported .lab=${lab}></lab-unsupported>` : nothing}
      ${listed.length === 0 ? nothing : html`<lab-sweep-list .sweeps=${listed} shown=${sweep}></lab-sweep-list>`}
      <lab-sweep-undo
        ?hidden=${desk.removed.length === 0}
        .desk=${desk}
        .removed=${desk.removed}
        recent=${this.#deleted}
      ></lab-sweep-undo>
      ${sweep === '' ? this.#builder(desk) : this.#opened(desk, sweep, records)}
      <lab-notices .lab=${lab}></lab-notices>
    </main>`;
  }

  #builder(desk: SweepDesk): unknown {
    return html`<lab-sweep-builder
      .lab=${this.lab}
      .address=${this.address}
      .desk=${desk}
      .draft=${this.#draft}
    ></lab-sweep-builder>`;
  }

  #opened(desk: SweepDesk, id: string, records: readonly RunRecord[]): unknown {
    const record = desk.sweeps?.find((each) => each.id === id);
    const queue = desk.queueOf(id);
    const { runs, axes, files } = this.#placed(id, record, records);
    if (desk.sweeps === null || this.#runs?.runs === null)
      return html`<section class="card"><p class="muted">Reading…</p></section>`;
    if (record === undefined && runs.length === 0)
      return html`<section class="card">
        <p data-missing>This browser does not keep the sweep ${id}. A link holds no runs: ask for a file of them.</p>
      </section>`;
    return html`${
        queue === null
          ? record === undefined
            ? html`<section class="card">
                <h2>${this.#foreignTitle(id, runs)}</h2>
                <p class="small muted">Its runs are kept here; what else belongs to it is not, so that it cannot be resumed.</p>
              </section>`
            : html`<section class="card">
                <h2>${sweepTitle(record.sweep)}</h2>
                <p class="muted">Reading…</p>
              </section>`
          : html`<lab-sweep-queue .lab=${this.lab} .desk=${desk} .queue=${queue} .axes=${axes}></lab-sweep-queue>`
      }
      <lab-sweep-results
        .runs=${runs}
        .axes=${axes}
        .view=${this.address.sweeps}
        .files=${filesWords(files)}
        lawsHref=${`#laws?${lawsQuery(sweepLawsView(id, runs)).toString()}`}
        runsHref=${`#runs?${runsQuery({ ...RUNS_VIEW_START, sweep: id }).toString()}`}
      ></lab-sweep-results>`;
  }

  /** The runs of a sweep as they stand, the same object as long as they do: what shows them has nothing to do then. */
  #placed(id: string, record: SweepRecord | undefined, records: readonly RunRecord[]): Placed {
    const last = this.#last;
    const { file } = this.lab;
    const same = last?.id === id && last.kept === (record !== undefined) && last.records === records && last.file === file;
    if (last !== null && same) return last;
    const all = record === undefined ? sweptRecords(id, records) : sweptRuns(this.#runsOf(record), records);
    const files = ownFiles(
      all.flatMap((run) => run.record ?? []),
      file,
    );
    this.#last = { id, kept: record !== undefined, records, file, runs: onCounted(all, files), axes: sweptAxes(all), files };
    return this.#last;
  }

  /** Kept sweeps, newest first, then those of which runs are here alone. */
  #listed(desk: SweepDesk, records: readonly RunRecord[]): readonly ListedSweep[] {
    const byId = new Map(records.map((record) => [record.id, record]));
    const kept = (desk.sweeps ?? []).map((record): ListedSweep => {
      const ids = record.groups.flat();
      const found = ids.flatMap((id) => byId.get(id) ?? []);
      const state = shownState(desk, record.id, record.state);
      const badge = BADGES[state];
      const running = state === 'running';
      return { id: record.id, title: sweepTitle(record.sweep), badge, running, runs: ids.length, ...this.#countsOf(found) };
    });
    const known = new Set([...(desk.sweeps ?? []), ...desk.removed].map(({ id }) => id));
    const foreign = new Map<string, RunRecord[]>();
    for (const record of records) {
      if (record.sweep === null || known.has(record.sweep.id)) continue;
      foreign.set(record.sweep.id, [...(foreign.get(record.sweep.id) ?? []), record]);
    }
    const others = [...foreign].map(([id, found]): ListedSweep => {
      const title = this.#foreignTitle(id, sweptRecords(id, found));
      return { id, title, badge: 'RUNS ONLY', running: false, runs: found.length, ...this.#countsOf(found) };
    });
    return [...kept, ...others];
  }

  #countsOf(records: readonly RunRecord[]): Pick<ListedSweep, 'done' | 'diverged'> {
    const { isOther } = ownFiles(records, this.lab.file);
    const found = records.filter((record) => !isOther(record));
    const outcomes = found.map((record) => outcomeOf({ id: record.id, values: {}, spec: record.spec, record }));
    const diverged = outcomes.filter((outcome) => outcome === 'diverged').length;
    return { done: outcomes.filter((outcome) => outcome === 'done').length + diverged, diverged };
  }

  #foreignTitle(id: string, runs: readonly SweptRun[]): string {
    const name = runs[0]?.spec.name ?? '';
    return name === '' ? `Sweep ${id.slice(0, 6)}` : name;
  }

  #runsOf({ id, sweep }: SweepRecord): readonly SweepRun[] {
    const known = this.#expanded.get(id);
    if (known !== undefined) return known;
    let runs: readonly SweepRun[] = [];
    try {
      runs = expandSweep(sweep);
    } catch (error) {
      this.lab.report(error, 'sweep');
    }
    this.#expanded.set(id, runs);
    return runs;
  }

  /** The address may hold another plan than what is being built. */
  #viewed(): void {
    const { plan } = this.address.sweeps;
    if (plan !== this.#plan) {
      this.#plan = plan;
      if (plan !== '') this.#load(plan);
    }
    this.requestUpdate();
  }

  #load(plan: string): void {
    try {
      this.#draft.load(sweepFromHash(plan));
    } catch (error) {
      this.lab.report(error, 'URL');
      return;
    }
    this.#baseIntoForm();
    this.builder?.refresh();
  }

  /** The base of a sweep that was not typed here is what the Train page shows from now on. */
  #baseIntoForm(): void {
    const { base } = this.#draft;
    if (specToHash(base) !== specToHash(this.lab.form.spec)) this.lab.setSpec(base);
  }

  /** What is built goes into the address, so that a link opens the page with it. */
  #planned(): void {
    const draft = this.#draft;
    // A file that was opened brings its own base.
    if (this.lab.form.valid) this.#baseIntoForm();
    const plan = draft.untouched ? '' : (draft.hash ?? (draft.sweep === null ? this.#plan : ''));
    if (plan === this.#plan) return;
    this.#plan = plan;
    this.address.setSweeps({ plan });
  }

  #reuse(id: string): void {
    const record = this.lab.sweeps?.sweeps?.find((each) => each.id === id);
    if (record === undefined) return;
    this.#draft.load(record.sweep);
    this.#baseIntoForm();
    this.address.setSweeps({ sweep: '' });
  }

  async #delete(desk: SweepDesk, id: string): Promise<void> {
    this.#deleted = id;
    await desk.remove(id);
    this.address.setSweeps({ sweep: '' });
  }
}
