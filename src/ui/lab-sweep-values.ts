import { css, html, LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { TypedValues } from '../lab/index.ts';
import { fieldAt, isSpecPath } from '../spec/index.ts';
import { builderStyles } from './builder-styles.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-values': LabSweepValues;
  }
  interface HTMLElementEventMap {
    /** Values of a field were typed. */
    'lab-values': CustomEvent<TypedValues>;
  }
}

const FORMS = { list: 'list', log: 'log range', linear: 'linear range' } as const;

/** Values of a field: a list, or a range with a number of values. */
@customElement('lab-sweep-values')
export class LabSweepValues extends LitElement {
  static override readonly styles = [
    sharedStyles,
    builderStyles,
    css`
      input.list {
        flex: 1 1 160px;
        width: auto;
      }
      .end {
        width: 88px;
      }
      .count {
        width: 52px;
      }
      span {
        font-size: 12px;
        color: var(--muted);
      }
    `,
  ];

  /** Path of the field, known or not. */
  @property() path = '';
  @property() label = '';
  @property({ attribute: false }) typed!: TypedValues;
  @property({ type: Boolean }) faulty = false;

  override render(): unknown {
    const { form } = this.typed;
    return html`<div class="inputs">
      <select
        name="form"
        aria-label=${`${this.label}: list or range`}
        @change=${(event: Event): void => this.#form(typed(event))}
      >
        ${Object.entries(FORMS).map(
          ([key, words]) =>
            html`<option value=${key} .selected=${key === form} ?disabled=${key !== 'list' && !this.#isNumber()}>
              ${words}
            </option>`,
        )}
      </select>
      ${
        form === 'list'
          ? this.#input('list', 'values', 'list', this.#example())
          : html`${this.#input('from', 'from', 'end', '1e-3')}<span>to</span>${this.#input('to', 'to', 'end', '1e-1')}<span>in</span>${this.#input('count', 'number of values', 'count', '5')}<span
                >${form === 'log' ? 'equal factors' : 'equal steps'}</span
              >`
      }
    </div>`;
  }

  #input(key: 'list' | 'from' | 'to' | 'count', words: string, style: string, placeholder: string): unknown {
    return html`<input
      class=${style}
      name=${key}
      type="text"
      inputmode=${key === 'list' ? 'text' : 'decimal'}
      autocomplete="off"
      spellcheck="false"
      placeholder=${placeholder}
      aria-label=${`${this.label}: ${words}`}
      aria-invalid=${this.faulty}
      .value=${this.typed[key]}
      @input=${(event: Event): void => this.#say({ ...this.typed, [key]: typed(event) })}
    />`;
  }

  #isNumber(): boolean {
    if (!isSpecPath(this.path)) return true;
    const { kind } = fieldAt(this.path);
    return kind === 'int' || kind === 'float';
  }

  /** What could stand in the list. */
  #example(): string {
    if (!isSpecPath(this.path)) return '0.01, 0.02, 0.05';
    const field = fieldAt(this.path);
    switch (field.kind) {
      case 'int':
      case 'float':
        return (field.usual ?? [field.min, field.max]).join(', ');
      case 'choice':
        return Object.keys(field.choices).slice(0, 3).join(', ');
      case 'toggle':
        return 'on, off';
      case 'rules':
        return 'all, {"attention":false}, none';
      case 'casts':
        return '{}';
      case 'text':
        return 'one, two';
    }
  }

  #form(form: string): void {
    if (form === 'list' || form === 'log' || form === 'linear') this.#say({ ...this.typed, form });
  }

  #say(detail: TypedValues): void {
    this.dispatchEvent(new CustomEvent('lab-values', { detail, bubbles: true, composed: true }));
  }
}
