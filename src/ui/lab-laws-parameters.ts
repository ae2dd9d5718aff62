import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { fitJson, fitMarkdown, hasInterval, qualityOf, type LawFit } from '../lab/index.ts';
import { allocationOf } from '../laws/index.ts';
import { LabLawsElement } from './lab-laws-element.ts';
import { formulaHtml } from './law-formula.ts';
import { endWords, parameterWords } from './law-words.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import './lab-copy-button.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-parameters': LabLawsParameters;
  }
}

/** What was fitted: each parameter with its interval, how good the fit is, and what the points do not tell. */
@customElement('lab-laws-parameters')
export class LabLawsParameters extends LabLawsElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      .scroll {
        max-height: none;
      }
      td.text,
      th.text {
        text-align: left;
        white-space: normal;
      }
      .meaning {
        min-width: 22ch;
        color: var(--muted);
      }
      dl {
        display: grid;
        grid-template-columns: max-content minmax(0, 1fr);
        gap: 3px 16px;
        margin: 12px 0 0;
        font-size: 12px;
      }
      ul {
        margin: 12px 0 0;
        padding: 0 0 0 18px;
        max-width: 110ch;
        font-size: 13px;
      }
      li + li {
        margin-top: 4px;
      }
      .lost {
        color: var(--warn);
        font-weight: 600;
      }
    `,
  ];

  override render(): unknown {
    const { fit } = this.desk;
    return html`<section class="card" aria-label="Parameters">
      <header>
        <h2>
          Parameters
          <span class="muted">${fit === null ? nothing : `with ${Math.round(100 * fit.outcome.level)} % intervals`}</span>
        </h2>
        <span class="push bar">
          <lab-copy-button
            label="Markdown"
            what="parameters"
            action="fit-markdown"
            ?disabled=${fit === null}
            .text=${(): string => (fit === null ? '' : fitMarkdown(fit))}
          ></lab-copy-button>
          <button
            type="button"
            class="quiet"
            data-action="fit-json"
            aria-label="Fit as JSON"
            ?disabled=${fit === null}
            @click=${(): void => this.#save()}
          >
            JSON
          </button>
        </span>
      </header>
      ${fit === null ? html`<p class="small muted">Nothing is fitted yet.</p>` : this.#content(fit)}
    </section>`;
  }

  #content(fit: LawFit): unknown {
    const { law, outcome } = fit;
    const warnings = [...outcome.warnings, ...(outcome.heldOut?.warnings ?? [])];
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Table of parameters">
        <table>
          <thead>
            <tr>
              <th scope="col">Parameter</th>
              <th scope="col">value</th>
              <th scope="col">from</th>
              <th scope="col">to</th>
              ${law.constants.map(({ name }) => html`<th scope="col">${name}</th>`)}
              <th scope="col" class="text">unit</th>
              <th scope="col" class="text">meaning</th>
            </tr>
          </thead>
          <tbody>
            ${law.parameters.map(({ name, unit, meaning }) => {
              const [low = null, high = null] = outcome.intervals[name] ?? [];
              const lost = warnings.some((warning) => warning.startsWith(`${name} is not identified`));
              return html`<tr data-parameter=${name}>
                <th scope="row">${formulaHtml(name)}</th>
                <td>
                  ${parameterWords(outcome.params[name] ?? NaN)}${lost ? html` <span class="lost">not identified</span>` : nothing}
                </td>
                <td>${endWords(low, 'low', hasInterval(outcome, name))}</td>
                <td>${endWords(high, 'high', hasInterval(outcome, name))}</td>
                ${law.constants.map(({ params }) => html`<td>${parameterWords(params[name] ?? NaN)}</td>`)}
                <td class="text">${unit}</td>
                <td class="text meaning">${meaning}</td>
              </tr>`;
            })}
          </tbody>
        </table>
      </div>
      <dl>
        ${qualityOf(outcome).map(
          ([name, value]) =>
            html`<dt>${name}</dt>
              <dd>${value}</dd>`,
        )}
        ${this.#allocation(fit)}
        ${
          outcome.heldOutReason === undefined
            ? nothing
            : html`<dt>held-out error</dt>
                <dd class="error">${outcome.heldOutReason}</dd>`
        }
      </dl>
      ${
        warnings.length === 0
          ? nothing
          : html`<ul aria-label="Warnings">
              ${warnings.map((warning) => html`<li>${warning}</li>`)}
            </ul>`
      }`;
  }

  #allocation({ law, outcome }: LawFit): unknown {
    if (law.id !== 'chinchilla') return nothing;
    const { G, a, b } = allocationOf(outcome.params);
    const three = (value: number): string => String(Number(value.toPrecision(4)));
    return html`<dt>compute-optimal</dt>
      <dd>${formulaHtml(`N = ${three(G)} (C/6)^${three(a)}, D = ${three(1 / G)} (C/6)^${three(b)}`)}</dd>`;
  }

  #save(): void {
    const { fit } = this.desk;
    if (fit !== null) saveFile('isoflop-fit.json', new Blob([fitJson(fit)], { type: 'application/json' }));
  }
}
