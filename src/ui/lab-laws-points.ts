import { css, html, nothing } from 'lit';
import { customElement, query } from 'lit/decorators.js';
import { linkHolds, pointsCsv, REACHES, type LawFit, type LawPoints } from '../lab/index.ts';
import { findColumn } from '../laws/index.ts';
import { LabLawsElement } from './lab-laws-element.ts';
import type { LabLawChart } from './lab-law-chart.ts';
import type { LawChart } from './law-chart.ts';
import { axisWords, columnAlong, columnsAlong, pointsChart, predictionsOf, residualsChart, signed } from './law-curves.ts';
import { leftOutWords, valueWords } from './law-words.ts';
import { typed } from './number-input.ts';
import { pictureButtons } from './picture-buttons.ts';
import { saveFile, type PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import { tableStyles } from './table-styles.ts';
import { toolStyles } from './tool-styles.ts';
import './lab-law-chart.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-points': LabLawsPoints;
  }
}

/** Rows that a table shows at once. */
const MOST_ROWS = 400;

/** Points with the fitted law through them, and what it leaves of each. */
@customElement('lab-laws-points')
export class LabLawsPoints extends LabLawsElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    tableStyles,
    css`
      .tools {
        margin-bottom: 8px;
        font-size: 12px;
        color: var(--muted);
      }
      .charts {
        display: grid;
        grid-template-columns: minmax(0, 5fr) minmax(0, 3fr);
        gap: 14px 20px;
      }
      h3 {
        margin: 0 0 4px;
        font-size: 12px;
        font-weight: 600;
        color: var(--muted);
      }
      .warn {
        margin-top: 8px;
        font-size: 12px;
        color: var(--warn);
      }
      tr.out {
        color: var(--muted);
        text-decoration: line-through;
      }
      @media (max-width: 960px) {
        .charts {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  @query('lab-law-chart.points') private readonly main!: LabLawChart | null;
  @query('lab-law-chart.residuals') private readonly residuals!: LabLawChart | null;
  #made: readonly unknown[] = [];
  #charts: readonly [points: LawChart, residuals: LawChart | null] | null = null;

  override render(): unknown {
    const { desk, view } = this;
    const { points, law } = desk;
    if (points === null || points.rows.length === 0) return nothing;
    const [chart, residuals] = this.#drawn(points);
    const columns = columnsAlong(law);
    const { excluded } = desk;
    const out = points.rows.filter(({ key }) => excluded.has(key)).length;
    return html`<section
      class="card"
      aria-label="Points and curves"
      @lab-law-point=${(event: CustomEvent<string>): void => desk.toggle(event.detail)}
    >
      <header>
        <h2>Points <span class="muted">${points.rows.length}${leftOutWords(out, linkHolds(desk.linked.out))}</span></h2>
        <span class="push bar">
          ${out === 0 ? nothing : html`<button type="button" class="quiet" data-action="include-all" @click=${(): void => desk.includeAll()}>Take all in</button>`}
          <button
            type="button"
            class="quiet"
            data-action="points-csv"
            ?disabled=${desk.fit === null}
            @click=${(): void => this.#saveCsv()}
          >
            CSV
          </button>
          ${pictureButtons('law-points', (kind) => this.#save(kind, this.main, 'isoflop-law'), 'Points and curves')}
        </span>
      </header>
      <div class="tools bar">
        ${columns.length < 2 ? nothing : this.#along(columns)}
        <label
          >Drawn
          <select name="reach" @change=${(event: Event): void => this.say({ reach: Number(typed(event)) })}>
            ${REACHES.map((reach) => html`<option value=${reach} .selected=${reach === view.reach}>${reach === 1 ? 'to the data' : `${reach} times beyond`}</option>`)}
          </select></label
        >
        ${this.#published()}
      </div>
      <div class="charts">
        <div>
          <lab-law-chart
            class="points"
            .chart=${chart}
            label=${`${axisWords(law.target)} against ${axisWords(columnAlong(law, view))}, measured and fitted; the table below has the figures`}
          ></lab-law-chart>
          ${view.reach > 10 && chart.shaded.length > 0 ? html`<p class="warn">Beyond 10 times the data the curves are a guess.</p>` : nothing}
        </div>
        ${
          residuals === null
            ? nothing
            : html`<div>
                <h3 class="bar">
                  Residuals
                  <span class="push bar"
                    >${pictureButtons('law-residuals', (kind) => this.#save(kind, this.residuals, 'isoflop-residuals'), 'Residuals')}</span
                  >
                </h3>
                <lab-law-chart
                  class="residuals"
                  .chart=${residuals}
                  .height=${300}
                  label="What the fit leaves of each point, in percent"
                ></lab-law-chart>
              </div>`
        }
      </div>
      ${this.#table(points)}
    </section>`;
  }

  #drawn(points: LawPoints): readonly [LawChart, LawChart | null] {
    const { desk, view } = this;
    const made = [points, desk.fit, desk.excluded, view, desk.law];
    if (this.#charts === null || made.some((part, i) => part !== this.#made[i])) {
      this.#made = made;
      const { fit } = desk;
      const current = fit !== null && fit.law.model !== null ? fit : null;
      this.#charts = [
        pointsChart(desk.law, points, desk.excluded, fit, view),
        current === null ? null : residualsChart(current, desk.excluded, view),
      ];
    }
    return this.#charts;
  }

  #along(columns: readonly string[]): unknown {
    const now = columnAlong(this.desk.law, this.view);
    return html`<label
      >Against
      <select name="x" @change=${(event: Event): void => this.say({ x: typed(event) })}>
        ${columns.map((column) => html`<option value=${column} .selected=${column === now}>${axisWords(column)}</option>`)}
      </select></label
    >`;
  }

  /** Published constants of this law, to be drawn beside the fit. */
  #published(): unknown {
    const { law } = this.desk;
    const { published } = this.view;
    if (law.model === null) return nothing;
    return law.constants.map(
      ({ name, provenance }, place) =>
        html`<label title=${`${law.source}; ${provenance}`}
          ><input
            type="checkbox"
            role="switch"
            name=${`published-${place}`}
            .checked=${published.includes(place)}
            @change=${(): void =>
              this.say({
                published: published.includes(place)
                  ? published.filter((other) => other !== place)
                  : [...published, place].sort((a, b) => a - b),
              })}
          />${name}${provenance === 'verified' ? nothing : ` (${provenance})`}</label
        >`,
    );
  }

  #table(points: LawPoints): unknown {
    const { desk } = this;
    const { excluded } = desk;
    const fit = desk.fit?.points === points && desk.fit.law.model !== null ? desk.fit : null;
    const predicted = fit === null ? null : predictionsOf(fit);
    const names = [...new Set([...desk.law.columns.filter(({ raw }) => raw !== true).map(({ name }) => name), desk.law.target])];
    const columns = names.map((name) => ({ name, values: findColumn(points.points, name) }));
    const rows = points.rows.slice(0, MOST_ROWS);
    return html`<details>
      <summary>Table of points</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Table of points">
        <table>
          <thead>
            <tr>
              <th scope="col">Point</th>
              <th scope="col">Fitted</th>
              ${columns.map(({ name }) => html`<th scope="col">${name}</th>`)}
              ${
                predicted === null
                  ? nothing
                  : html`<th scope="col">predicted</th>
                      <th scope="col">residual, %</th>`
              }
            </tr>
          </thead>
          <tbody>
            ${rows.map(({ key, label }, row) => {
              const isOut = excluded.has(key);
              const measured = columns.at(-1)?.values?.[row] ?? NaN;
              return html`<tr class=${isOut ? 'out' : ''}>
                <th scope="row">${label}</th>
                <td>
                  <input
                    type="checkbox"
                    role="switch"
                    aria-label=${`Fit ${label}`}
                    .checked=${!isOut}
                    @change=${(): void => desk.toggle(key)}
                  />
                </td>
                ${columns.map(({ name, values }) => html`<td>${valueWords(name, values?.[row] ?? NaN)}</td>`)}
                ${
                  predicted === null
                    ? nothing
                    : html`<td>${valueWords(desk.law.target, predicted[row] ?? NaN)}</td>
                        <td>${signed(100 * (measured / (predicted[row] ?? NaN) - 1))}</td>`
                }
              </tr>`;
            })}
          </tbody>
        </table>
      </div>
      ${points.rows.length > MOST_ROWS ? html`<p class="small muted">The first ${MOST_ROWS} of ${points.rows.length} points; the CSV has all.</p>` : nothing}
    </details>`;
  }

  #saveCsv(): void {
    const fit: LawFit | null = this.desk.fit;
    if (fit !== null) saveFile('isoflop-law-points.csv', new Blob([pointsCsv(fit)], { type: 'text/csv' }));
  }

  async #save(kind: PictureKind, chart: LabLawChart | null, name: string): Promise<void> {
    const picture = chart?.picture;
    if (picture) await saveDrawing(kind, this, name, picture);
  }
}
