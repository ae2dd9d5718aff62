import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { faultMessage, unreachable } from '../base/errors.ts';
import { parseNumber } from '../lab/index.ts';
import { fieldAt, getField, type ChoiceField, type Field, type NumberField, type SpecPath } from '../spec/index.ts';
import type { FieldOwner } from './field-owner.ts';
import { stepped, typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-casts-field.ts';
import './lab-rules-field.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-field': LabField;
  }
}

/** One field of the spec: label, input of its kind, unit, help and error. Its form renders it again when the spec changes. */
@customElement('lab-field')
export class LabField extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .row {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1.3fr);
        align-items: center;
        gap: 2px 10px;
        padding: 3px 0;
      }
      label {
        font-size: 13px;
      }
      .control {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 30px;
      }
      .unit {
        flex: none;
        color: var(--muted);
        font-size: 12px;
      }
      .off {
        color: var(--muted);
        font-size: 12px;
      }
      .help,
      .error,
      lab-casts-field,
      lab-rules-field {
        grid-column: 1 / -1;
      }
      .help {
        color: var(--muted);
        font-size: 12px;
      }
      .row:not(:focus-within) .help {
        position: absolute;
        width: 1px;
        height: 1px;
        overflow: hidden;
        clip-path: inset(50%);
      }
      input[inputmode] {
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  @property({ attribute: false }) lab!: FieldOwner;
  @property({ attribute: false }) path!: SpecPath;
  /** Changes whenever the draft does, so that the element renders again. */
  @property({ attribute: false }) draft: unknown = null;
  /** What is being typed; the field shows it as it stands until it loses focus. */
  @state() private typing: string | null = null;

  override render(): unknown {
    const field = fieldAt(this.path);
    const fault = this.lab.form.faultOf(this.path);
    return html`<div class="row">
      <label for="input" title=${field.help}>${field.label}</label>
      <div class="control">${this.#control(field, fault !== undefined)}</div>
      ${field.kind === 'rules' ? html`<lab-rules-field .lab=${this.lab} .draft=${this.draft}></lab-rules-field>` : nothing}
      ${field.kind === 'casts' ? html`<lab-casts-field .lab=${this.lab} .draft=${this.draft}></lab-casts-field>` : nothing}
      <p class="help" id="help">${field.help}</p>
      ${
        // An entry of overrides shows its own error.
        fault === undefined || (field.kind === 'casts' && fault.path !== this.path)
          ? nothing
          : html`<p class="error" id="error">${faultMessage(fault)}</p>`
      }
    </div>`;
  }

  #control(field: Field, faulty: boolean): unknown {
    switch (field.kind) {
      case 'int':
      case 'float':
        return this.#number(field, faulty);
      case 'choice':
        return this.#choice(field);
      case 'toggle':
        return html`<input
          id="input"
          type="checkbox"
          role="switch"
          aria-describedby="help"
          .checked=${getField(this.lab.form.draft, this.path) === true}
          @change=${(event: Event): void => this.lab.setField(this.path, event.target instanceof HTMLInputElement && event.target.checked)}
        />`;
      case 'text': {
        const value = getField(this.lab.form.draft, this.path);
        return html`<input
          id="input"
          type="text"
          maxlength=${field.maxLength}
          aria-describedby=${faulty ? 'help error' : 'help'}
          .value=${typeof value === 'string' ? value : ''}
          @input=${(event: Event): void => this.lab.setField(this.path, typed(event))}
        />`;
      }
      case 'rules': {
        const value = getField(this.lab.form.draft, this.path);
        const chosen = typeof value === 'string' ? value : 'some';
        return html`<select id="input" aria-describedby="help" @change=${(event: Event): void => this.#rules(event)}>
          <option value="all" .selected=${chosen === 'all'}>All on</option>
          <option value="none" .selected=${chosen === 'none'}>All off</option>
          <option value="some" .selected=${chosen === 'some'}>Each by itself</option>
        </select>`;
      }
      case 'casts':
        return html`<button
          id="input"
          type="button"
          aria-label=${`${field.label}: add one`}
          aria-describedby=${faulty ? 'help error' : 'help'}
          @click=${(): void => this.#addCast()}
        >
          Add
        </button>`;
      default:
        return unreachable(field);
    }
  }

  #number(field: NumberField, faulty: boolean): unknown {
    const value = getField(this.lab.form.draft, this.path);
    const toggle = field.nullable
      ? html`<input
          type="checkbox"
          role="switch"
          aria-label=${`${field.label}: on`}
          .checked=${value !== null}
          @change=${(event: Event): void => this.lab.toggleField(this.path, event.target instanceof HTMLInputElement && event.target.checked)}
        />`
      : nothing;
    if (value === null) return html`${toggle}<span class="off">${field.nullMeans ?? 'off'}</span>`;
    const shown = typeof value === 'number' && Number.isFinite(value) ? String(Number(value.toPrecision(7))) : '';
    return html`${toggle}<input
        id="input"
        type="text"
        inputmode=${field.kind === 'int' ? 'numeric' : 'decimal'}
        autocomplete="off"
        spellcheck="false"
        aria-describedby=${faulty ? 'help error' : 'help'}
        aria-invalid=${faulty}
        .value=${this.typing ?? shown}
        @input=${(event: Event): void => this.#typed(typed(event))}
        @blur=${(): void => this.#left(value)}
        @keydown=${(event: KeyboardEvent): void => this.#step(event, field, value)}
      />${field.unit === undefined ? nothing : html`<span class="unit">${field.unit}</span>`}`;
  }

  #choice(field: ChoiceField): unknown {
    const value = getField(this.lab.form.draft, this.path);
    return html`<select
      id="input"
      aria-describedby="help"
      @change=${(event: Event): void => this.lab.setField(this.path, typed(event))}
    >
      ${Object.entries(field.choices).map(([key, label]) => html`<option value=${key} .selected=${key === value}>${label}</option>`)}
    </select>`;
  }

  #typed(text: string): void {
    this.typing = text;
    const value = parseNumber(text);
    // Text that is no number goes into the draft as it stands, so that its error can quote it.
    this.lab.setField(this.path, Number.isNaN(value) ? text : value);
  }

  #left(value: unknown): void {
    // Text that is no number stays, so that its error has something to point at.
    if (typeof value === 'number' && Number.isFinite(value)) this.typing = null;
  }

  #step(event: KeyboardEvent, field: NumberField, value: unknown): void {
    const up = event.key === 'ArrowUp';
    if ((!up && event.key !== 'ArrowDown') || typeof value !== 'number' || !Number.isFinite(value)) return;
    event.preventDefault();
    this.typing = null;
    this.lab.setField(this.path, stepped(field, value, up));
  }

  #addCast(): void {
    this.renderRoot.querySelector('lab-casts-field')?.add();
  }

  #rules(event: Event): void {
    const value = typed(event);
    this.lab.setField(this.path, value === 'all' || value === 'none' ? value : {});
  }
}
