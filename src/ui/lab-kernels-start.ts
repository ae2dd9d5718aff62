import { css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { lanesUpTo, type MeasureKind } from '../lab/index.ts';
import { goingWords, measureBlockedWords, startWords, stopWords } from './kernel-words.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { progressStyles } from './progress-styles.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-start': LabKernelsStart;
  }
}

const ROUNDS = [3, 5, 7, 11, 15, 25];
const MOST_LANES = [1, 2, 4, 8, 16, 32, 64];

/** Starts and stops one measurement, with its settings and how far it is. */
@customElement('lab-kernels-start')
export class LabKernelsStart extends LabElement {
  static override readonly styles = [
    sharedStyles,
    progressStyles,
    css`
      .start {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 16px;
        margin-bottom: 12px;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        font-size: 12px;
        color: var(--muted);
      }
      select {
        width: auto;
        min-height: 30px;
        font-size: 12px;
      }
      .going {
        flex: 1 1 220px;
        display: grid;
        gap: 5px;
        min-width: 0;
        font-size: 12px;
      }
      .going span {
        overflow-wrap: anywhere;
      }
    `,
  ];

  @property() what: MeasureKind = 'kernels';
  @state() private cleared = false;
  protected override readonly topics = ['device', 'spec', 'run'] as const;
  protected override readonly runTopics = ['state'] as const;
  #ends: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    const { kernels } = this.lab;
    this.#ends = (['state', 'results'] as const).map((topic) => kernels.on(topic, () => this.requestUpdate()));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  override render(): unknown {
    const desk = this.lab.kernels;
    const going = desk.measuring?.what === this.what;
    const failed = going ? null : (desk.results[this.what]?.failure ?? null);
    return html`<div class="start">
        ${going ? this.#stop() : this.#start()} ${going ? nothing : this.#settings()}
        ${this.what === 'tuning' && !going ? this.#clear() : nothing} ${going ? this.#progress() : this.#why()}
      </div>
      <span class="hidden-text" role="status">${going ? goingWords(this.what) : ''}</span>
      ${failed === null ? nothing : html`<p class="error" role="alert" data-failure=${this.what}>${failed.message}</p>`}`;
  }

  #start(): unknown {
    const desk = this.lab.kernels;
    const done = desk.results[this.what] !== null;
    const free = measureBlockedWords(this.lab) === null;
    return html`<button
      type="button"
      class=${done ? '' : 'primary'}
      data-action=${`measure-${this.what}`}
      ?disabled=${!free}
      @click=${(): void => void desk.start(this.what)}
    >
      ${startWords(this.what)}${done ? ' again' : ''}
    </button>`;
  }

  #stop(): unknown {
    return html`<button
      type="button"
      class="primary"
      ?disabled=${this.lab.kernels.measuring?.stopping === true}
      data-action=${`stop-${this.what}`}
      @click=${(): void => void this.lab.kernels.stop()}
    >
      ${stopWords(this.lab.kernels)}
    </button>`;
  }

  #settings(): unknown {
    const desk = this.lab.kernels;
    const { settings } = desk;
    switch (this.what) {
      case 'kernels':
        return this.#unfused(', for the timeline');
      case 'tuning':
        return this.#unfused('');
      case 'ablation':
        return html`<label
          >Rounds
          <select
            id="rounds"
            ?disabled=${desk.busy}
            @change=${(event: Event): void => desk.change({ rounds: Number(typed(event)) })}
          >
            ${[...new Set([...ROUNDS, settings.rounds])]
              .sort((a, b) => a - b)
              .map((each) => html`<option value=${each} .selected=${each === settings.rounds}>${each} × A B B A</option>`)}
          </select></label
        >`;
      case 'lanes': {
        const most = settings.lanes.at(-1) ?? 1;
        return html`<label
          >Up to
          <select
            id="lanes"
            ?disabled=${desk.busy}
            @change=${(event: Event): void => desk.change({ lanes: lanesUpTo(Number(typed(event))) })}
          >
            ${[...new Set([...MOST_LANES.slice(1), most])]
              .sort((a, b) => a - b)
              .map((each) => html`<option value=${each} .selected=${each === most}>${each} lanes</option>`)}
          </select></label
        >`;
      }
    }
  }

  #unfused(why: string): unknown {
    const desk = this.lab.kernels;
    return html`<label
      ><input
        type="checkbox"
        id="unfused"
        .checked=${desk.settings.unfused}
        ?disabled=${desk.busy}
        @change=${(event: Event): void => {
          if (event.target instanceof HTMLInputElement) desk.change({ unfused: event.target.checked });
        }}
      />also with nothing fused${why}</label
    >`;
  }

  /** Forgets what was tuned; says so until something is tuned again. */
  #clear(): unknown {
    const desk = this.lab.kernels;
    const none = desk.results.tuning === null;
    return html`<button
        type="button"
        data-action="clear-tuning"
        aria-label="Clear what the tuner found"
        ?disabled=${none || desk.busy || this.lab.deviceState !== 'ready'}
        title="Forgets what the tuner found on this adapter"
        @click=${async (): Promise<void> => void (this.cleared = await desk.forgetTuning())}
      >
        Clear
      </button>
      <span class="small" role="status" data-cleared
        >${none && this.cleared ? 'Cleared: new runs begin with the first guesses again.' : ''}</span
      >`;
  }

  #progress(): unknown {
    const { measuring } = this.lab.kernels;
    const label = `Progress of ${goingWords(this.what).toLowerCase()}`;
    if (measuring === null || measuring.part === '')
      return html`<div class="going"><span>Preparing…</span><progress aria-label=${label}></progress></div>`;
    const { done, total, part } = measuring;
    return html`<div class="going">
      <span>${part}${total > 0 ? html` <span class="muted">· ${Math.min(total, done + 1)} of ${total}</span>` : nothing}</span>
      <progress aria-label=${label} max=${Math.max(1, total)} .value=${done}></progress>
    </div>`;
  }

  /** What keeps the measurement from being started. */
  #why(): unknown {
    const words = measureBlockedWords(this.lab);
    return words === null ? nothing : html`<span class="small muted" data-blocked>${words}</span>`;
  }
}
