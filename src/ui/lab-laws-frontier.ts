import { css, html, nothing } from 'lit';
import { customElement, queryAll } from 'lit/decorators.js';
import { derivedInterval, findColumn, isAmongSizes } from '../laws/index.ts';
import type { LawPoints } from '../lab/index.ts';
import { LabLawsElement } from './lab-laws-element.ts';
import type { LabLawChart } from './lab-law-chart.ts';
import {
  frontierChart,
  ownFrontiers,
  parabolasChart,
  publishedFrontiers,
  type Frontier,
  type ShownBudget,
} from './law-frontier.ts';
import { flops, valueWords } from './law-words.ts';
import { pictureButtons } from './picture-buttons.ts';
import type { PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import { tableStyles } from './table-styles.ts';
import { toolStyles } from './tool-styles.ts';
import './lab-law-chart.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-frontier': LabLawsFrontier;
  }
}

const PUBLISHED = publishedFrontiers();

/** IsoFLOP parabolas with their minima, and the best size and tokens of a budget by each approach. */
@customElement('lab-laws-frontier')
export class LabLawsFrontier extends LabLawsElement {
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
        grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr));
        gap: 14px 20px;
      }
      h3 {
        margin: 0 0 4px;
        font-size: 12px;
        font-weight: 600;
        color: var(--muted);
      }
      .note {
        margin-top: 8px;
        max-width: 120ch;
      }
    `,
  ];

  @queryAll('lab-law-chart') private readonly charts!: NodeListOf<LabLawChart>;

  override render(): unknown {
    const { desk, view } = this;
    const { points, excluded } = desk;
    if (points === null || desk.law.target !== 'loss' || points.points.columns['S1'] !== undefined) return nothing;
    const parabolas = parabolasChart(points, excluded);
    const own = ownFrontiers(desk.fit, desk.frontiers);
    const span = spanOf(points);
    if ((own.length === 0 && parabolas === null) || span === null) return nothing;
    const shown = [...own, ...PUBLISHED.filter((_, place) => view.frontiers.includes(place))];
    const optima = desk.frontiers['chinchilla-isoflop']?.optima ?? [];
    return html`<section
      class="card"
      aria-label="Compute-optimal frontier"
      @lab-law-point=${(event: CustomEvent<string>): void => desk.toggle(event.detail)}
    >
      <header>
        <h2>Compute-optimal <span class="muted">best size and tokens of a budget</span></h2>
      </header>
      <div class="tools bar">
        ${PUBLISHED.map(
          ({ name }, place) =>
            html`<label
              ><input
                type="checkbox"
                role="switch"
                .checked=${view.frontiers.includes(place)}
                @change=${(): void => this.#toggle(place)}
              />${name}</label
            >`,
        )}
      </div>
      <div class="charts">
        ${
          parabolas === null
            ? nothing
            : html`<div>
                ${this.#head('IsoFLOP parabolas', 'parabolas', 0)}
                <lab-law-chart
                  .chart=${parabolas.chart}
                  .height=${300}
                  label="Loss against size at each budget, with parabolas and their minima"
                ></lab-law-chart>
              </div>`
        }
        ${
          own.length === 0
            ? nothing
            : (['N', 'D'] as const).map(
                (of, i) =>
                  html`<div>
                    ${this.#head(of === 'N' ? 'Best size' : 'Best amount of data', of === 'N' ? 'size' : 'data', (parabolas === null ? 0 : 1) + i)}
                    <lab-law-chart
                      .chart=${frontierChart(shown, of, span, view.reach, optima)}
                      .height=${300}
                      label=${of === 'N' ? 'Best size of a budget' : 'Best number of tokens of a budget'}
                    ></lab-law-chart>
                  </div>`,
              )
        }
      </div>
      ${own.length === 0 ? nothing : this.#table(shown, span[1])}
      ${parabolas === null ? nothing : this.#budgets(parabolas.budgets)}
      <p class="small muted note">
        ${desk.frontiers['chinchilla-isoflop']?.warnings.join(' ')}
        ${view.counting.flops === 'exact' && !desk.fromFile ? 'Approach 3 spends C = 6 N D, while points have C as it is counted.' : ''}
      </p>
    </section>`;
  }

  #head(title: string, name: string, place: number): unknown {
    return html`<h3 class="bar">
      ${title}
      <span class="push bar">${pictureButtons(`frontier-${name}`, (kind) => this.#save(kind, place, name), title)}</span>
    </h3>`;
  }

  #table(frontiers: readonly Frontier[], C: number): unknown {
    const interval = (
      { replicates, shares }: Frontier,
      of: (params: Frontier['params']) => number,
      words: (value: number) => string,
    ): string => {
      if (replicates.length === 0) return '';
      const [low, high] = derivedInterval({ replicates, shares }, of);
      return ` (${words(low)} – ${words(high)})`;
    };
    const three = (value: number): string => value.toPrecision(3);
    return html`<details open>
      <summary>Exponents and the best run at ${flops(C)} FLOPs</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Table of frontiers">
        <table>
          <thead>
            <tr>
              <th scope="col">By</th>
              <th scope="col">exponent of N</th>
              <th scope="col">N</th>
              <th scope="col">D</th>
            </tr>
          </thead>
          <tbody>
            ${frontiers.map((each) => {
              const { name, exponent, params, optimum } = each;
              const best = optimum(params, C);
              return html`<tr>
                <th scope="row">${name}</th>
                <td>${three(exponent(params))}${interval(each, exponent, three)}</td>
                ${(['N', 'D'] as const).map(
                  (of) =>
                    html`<td>
                      ${valueWords(of, best[of])}${interval(
                        each,
                        (other) => optimum(other, C)[of],
                        (value) => valueWords(of, value),
                      )}
                    </td>`,
                )}
              </tr>`;
            })}
          </tbody>
        </table>
      </div>
    </details>`;
  }

  #budgets(budgets: readonly ShownBudget[]): unknown {
    const beyond = (place: number | null): boolean => place !== null && !isAmongSizes({ place });
    const words = (name: string, value: number | null, place: number | null): string =>
      value === null || beyond(place) ? '–' : valueWords(name, value);
    return html`<details>
      <summary>Table of budgets</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Table of budgets">
        <table>
          <thead>
            <tr>
              ${['C, FLOPs', 'runs', 'best N', 'D there', 'loss there', 'place among sizes'].map((name) => html`<th scope="col">${name}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${budgets.map(
              ({ C, runs, N, D, loss, place }) =>
                html`<tr>
                  <th scope="row">${flops(C)}</th>
                  <td>${runs}</td>
                  <td>${N === null ? 'no minimum' : beyond(place) ? 'beyond the sizes' : words('N', N, place)}</td>
                  <td>${words('D', D, place)}</td>
                  <td>${words('loss', loss, place)}</td>
                  <td>${place === null ? '–' : place.toFixed(2)}</td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
  }

  #toggle(place: number): void {
    const { frontiers } = this.view;
    const next = frontiers.includes(place) ? frontiers.filter((other) => other !== place) : [...frontiers, place];
    this.say({ frontiers: next.toSorted((a, b) => a - b) });
  }

  async #save(kind: PictureKind, place: number, name: string): Promise<void> {
    const picture = this.charts[place]?.picture;
    if (picture) await saveDrawing(kind, this, `isoflop-${name}`, picture);
  }
}

/** The budgets of the points, the lowest and the highest; null where these are one. */
function spanOf({ points }: LawPoints): readonly [number, number] | null {
  const values = [...(findColumn(points, 'C') ?? [])].filter((value) => value > 0 && value < Infinity);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return high > low ? [low, high] : null;
}
