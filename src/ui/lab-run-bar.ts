import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { fileName, parseNumber, type RunState } from '../lab/index.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { progressStyles } from './progress-styles.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { stateWords } from './words.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-run-bar': LabRunBar;
  }
}

/** Said aloud when the state changes; the sentence on the screen changes too often for that. */
const STATES: { readonly [S in RunState]: string } = {
  preparing: 'Preparing the run',
  running: 'The run is training',
  paused: 'The run is paused',
  recovering: 'The run is recovering',
  finished: 'The run has finished',
  stopped: 'The run was stopped',
  failed: 'The run failed',
};

/** The run's state in words, how far it is, and what can be done with it. */
@customElement('lab-run-bar')
export class LabRunBar extends LabElement {
  static override readonly styles = [
    sharedStyles,
    progressStyles,
    css`
      .state {
        flex: 1 1 260px;
        font-size: 15px;
        font-weight: 600;
        min-width: 0;
        overflow-wrap: anywhere;
      }
      @media (max-width: 720px) {
        .state {
          flex-basis: 100%;
        }
      }
      .extend {
        display: inline-flex;
        gap: 6px;
      }
      .extend input {
        width: 84px;
        min-height: 32px;
      }
      progress {
        margin-top: 12px;
      }
    `,
  ];

  protected override readonly topics = ['run', 'device'] as const;
  protected override readonly runTopics = ['state', 'speed'] as const;
  @state() private extendBy = '1000';

  override render(): unknown {
    const { run } = this.lab;
    const words = run === null ? this.#idleWords() : stateWords(run);
    return html`<section aria-label="Run">
      <div class="bar">
        <p class="state" data-state=${run?.state ?? 'idle'}>${words}</p>
        <span class="hidden-text" role="status">${run === null ? '' : STATES[run.state]}</span>
        ${this.#buttons()}
      </div>
      ${this.#progress()}
    </section>`;
  }

  #idleWords(): string {
    switch (this.lab.deviceState) {
      case 'opening':
        return 'Opening the GPU…';
      case 'ready':
        return 'Ready. Press Start and watch the loss fall.';
      case 'none':
        return 'No GPU to train on.';
      case 'crashed':
        return 'The training worker stopped.';
    }
  }

  #progress(): unknown {
    const { run } = this.lab;
    if (run === null) return html`<progress max="1" value="0" aria-label="Progress"></progress>`;
    const preparing = run.state === 'preparing' || run.state === 'recovering';
    const [done, total] = preparing ? [run.progress?.done ?? 0, run.progress?.total ?? 0] : [run.step, run.totalSteps];
    if (preparing && total === 0) return html`<progress aria-label="Progress"></progress>`;
    return html`<progress aria-label="Progress" max=${Math.max(1, total)} .value=${done}></progress>`;
  }

  #buttons(): unknown {
    const { run, deviceState, busy } = this.lab;
    const button = (action: string, label: string, act: () => unknown, enabled = true): unknown =>
      html`<button type="button" data-action=${action} ?disabled=${!enabled || deviceState !== 'ready'} @click=${act}>
        ${label}
      </button>`;
    const step = button(
      'step',
      'Single step',
      () => this.lab.step(),
      (run === null || !run.active || run.state === 'paused') && !busy,
    );
    if (run === null) return this.lab.form.valid ? step : nothing;
    const live = run.state === 'running' || run.state === 'paused';
    return html`
      ${run.state === 'running' ? nothing : step} ${run.active ? button('stop', 'Stop', () => this.lab.stop()) : nothing}
      ${run.state === 'finished' || live ? this.#extend() : nothing}
      ${
        run.report !== null && run.state !== 'preparing' && run.state !== 'recovering'
          ? button('export', 'Export checkpoint', () => this.#export())
          : nothing
      }
    `;
  }

  #extend(): unknown {
    const steps = parseNumber(this.extendBy);
    const usable = Number.isSafeInteger(steps) && steps > 0;
    return html`<span class="extend">
      <input
        type="text"
        inputmode="numeric"
        aria-label="Steps to add"
        aria-invalid=${!usable}
        .value=${this.extendBy}
        @input=${(event: Event): void => void (this.extendBy = typed(event))}
      />
      <button
        type="button"
        data-action="extend"
        ?disabled=${!usable || this.lab.busy}
        @click=${(): Promise<void> => this.lab.extend(steps)}
      >
        Add steps
      </button>
    </span>`;
  }

  async #export(): Promise<void> {
    const { run } = this.lab;
    const bytes = await this.lab.exportCheckpoint();
    if (run !== null && bytes !== undefined)
      saveFile(fileName(run, 'safetensors'), new Blob([bytes], { type: 'application/octet-stream' }));
  }
}
