import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { adviceFor, type Alert } from '../lab/index.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-alerts': LabAlerts;
  }
}

/** What stopped, in words, with what to do about it. */
@customElement('lab-alerts')
export class LabAlerts extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .alert {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 6px 12px;
        margin-top: 10px;
        box-shadow: 0 4px 16px rgb(0 0 0 / 25%);
        padding: 10px 14px;
        border: 1px solid var(--danger);
        border-radius: 8px;
        background: var(--danger-soft);
      }
      .alert.recovering {
        border-color: var(--warn);
        background: var(--warn-soft);
      }
      .alert > div {
        flex: 1 1 300px;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      strong {
        font-weight: 650;
      }
      .todo {
        margin-top: 2px;
        font-size: 13px;
      }
    `,
  ];

  protected override readonly topics = ['messages', 'device', 'stored'] as const;

  override render(): unknown {
    return html`<div role="alert">
      ${repeat(
        this.lab.messages.alerts,
        ({ id }) => id,
        (alert) =>
          html`<div class="alert ${alert.recovering ? 'recovering' : ''}">
            <div>
              <strong>${alert.error.message}</strong>
              <p class="todo">${alert.recovering ? 'Nothing to do: the repair is under way.' : adviceFor(alert.error)}</p>
            </div>
            ${this.#cure(alert)}
            <button type="button" class="quiet" data-action="dismiss" @click=${(): void => this.lab.dismiss(alert.id)}>
              Dismiss
            </button>
          </div>`,
      )}
    </div>`;
  }

  #cure(alert: Alert): unknown {
    if (alert.recovering) return nothing;
    if (this.lab.deviceState === 'crashed') {
      const restart = (): void => {
        this.lab.dismiss(alert.id);
        void this.lab.open();
      };
      return html`<button type="button" data-action="restart-worker" @click=${restart}>Restart the worker</button>`;
    }
    const stored = this.lab.stored.find(({ runId }) => runId === alert.runId);
    if (stored === undefined) return nothing;
    const resume = (): void => {
      this.lab.dismiss(alert.id);
      void this.lab.continueStored(stored);
    };
    return html`<button type="button" data-action="continue-failed" @click=${resume}>Continue from step ${stored.step}</button>`;
  }
}
