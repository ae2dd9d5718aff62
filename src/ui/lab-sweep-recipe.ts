import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import type { TypedParam, TypedValues } from '../lab/index.ts';
import { FUSION_RULE_NAMES, SWEEP_RECIPES, type ParamForm } from '../spec/index.ts';
import { builderStyles } from './builder-styles.ts';
import { LabDraftElement } from './lab-draft-element.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { paramWords, spelledValues } from './sweep-words.ts';
import './lab-sweep-values.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-recipe': LabSweepRecipe;
  }
}

/** What is swept, by name: the recipe and its parameters. */
@customElement('lab-sweep-recipe')
export class LabSweepRecipe extends LabDraftElement {
  static override readonly styles = [
    sharedStyles,
    builderStyles,
    css`
      .params {
        display: grid;
        grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr));
        gap: 12px 20px;
        margin-top: 12px;
      }
      .wide {
        grid-column: 1 / -1;
      }
      #recipe {
        min-height: 36px;
        font-weight: 560;
        max-width: 460px;
      }
      .narrow {
        max-width: 180px;
      }
      fieldset {
        margin: 0;
        padding: 0;
        border: 0;
      }
      .rules {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(210px, 1fr));
        gap: 6px 14px;
        margin-top: 4px;
      }
      .rules label {
        display: flex;
        align-items: center;
        gap: 8px;
        font-size: 12px;
      }
    `,
  ];

  override render(): unknown {
    const { kind, params } = this.draft.typed;
    const row = SWEEP_RECIPES[kind];
    return html`<div class="field">
        <label for="recipe">Recipe</label>
        <select id="recipe" @change=${(event: Event): void => this.#do(() => this.draft.choose(typed(event)))}>
          ${Object.entries(SWEEP_RECIPES).map(
            ([key, { title }]) => html`<option value=${key} .selected=${key === kind}>${title}</option>`,
          )}
          <option value="" .selected=${kind === ''}>Axes by hand</option>
        </select>
        <p class="help">${row?.help ?? 'Any fields of the run, and the values that each takes.'}</p>
      </div>
      ${
        row === undefined
          ? nothing
          : html`<div class="params">
              ${repeat(
                Object.entries(row.params),
                ([name]) => `${kind} ${name}`,
                ([name, { help, form }]) => this.#param(name, help, form, params[kind]?.[name]),
              )}
            </div>`
      }`;
  }

  #param(name: string, help: string, form: ParamForm, value: TypedParam | undefined): unknown {
    const label = paramWords(name, form);
    const place = `recipe.${name}`;
    const faulty = this.draft.faultsAt(place).length > 0;
    const set = (next: TypedParam): void => this.#do(() => this.draft.setParam(name, next));
    if (form.kind === 'rules') return this.#rules(label, help, place, Array.isArray(value) ? value : [], set);
    if (form.kind === 'values') {
      if (typeof value !== 'object' || !('form' in value)) return nothing;
      return html`<div class="field" data-param=${name}>
        <span class="label">${label}</span>
        <lab-sweep-values
          path=${form.path}
          label=${label}
          .typed=${value}
          ?faulty=${faulty}
          @lab-values=${(event: CustomEvent<TypedValues>): void => set(event.detail)}
        ></lab-sweep-values>
        <p class="help">${help} ${spelledValues(this.draft, form.path, value.form !== 'list')}</p>
        ${this.faults(place)}
      </div>`;
    }
    const text = typeof value === 'string' ? value : '';
    return html`<div class="field" data-param=${name}>
      <label for=${name}>${label}</label>
      ${
        form.kind === 'choice'
          ? html`<select id=${name} class="narrow" @change=${(event: Event): void => set(typed(event))}>
              ${form.choices.map((choice) => html`<option value=${choice} .selected=${choice === text}>${choice}</option>`)}
            </select>`
          : html`<input
              id=${name}
              class=${form.kind === 'number' ? 'narrow' : ''}
              type="text"
              inputmode=${form.kind === 'number' ? 'decimal' : 'text'}
              autocomplete="off"
              spellcheck="false"
              placeholder=${form.kind === 'sizes' ? '32, 64, 2x96x6' : ''}
              aria-invalid=${faulty}
              .value=${text}
              @input=${(event: Event): void => set(typed(event))}
            />`
      }
      <p class="help">
        ${form.kind === 'sizes' ? 'Widths, or layers x width x heads: 64, 2x64, 2x64x4. What is left out follows from the base.' : help}
      </p>
      ${this.faults(place)}
    </div>`;
  }

  #rules(label: string, help: string, place: string, chosen: readonly string[], set: (next: TypedParam) => void): unknown {
    return html`<fieldset class="wide" data-param="rules">
      <legend class="label">${label}</legend>
      <p class="help">${help}</p>
      <div class="rules">
        ${FUSION_RULE_NAMES.map(
          (rule) =>
            html`<label
              ><input
                type="checkbox"
                .checked=${chosen.includes(rule)}
                @change=${(): void => set(FUSION_RULE_NAMES.filter((each) => chosen.includes(each) !== (each === rule)))}
              />${rule}</label
            >`,
        )}
      </div>
      ${this.faults(place)}
    </fieldset>`;
  }

  #do(act: () => void): void {
    act();
    this.changed();
  }
}
