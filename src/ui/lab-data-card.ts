import { css, html, nothing } from 'lit';
import { customElement, query } from 'lit/decorators.js';
import { count } from './format.ts';
import type { DataReport } from '../lab/index.ts';
import { FIELDS } from '../spec/index.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-data-card': LabDataCard;
  }
}

/** What is known of the data, and the way to bring a file. */
@customElement('lab-data-card')
export class LabDataCard extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(120px, 1fr));
        gap: 8px 14px;
      }
      dd {
        font-weight: 560;
        overflow-wrap: anywhere;
      }
      dl > :first-child {
        grid-column: span 2;
      }
      ul {
        margin: 10px 0 0;
        padding-left: 18px;
        color: var(--muted);
        font-size: 12px;
      }
    `,
  ];

  protected override readonly topics = ['data', 'forecast', 'run'] as const;
  @query('input') private readonly input!: HTMLInputElement;

  override render(): unknown {
    const data = this.#data();
    return html`<section class="card" aria-label="Data">
      <header>
        <h2>Data</h2>
        <button type="button" class="push" data-action="open-file" @click=${(): void => this.input.click()}>Open a file…</button>
        <input
          type="file"
          hidden
          aria-label="Text for training, or a .safetensors checkpoint"
          @change=${(): Promise<void> => this.#opened()}
        />
      </header>
      ${
        data === null
          ? html`<p class="muted small">
              Choose a source in the settings, or drop a file anywhere on the page: text to train on, or a checkpoint.
            </p>`
          : html`<dl>
                ${this.#figure('Source', sourceName(data.name))} ${this.#figure('Training tokens', count(data.trainTokens))}
                ${this.#figure('Validation tokens', count(data.validationTokens))}
                ${data.oodTokens > 0 ? this.#figure('Out of distribution', count(data.oodTokens)) : nothing}
                ${this.#figure('Vocabulary', count(data.vocab))}
                ${this.#figure('Bytes per token', data.bytesPerToken.toPrecision(3))}
                ${this.#figure('ln(vocabulary)', `${data.uniformNats.toFixed(3)} nats`)}
                ${this.#figure('Unigram entropy', `${data.unigramNats.toFixed(3)} nats`)}
                ${data.entropyRateNats === null ? nothing : this.#figure('Entropy rate', `${data.entropyRateNats.toFixed(4)} nats`)}
                ${this.#figure('Epochs in this run', this.#epochs(data.trainTokens))}
              </dl>
              ${
                data.notes.length === 0
                  ? nothing
                  : html`<ul>
                      ${data.notes.map((note) => html`<li>${note}</li>`)}
                    </ul>`
              }`
      }
    </section>`;
  }

  /** Of the form's source where that is known, else of the run's. */
  #data(): DataReport | null {
    const { form, forecast, file, run } = this.lab;
    if (forecast?.data) return forecast.data;
    return form.spec.data.source === 'file' && file !== null ? file : (run?.report?.data ?? null);
  }

  #figure(term: string, value: string): unknown {
    return html`<div>
      <dt>${term}</dt>
      <dd>${value}</dd>
    </div>`;
  }

  #epochs(trainTokens: number): string {
    const { forecast } = this.lab;
    if (forecast === null || trainTokens === 0) return '—';
    return ((forecast.totalSteps * forecast.tokensPerStep) / trainTokens).toPrecision(3);
  }

  async #opened(): Promise<void> {
    const file = this.input.files?.[0];
    if (file === undefined) return;
    await this.lab.addFile(file.name, await file.arrayBuffer());
    this.input.value = '';
  }
}

/** A source's label, or a file's own name. */
function sourceName(name: string): string {
  const { choices } = FIELDS['data.source'];
  return Object.entries(choices).find(([key]) => key === name)?.[1] ?? name;
}
