import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { Comparison } from '../lab/index.ts';
import { againstWords, seedWords, verdictWords } from './compare-words.ts';
import { whole } from './format.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-list': LabCompareList;
  }
}

/** Arms whose verdict stands in the list. */
const MOST_VERDICTS = 2;

const BADGES: { readonly [S in Comparison['state']]: string } = {
  preparing: 'PREPARING',
  running: 'TRAINING',
  paused: 'PAUSED',
  finished: '',
  stopped: 'STOPPED',
  failed: 'FAILED',
};

/** The comparisons of this page; a click shows one of them, and one that trains goes on meanwhile. */
@customElement('lab-compare-list')
export class LabCompareList extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    css`
      ol {
        display: grid;
        gap: 4px;
        max-height: 236px;
        margin: 0;
        padding: 2px;
        overflow-y: auto;
        list-style: none;
      }
      button {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 2fr) 200px;
        gap: 2px 18px;
        align-items: baseline;
        width: 100%;
        padding: 7px 10px;
        text-align: left;
        line-height: 1.35;
        background: transparent;
        overflow-wrap: anywhere;
      }
      .arms {
        font-weight: 600;
      }
      .badge {
        margin-left: 4px;
      }
      .step {
        text-align: right;
        white-space: nowrap;
      }
      @media (max-width: 860px) {
        button {
          grid-template-columns: minmax(0, 1fr);
        }
        ol {
          max-height: 340px;
        }
        .step {
          text-align: left;
        }
      }
    `,
  ];

  protected override readonly comparisonTopics = ['state', 'gap'] as const;
  protected override readonly everyMs = 500;

  /** The only one that changes. */
  protected override get comparison(): Comparison | null {
    return this.lab.comparisons.live;
  }

  override render(): unknown {
    const { kept } = this.lab.comparisons;
    if (kept.length < 2) return nothing;
    return html`<section class="card" aria-labelledby="title">
      <header>
        <h2 id="title">Comparisons <span class="muted">of this page</span></h2>
        <p class="small muted">They last as long as the page: the JSON file keeps one for longer.</p>
      </header>
      <ol>
        ${kept.toReversed().map((comparison) => html`<li>${this.#row(comparison)}</li>`)}
      </ol>
    </section>`;
  }

  #row(comparison: Comparison): unknown {
    const { comparisons } = this.lab;
    const { file, step, totalSteps, setup } = comparison;
    const badges = [file === null ? '' : 'FROM A FILE', BADGES[comparison.state]].filter((words) => words !== '');
    return html`<button
      type="button"
      data-action="show-comparison"
      aria-pressed=${comparison === comparisons.current}
      @click=${(): void => comparisons.show(comparison)}
    >
      <span>
        <span class="arms">${againstWords(comparison)}</span>
        ${badges.map((words) => html`<span class="badge">${words}</span> `)}
        ${file === null ? nothing : html`<span class="small muted">${file}</span>`}
      </span>
      <span class="verdict">${this.#verdicts(comparison)}</span>
      <span class="step small muted">step ${whole(step)} of ${whole(totalSteps)}, ${seedWords(setup.seeds)}</span>
    </button>`;
  }

  #verdicts(comparison: Comparison): string {
    const arms = comparison.arms.filter((arm) => arm !== comparison.baseline);
    const words = arms.slice(0, MOST_VERDICTS).map((arm) => verdictWords(comparison.verdictOf(arm)));
    const more = arms.length - words.length;
    if (more > 0) words.push(`And ${more} more ${more === 1 ? 'arm' : 'arms'}.`);
    return words.join(' ');
  }
}
