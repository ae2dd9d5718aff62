import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { TypedAxis, TypedColumn, TypedValues } from '../lab/index.ts';
import { fieldAt, isSpecPath, SPEC_PATHS } from '../spec/index.ts';
import { builderStyles } from './builder-styles.ts';
import { LabDraftElement } from './lab-draft-element.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { spelledValues } from './sweep-words.ts';
import './lab-sweep-values.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-axes': LabSweepAxes;
  }
}

/** Axes by hand: a field and its values each, or several fields that change together. */
@customElement('lab-sweep-axes')
export class LabSweepAxes extends LabDraftElement {
  static override readonly styles = [
    sharedStyles,
    builderStyles,
    css`
      ol {
        display: grid;
        gap: 10px;
        margin: 0 0 10px;
        padding: 0;
        list-style: none;
      }
      li {
        display: grid;
        gap: 8px;
        padding: 10px 12px;
        border: 1px solid var(--line);
        border-radius: 6px;
        background: var(--inset);
      }
      li input,
      li lab-sweep-values {
        min-width: 0;
      }
      .column {
        display: grid;
        grid-template-columns: minmax(150px, 230px) minmax(0, 1fr) auto;
        gap: 6px 10px;
        align-items: start;
      }
      .column > .help,
      .column > .error {
        grid-column: 1 / -1;
      }
      @media (max-width: 620px) {
        .column {
          grid-template-columns: minmax(0, 1fr);
        }
        .column > button {
          justify-self: start;
        }
      }
    `,
  ];

  override render(): unknown {
    const { axes, kind } = this.draft.typed;
    return html`<div class="field">
      <span class="label">${kind === '' ? 'Axes' : 'Further axes'}</span>
      <p class="help">
        Every combination of the values of all axes is a run${kind === '' ? '' : ', and so with those of the recipe'}. Fields of
        one axis change together: the first values of all, then the second.
      </p>
      <datalist id="paths">
        ${SPEC_PATHS.filter((path) => path !== 'name').map((path) => html`<option value=${path}>${fieldAt(path).label}</option>`)}
      </datalist>
      ${
        axes.length === 0
          ? nothing
          : html`<ol>
              ${repeat(
                axes,
                ({ key }) => key,
                (axis, i) => this.#axis(axis, i),
              )}
            </ol>`
      }
      <div>
        <button type="button" data-action="add-axis" @click=${(): void => this.#do(() => this.draft.addAxis())}>
          Add an axis
        </button>
      </div>
    </div>`;
  }

  #axis(axis: TypedAxis, i: number): unknown {
    const { key, columns } = axis;
    const zipped = columns.length > 1;
    const place = (column: number): string => (zipped ? `axes.${i}.zip.${column}` : `axes.${i}`);
    const own = this.draft.faultsAt(`axes.${i}`).filter(({ path }) => !columns.some((_, j) => isIn(path, place(j))));
    return html`<li>
      ${columns.map((column, j) => this.#column(key, column, j, place(j), zipped))}
      ${own.length === 0 ? nothing : this.faults(`axes.${i}.zip`)}
      <div>
        <button
          type="button"
          class="quiet"
          data-action="zip-axis"
          title="One more field that changes along with these"
          @click=${(): void => this.#do(() => this.draft.addColumn(key))}
        >
          Zip another field
        </button>
      </div>
    </li>`;
  }

  #column(key: number, { path, values }: TypedColumn, j: number, place: string, zipped: boolean): unknown {
    const { draft } = this;
    const known = isSpecPath(path) ? fieldAt(path) : null;
    const name = known?.label ?? `Field ${j + 1}`;
    const faulty = draft.faultsAt(place).length > 0;
    const choices = known?.kind === 'choice' ? `Choices: ${Object.keys(known.choices).join(', ')}.` : '';
    const spelled = spelledValues(draft, path, values.form !== 'list');
    const remove = (): void => (zipped ? draft.removeColumn(key, j) : draft.removeAxis(key));
    return html`<div class="column">
      <input
        name="path"
        type="text"
        list="paths"
        autocomplete="off"
        spellcheck="false"
        placeholder="field, such as optimizer.lr"
        aria-label="Field of the axis"
        aria-invalid=${draft.faultsAt(`${place}.path`).length > 0}
        .value=${path}
        @input=${(event: Event): void => this.#do(() => draft.setColumn(key, j, { path: typed(event) }))}
      />
      <lab-sweep-values
        path=${path}
        label=${name}
        .typed=${values}
        ?faulty=${faulty}
        @lab-values=${(event: CustomEvent<TypedValues>): void => this.#do(() => draft.setColumn(key, j, { values: event.detail }))}
      ></lab-sweep-values>
      <button
        type="button"
        class="quiet"
        aria-label=${`Remove ${name}`}
        data-action="remove-axis"
        @click=${(): void => this.#do(remove)}
      >
        Remove
      </button>
      ${known === null ? nothing : html`<p class="help"><b>${known.label}.</b> ${known.help} ${choices} ${spelled}</p>`}
      ${this.faults(place)}
    </div>`;
  }

  #do(act: () => void): void {
    act();
    this.changed();
  }
}

function isIn(path: string, place: string): boolean {
  return path === place || path.startsWith(`${place}.`);
}
