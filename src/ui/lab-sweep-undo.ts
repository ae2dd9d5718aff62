import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { SweepDesk, SweepRecord } from '../lab/index.ts';
import { sharedStyles } from './shared-styles.ts';
import { sweepTitle } from './sweep-words.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-undo': LabSweepUndo;
  }
}

/** The sweeps that were deleted, and the way back. */
@customElement('lab-sweep-undo')
export class LabSweepUndo extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .undo {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 6px 12px;
        padding: 6px 12px;
        border-radius: 6px;
        background: var(--accent-soft);
        font-size: 13px;
      }
    `,
  ];

  @property({ attribute: false }) desk!: SweepDesk;
  @property({ attribute: false }) removed: readonly SweepRecord[] = [];
  /** Those of which the user wants to read no more. */
  @state() private dismissed: ReadonlySet<string> = new Set();

  override render(): unknown {
    const shown = this.removed.filter(({ id }) => !this.dismissed.has(id));
    const [last] = shown.toSorted((a, b) => (b.removedAt ?? 0) - (a.removedAt ?? 0));
    return html`<div role="status">
      ${
        last === undefined
          ? nothing
          : html`<div class="undo">
              <span>${sweepTitle(last.sweep)} was deleted; its runs are kept. It can be restored for a while.</span>
              <button type="button" data-action="undo-delete-sweep" @click=${(): Promise<void> => this.desk.restore(last.id)}>
                Undo
              </button>
              <button
                type="button"
                class="quiet"
                data-action="forget-sweep-undo"
                @click=${(): void => void (this.dismissed = new Set(this.removed.map(({ id }) => id)))}
              >
                Dismiss
              </button>
            </div>`
      }
    </div>`;
  }
}
