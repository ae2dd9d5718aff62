import { html, LitElement } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import {
  castSteps,
  codesCsv,
  explorerJson,
  formatChoice,
  LISTED_BITS,
  wordOf,
  type CastSteps,
  type ExplorerState,
  type FormatChoice,
} from '../lab/index.ts';
import { explorerStyles } from './explorer-styles.ts';
import type { LabNumberLine } from './lab-number-line.ts';
import { typed } from './number-input.ts';
import { pictureButtons } from './picture-buttons.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import './lab-cast-controls.ts';
import './lab-cast-panel.ts';
import './lab-code-table.ts';
import './lab-format-facts.ts';
import './lab-format-picker.ts';
import './lab-number-line.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-format-explorer': LabFormatExplorer;
  }
  interface HTMLElementEventMap {
    /** What the user changed in the format explorer. */
    'lab-explorer': CustomEvent<Partial<ExplorerState>>;
  }
}

/** Two number formats side by side: what they can hold, all their numbers on a line, and a number cast into both bit by bit. */
@customElement('lab-format-explorer')
export class LabFormatExplorer extends LitElement {
  static override readonly styles = [sharedStyles, explorerStyles];

  @property({ attribute: false }) state!: ExplorerState;
  @query('lab-number-line') private readonly line!: LabNumberLine;

  override render(): unknown {
    const { state } = this;
    const [a, b] = [formatChoice(state.a), formatChoice(state.b)];
    const word = wordOf(state.x);
    const casts = [castSteps(word, a.format, state, state.scale), castSteps(word, b.format, state, state.scale)] as const;
    return html`<section
      class="card"
      aria-labelledby="title"
      @lab-number=${(event: CustomEvent<string>): void => this.#taken(event.detail)}
    >
      <header>
        <h2 id="title">Format explorer</h2>
        <p class="intro muted small">
          Every number that a format has, and what becomes of any other. These are the casts that training uses, bit for bit.
        </p>
        <span class="push bar">${this.#files([a, b], casts)}</span>
      </header>
      <div class="layout">
        <div class="column">
          <div class="pickers">${this.#picker('a', 'A', a)}${this.#picker('b', 'B', b)}</div>
          <lab-cast-controls .state=${state}></lab-cast-controls>
          <lab-format-facts .a=${a} .b=${b}></lab-format-facts>
        </div>
        <div class="column">
          <div>
            ${this.#lineTools(a, b)}
            <lab-number-line
              .a=${a}
              .b=${b}
              .casts=${casts}
              .number=${scaledNumber(casts[0])}
              axis=${state.axis}
              range=${state.range}
            ></lab-number-line>
          </div>
          <div class="panels">
            <lab-cast-panel class="a" .choice=${a} .steps=${casts[0]} .mode=${state}></lab-cast-panel>
            <lab-cast-panel class="b" .choice=${b} .steps=${casts[1]} .mode=${state}></lab-cast-panel>
          </div>
        </div>
      </div>
      ${this.#tables([a, b], casts)}
    </section>`;
  }

  #picker(side: 'a' | 'b', letter: string, { name }: FormatChoice): unknown {
    return html`<lab-format-picker
      class=${side}
      letter=${letter}
      name=${name}
      @lab-format=${(event: CustomEvent<string>): void => this.#say({ [side]: event.detail })}
    ></lab-format-picker>`;
  }

  #lineTools(a: FormatChoice, b: FormatChoice): unknown {
    const { axis, range } = this.state;
    const ranges = { both: 'both', a: a.title, b: b.title } as const;
    return html`<div class="tools bar">
      <h3>Number line</h3>
      <label
        ><input
          id="log"
          type="checkbox"
          role="switch"
          .checked=${axis === 'log'}
          @change=${(): void => this.#say({ axis: axis === 'log' ? 'linear' : 'log' })}
        />log axis</label
      >
      <label
        >range of
        <select id="range" @change=${(event: Event): void => this.#range(typed(event))}>
          ${Object.entries(ranges).map(
            ([key, label]) =>
              html`<option value=${key} .selected=${key === range}>
                ${key === 'both' ? label : `${key.toUpperCase()} · ${label}`}
              </option>`,
          )}
        </select></label
      >
      <span class="mirror">${axis === 'log' ? 'negative numbers mirror these' : ''}</span>
      <span class="push bar"> ${pictureButtons('line', (kind) => saveDrawing(kind, this, this.#name, this.line.picture))} </span>
    </div>`;
  }

  #files(choices: readonly FormatChoice[], casts: readonly CastSteps[]): unknown {
    const listed = choices.some(({ format }) => format.bits <= LISTED_BITS);
    const save = (ending: string, type: string, text: string): void =>
      saveFile(`${this.#name}.${ending}`, new Blob([text], { type }));
    const shown = choices.flatMap((choice, i) => {
      const steps = casts[i];
      return steps === undefined ? [] : [{ choice, steps }];
    });
    return html`<button
        type="button"
        class="quiet"
        data-action="codes-csv"
        ?disabled=${!listed}
        title="All codes of both formats with their values"
        @click=${(): void => save('csv', 'text/csv', codesCsv(distinct(choices)))}
      >
        CSV
      </button>
      <button
        type="button"
        class="quiet"
        data-action="codes-json"
        title="Both formats with their facts and codes, and the cast"
        @click=${(): void => save('json', 'application/json', explorerJson(this.state, shown))}
      >
        JSON
      </button>`;
  }

  #tables(choices: readonly FormatChoice[], casts: readonly CastSteps[]): unknown {
    return html`<details>
      <summary>All codes</summary>
      <div>
        ${choices.map(
          (choice, i) =>
            html`<div class=${i === 0 ? 'a' : 'b'}>
              <h3>${choice.title}</h3>
              <lab-code-table .choice=${choice} .hits=${casts[i]?.outcomes.map(({ code }) => code) ?? []}></lab-code-table>
            </div>`,
        )}
      </div>
    </details>`;
  }

  #range(range: string): void {
    if (range === 'both' || range === 'a' || range === 'b') this.#say({ range });
  }

  /** A number pointed at on the line is one that has been scaled already. */
  #taken(text: string): void {
    const { scale } = this.state;
    this.#say({ x: scale === 0 ? text : String(Number(text) / 2 ** scale) });
  }

  /** Of files, without the ending. */
  get #name(): string {
    return `isoflop-${[...new Set([this.state.a, this.state.b])].join('-')}`;
  }

  #say(detail: Partial<ExplorerState>): void {
    this.dispatchEvent(new CustomEvent('lab-explorer', { detail, bubbles: true, composed: true }));
  }
}

function scaledNumber({ scaledWord }: CastSteps): number {
  return new Float32Array(Uint32Array.of(scaledWord).buffer)[0] ?? 0;
}

function distinct(choices: readonly FormatChoice[]): readonly FormatChoice[] {
  return choices.filter(({ name }, i) => choices.findIndex((choice) => choice.name === name) === i);
}
