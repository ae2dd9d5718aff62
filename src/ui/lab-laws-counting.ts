import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { countingWords, recordTitle, type RunRecord } from '../lab/index.ts';
import { COUNT_TERMS, countRun } from '../spec/index.ts';
import { count, whole } from './format.ts';
import { LabLawsElement } from './lab-laws-element.ts';
import { flops } from './law-words.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import { toolStyles } from './tool-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-counting': LabLawsCounting;
  }
}

/** What N, C and D of one run are made of, term by term. */
@customElement('lab-laws-counting')
export class LabLawsCounting extends LabLawsElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    tableStyles,
    css`
      .scroll {
        max-height: none;
      }
      th.rule {
        text-align: left;
      }
      select {
        max-width: 55vw;
      }
      td.rule {
        font-family: var(--mono);
        color: var(--muted);
        text-align: left;
      }
      tfoot td,
      tfoot th {
        border-top: 1px solid var(--line);
        font-weight: 600;
      }
      .left-out {
        color: var(--muted);
        text-decoration: line-through;
      }
      p {
        margin-bottom: 8px;
      }
    `,
  ];

  @state() private chosen = '';

  override render(): unknown {
    const { desk } = this;
    const runs = desk.fromFile ? [] : desk.chosen.filter(({ data, counts }) => data !== null && counts !== null);
    const run = runs.find(({ id }) => id === this.chosen) ?? runs.at(0);
    if (run?.data === null || run === undefined) return nothing;
    return html`<section class="card" aria-label="Counting">
      <header>
        <h2>Counting <span class="muted">term by term</span></h2>
        <label class="push small"
          >Run
          <select name="counted-run" @change=${(event: Event): void => void (this.chosen = typed(event))}>
            ${runs.map((each) => html`<option value=${each.id} .selected=${each.id === run.id}>${recordTitle(each)}</option>`)}
          </select></label
        >
      </header>
      ${this.#table(run, run.data)}
    </section>`;
  }

  #table({ spec, step }: RunRecord, { vocab, trainTokens }: NonNullable<RunRecord['data']>): unknown {
    const { counting } = this.view;
    const counts = countRun(spec, { vocab, trainTokens, steps: step }, counting);
    const { parameters } = counting;
    const leftOut = (id: string): boolean =>
      (parameters !== 'all' && (id === 'embedding' || id === 'position')) || (parameters === 'blocks' && id === 'head');
    const terms = counts.terms.filter((term) => term.parameters + term.forward + term.backward > 0);
    const noFlops = (id: string): boolean => counting.flops === '6N' || (id === 'head' && !counting.head);
    return html`<p class="small muted">
        ${countingWords(counting)} D is ${whole(counts.tokens)} tokens in ${whole(counts.steps)} steps
        ${counts.uniqueTokens === null ? nothing : html`, of which ${whole(counts.uniqueTokens)} are unique: ${(counts.epochs ?? NaN).toPrecision(3)} epochs`}.
        Widths: l layers, C width, D head size, H heads, F MLP width, V vocabulary, T context, A positions attended to.
      </p>
      <div class="scroll" tabindex="0" role="region" aria-label="Terms of the count">
        <table>
          <thead>
            <tr>
              <th scope="col">Term</th>
              <th scope="col">parameters</th>
              <th scope="col" class="rule">by the rule</th>
              <th scope="col">FLOPs a token, forward</th>
              <th scope="col">backward</th>
              <th scope="col" class="rule">of multiply-adds</th>
            </tr>
          </thead>
          <tbody>
            ${terms.map(({ id, parameters: own, forward, backward }) => {
              const term = COUNT_TERMS[id];
              const out = noFlops(id) ? 'left-out' : '';
              return html`<tr>
                <th scope="row">${term.label}</th>
                <td class=${leftOut(id) ? 'left-out' : ''}>${own === 0 ? '' : whole(own)}</td>
                <td class="rule">${term.parameters}</td>
                <td class=${out}>${forward === 0 ? '' : whole(forward)}</td>
                <td class=${out}>${backward === 0 ? '' : whole(backward)}</td>
                <td class="rule">${term.multiplyAdds === '' ? '' : `2 (4) × ${term.multiplyAdds}`}</td>
              </tr>`;
            })}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row">N, and C / D</th>
              <td>${whole(counts.parameters)}</td>
              <td></td>
              <td colspan="2">${whole(counts.flopsPerToken)}</td>
              <td class="rule">${counting.flops === '6N' ? '6 N' : 'all matmuls that are counted'}</td>
            </tr>
            <tr>
              <th scope="row">C</th>
              <td colspan="4">${flops(counts.flops)} FLOPs = ${count(counts.flopsPerToken)} × ${count(counts.tokens)}</td>
              <td></td>
            </tr>
          </tfoot>
        </table>
      </div>`;
  }
}
