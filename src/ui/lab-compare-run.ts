import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { comparisonToText, type Comparison } from '../lab/index.ts';
import { bytes, duration } from './format.ts';
import { adapter } from './adapter.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import { blockedWords, comparisonWords, seedWords } from './compare-words.ts';
import { progressStyles } from './progress-styles.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-run': LabCompareRun;
  }
}

/** Said aloud when the state changes; the sentence on the screen changes too often for that. */
const STATES: { readonly [S in Comparison['state']]: string } = {
  preparing: 'Preparing the comparison',
  running: 'The comparison is training',
  paused: 'The comparison is paused',
  finished: 'The comparison has finished',
  stopped: 'The comparison was stopped',
  failed: 'The comparison failed',
};

/** Starts, pauses and stops the comparison, says how far it is, and what it needs. */
@customElement('lab-compare-run')
export class LabCompareRun extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    progressStyles,
    css`
      .run {
        display: grid;
        gap: 10px;
      }
      .buttons {
        display: flex;
        gap: 8px;
      }
      .buttons button {
        flex: 1 1 0;
        min-height: 44px;
        font-size: 15px;
      }
      .buttons .primary {
        flex: 2 1 0;
      }
      .words {
        min-height: 42px;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      dl {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 2px 12px;
        font-size: 12px;
      }
      dd {
        text-align: right;
        overflow-wrap: anywhere;
      }
    `,
  ];

  protected override readonly topics = ['spec', 'device', 'run', 'forecast'] as const;
  protected override readonly runTopics = ['state'] as const;
  protected override readonly deskTopics = ['setup', 'comparison'] as const;
  protected override readonly comparisonTopics = ['state', 'series', 'cost'] as const;
  protected override readonly everyMs = 250;

  protected override get comparison(): Comparison | null {
    return this.lab.comparisons.live;
  }

  override render(): unknown {
    const { comparison } = this;
    const words =
      comparison === null || comparison.imported
        ? 'Press Start: all arms see the same data and the same seeds, step by step.'
        : `${comparisonWords(comparison)}.`;
    return html`<div class="run">
      <div class="buttons">${this.#buttons()}</div>
      ${this.#fault()}
      <div>
        <p class="words" data-comparison=${comparison === null || comparison.imported ? 'idle' : comparison.state}>${words}</p>
        <span class="hidden-text" role="status">${comparison === null ? '' : STATES[comparison.state]}</span>
        ${this.#progress()}
      </div>
      <dl>
        <dt>Adapter</dt>
        <dd>${this.#adapter()}</dd>
        <dt>Memory</dt>
        <dd>${this.#memory()}</dd>
        <dt>Time</dt>
        <dd>${this.#time()}</dd>
      </dl>
    </div>`;
  }

  #buttons(): unknown {
    const desk = this.lab.comparisons;
    const state = desk.busy ? desk.live?.state : undefined;
    const button = (action: string, label: string, act: () => unknown, kind = '', enabled = true): unknown =>
      html`<button type="button" class=${kind} data-action=${action} ?disabled=${!enabled} @click=${act}>${label}</button>`;
    const stop = button('compare-stop', 'Stop', () => desk.stop());
    if (state === 'preparing') return html`${button('compare-start', 'Preparing…', () => {}, 'primary', false)} ${stop}`;
    if (state === 'running') return html`${button('compare-pause', 'Pause', () => desk.pause(), 'primary')} ${stop}`;
    if (state === 'paused') return html`${button('compare-resume', 'Resume', () => desk.resume(), 'primary')} ${stop}`;
    const free = blockedWords(this.lab) === null && desk.fault() === null;
    const { current, setup } = desk;
    const again = current !== null && !current.imported && comparisonToText(current.setup) === comparisonToText(setup);
    const label = again ? 'Start again' : 'Start comparison';
    return button('compare-start', label, () => desk.start(), 'primary', free);
  }

  #fault(): unknown {
    if (this.lab.comparisons.busy) return nothing;
    const blocked = blockedWords(this.lab);
    const fault = this.lab.comparisons.fault();
    if (blocked === null && fault === null) return nothing;
    return html`<p class=${blocked === null ? 'error' : 'small muted'} role="status" data-fault>${blocked ?? fault?.message}</p>`;
  }

  #progress(): unknown {
    const { comparison } = this;
    const label = 'Progress of the comparison';
    if (comparison === null || comparison.imported) return html`<progress max="1" value="0" aria-label=${label}></progress>`;
    const preparing = comparison.state === 'preparing';
    const { done, total } = comparison.progress ?? { done: 0, total: 0 };
    if (preparing && total === 0) return html`<progress aria-label=${label}></progress>`;
    return preparing
      ? html`<progress aria-label=${label} max=${total} .value=${done}></progress>`
      : html`<progress aria-label=${label} max=${Math.max(1, comparison.totalSteps)} .value=${comparison.step}></progress>`;
  }

  #adapter(): unknown {
    const { device } = this.lab;
    if (device === null) return '—';
    return adapter(device);
  }

  /** What the arms took once they are built; before that, what so many runs of the base would take. */
  #memory(): string {
    const { comparison, lab } = this;
    if (comparison?.active === true && comparison.report !== null)
      return `${bytes(comparison.report.arms.reduce((sum, { peakBytes }) => sum + peakBytes, 0))} on the GPU`;
    const { setup } = lab.comparisons;
    if (lab.forecast === null) return '—';
    return `about ${bytes(lab.forecast.peakBytes * setup.seeds * setup.arms.length)} for ${setup.arms.length} × ${seedWords(setup.seeds)}`;
  }

  #time(): string {
    const { setup, busy } = this.lab.comparisons;
    if (busy) return 'see above';
    const ms = this.lab.forecast?.estimatedMs ?? null;
    return ms === null
      ? 'known after the first steps'
      : `up to ${duration(ms * setup.seeds * setup.arms.length)}, casts come on top`;
  }
}
