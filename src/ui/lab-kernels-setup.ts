import { css, html, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { EVERYTHING, kernelsJson, runTitle } from '../lab/index.ts';
import { adapter } from './adapter.ts';
import type { Address } from './address.ts';
import { baseWords } from './compare-words.ts';
import { goingWords, measureBlockedWords, stopWords } from './kernel-words.ts';
import { LabElement } from './lab-element.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { tunedWords } from './tuning-words.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-setup': LabKernelsSetup;
  }
}

/** What is measured and on what; what was measured as a file, and another machine's to compare with. */
@customElement('lab-kernels-setup')
export class LabKernelsSetup extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .intro {
        flex: 1 1 320px;
        max-width: 110ch;
      }
      dl {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 4px 16px;
        font-size: 13px;
      }
      dd {
        overflow-wrap: anywhere;
      }
      .software {
        margin-top: 10px;
        padding: 8px 10px;
        border-radius: 6px;
        background: var(--warn-soft);
        color: var(--warn);
        font-size: 12px;
      }
      .all {
        margin-top: 12px;
      }
      input {
        display: none;
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  @query('input') private readonly input!: HTMLInputElement;
  protected override readonly topics = ['spec', 'device', 'run'] as const;
  protected override readonly runTopics = ['state'] as const;
  #end = (): void => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#end = this.lab.kernels.on('results', () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end();
  }

  override render(): unknown {
    const { device, form } = this.lab;
    return html`<section class="card" aria-labelledby="title">
      <header>
        <h2 id="title">Kernel lab</h2>
        <p class="intro muted small">
          What each kernel, each fusion and each further lane is worth inside a real training step, measured on the adapter of
          this tab.
        </p>
        ${this.#files()}
      </header>
      <dl>
        <dt>Step of</dt>
        <dd>
          <b>${runTitle(form.spec)}</b> <span class="muted">· ${baseWords(form.spec)}.</span>
          <a href=${this.address.href('train')}>Change it on the Train page</a>
        </dd>
        <dt>Adapter</dt>
        <dd>${device === null ? '—' : adapter(device)}</dd>
        <dt>Tuned</dt>
        <dd data-tuned>${tunedWords(this.lab.kernels.tuning?.value.rows ?? [])}</dd>
      </dl>
      <div class="bar all">${this.#all()}</div>
      ${
        device?.software === true
          ? html`<p class="software">
              This is a software adapter: it computes on the CPU. What is measured here is true of it, and says nothing of a GPU.
            </p>`
          : nothing
      }
    </section>`;
  }

  /** Everything at one click, and one Stop. */
  #all(): unknown {
    const desk = this.lab.kernels;
    const { queue, measuring } = desk;
    if (queue === null || measuring === null)
      return html`<button
          type="button"
          class="primary"
          data-action="measure-all"
          ?disabled=${measureBlockedWords(this.lab) !== null}
          @click=${(): void => void desk.startAll()}
        >
          Measure everything
        </button>
        <span class="small muted">Kernels, fusion rules and lanes, one after another.</span>`;
    const done = EVERYTHING.indexOf(measuring.what);
    return html`<button
        type="button"
        class="primary"
        data-action="stop-all"
        ?disabled=${measuring.stopping}
        @click=${(): void => void desk.stop()}
      >
        ${stopWords(desk)}
      </button>
      <span class="small" role="status" data-all>${goingWords(measuring.what)}: ${done + 1} of ${EVERYTHING.length}</span>`;
  }

  #files(): unknown {
    const { results, opened } = this.lab.kernels;
    const none = Object.values(results).every((result) => result === null);
    return html`<div class="push bar">
      <button
        type="button"
        data-action="kernels-json"
        ?disabled=${none}
        title="Everything that was measured, with spec and environment"
        @click=${(): void =>
          saveFile('isoflop-kernels.json', new Blob([kernelsJson(results, Date.now())], { type: 'application/json' }))}
      >
        JSON
      </button>
      ${
        opened === null
          ? html`<button type="button" data-action="open-kernels" @click=${(): void => this.input.click()}>Open a JSON…</button>`
          : html`<span class="small"
                ><span class="badge">FROM A FILE</span> <span data-opened>${opened.fileName}</span> stands beside what is measured
                here.</span
              >
              <button type="button" data-action="close-kernels-file" @click=${(): void => this.lab.kernels.close()}>
                Close it
              </button>`
      }
      <input
        type="file"
        accept=".json,application/json"
        aria-label="File of kernels"
        @change=${(): Promise<void> => this.#open()}
      />
    </div>`;
  }

  async #open(): Promise<void> {
    const [file] = this.input.files ?? [];
    if (file === undefined) return;
    this.lab.kernels.open(await file.text(), file.name);
    this.input.value = '';
  }
}
