import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { differingPaths, PRESETS, withDefaults, type Preset } from '../spec/index.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-forecast.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-launch': LabLaunch;
  }
  interface HTMLElementEventMap {
    /** Start was pressed while the form has errors. */
    'lab-show-fault': CustomEvent<null>;
  }
}

/** The preset and the one button that matters. */
@customElement('lab-launch')
export class LabLaunch extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .card {
        display: grid;
        gap: 10px;
      }
      label {
        font-size: 12px;
        color: var(--muted);
      }
      select {
        min-height: 36px;
        font-weight: 560;
        text-overflow: ellipsis;
      }
      .preset {
        display: grid;
        gap: 5px;
      }
      .primary {
        min-height: 44px;
        font-size: 16px;
      }
    `,
  ];

  protected override readonly topics = ['spec', 'device', 'run'] as const;
  protected override readonly runTopics = ['state'] as const;

  override render(): unknown {
    const preset = this.#preset();
    return html`<section class="card" aria-label="Start">
      <div class="preset">
        <label for="preset">Start from</label>
        <select id="preset" @change=${(event: Event): void => this.#choose(typed(event))}>
          ${preset === undefined ? html`<option value="" selected>Your own settings</option>` : nothing}
          ${PRESETS.map((each) => html`<option value=${each.id} .selected=${each === preset}>${each.title}</option>`)}
        </select>
        ${preset === undefined ? nothing : html`<p class="small muted">${preset.blurb}</p>`}
      </div>
      ${this.#button()}
      ${
        this.lab.busy
          ? html`<p class="small muted" role="status">
              ${
                this.lab.sweeps?.busy === true
                  ? 'A sweep is training: pause it on the Sweeps page, or let it end, to train here.'
                  : this.lab.comparisons.busy
                    ? 'A comparison has the GPU: stop it on the Numerics page, or let it end, to train here.'
                    : 'A measurement has the GPU: stop it on the Kernels page, or let it end, to train here.'
              }
            </p>`
          : nothing
      }
      <lab-forecast .lab=${this.lab}></lab-forecast>
    </section>`;
  }

  #button(): unknown {
    const { run, deviceState, form, busy } = this.lab;
    if (run?.state === 'running') {
      return html`<button type="button" class="primary" data-action="pause" @click=${(): Promise<void> => this.lab.pause()}>
        Pause
      </button>`;
    }
    if (run?.state === 'paused') {
      return html`<button type="button" class="primary" data-action="resume" @click=${(): Promise<void> => this.lab.resume()}>
        Resume
      </button>`;
    }
    if (run?.state === 'preparing' || run?.state === 'recovering') {
      return html`<button type="button" class="primary" disabled>
        ${run.state === 'preparing' ? 'Preparing…' : 'Recovering…'}
      </button>`;
    }
    const start = (): void => {
      if (form.valid) void this.lab.start();
      else this.dispatchEvent(new CustomEvent('lab-show-fault', { detail: null, bubbles: true, composed: true }));
    };
    return html`<button
      type="button"
      class="primary"
      data-action="start"
      ?disabled=${deviceState !== 'ready' || busy}
      @click=${start}
    >
      ${deviceState === 'opening' ? 'Opening the GPU…' : 'Start'}
    </button>`;
  }

  /** The preset that the form equals in all but the name. */
  #preset(): Preset | undefined {
    return PRESETS.find((preset) =>
      differingPaths(this.lab.form.draft, withDefaults(preset.spec)).every((path) => path === 'name'),
    );
  }

  #choose(id: string): void {
    const preset = PRESETS.find((each) => each.id === id);
    if (preset !== undefined) this.lab.setSpec(withDefaults(preset.spec));
  }
}
