import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { kernelFigures, sameWork, sortKernels, type KernelRow, type KernelSortKey, type KernelsReport } from '../lab/index.ts';
import { shareWords } from './compare-heat.ts';
import { kindOf } from './kernel-kinds.ts';
import { kindStyles, markIcon } from './kernel-mark.ts';
import { kernelName, nodesWords, rate, shortMs, spreadMs } from './kernel-words.ts';
import { sharedStyles } from './shared-styles.ts';
import { sortHead, sortStyles } from './sort-head.ts';
import { tableStyles } from './table-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernel-table': LabKernelTable;
  }
  interface HTMLElementEventMap {
    /** The user orders the kernels by another figure, or the other way round. */
    'lab-kernel-sort': CustomEvent<KernelOrder>;
  }
}

export interface KernelOrder {
  readonly sort: KernelSortKey;
  readonly descending: boolean;
}

const COLUMNS: readonly (readonly [sort: KernelSortKey, head: string, help: string])[] = [
  ['kernel', 'Kernel', 'Path below shaders/, and the nodes of the graph that it computes'],
  ['perStep', 'a step', 'Dispatches in a training step'],
  ['ms', 'each, ms', 'Median time of one dispatch'],
  ['share', 'of the step', 'Share of the time of all kernels of a step'],
  ['gflops', 'GFLOP/s', 'Floating-point operations of its products, a second'],
  ['gbps', 'GB/s', 'Bytes of the tensors that it is bound to, a second'],
  ['intensity', 'FLOP/byte', 'Arithmetic intensity'],
  ['ofLimit', 'of the limit', 'Of what the roofline allows at this intensity'],
];

/** Every kernel of a step with its figures; a click on a head orders by it, one on a row shows its WGSL. */
@customElement('lab-kernel-table')
export class LabKernelTable extends LitElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    sortStyles,
    kindStyles,
    css`
      .scroll {
        max-height: 520px;
      }
      thead th.plain {
        padding: 5px 12px;
      }
      tbody tr {
        cursor: pointer;
      }
      tbody tr:hover {
        background: var(--accent-soft);
      }
      .open {
        display: grid;
        grid-template-columns: 14px minmax(0, auto);
        gap: 0 8px;
        align-items: baseline;
        width: 100%;
        min-height: 0;
        padding: 0;
        border: 0;
        background: transparent;
        text-align: left;
        font-size: 12px;
      }
      .open .mark {
        align-self: center;
      }
      .open .mono {
        font-size: 12px;
        color: var(--text);
      }
      .open .mono,
      .open small {
        overflow: hidden;
        text-overflow: ellipsis;
      }
      .open small {
        grid-column: 2;
        max-width: 340px;
        font-size: 11px;
        color: var(--muted);
      }
      td small {
        color: var(--muted);
        font-size: 11px;
      }
      .bar {
        display: inline-flex;
        flex-wrap: nowrap;
        gap: 8px;
      }
      .bar svg {
        flex: none;
      }
      .gauge {
        fill: var(--raised);
      }
      .fill {
        fill: var(--accent);
      }
      .worse {
        color: var(--danger);
      }
      @media (max-width: 560px) {
        .open {
          width: 148px;
          white-space: normal;
        }
        .open .mono,
        .open small {
          overflow-wrap: anywhere;
        }
        .folder {
          display: none;
        }
        th,
        td {
          padding-right: 8px;
          padding-left: 8px;
        }
      }
    `,
  ];

  @property({ attribute: false }) report!: KernelsReport;
  /** The same of another machine: its time stands beside each. */
  @property({ attribute: false }) other: KernelsReport | null = null;
  @property() sort: KernelSortKey = 'share';
  @property({ type: Boolean }) descending = true;

  override render(): unknown {
    const { rows } = this.report;
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Kernels of a step">
      <table>
        <thead>
          <tr>
            ${COLUMNS.map((column) => this.#head(column))}
            ${
              this.other === null
                ? nothing
                : html`<th class="plain" scope="col">there, ms</th>
                    <th class="plain" scope="col">here / there</th>`
            }
          </tr>
        </thead>
        <tbody>
          ${sortKernels(rows, this.sort, this.descending).map(({ row, place }) => this.#row(row, place))}
        </tbody>
      </table>
    </div>`;
  }

  #head([sort, head, help]: (typeof COLUMNS)[number]): unknown {
    const chosen = sort === this.sort;
    const order = chosen ? (this.descending ? 'descending' : 'ascending') : 'none';
    return sortHead({ sort, label: head, help, order, press: () => this.#order(sort) });
  }

  #row(row: KernelRow, at: number): unknown {
    const { gflops, gbps, intensity } = kernelFigures(row);
    const kind = kindOf(row.kernel);
    const [folder, ...rest] = kernelName(row).split('/');
    return html`<tr data-kernel=${at} @click=${(): void => this.#open(at)}>
      <th scope="row">
        <button type="button" class="open" title="Show its WGSL">
          ${markIcon(kind)}<span class="mono"><span class="folder">${folder}/</span>${rest.join('/')}</span
          ><small>${[row.variant, nodesWords(row.nodes)].filter((word) => word !== '').join(' · ')}</small>
        </button>
      </th>
      <td>${row.perStep}</td>
      <td>${shortMs(row.ms)} <small>± ${spreadMs(row)}</small></td>
      <td>${this.#gauge(row.share, shareWords(row.share))}</td>
      <td>${rate(gflops)}</td>
      <td>${rate(gbps)}</td>
      <td>${rate(intensity)}</td>
      <td>${row.ofLimit === null ? '—' : this.#gauge(row.ofLimit, shareWords(row.ofLimit), row.bound ?? '')}</td>
      ${this.other === null ? nothing : this.#there(row)}
    </tr>`;
  }

  #there(row: KernelRow): unknown {
    const there = sameWork(row, this.other?.rows ?? []);
    if (there === null)
      return html`<td>—</td>
        <td>—</td>`;
    return html`<td>${shortMs(there.ms)} <small>± ${spreadMs(there)}</small></td>
      <td>${rate(row.ms / there.ms)} ×</td>`;
  }

  #gauge(share: number, words: string, note = ''): unknown {
    const width = 44;
    return html`<span class="bar"
      ><svg width=${width} height="6" aria-hidden="true">
        <rect class="gauge" width=${width} height="6" rx="2" />
        <rect class="fill" width=${(width * Math.min(1, Math.max(0, share))).toFixed(1)} height="6" rx="2" /></svg
      ><span>${words}${note === '' ? nothing : html` <small>${note}</small>`}</span></span
    >`;
  }

  #order(sort: KernelSortKey): void {
    // Names read from a to z, figures from the largest.
    const descending = sort === this.sort ? !this.descending : sort !== 'kernel';
    const detail: KernelOrder = { sort, descending };
    this.dispatchEvent(new CustomEvent('lab-kernel-sort', { detail, bubbles: true, composed: true }));
  }

  #open(row: number): void {
    this.dispatchEvent(new CustomEvent('lab-kernel', { detail: row, bubbles: true, composed: true }));
  }
}
