import { css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { RESTORABLE_MS, type RunsDesk } from '../lab/index.ts';
import { LabRunsElement } from './lab-runs-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-undo': LabRunsUndo;
  }
}

const DAYS = Math.round(RESTORABLE_MS / (24 * 3600 * 1000));

/** The runs that were deleted last, and the way back. */
@customElement('lab-runs-undo')
export class LabRunsUndo extends LabRunsElement {
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

  @property({ attribute: false }) desk!: RunsDesk;
  /** Runs that were deleted last. */
  @property({ attribute: false }) ids: readonly string[] = [];

  override render(): unknown {
    const { ids } = this;
    const words = ids.length === 1 ? 'The run was deleted. It' : `${ids.length} runs were deleted. They`;
    return html`<div role="status">
      ${
        ids.length === 0
          ? nothing
          : html`<div class="undo">
              <span>${words} can be restored for ${DAYS} days.</span>
              <button type="button" data-action="undo-delete" @click=${(): Promise<void> => this.desk.restore(ids)}>Undo</button>
              <button type="button" class="quiet" data-action="forget-undo" @click=${(): void => this.desk.forgetUndo()}>
                Dismiss
              </button>
            </div>`
      }
    </div>`;
  }
}
