import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { kernelFigures, type KernelRow } from '../lab/index.ts';
import { bytes } from './format.ts';
import { shareWords } from './compare-heat.ts';
import { kindOf } from './kernel-kinds.ts';
import { kindStyles, markIcon } from './kernel-mark.ts';
import { kernelName, rate, shortMs, spreadMs } from './kernel-words.ts';
import { sharedStyles } from './shared-styles.ts';
import { wgslParts } from './wgsl-words.ts';
import './lab-copy-button.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernel-source': LabKernelSource;
  }
}

/** A kernel over the page: its figures, what it computes, its other variants and the WGSL that was compiled. */
@customElement('lab-kernel-source')
export class LabKernelSource extends LitElement {
  static override readonly styles = [
    sharedStyles,
    kindStyles,
    css`
      dialog {
        width: min(1040px, calc(100vw - 24px));
        max-width: none;
        max-height: calc(100vh - 48px);
        padding: 0;
        border: 1px solid var(--edge);
        border-radius: 10px;
        background: var(--surface);
        color: var(--text);
        overflow: hidden;
      }
      dialog[open] {
        display: flex;
        flex-direction: column;
      }
      dialog::backdrop {
        background: rgb(0 0 0 / 55%);
      }
      header {
        display: flex;
        align-items: center;
        gap: 10px;
        padding: 12px 16px;
        border-bottom: 1px solid var(--line);
      }
      h2 {
        min-width: 0;
        font: 600 14px var(--mono);
        overflow-wrap: anywhere;
      }
      header .actions {
        display: flex;
        gap: 4px;
        margin-left: auto;
      }
      .body {
        min-height: 0;
        overflow: auto;
      }
      .facts {
        position: sticky;
        left: 0;
      }
      dl {
        display: flex;
        flex-wrap: wrap;
        gap: 10px 28px;
        padding: 14px 16px 4px;
      }
      dd {
        font-size: 14px;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .more {
        padding: 6px 16px;
        font-size: 12px;
        color: var(--muted);
        overflow-wrap: anywhere;
      }
      .more b {
        font-weight: 600;
        color: var(--text);
      }
      ol {
        margin: 10px 0 0;
        padding: 12px 16px 16px 60px;
        border-top: 1px solid var(--line);
        background: var(--inset);
        font: 12px/1.5 var(--mono);
        width: max-content;
        min-width: 100%;
        white-space: nowrap;
        tab-size: 2;
      }
      li::marker {
        color: var(--muted);
        font-size: 11px;
      }
      li {
        padding-left: 8px;
      }
      li span {
        white-space: pre;
      }
      .comment {
        color: var(--muted);
        font-style: italic;
      }
      .keyword {
        color: var(--arm-5);
      }
      .type {
        color: var(--arm-0);
      }
      .number {
        color: var(--arm-2);
      }
      .attribute {
        color: var(--accent);
      }
      @media (max-width: 560px) {
        header {
          flex-wrap: wrap;
        }
        ol {
          padding-left: 46px;
          font-size: 11px;
        }
      }
    `,
  ];

  @property({ attribute: false }) row: KernelRow | null = null;
  @query('dialog') private readonly dialog!: HTMLDialogElement;

  /** Shows a kernel until the user closes it. */
  async show(row: KernelRow): Promise<void> {
    this.row = row;
    await this.updateComplete;
    if (!this.dialog.open) this.dialog.showModal();
    this.renderRoot.querySelector('.body')?.scrollTo(0, 0);
  }

  override render(): unknown {
    const { row } = this;
    return html`<dialog aria-labelledby="title" @click=${(event: Event): void => this.#outside(event)}>
      ${row === null ? nothing : this.#content(row)}
    </dialog>`;
  }

  #content(row: KernelRow): unknown {
    return html`<header>
        ${markIcon(kindOf(row.kernel), 16)}
        <h2 id="title">${kernelName(row)}</h2>
        ${row.variant === '' ? nothing : html`<span class="badge">${row.variant}</span>`}
        <span class="actions">
          <lab-copy-button label="Copy WGSL" action="copy-wgsl" .text=${(): string => row.wgsl}></lab-copy-button>
          <button type="button" data-action="close-kernel" @click=${(): void => this.dialog.close()}>Close</button>
        </span>
      </header>
      <div class="body" tabindex="0" role="region" aria-label="The kernel">
        <div class="facts">
          ${this.#figures(row)}
          <p class="more">
            <b>Other variants</b> ${row.others.length === 0 ? 'none that serve this node on this device' : row.others.join(' · ')}
          </p>
          <p class="more"><b>Computes</b> ${row.nodes.join(' · ')}</p>
        </div>
        ${this.#code(row.wgsl)}
      </div>`;
  }

  #figures(row: KernelRow): unknown {
    const { gflops, gbps, intensity } = kernelFigures(row);
    const figure = (term: string, value: string): unknown =>
      html`<div>
        <dt>${term}</dt>
        <dd>${value}</dd>
      </div>`;
    return html`<dl>
      ${figure('Each', `${shortMs(row.ms)} ± ${spreadMs(row)} ms`)} ${figure('Dispatches a step', String(row.perStep))}
      ${figure('Of the step', shareWords(row.share))} ${gflops === null ? nothing : figure('Products', `${rate(gflops)} GFLOP/s`)}
      ${figure('Bytes', bytes(row.bytes))} ${figure('Bandwidth', `${rate(gbps)} GB/s`)}
      ${intensity === null ? nothing : figure('Intensity', `${rate(intensity)} FLOP/byte`)}
      ${row.ofLimit === null ? nothing : figure(`Of the ${row.bound ?? 'device'} limit`, shareWords(row.ofLimit))}
    </dl>`;
  }

  #code(wgsl: string): unknown {
    return html`<ol>
      ${wgsl
        .trimEnd()
        .split('\n')
        .map((line) => html`<li>${wgslParts(line).map(({ text, kind }) => html`<span class=${kind}>${text}</span>`)}</li>`)}
    </ol>`;
  }

  /** A click beside the dialog closes it. */
  #outside(event: Event): void {
    if (event.target === this.dialog) this.dialog.close();
  }
}
