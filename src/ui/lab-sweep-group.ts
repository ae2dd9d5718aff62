import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { GroupState, QueuedGroup } from '../lab/index.ts';
import { duration, whole } from './format.ts';
import { progressStyles } from './progress-styles.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-group': LabSweepGroup;
  }
  interface HTMLElementEventMap {
    /** The user wants something of a group of the queue. */
    'lab-group': CustomEvent<GroupWish>;
  }
}

export interface GroupWish {
  readonly group: string;
  readonly act: 'skip' | 'unskip' | 'retry' | 'up' | 'down';
}

const STATES: { readonly [S in GroupState]: string } = {
  waiting: 'WAITING',
  running: 'TRAINING',
  paused: 'PAUSED',
  skipped: 'SKIPPED',
  refused: 'DOES NOT FIT',
  failed: 'FAILED',
  done: 'DONE',
};
const TROUBLE: readonly GroupState[] = ['failed', 'refused'];

/** One program of the queue: what it trains, how far it is, and what can be done about it. */
@customElement('lab-sweep-group')
export class LabSweepGroup extends LitElement {
  static override readonly styles = [
    sharedStyles,
    progressStyles,
    css`
      .row {
        display: grid;
        grid-template-columns: 26px minmax(0, 2.2fr) minmax(110px, 1fr) 108px auto;
        gap: 4px 14px;
        align-items: center;
        min-height: 38px;
        padding: 4px 2px;
        font-size: 13px;
      }
      .place {
        color: var(--muted);
        font-size: 12px;
        text-align: right;
      }
      .what {
        overflow-wrap: anywhere;
      }
      .far {
        display: grid;
        gap: 4px;
        font-size: 12px;
        color: var(--muted);
      }
      .acts {
        display: flex;
        gap: 2px;
        justify-content: flex-end;
        min-width: 128px;
      }
      .acts button {
        min-height: 28px;
        padding: 3px 8px;
        font-size: 12px;
      }
      .error {
        grid-column: 2 / -1;
      }
      .lost {
        color: var(--danger);
      }
      .badge.running {
        background: var(--accent-soft);
        color: var(--accent);
      }
      @media (max-width: 860px) {
        .row {
          grid-template-columns: minmax(0, 1fr) auto;
        }
        .place {
          display: none;
        }
        .what,
        .error {
          grid-column: 1 / -1;
        }
        .acts {
          grid-column: 1 / -1;
          justify-content: flex-start;
        }
        .acts:empty {
          display: none;
        }
      }
      @media (pointer: coarse) {
        .acts button {
          min-height: 40px;
          min-width: 40px;
        }
      }
    `,
  ];

  @property({ attribute: false }) group!: QueuedGroup;
  @property({ type: Number }) place = 0;
  /** What it trains. */
  @property() words = '';
  /** Among those that wait: it can go up, and down. */
  @property({ type: Boolean }) first = false;
  @property({ type: Boolean }) last = false;

  override render(): unknown {
    const { group } = this;
    const { state, step, steps, runs, reason, diverged, leftMs } = group;
    const style = state === 'running' ? 'badge running' : TROUBLE.includes(state) ? 'badge warn' : 'badge';
    const left = state !== 'done' && state !== 'skipped' && leftMs !== null ? `, ${duration(leftMs)}` : '';
    return html`<div class="row" data-state=${state}>
      <span class="place">${this.place}</span>
      <span class="what"
        >${this.words} <span class="muted">· ${runs.length === 1 ? '1 lane' : `${runs.length} lanes`}</span>${
          diverged.length === 0 ? nothing : html` <span class="lost">· ${diverged.length} diverged</span>`
        }</span
      >
      <span class="far">
        <span>step ${whole(step)} of ${whole(steps)}${left}</span>
        ${
          state === 'running' || (state === 'paused' && step > 0)
            ? html`<progress aria-label=${`Progress of ${this.words}`} max=${Math.max(1, steps)} .value=${step}></progress>`
            : nothing
        }
      </span>
      <span><span class=${style}>${STATES[state]}</span></span>
      <span class="acts">${this.#acts(state)}</span>
      ${reason === null ? nothing : html`<p class="error">${reason}</p>`}
    </div>`;
  }

  #acts(state: GroupState): unknown {
    switch (state) {
      case 'waiting':
        return html`${this.#button('up', '↑', 'Move up', this.first)} ${this.#button('down', '↓', 'Move down', this.last)}
        ${this.#button('skip', 'Skip', 'Skip')}`;
      case 'running':
      case 'paused':
        return this.#button('skip', 'Skip', 'Skip');
      case 'skipped':
        return this.#button('unskip', 'Do not skip', 'Do not skip');
      case 'failed':
      case 'refused':
        return html`${this.#button('retry', 'Try again', 'Try again')} ${this.#button('skip', 'Skip', 'Skip')}`;
      case 'done':
        return nothing;
    }
  }

  #button(act: GroupWish['act'], text: string, words: string, disabled = false): unknown {
    return html`<button
      type="button"
      class="quiet"
      data-action=${`group-${act}`}
      aria-label=${`${words}: ${this.words}`}
      title=${words}
      ?disabled=${disabled}
      @click=${(): void => this.#say(act)}
    >
      ${text}
    </button>`;
  }

  /** Puts the keyboard back on a button: a row that moved has lost it. */
  focusOn(act: GroupWish['act']): void {
    const button = this.renderRoot.querySelector<HTMLButtonElement>(`[data-action="group-${act}"]`);
    if (button?.disabled === true) this.renderRoot.querySelector<HTMLButtonElement>('button:not(:disabled)')?.focus();
    else button?.focus();
  }

  #say(act: GroupWish['act']): void {
    const detail: GroupWish = { group: this.group.id, act };
    this.dispatchEvent(new CustomEvent('lab-group', { detail, bubbles: true, composed: true }));
  }
}
