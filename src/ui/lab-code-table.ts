import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { cellWords, codeHex, codeKind, codeValue, numberWords, type FormatChoice } from '../lab/index.ts';
import { whole } from './format.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-code-table': LabCodeTable;
  }
}

const TABLED_BITS = 8;
const ACROSS = 16;

/** Every code of a format of at most 8 bits: the high digit down, the low digit across. */
@customElement('lab-code-table')
export class LabCodeTable extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .scroll {
        overflow-x: auto;
        border: 1px solid var(--line);
        border-radius: 6px;
      }
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: 12px;
      }
      th,
      td {
        padding: 3px 7px;
        text-align: right;
        white-space: nowrap;
      }
      th {
        color: var(--muted);
        font: 600 11px var(--mono);
        background: var(--raised);
      }
      tbody th {
        position: sticky;
        left: 0;
      }
      td {
        border-top: 1px solid var(--grid);
      }
      .subnormal {
        font-style: italic;
        color: var(--own);
      }
      .zero,
      .inf,
      .nan {
        color: var(--muted);
      }
      .hit {
        background: var(--accent-soft);
        box-shadow: inset 0 0 0 1px var(--accent);
        font-weight: 650;
      }
      p {
        margin: 6px 0 0;
      }
    `,
  ];

  @property({ attribute: false }) choice!: FormatChoice;
  /** Codes to point out: what the number is cast to. */
  @property({ attribute: false }) hits: readonly number[] = [];

  override render(): unknown {
    const { format, title } = this.choice;
    if (format.bits > TABLED_BITS)
      return html`<p class="muted small">
        ${title} has ${whole(2 ** format.bits)} codes: too many for a table, see the number line.
      </p>`;
    const across = Math.min(ACROSS, 2 ** format.bits);
    const rows = 2 ** format.bits / across;
    const digits = Array.from({ length: across }, (_, i) => i);
    return html`<div class="scroll" tabindex="0" role="region" aria-label=${`Codes of ${title}`}>
        <table>
          <thead>
            <tr>
              <th scope="col"><span class="hidden-text">High digit</span></th>
              ${digits.map((digit) => html`<th scope="col">_${digit.toString(16)}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${Array.from(
              { length: rows },
              (_, row) =>
                html`<tr>
                  <th scope="row">${rows === 1 ? '0' : row.toString(16)}_</th>
                  ${digits.map((digit) => this.#cell(row * across + digit))}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
      ${
        format.mantissaBits > 0
          ? html`<p class="muted small">
              Subnormal numbers are in italics. Figures are rounded to four digits; the CSV has them exact.
            </p>`
          : nothing
      }`;
  }

  #cell(code: number): unknown {
    const { format } = this.choice;
    const value = codeValue(code, format);
    const hit = this.hits.includes(code) ? 'hit' : '';
    return html`<td class="${codeKind(code, format)} ${hit}" title=${`${codeHex(code, format)} = ${numberWords(value)}`}>
      ${cellWords(value)}
    </td>`;
  }
}
