import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { blockWords, formatFacts, numberWords, power, type Format, type FormatChoice, type FormatFacts } from '../lab/index.ts';
import { whole } from './format.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-format-facts': LabFormatFacts;
  }
}

interface Row {
  readonly label: string;
  readonly title: string;
  readonly show: (format: Format, facts: FormatFacts) => unknown;
}

const ROWS: readonly Row[] = [
  {
    label: 'Bits',
    title: 'sign, exponent, mantissa',
    show: ({ bits, exponentBits, mantissaBits, special }) =>
      `${bits} = ${special === 'scale' ? '' : '1 + '}${exponentBits} + ${mantissaBits}`,
  },
  { label: 'Exponent bias', title: 'value = ±1.f · 2^(e − bias)', show: ({ bias }) => String(bias) },
  { label: 'Codes', title: 'all bit patterns', show: (_format, { codes }) => whole(codes) },
  { label: 'Inf codes', title: 'both signs', show: (_format, { infinities }) => (infinities === 0 ? 'none' : whole(infinities)) },
  { label: 'NaN codes', title: 'both signs', show: (_format, { nans }) => (nans === 0 ? 'none' : whole(nans)) },
  { label: 'Maximum', title: 'largest number', show: (_format, { max }) => numberWords(max) },
  {
    label: 'Overflow',
    title: 'rounded to nearest, numbers from here on leave the range',
    show: ({ bits }, { overflow: { from, inclusive } }) =>
      bits === 32 ? 'none' : `${inclusive ? '≥' : '>'} ${numberWords(from)}`,
  },
  { label: 'Min normal', title: 'smallest with the full precision', show: (_format, { minNormal }) => twoWays(minNormal) },
  {
    label: 'Min subnormal',
    title: 'smallest number above 0',
    show: (_format, { minSubnormal }) => (minSubnormal === null ? 'none' : twoWays(minSubnormal)),
  },
  {
    label: 'Relative spacing',
    title: 'distance of neighbours just above a power of two, over their size',
    show: (_format, { spacing }) => twoWays(spacing),
  },
  {
    label: 'Unit roundoff',
    title: 'half the relative spacing: the relative error of a normal number, rounded to nearest, stays below it',
    show: (_format, { roundoff }) => percentOf(roundoff),
  },
  {
    label: 'Binades',
    title: 'powers of two with the full precision, and those of subnormals below them',
    show: (_format, { binades: { normal, subnormal } }) => (subnormal === 0 ? whole(normal) : `${normal} + ${subnormal} sub.`),
  },
  {
    label: 'Dynamic range',
    title: '20 log10 of maximum over minimum',
    show: (_format, { rangeDb }) => `${rangeDb.toFixed(1)} dB`,
  },
];

/** What two formats can hold, side by side. */
@customElement('lab-format-facts')
export class LabFormatFacts extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      table {
        width: 100%;
        border-collapse: collapse;
        font-size: 13px;
      }
      th,
      td {
        padding: 4px 0 4px 10px;
        text-align: right;
        vertical-align: top;
        border-bottom: 1px solid var(--grid);
      }
      thead th {
        font-size: 12px;
        border-color: var(--line);
      }
      thead th:nth-child(2) {
        color: var(--a);
      }
      thead th:nth-child(3) {
        color: var(--b);
      }
      th:first-child {
        padding-left: 0;
        text-align: left;
      }
      tbody th {
        color: var(--muted);
        font-weight: 400;
        font-size: 12px;
      }
      td {
        white-space: nowrap;
      }
      .block {
        margin-top: 10px;
        padding-left: 10px;
        border-left: 2px solid var(--a);
        color: var(--muted);
        font-size: 12px;
      }
      .block.b {
        border-color: var(--b);
      }
    `,
  ];

  @property({ attribute: false }) a!: FormatChoice;
  @property({ attribute: false }) b!: FormatChoice;

  override render(): unknown {
    const [a, b] = [this.a, this.b];
    const [factsA, factsB] = [formatFacts(a.format), formatFacts(b.format)];
    return html`<table>
        <thead>
          <tr>
            <th scope="col"><span class="hidden-text">Fact</span></th>
            <th scope="col">${elementTitle(a)}</th>
            <th scope="col">${elementTitle(b)}</th>
          </tr>
        </thead>
        <tbody>
          ${ROWS.map(
            ({ label, title, show }) =>
              html`<tr>
                <th scope="row" title=${title}>${label}</th>
                <td>${show(a.format, factsA)}</td>
                <td>${show(b.format, factsB)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      ${blockNote(a, 'a')} ${b.name === a.name ? nothing : blockNote(b, 'b')}`;
  }
}

/** What a column of figures is about: of a block format its elements. */
function elementTitle({ title, block }: FormatChoice): string {
  return block === null ? title : `${title} element`;
}

function blockNote({ block, title }: FormatChoice, side: string): unknown {
  return block === null ? nothing : html`<p class="block ${side}"><b>${title}</b> ${blockWords(block)}</p>`;
}

/** A power of two as such, and as a decimal where that is short. */
function twoWays(x: number): string {
  const exponent = Math.log2(x);
  const decimal = String(x);
  return decimal.length <= 8 ? `${power(exponent)} = ${decimal}` : power(exponent);
}

function percentOf(ratio: number): string {
  return ratio >= 1e-4 ? `${Number((ratio * 100).toPrecision(4))} %` : power(Math.log2(ratio));
}
