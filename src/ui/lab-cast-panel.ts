import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import {
  castSentences,
  castVerdict,
  codeBits,
  codeHex,
  errorWords,
  numberWords,
  power,
  type CastOutcome,
  type CastSteps,
  type ExplorerState,
  type FormatChoice,
} from '../lab/index.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-cast-panel': LabCastPanel;
  }
}

const F32_MANTISSA = 23;

/** One number cast into one format, bit by bit. */
@customElement('lab-cast-panel')
export class LabCastPanel extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      section {
        height: 100%;
        padding: 12px 14px;
        border: 1px solid var(--line);
        border-top: 3px solid var(--own);
        border-radius: 8px;
      }
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: baseline;
        gap: 4px 10px;
      }
      h3 {
        margin: 0;
        font-size: 13px;
        color: var(--own);
      }
      .result {
        margin: 2px 0 8px;
        font-size: 22px;
        font-weight: 650;
        letter-spacing: -0.01em;
        overflow-wrap: anywhere;
      }
      .result small {
        font-size: 13px;
        font-weight: 400;
        color: var(--muted);
      }
      .word {
        display: flex;
        flex-wrap: wrap;
        align-items: start;
        gap: 2px 7px;
        margin-bottom: 8px;
        font-family: var(--mono);
        font-size: 13px;
      }
      .word > span {
        display: grid;
      }
      .word i {
        font: 10.5px/1.3 var(--sans);
        color: var(--muted);
        white-space: nowrap;
      }
      .word .lead {
        display: block;
        flex-basis: 100%;
        font: 12px/1.4 var(--sans);
        color: var(--muted);
      }
      .kept {
        color: var(--own);
        font-weight: 700;
      }
      .dropped {
        color: var(--muted);
        text-decoration: line-through;
        text-decoration-thickness: 1px;
      }
      ul {
        margin: 0 0 8px;
        padding: 0;
        list-style: none;
        font-size: 13px;
      }
      dl {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 1px 12px;
        font-size: 13px;
      }
      table {
        border-collapse: collapse;
        width: 100%;
        font-size: 13px;
      }
      th,
      td {
        padding: 2px 8px 2px 0;
        text-align: left;
        font-weight: 400;
      }
      thead th {
        color: var(--muted);
        font-size: 12px;
      }
      @media (max-width: 480px) {
        .word {
          font-size: 11.5px;
          gap: 2px 5px;
        }
      }
    `,
  ];

  @property({ attribute: false }) choice!: FormatChoice;
  @property({ attribute: false }) steps!: CastSteps;
  @property({ attribute: false }) mode!: Pick<ExplorerState, 'round' | 'saturate' | 'scale'>;

  override render(): unknown {
    const { steps, choice, mode } = this;
    const { format, title } = choice;
    const [first, second] = steps.outcomes;
    if (first === undefined) return nothing;
    return html`<section aria-label=${`Cast to ${title}`}>
      <header>
        <h3>${choice.block === null ? title : `${title} element`}</h3>
        <span class="badge">${castVerdict(steps, format)}</span>
      </header>
      <p class="result" data-result=${codeHex(first.code, format)}>
        ${second === undefined ? numberWords(first.value) : html`${numberWords(first.value)} <small>or</small> ${numberWords(second.value)}`}
        ${
          mode.scale !== 0 && second === undefined && Number.isFinite(first.value) && first.value !== 0
            ? html`<small>÷ ${power(mode.scale)} = ${numberWords(first.unscaled)}</small>`
            : nothing
        }
      </p>
      ${this.#source()} ${second === undefined ? this.#code(first) : nothing}
      <ul>
        ${castSentences(steps, format, mode).map((sentence) => html`<li>${sentence}</li>`)}
      </ul>
      ${second === undefined ? errors(first) : this.#chances()}
    </section>`;
  }

  /** The f32 that is rounded: kept bits bold, dropped bits struck through. */
  #source(): unknown {
    const { scaledWord, dropShown, kind } = this.steps;
    const digits = scaledWord.toString(2).padStart(32, '0');
    const [sign, exponent, mantissa] = [digits.slice(0, 1), digits.slice(1, 9), digits.slice(9)];
    const field = Number.parseInt(exponent, 2);
    const special = field === 255;
    const drops = special || kind === 'negative' ? 0 : Math.min(F32_MANTISSA, dropShown);
    const kept = mantissa.slice(0, F32_MANTISSA - drops);
    const hex = `0x${scaledWord.toString(16).padStart(8, '0')}`;
    const lead = this.mode.scale === 0 ? 'f32' : `f32 times ${power(this.mode.scale)}`;
    const exponentWords = special
      ? 'exponent: special'
      : field === 0
        ? 'exponent: subnormal'
        : `exponent ${field} − 127 = ${field - 127}`;
    return html`<div class="word">
      <span class="lead">${lead} <span class="mono">${hex}</span></span>
      <span>${sign}<i>sign</i></span>
      <span>${exponent}<i>${exponentWords.replaceAll('-', '−')}</i></span>
      ${special ? nothing : html`<span><span class=${dropShown > F32_MANTISSA ? 'dropped' : 'kept'}>${field === 0 ? 0 : 1}.</span><i>implicit</i></span>`}
      <span
        ><span><span class="kept">${kept}</span><span class="dropped">${mantissa.slice(kept.length)}</span></span
        ><i>mantissa${drops === 0 ? '' : `: ${kept.length} kept, ${drops} dropped`}</i></span
      >
    </div>`;
  }

  #code({ code }: CastOutcome): unknown {
    const { format } = this.choice;
    const { sign, exponent, mantissa } = codeBits(code, format);
    const part = (digits: string, label: string): unknown =>
      digits === '' ? nothing : html`<span><span class="kept">${digits}</span><i>${label}</i></span>`;
    return html`<div class="word">
      <span class="lead">code <span class="mono">${codeHex(code, format)}</span></span>
      ${part(sign, 'sign')} ${part(exponent, 'exponent')} ${part(mantissa, 'mantissa')}
    </div>`;
  }

  #chances(): unknown {
    const { format } = this.choice;
    return html`<table>
      <thead>
        <tr>
          <th scope="col">Probability</th>
          <th scope="col">Result</th>
          <th scope="col">Code</th>
          <th scope="col">Relative error</th>
        </tr>
      </thead>
      <tbody>
        ${this.steps.outcomes.map(
          ({ probability, unscaled, code, relativeError }) =>
            html`<tr>
              <th scope="row">${Number((probability * 100).toPrecision(4))} %</th>
              <td>${numberWords(unscaled)}</td>
              <td class="mono">${codeHex(code, format)}</td>
              <td>${errorWords(relativeError * 100, ' %')}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  }
}

function errors({ error, relativeError }: CastOutcome): unknown {
  return html`<dl>
    <dt>Absolute error</dt>
    <dd>${errorWords(error)}</dd>
    <dt>Relative error</dt>
    <dd>${errorWords(relativeError * 100, ' %')}</dd>
  </dl>`;
}
