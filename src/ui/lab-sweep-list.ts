import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { SweepsView } from '../lab/index.ts';
import { whole } from './format.ts';
import { progressStyles } from './progress-styles.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-list': LabSweepList;
  }
}

/** A sweep in the list. */
export interface ListedSweep {
  readonly id: string;
  readonly title: string;
  /** In capitals; empty: nothing is to be said. */
  readonly badge: string;
  readonly running: boolean;
  readonly runs: number;
  readonly done: number;
  readonly diverged: number;
}

/** The sweeps that are kept, and the one that is being made; a click shows one. */
@customElement('lab-sweep-list')
export class LabSweepList extends LitElement {
  static override readonly styles = [
    sharedStyles,
    progressStyles,
    css`
      ol {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr));
        gap: 8px;
        max-height: 260px;
        margin: 0;
        padding: 2px;
        overflow-y: auto;
        list-style: none;
      }
      li > button {
        display: grid;
        gap: 6px;
        align-content: space-between;
        width: 100%;
        height: 100%;
        min-height: 68px;
        padding: 9px 12px;
        text-align: left;
        line-height: 1.35;
        background: transparent;
      }
      .name {
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      .facts {
        display: flex;
        gap: 8px;
        align-items: center;
        justify-content: space-between;
      }
      .running {
        background: var(--accent-soft);
        color: var(--accent);
      }
    `,
  ];

  @property({ attribute: false }) sweeps: readonly ListedSweep[] = [];
  /** The one that is shown; empty: a new one is being made. */
  @property() shown = '';

  override render(): unknown {
    return html`<section class="card" aria-labelledby="title">
      <header>
        <h2 id="title">Sweeps <span class="muted">${this.sweeps.length}</span></h2>
        <span class="push bar">
          <button type="button" data-action="new-sweep" aria-pressed=${this.shown === ''} @click=${(): void => this.#show('')}>
            New sweep
          </button>
        </span>
      </header>
      <ol>
        ${this.sweeps.map((sweep) => html`<li>${this.#row(sweep)}</li>`)}
      </ol>
    </section>`;
  }

  #row({ id, title, badge, running, runs, done, diverged }: ListedSweep): unknown {
    return html`<button
      type="button"
      data-action="show-sweep"
      data-sweep=${id}
      aria-pressed=${id === this.shown}
      @click=${(): void => this.#show(id)}
    >
      <span class="name">${title}</span>
      <span class="facts small"
        ><span class="muted">${whole(done)} of ${whole(runs)} runs${diverged === 0 ? '' : `, ${diverged} diverged`}</span>${
          badge === '' ? nothing : html`<span class=${running ? 'badge running' : 'badge'}>${badge}</span>`
        }</span
      >
      <progress aria-label=${`Runs done of ${title}`} max=${Math.max(1, runs)} .value=${done}></progress>
    </button>`;
  }

  #show(sweep: string): void {
    const detail: Partial<SweepsView> = { sweep };
    this.dispatchEvent(new CustomEvent('lab-sweeps-view', { detail, bubbles: true, composed: true }));
  }
}
