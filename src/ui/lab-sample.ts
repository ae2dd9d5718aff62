import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { whole } from './format.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sample': LabSample;
  }
}

/** Text that the model writes while it learns, from the user's prompt. */
@customElement('lab-sample')
export class LabSample extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .settings {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 150px;
        gap: 4px 14px;
        margin-bottom: 10px;
      }
      label {
        font-size: 12px;
        color: var(--muted);
      }
      pre {
        margin: 0;
        min-height: 108px;
        max-height: 240px;
        overflow: auto;
        padding: 10px 12px;
        border-radius: 6px;
        background: var(--inset);
        border: 1px solid var(--line);
        font: 13px/1.5 var(--mono);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .prompt {
        color: var(--accent);
        font-weight: 600;
      }
    `,
  ];

  protected override readonly topics = ['run'] as const;
  protected override readonly runTopics = ['sample'] as const;

  override render(): unknown {
    const { sampling, run } = this.lab;
    const sample = run?.sample ?? null;
    return html`<section class="card" aria-label="Sample">
      <header>
        <h2>What it writes</h2>
        ${sample === null ? nothing : html`<span class="push small muted">at step ${whole(sample.step)}</span>`}
      </header>
      <div class="settings">
        <label for="prompt">Prompt</label>
        <label for="temperature">Temperature ${sampling.temperature.toFixed(2)}</label>
        <input
          id="prompt"
          type="text"
          maxlength="200"
          autocomplete="off"
          .value=${sampling.prompt}
          @change=${(event: Event): void => this.lab.setSampling({ prompt: typed(event) })}
        />
        <input
          id="temperature"
          type="range"
          min="0"
          max="2"
          step="0.05"
          .value=${String(sampling.temperature)}
          @input=${(event: Event): void => this.lab.setSampling({ temperature: Number(typed(event)) })}
        />
      </div>
      <pre tabindex="0" role="region" aria-label="Generated text">
${
          sample === null
            ? html`<span class="muted">Text appears here once the run trains, and again every few seconds.</span>`
            : html`<span class="prompt">${sample.prompt}</span>${continuation(sample.prompt, sample.text)}`
        }</pre>
    </section>`;
  }
}

/** The text without the prompt that it may begin with. */
function continuation(prompt: string, text: string): string {
  return text.startsWith(prompt) ? text.slice(prompt.length) : text;
}
