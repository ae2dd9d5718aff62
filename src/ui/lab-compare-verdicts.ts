import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { ComparedArm, Comparison } from '../lab/index.ts';
import { divergedWords, heldOutWords, verdictWords } from './compare-words.ts';
import { adapter } from './adapter.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-compare-swatch.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-verdicts': LabCompareVerdicts;
  }
}

/** What the comparison comes to: a sentence for each arm against the baseline. */
@customElement('lab-compare-verdicts')
export class LabCompareVerdicts extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .verdicts {
        display: grid;
        gap: 14px;
      }
      .verdict {
        display: grid;
        grid-template-columns: 24px minmax(0, 1fr);
        gap: 2px 12px;
        align-items: baseline;
      }
      .verdict > * {
        grid-column: 2;
      }
      .verdict > lab-compare-swatch {
        grid-column: 1;
      }
      .words {
        font-size: 20px;
        line-height: 1.3;
        font-weight: 600;
        letter-spacing: -0.005em;
        overflow-wrap: anywhere;
        text-wrap: pretty;
      }
      .unknown .words {
        color: var(--muted);
        font-weight: 500;
      }
      .diverged {
        color: var(--danger);
        overflow-wrap: anywhere;
      }
      .failure {
        margin-bottom: 14px;
        padding: 8px 10px;
        border-radius: 6px;
        background: var(--danger-soft);
        color: var(--danger);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .origin {
        min-width: 0;
        overflow-wrap: anywhere;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        font-size: 12px;
        color: var(--muted);
      }
      select {
        width: auto;
        min-height: 28px;
        font-size: 12px;
      }
      @media (max-width: 560px) {
        .words {
          font-size: 17px;
        }
      }
    `,
  ];

  protected override readonly comparisonTopics = ['state', 'gap'] as const;
  protected override readonly everyMs = 500;

  override render(): unknown {
    const { comparison } = this;
    if (comparison === null) return nothing;
    const { baseline, arms } = comparison;
    return html`<section class="card" aria-labelledby="title">
      <header>
        <h2 id="title">Verdict ${comparison.active ? html`<span class="muted">so far</span>` : nothing}</h2>
        ${comparison.imported ? this.#origin(comparison) : nothing}
        <label class="push"
          >against
          <select
            id="baseline"
            @change=${(event: Event): void => {
              if (event.target instanceof HTMLSelectElement) comparison.setBaseline(event.target.selectedIndex);
              this.requestUpdate();
            }}
          >
            ${arms.map((arm) => html`<option .selected=${arm === baseline}>${arm.name}</option>`)}
          </select></label
        >
      </header>
      ${comparison.failure === null ? nothing : html`<p class="failure" data-failure>${comparison.failure.message}</p>`}
      <div class="verdicts">
        ${arms.map((arm, place) => (arm === baseline ? this.#baseline(arm, place) : this.#verdict(comparison, arm, place)))}
      </div>
    </section>`;
  }

  #origin({ device, file }: Comparison): unknown {
    return html`<span class="badge">FROM A FILE</span>
      <span class="origin small muted" data-origin
        >${file}, ${device === null ? 'which does not name its adapter' : html`measured on ${adapter(device)}`}</span
      >`;
  }

  /** The baseline says nothing of itself but that it diverged. */
  #baseline(arm: ComparedArm, place: number): unknown {
    const words = divergedWords(arm);
    if (words === '') return nothing;
    return html`<div class="verdict">
      <lab-compare-swatch place=${place}></lab-compare-swatch>
      <p class="small diverged">${arm.name}, the baseline. ${words}</p>
    </div>`;
  }

  #verdict(comparison: Comparison, arm: ComparedArm, place: number): unknown {
    const verdict = comparison.verdictOf(arm);
    const { kind, lineText, caveats } = verdict;
    const held = (['validation', 'ood'] as const).map((split) =>
      heldOutWords(comparison.heldOutGapOf(arm, split), split === 'validation' ? 'Validation' : 'Out-of-distribution'),
    );
    const small = [lineText, ...held, ...caveats].filter((words) => words !== '');
    const diverged = divergedWords(arm);
    return html`<div class="verdict ${kind}" data-verdict=${kind}>
      <lab-compare-swatch place=${place}></lab-compare-swatch>
      <p class="words">${verdictWords(verdict)}</p>
      ${diverged === '' ? nothing : html`<p class="small diverged">${diverged}</p>`}
      ${small.length === 0 ? nothing : html`<p class="small muted">${small.join(' ')}</p>`}
    </div>`;
  }
}
