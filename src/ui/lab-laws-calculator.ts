import { css, html, LitElement, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { typedNumber } from '../lab/index.ts';
import { LAWS, lawNamed, type Law, type Params } from '../laws/index.ts';
import { formulaHtml } from './law-formula.ts';
import { parameterWords } from './law-words.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import { toolStyles } from './tool-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-calculator': LabLawsCalculator;
  }
}

/** Usual values, so that a law says something before anything is typed. */
const USUAL: Readonly<Record<string, number>> = {
  N: 1e6,
  D: 2e7,
  C: 1.2e14,
  U: 1e7,
  S: 1e4,
  B: 1e4,
  loss: 2,
  M: 20,
  S1: 10,
  S2: 0,
};

/** Any law of the table with its published constants, or others, at values that are typed. */
@customElement('lab-laws-calculator')
export class LabLawsCalculator extends LitElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    tableStyles,
    css`
      .bar {
        margin-top: 10px;
        font-size: 12px;
        color: var(--muted);
      }
      select {
        max-width: min(480px, 60vw);
      }
      input {
        width: 110px;
        min-height: 28px;
        font-size: 12px;
      }
      .formula {
        font-size: 17px;
      }
      .answer {
        margin-top: 12px;
        font-size: 20px;
        font-weight: 600;
      }
      .answer span {
        font-size: 13px;
        font-weight: 500;
        color: var(--muted);
      }
    `,
  ];

  @state() private lawId = 'chinchilla';
  @state() private set = 0;
  /** What was typed, by `column N` and `parameter E`. */
  @state() private values: Readonly<Record<string, number>> = {};
  /** What was typed and is no number, and why, by the same. */
  @state() private faults: Readonly<Record<string, { readonly text: string; readonly words: string }>> = {};

  override render(): unknown {
    const law = lawNamed(this.lawId);
    const params = this.#params(law);
    const columns = law.columns.map(({ name }): [string, number] => [name, this.values[`column ${name}`] ?? USUAL[name] ?? 1]);
    const answer = predicted(law, params, Object.fromEntries(columns));
    return html`<section class="card" aria-label="Calculator">
      <header>
        <h2>Calculator <span class="muted">every law of the table</span></h2>
      </header>
      <label class="small"
        >Law
        <select name="calculated-law" @change=${(event: Event): void => this.#choose(typed(event))}>
          ${LAWS.map(({ id, title }) => html`<option value=${id} .selected=${id === law.id}>${title}</option>`)}
        </select></label
      >
      <p class="bar">${formulaHtml(law.formula)}</p>
      <p class="small muted">${law.source}</p>
      <div class="bar">
        ${
          law.constants.length === 0
            ? nothing
            : html`<label
                >Constants
                <select name="constants" @change=${(event: Event): void => this.#take(Number(typed(event)))}>
                  ${law.constants.map(
                    ({ name, provenance }, place) =>
                      html`<option value=${place} .selected=${place === this.set}>${name} (${provenance})</option>`,
                  )}
                </select></label
              >`
        }
        ${law.parameters.map(({ name, unit, meaning }) => this.#input('parameter', name, params[name] ?? NaN, `${meaning}${unit === '' ? '' : `, ${unit}`}`))}
      </div>
      <div class="bar">
        ${law.columns.map(({ name, unit, meaning }, i) => this.#input('column', name, columns[i]?.[1] ?? NaN, `${meaning}${unit === '' ? '' : `, ${unit}`}`))}
      </div>
      ${Object.values(this.faults).map(({ words }) => html`<p class="error" role="alert">${words}</p>`)}
      <p class="answer" role="status" data-answer>
        ${formulaHtml(answerName(law))} = ${parameterWords(answer)} <span>${isAllocation(law) ? 'parameters' : law.unit}</span>
      </p>
    </section>`;
  }

  #input(kind: 'column' | 'parameter', name: string, value: number, help: string): unknown {
    const key = `${kind} ${name}`;
    const change = (event: Event): void => {
      const text = typed(event);
      const { [key]: _mended, ...others } = this.faults;
      try {
        this.values = { ...this.values, [key]: typedNumber(text, key) };
        this.faults = others;
      } catch (error) {
        this.faults = { ...others, [key]: { text, words: error instanceof Error ? error.message : String(error) } };
      }
    };
    return html`<label title=${help}
      >${formulaHtml(name)}
      <input
        type="text"
        inputmode="decimal"
        aria-label=${`${name}: ${help}`}
        name=${`${kind}-${name}`}
        aria-invalid=${this.faults[key] !== undefined}
        .value=${this.faults[key]?.text ?? (Number.isNaN(value) ? '' : String(Number(value.toPrecision(7))))}
        @change=${change}
    /></label>`;
  }

  #params(law: Law): Params {
    const set = law.constants[this.set]?.params ?? {};
    return Object.fromEntries(
      law.parameters.map(({ name }) => [name, this.values[`parameter ${name}`] ?? set[name] ?? Number.NaN]),
    );
  }

  #choose(id: string): void {
    this.lawId = id;
    this.#take(0);
  }

  /** Constants of a set in place of what was typed for them. */
  #take(set: number): void {
    this.set = set;
    this.faults = {};
    this.values = Object.fromEntries(Object.entries(this.values).filter(([key]) => key.startsWith('column ')));
  }
}

function predicted(law: Law, params: Params, at: Params): number {
  try {
    return law.predict(params, at);
  } catch {
    return Number.NaN;
  }
}

/** Approaches 1 and 2 predict a size, whatever column their points have as the target. */
function isAllocation({ id }: Law): boolean {
  return id === 'chinchilla-envelope' || id === 'chinchilla-isoflop';
}

function answerName(law: Law): string {
  return isAllocation(law) ? 'N_opt' : law.target;
}
