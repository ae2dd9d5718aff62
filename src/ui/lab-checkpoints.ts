import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { runTitle } from '../lab/index.ts';
import { bytes, whole } from './format.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-checkpoints': LabCheckpoints;
  }
}

/** Runs that can go on: the one that was interrupted, an imported file, and what the browser's storage holds. */
@customElement('lab-checkpoints')
export class LabCheckpoints extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      ul {
        display: grid;
        gap: 8px;
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 6px 10px;
      }
      li > span {
        flex: 1 1 140px;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      li small {
        display: block;
        color: var(--muted);
        font-size: 12px;
      }
      .interrupted {
        padding: 8px 10px;
        margin: 0 -10px;
        border-radius: 6px;
        background: var(--accent-soft);
      }
    `,
  ];

  protected override readonly topics = ['stored', 'run', 'device'] as const;

  override render(): unknown {
    const { imported, run, interruptedRunId, deviceState } = this.lab;
    const stored = this.lab.stored.filter(({ runId }) => run?.active !== true || runId !== run.runId);
    const idle = deviceState === 'ready' && run?.active !== true && !this.lab.busy;
    return html`<section class="card" aria-label="Checkpoints">
      <header>
        <h2>Checkpoints</h2>
        <span class="push small muted">kept in this browser</span>
      </header>
      <ul>
        ${
          imported === null
            ? nothing
            : html`<li class="interrupted">
                <span
                  >${imported.fileName}<small>${runTitle(imported.report.spec)}, step ${whole(imported.report.step)}</small></span
                >
                <button
                  type="button"
                  data-action="continue-imported"
                  ?disabled=${!idle}
                  @click=${(): Promise<void> => this.lab.continueImported()}
                >
                  Continue from step ${whole(imported.report.step)}
                </button>
                <button type="button" class="quiet" @click=${(): void => this.lab.dismissImported()}>Discard</button>
              </li>`
        }
        ${repeat(
          stored,
          ({ runId }) => runId,
          (report) =>
            html`<li class=${report.runId === interruptedRunId ? 'interrupted' : ''}>
              <span>
                ${runTitle(report.spec)}
                <small>
                  ${report.runId === interruptedRunId ? 'interrupted · ' : ''}${new Date(report.savedAt).toLocaleString()} ·
                  ${bytes(report.sizeBytes)}
                </small>
              </span>
              <button
                type="button"
                data-action="continue"
                ?disabled=${!idle}
                @click=${(): Promise<void> => this.lab.continueStored(report)}
              >
                Continue from step ${whole(report.step)}
              </button>
              <button
                type="button"
                class="quiet"
                data-action="forget"
                aria-label=${`Delete the checkpoint of ${runTitle(report.spec)}`}
                @click=${(): Promise<void> => this.lab.forget(report.runId)}
              >
                Delete
              </button>
            </li>`,
        )}
      </ul>
      ${
        stored.length === 0 && imported === null
          ? html`<p class="small muted">
              Runs save themselves every few seconds. After a reload, a crash or a closed tab they are offered here.
            </p>`
          : nothing
      }
    </section>`;
  }
}
