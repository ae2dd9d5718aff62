import { css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { faultMessage } from '../base/errors.ts';
import { runTitle, type SweepDesk, type SweepDraft, type SweepQueue } from '../lab/index.ts';
import { specToHash } from '../spec/index.ts';
import type { Address } from './address.ts';
import { builderStyles } from './builder-styles.ts';
import { baseWords } from './compare-words.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { sweepBlockedWords, sweepTitle } from './sweep-words.ts';
import './lab-sweep-axes.ts';
import './lab-sweep-forecast.ts';
import './lab-sweep-json.ts';
import './lab-sweep-recipe.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-builder': LabSweepBuilder;
  }
}

const LEAST_DELAY_MS = 120;
const MOST_DELAY_MS = 1500;
const FORECAST_DELAY_MS = 250;
const MOST_FAULTS = 6;

/** Makes a sweep: what is varied about the run of the Train page, what that costs, and the button that starts it. */
@customElement('lab-sweep-builder')
export class LabSweepBuilder extends LabElement {
  static override readonly styles = [
    sharedStyles,
    builderStyles,
    css`
      .card {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 16px;
      }
      .card > header {
        margin-bottom: 0;
      }
      .intro {
        flex: 1 1 320px;
        max-width: 110ch;
      }
      .base {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 4px 16px;
        font-size: 13px;
      }
      .base dd {
        overflow-wrap: anywhere;
      }
      #name {
        max-width: 460px;
      }
      .cost {
        padding-top: 14px;
        border-top: 1px solid var(--line);
      }
      .start {
        display: flex;
        flex-wrap: wrap;
        gap: 8px 12px;
        align-items: center;
      }
      .start .primary {
        min-height: 40px;
        padding: 8px 20px;
        font-size: 15px;
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  @property({ attribute: false }) desk!: SweepDesk;
  @property({ attribute: false }) draft!: SweepDraft;
  protected override readonly topics = ['device', 'run', 'spec'] as const;
  protected override readonly runTopics = ['state'] as const;
  @state() private turn = 0;
  @state() private queue: SweepQueue | null = null;
  @state() private failure = '';
  @state() private planning = false;
  @state() private keeping = false;
  #ends: (() => void)[] = [];
  #readTimer: ReturnType<typeof setTimeout> | undefined;
  #forecastTimer: ReturnType<typeof setTimeout> | undefined;
  /** Time that the last reading took, ms. */
  #costMs = 0;
  #asked = 0;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#ends = [
      this.lab.on('spec', () => this.#based()),
      this.lab.on('device', () => this.#askSoon()),
      this.address.on('page', () => this.#readSoon()),
      this.lab.comparisons.on('comparison', () => this.requestUpdate()),
      this.lab.kernels.on('state', () => this.requestUpdate()),
      this.desk.on('sweeps', () => this.requestUpdate()),
    ];
    this.draft.setBase(this.lab.form.spec);
    this.#read();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#ends = [];
    clearTimeout(this.#readTimer);
    clearTimeout(this.#forecastTimer);
    this.#asked++;
  }

  override render(): unknown {
    const { draft, turn } = this;
    const { spec, valid } = this.lab.form;
    const others = draft.otherFaults;
    return html`<section class="card" aria-labelledby="title" @lab-draft=${(): void => this.#typed()}>
      <header>
        <h2 id="title">New sweep</h2>
        <p class="intro muted small">
          Many small runs about one: runs of one shape train together as lanes, the cheapest first, so that what is done at any
          time is already worth looking at.
        </p>
      </header>
      <dl class="base">
        <dt>Base</dt>
        <dd>
          <b>${runTitle(spec)}</b> <span class="muted">· ${baseWords(spec)}.</span>
          <a href=${this.address.href('train')}>Change it on the Train page</a>
        </dd>
      </dl>
      <lab-sweep-recipe .draft=${draft} turn=${turn}></lab-sweep-recipe>
      <lab-sweep-axes .draft=${draft} turn=${turn}></lab-sweep-axes>
      <div class="field">
        <label for="name">Name</label>
        <input
          id="name"
          type="text"
          autocomplete="off"
          placeholder=${draft.sweep === null ? '' : sweepTitle(draft.sweep)}
          .value=${draft.typed.name}
          @input=${(event: Event): void => {
            draft.rename(typed(event));
            this.#typed();
          }}
        />
        ${draft.faultsAt('name').map((fault) => html`<p class="error">${faultMessage(fault)}</p>`)}
        <div role="status">
          ${others.slice(0, MOST_FAULTS).map((fault) => html`<p class="error" data-place="sweep">${faultMessage(fault)}</p>`)}
        </div>
      </div>
      <div class="cost">
        <lab-sweep-forecast
          .queue=${draft.sweep === null ? null : this.queue}
          runs=${draft.runs.length}
          failure=${this.failure}
          ?planning=${this.planning}
        ></lab-sweep-forecast>
      </div>
      ${this.#start(valid)}
      <lab-sweep-json .draft=${draft} turn=${turn}></lab-sweep-json>
    </section>`;
  }

  #start(valid: boolean): unknown {
    const { draft } = this;
    const blocked = sweepBlockedWords(this.lab);
    const ready = draft.sweep !== null && !draft.stale && valid && !this.keeping;
    const words = !valid
      ? 'The settings on the Train page have errors: correct them there first.'
      : draft.sweep === null
        ? 'Something of the sweep is to be corrected first.'
        : (blocked ?? (this.desk.busy ? 'Another sweep is training: starting this one pauses it.' : ''));
    return html`<div class="start">
      <button
        type="button"
        class="primary"
        data-action="start-sweep"
        ?disabled=${!ready || blocked !== null}
        @click=${(): Promise<void> => this.#keep(true)}
      >
        Start the sweep
      </button>
      <button type="button" data-action="keep-sweep" ?disabled=${!ready} @click=${(): Promise<void> => this.#keep(false)}>
        Keep it for later
      </button>
      <span class="small muted" role="status">${words}</span>
      ${
        draft.sweep !== null && draft.hash === null
          ? html`<span class="small muted">It is too long for a link: hand it on as a file.</span>`
          : nothing
      }
    </div>`;
  }

  /** The sweep is another one than the one that was typed: from a link, or from a kept one. */
  refresh(): void {
    this.#read();
  }

  #based(): void {
    const { spec } = this.lab.form;
    if (specToHash(spec) === specToHash(this.draft.base) && spec.name === this.draft.base.name) return;
    this.draft.setBase(spec);
    this.#readSoon();
  }

  #typed(): void {
    this.turn++;
    this.#readSoon();
  }

  /** Reads once the typing rests; while the page is not shown, once it is. */
  #readSoon(): void {
    clearTimeout(this.#readTimer);
    if (this.address.page !== 'sweeps') return;
    const delay = Math.min(MOST_DELAY_MS, Math.max(LEAST_DELAY_MS, 2 * this.#costMs));
    this.#readTimer = setTimeout(() => this.#read(), delay);
  }

  #read(): void {
    clearTimeout(this.#readTimer);
    if (this.draft.stale) {
      const begun = performance.now();
      this.draft.read();
      this.#costMs = performance.now() - begun;
    }
    this.turn++;
    this.failure = '';
    this.dispatchEvent(new CustomEvent('lab-planned', { detail: null, bubbles: true, composed: true }));
    this.#askSoon();
  }

  #askSoon(): void {
    clearTimeout(this.#forecastTimer);
    const id = ++this.#asked;
    const { sweep } = this.draft;
    if (sweep === null || this.lab.deviceState !== 'ready') {
      this.queue = null;
      this.planning = false;
      return;
    }
    this.planning = true;
    this.#forecastTimer = setTimeout(() => {
      this.desk.forecast(sweep).then(
        (queue) => this.#planned(id, queue, ''),
        (error: unknown) => this.#planned(id, null, error instanceof Error ? error.message : String(error)),
      );
    }, FORECAST_DELAY_MS);
  }

  #planned(id: number, queue: SweepQueue | null, failure: string): void {
    if (id !== this.#asked) return;
    this.queue = queue;
    this.failure = failure;
    this.planning = false;
  }

  async #keep(start: boolean): Promise<void> {
    const { sweep } = this.draft;
    if (sweep === null) return;
    this.keeping = true;
    try {
      const id = await this.desk.keep(sweep);
      this.address.setSweeps({ sweep: id });
      if (start) await this.desk.start(id);
    } catch (error) {
      this.lab.report(error, 'sweep');
    } finally {
      this.keeping = false;
    }
  }
}

declare global {
  interface HTMLElementEventMap {
    /** The draft of a sweep was read anew. */
    'lab-planned': CustomEvent<null>;
  }
}
