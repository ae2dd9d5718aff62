import { css, html } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { faultMessage } from '../base/errors.ts';
import { builderStyles } from './builder-styles.ts';
import { LabDraftElement } from './lab-draft-element.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { Unhurried } from './unhurried.ts';
import './lab-copy-button.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-json': LabSweepJson;
  }
}

const MOST_FAULTS = 8;

/** The sweep as the text of its file: to read, to edit, to paste another. */
@customElement('lab-sweep-json')
export class LabSweepJson extends LabDraftElement {
  static override readonly styles = [
    sharedStyles,
    builderStyles,
    css`
      summary {
        width: fit-content;
        font-size: 13px;
        font-weight: 600;
        cursor: pointer;
      }
      textarea {
        width: 100%;
        min-height: 260px;
        font-family: var(--mono);
        font-size: 12px;
        line-height: 1.45;
        resize: vertical;
      }
      details[open] > summary {
        margin-bottom: 8px;
      }
      .bar {
        margin: 0 0 8px;
      }
      input {
        display: none;
      }
    `,
  ];

  /** What was typed and is no sweep, or not one yet; null: the text is the draft's. */
  @state() private text: string | null = null;
  @state() private messages: readonly string[] = [];
  @query('input') private readonly input!: HTMLInputElement;
  // A text is read whole, and each of its runs is checked.
  readonly #reading = new Unhurried();

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#reading.drop();
  }

  override render(): unknown {
    return html`<details @toggle=${(): void => this.requestUpdate()}>
      <summary>As a file</summary>
      <div class="bar">
        <button type="button" data-action="sweep-json" @click=${(): void => this.#save()}>Save SWEEP.json</button>
        <button type="button" data-action="open-sweep-json" @click=${(): void => this.input.click()}>Open a SWEEP.json…</button>
        <lab-copy-button label="Copy" what="sweep" action="copy-sweep" .text=${(): string => this.draft.json}></lab-copy-button>
        <span class="small muted">The command isoflop sweep takes the same file.</span>
        <input
          type="file"
          accept=".json,application/json"
          aria-label="File of a sweep"
          @change=${(): Promise<void> => this.#open()}
        />
      </div>
      <textarea
        spellcheck="false"
        autocomplete="off"
        aria-label="The sweep as JSON"
        aria-invalid=${this.messages.length > 0}
        .value=${this.text ?? this.draft.json}
        @input=${(event: Event): void => {
          if (event.target instanceof HTMLTextAreaElement) this.#typed(event.target.value);
        }}
        @blur=${(): void => {
          this.#reading.now();
          if (this.messages.length === 0) this.text = null;
        }}
      ></textarea>
      <div role="status">
        ${this.messages.map((message) => html`<p class="error">${message}</p>`)}
        ${
          this.messages.length === 0
            ? ''
            : html`<button type="button" class="quiet" data-action="reset-sweep-json" @click=${(): void => this.#reset()}>
                Back to the sweep above
              </button>`
        }
      </div>
    </details>`;
  }

  #typed(text: string): void {
    this.text = text;
    this.#reading.later(() => this.#take(text, ''));
  }

  /** Takes a text in; what is wrong with it is said under it, and the draft stays as it was. */
  #take(text: string, fileName: string): void {
    this.#reading.drop();
    this.text = text;
    const faults = this.draft.loadText(text);
    const named = faults.map((fault) =>
      faultMessage(fileName === '' ? fault : { ...fault, where: `${fileName}, ${fault.where}` }),
    );
    const more = named.length - MOST_FAULTS;
    this.messages = more > 0 ? [...named.slice(0, MOST_FAULTS), `And ${more} more.`] : named;
    if (faults.length === 0) this.changed();
  }

  #reset(): void {
    this.#reading.drop();
    this.text = null;
    this.messages = [];
  }

  #save(): void {
    saveFile('SWEEP.json', new Blob([this.draft.json], { type: 'application/json' }));
  }

  async #open(): Promise<void> {
    const [file] = this.input.files ?? [];
    if (file === undefined) return;
    this.#take(await file.text(), file.name);
    if (this.messages.length === 0) this.text = null;
    this.input.value = '';
  }
}
