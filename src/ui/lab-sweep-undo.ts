import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { RESTORABLE_MS, type SweepDesk, type SweepRecord } from '../lab/index.ts';
import { sharedStyles } from './shared-styles.ts';
import { sweepTitle } from './sweep-words.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-undo': LabSweepUndo;
  }
}

const DAYS = Math.round(RESTORABLE_MS / (24 * 3600 * 1000));

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
  /** The one that was deleted on this visit. */
  @property() recent = '';
  @state() private dismissed = '';

  override render(): unknown {
    const last = this.removed.find(({ id }) => id === this.recent && id !== this.dismissed);
    return html`<div role="status">${last === undefined ? nothing : this.#undo(last)}</div>
      ${last === undefined && this.removed.length > 0 ? this.#others() : nothing}`;
  }

  #undo({ id, sweep }: SweepRecord): unknown {
    return html`<div class="undo">
      <span>${sweepTitle(sweep)} was deleted. Its runs are kept, and it can be restored for ${DAYS} days.</span>
      <button type="button" data-action="undo-delete-sweep" @click=${(): Promise<void> => this.desk.restore(id)}>Undo</button>
      <button type="button" class="quiet" data-action="forget-sweep-undo" @click=${(): void => void (this.dismissed = id)}>
        Dismiss
      </button>
    </div>`;
  }

  #others(): unknown {
    const { removed } = this;
    const restore = async (): Promise<void> => {
      for (const { id } of removed) await this.desk.restore(id);
    };
    return html`<p class="bar small">
      <span>${removed.length === 1 ? '1 deleted sweep' : `${removed.length} deleted sweeps`} can be restored.</span>
      <button type="button" class="quiet" data-action="restore-sweeps" @click=${restore}>Restore</button>
    </p>`;
  }
}
