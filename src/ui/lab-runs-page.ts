import { css, html, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import {
  MOST_CURVES,
  RunsDesk,
  SHOWN_PATHS,
  shownColumns,
  shownRuns,
  sortRuns,
  type RunRecord,
  type RunsView,
} from '../lab/index.ts';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import type { LabRunsChart } from './lab-runs-chart.ts';
import type { LabRunsParallel } from './lab-runs-parallel.ts';
import type { LabRunsTable } from './lab-runs-table.ts';
import { tallyWords } from './end-words.ts';
import { memo } from './memo.ts';
import { placesOf } from './runs-frames.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-notices.ts';
import './lab-runs-actions.ts';
import './lab-runs-chart.ts';
import './lab-runs-files.ts';
import './lab-runs-filter.ts';
import './lab-runs-parallel.ts';
import './lab-runs-table.ts';
import './lab-runs-undo.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-page': LabRunsPage;
  }
}

const NO_RUNS: readonly RunRecord[] = [];

/** The kept runs: their curves one over the other, a table of what they came to, and files of both. */
@customElement('lab-runs-page')
export class LabRunsPage extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      main,
      .rows {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
      }
      main {
        max-width: 1760px;
        margin: 0 auto;
        padding: 16px 20px 48px;
      }
      .rows {
        gap: 10px;
      }
      @media (max-width: 960px) {
        main {
          padding: 12px 14px 40px;
        }
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  @query('lab-runs-chart') private readonly chart!: LabRunsChart | null;
  @query('lab-runs-parallel') private readonly parallel!: LabRunsParallel | null;
  @query('lab-runs-table') private readonly table!: LabRunsTable | null;
  #desk: RunsDesk | null = null;
  /** What is computed of the runs is theirs until they, or what of the view decides it, are others: a zoom renders no table. */
  readonly #membersOf = memo((runs: readonly RunRecord[], _members: string): readonly RunRecord[] =>
    shownRuns(runs, this.address.runs),
  );
  readonly #orderOf = memo((members: readonly RunRecord[], sort: RunsView['sort'], descending: boolean) =>
    sortRuns(members, sort, descending),
  );
  readonly #columnsOf = memo((members: readonly RunRecord[], everything: boolean) =>
    shownColumns(members, everything ? SHOWN_PATHS : null),
  );
  readonly #fileColumnsOf = memo((members: readonly RunRecord[]) => shownColumns(members, null));
  readonly #placesOf = memo((shown: readonly RunRecord[], _group: RunsView['group']) => placesOf(shown, this.address.runs));
  readonly #chosenOf = memo((runs: readonly RunRecord[], chosen: ReadonlySet<string>) => runs.filter(({ id }) => chosen.has(id)));
  readonly #tally = memo((runs: readonly RunRecord[]) => tallyWords(runs.flatMap(({ predictions }) => predictions ?? [])));
  #ends: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    const { lab, address } = this;
    if (lab.store !== null) {
      const report = (error: unknown, where: string): void => lab.report(error, where);
      const desk = (this.#desk ??= new RunsDesk({ store: lab.store, report, notice: (text) => lab.notice(text) }));
      this.#ends = [
        desk.on('runs', () => this.requestUpdate()),
        desk.on('chosen', () => this.requestUpdate()),
        address.on('view', () => this.requestUpdate()),
        address.on('page', () => (desk.asleep = address.page !== 'runs')),
        () => desk.close(),
      ];
      desk.open();
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  override render(): unknown {
    const desk = this.#desk;
    if (desk === null) return html`<main><p class="card">Runs are not stored: they are gone with this page.</p></main>`;
    const { runs } = desk;
    if (runs === null) return html`<main>${this.#files(desk, NO_RUNS, NO_RUNS)}</main>`;
    const view = this.address.runs;
    const shown = this.#shown(runs);
    return html`<main
      @lab-runs-view=${(event: CustomEvent<Partial<RunsView>>): void => this.address.setRuns(event.detail)}
      @lab-runs-chosen=${(event: CustomEvent<readonly string[]>): void => desk.choose(event.detail)}
      @lab-runs-near=${(event: CustomEvent<readonly string[]>): void => this.#near(event.detail)}
    >
      ${runs.length === 0 ? this.#empty(desk) : this.#table(desk, runs, shown, view)} ${this.#files(desk, runs, shown)}
      <lab-notices .lab=${this.lab}></lab-notices>
    </main>`;
  }

  override updated(): void {
    const runs = this.#desk?.runs ?? null;
    if (runs !== null) void this.#desk?.draw(this.#shown(runs).map(({ id }) => id));
  }

  #empty(desk: RunsDesk): unknown {
    return html`<section class="card rows" aria-label="Runs">
      <h2>Runs</h2>
      <p>Runs that you train are kept here, in this browser.</p>
      <p class="muted">
        Start one on the <a href=${this.address.href('train')}>Train page</a>, or import a file of runs that was saved before.
      </p>
      <lab-runs-undo .desk=${desk} .ids=${desk.undoable}></lab-runs-undo>
    </section>`;
  }

  /** The runs that are shown, in any order. */
  #members(runs: readonly RunRecord[]): readonly RunRecord[] {
    const { text, state, tag, sweep, hidden } = this.address.runs;
    return this.#membersOf(runs, JSON.stringify([text, state, tag, sweep, hidden]));
  }

  #shown(runs: readonly RunRecord[]): readonly RunRecord[] {
    const { sort, descending } = this.address.runs;
    return this.#orderOf(this.#members(runs), sort, descending);
  }

  #table(desk: RunsDesk, runs: readonly RunRecord[], shown: readonly RunRecord[], view: RunsView): unknown {
    const left = runs.length - shown.length;
    const members = this.#members(runs);
    const places = this.#placesOf(members, view.group);
    // Another order of the table draws nothing anew where all of it is drawn.
    const drawn = members.length <= MOST_CURVES ? members : shown;
    return html`<lab-runs-chart .desk=${desk} .runs=${drawn} .view=${view}></lab-runs-chart>
      <lab-runs-parallel .runs=${drawn} .view=${view} .chosen=${desk.chosen} .places=${places}></lab-runs-parallel>
      <section class="card rows" aria-label="Runs">
        <header class="bar">
          <h2>Runs <span class="muted">${shown.length}${left === 0 ? nothing : ` of ${runs.length}`}</span></h2>
        </header>
        <lab-runs-filter .runs=${runs} .view=${view}></lab-runs-filter>
        <lab-runs-actions
          .lab=${this.lab}
          .address=${this.address}
          .desk=${desk}
          .chosen=${this.#chosenOf(runs, desk.chosen)}
        ></lab-runs-actions>
        <lab-runs-undo .desk=${desk} .ids=${desk.undoable}></lab-runs-undo>
        ${this.#foretold(runs)}
        ${
          shown.length === 0
            ? html`<p class="muted">None of the ${runs.length} runs is what you look for.</p>`
            : html`<lab-runs-table
                .runs=${shown}
                .columns=${this.#columnsOf(this.#members(runs), view.everything)}
                .view=${view}
                .baseline=${runs.find(({ baseline }) => baseline) ?? null}
                .chosen=${desk.chosen}
                .places=${places}
              ></lab-runs-table>`
        }
      </section>`;
  }

  #foretold(runs: readonly RunRecord[]): unknown {
    const words = this.#tally(runs);
    return words === '' ? nothing : html`<p class="small muted" data-ends>${words}</p>`;
  }

  #files(desk: RunsDesk, runs: readonly RunRecord[], shown: readonly RunRecord[]): unknown {
    return html`<lab-runs-files
      .desk=${desk}
      .all=${runs}
      .shown=${shown}
      .columns=${this.#fileColumnsOf(this.#members(runs))}
    ></lab-runs-files>`;
  }

  #near(ids: readonly string[]): void {
    this.chart?.highlight(ids);
    this.parallel?.highlight(ids);
    this.table?.highlight(ids);
  }
}
