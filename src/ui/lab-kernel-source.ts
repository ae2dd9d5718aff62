import { css, html, LitElement, nothing } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { kernelFigures, type KernelRow, type KernelsReport } from '../lab/index.ts';
import { bytes } from './format.ts';
import { shareWords } from './compare-heat.ts';
import { kindOf } from './kernel-kinds.ts';
import { kindStyles, markIcon } from './kernel-mark.ts';
import { otherKernelWords, overrideWords, sourceChoices, sourceText, type SourceChoice } from './kernel-sources.ts';
import { kernelName, rate, shortMs, spreadMs } from './kernel-words.ts';
import { sharedStyles } from './shared-styles.ts';
import { wgslParts } from './wgsl-words.ts';
import './lab-copy-button.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernel-source': LabKernelSource;
  }
}

/** A kernel over the page: its figures, what it computes, and the WGSL of it and of every other variant that serves its nodes. */
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
      .variants {
        display: flex;
        flex-wrap: wrap;
        gap: 6px;
        padding: 8px 16px 4px;
      }
      .variants button {
        min-height: 28px;
        padding: 4px 9px;
        font: 12px var(--mono);
      }
      .variants .muted {
        font-family: var(--sans);
        font-size: 11px;
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

  @state() private row: KernelRow | null = null;
  /** Which of the texts is shown. */
  @state() private place = 0;
  #sources: KernelsReport['sources'] = {};
  #choices: readonly SourceChoice[] = [];
  @query('dialog') private readonly dialog!: HTMLDialogElement;

  /** Shows a kernel until the user closes it. @param sources the texts of its report. */
  async show(row: KernelRow, sources: KernelsReport['sources']): Promise<void> {
    this.row = row;
    this.place = 0;
    this.#sources = sources;
    this.#choices = sourceChoices(row);
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
    const choice = this.#choices[this.place];
    return html`<header>
        ${markIcon(kindOf(row.kernel), 16)}
        <h2 id="title">${kernelName(row)}</h2>
        ${row.variant === '' ? nothing : html`<span class="badge">${row.variant}</span>`}
        <span class="actions">
          <lab-copy-button
            label="Copy WGSL"
            action="copy-wgsl"
            ?disabled=${(choice?.compiled ?? null) === null}
            .text=${(): string => (choice === undefined ? '' : sourceText(choice, this.#sources))}
          ></lab-copy-button>
          <button type="button" data-action="close-kernel" @click=${(): void => this.dialog.close()}>Close</button>
        </span>
      </header>
      <div class="body" tabindex="0" role="region" aria-label="The kernel">
        <div class="facts">
          ${this.#figures(row)}
          <p class="more"><b>Computes</b> ${row.nodes.join(' · ')}</p>
          ${this.#variants()} ${choice === undefined ? nothing : this.#about(choice, row)}
        </div>
        ${choice === undefined || choice.compiled === null ? nothing : this.#code(this.#sources[choice.compiled.source] ?? '')}
      </div>`;
  }

  #variants(): unknown {
    if (this.#choices.length < 2) return html`<p class="more"><b>Variants</b> no other serves these nodes on this device</p>`;
    return html`<div class="variants" role="group" aria-label="Variants that serve these nodes on this device">
      ${this.#choices.map(
        ({ label, used }, i) =>
          html`<button
            type="button"
            data-variant=${label}
            aria-pressed=${i === this.place}
            @click=${(): void => void (this.place = i)}
          >
            ${label}${used ? html`<span class="muted"> measured</span>` : nothing}
          </button>`,
      )}
    </div>`;
  }

  #about(choice: SourceChoice, row: KernelRow): unknown {
    const { compiled } = choice;
    const words = (compiled === null ? null : overrideWords(compiled)) ?? 'not recorded: the file is of an earlier build';
    const other = otherKernelWords(row, choice);
    return html`<p class="more" data-overrides>
        ${
          compiled === null
            ? 'The file that this is from does not hold the WGSL of this variant.'
            : html`<b>Overrides</b> ${words === '' ? 'none: the defaults in the text hold' : words}`
        }
      </p>
      ${other === null ? nothing : html`<p class="more" data-other-kernel>${other}</p>`}`;
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
