import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { faultMessage } from '../base/errors.ts';
import { CAST_FORMATS, ROLES } from '../spec/index.ts';
import { castsOfRows, isTwice, rowsOfCasts, type CastRow } from './cast-rows.ts';
import type { FieldOwner } from './field-owner.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-casts-field': LabCastsField;
  }
}

/** The overrides of the precision: a row for each, what it selects and the cast, with the error of each beside it. */
@customElement('lab-casts-field')
export class LabCastsField extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .row {
        display: grid;
        grid-template-columns: minmax(0, 1.2fr) minmax(0, 1fr) auto;
        gap: 4px 6px;
        padding: 3px 0;
      }
      .error {
        grid-column: 1 / -1;
      }
    `,
  ];

  @property({ attribute: false }) lab!: FieldOwner;
  /** Changes whenever the draft does, so that the element renders again. */
  @property({ attribute: false }) draft: unknown = null;
  /** What is typed, half-typed rows and two of one name included. */
  @state() private rows: readonly CastRow[] = [];
  /** The overrides that {@link rows} stand for; others came from elsewhere. */
  #written: unknown = null;

  override willUpdate(): void {
    const { overrides } = this.lab.form.draft.precision;
    if (overrides === this.#written) return;
    this.#written = overrides;
    this.rows = rowsOfCasts(overrides);
  }

  override render(): unknown {
    if (this.rows.length === 0) return nothing;
    return html`<datalist id="roles">${ROLES.map((role) => html`<option value=${role}></option>`)}</datalist>
      <datalist id="formats">${CAST_FORMATS.map((format) => html`<option value=${format}></option>`)}</datalist>
      ${this.rows.map((row, i) => this.#row(row, i))}`;
  }

  /** Adds an empty row and goes to it. */
  add(): void {
    this.rows = [...this.rows, { selector: '', cast: '' }];
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>('.row:last-of-type input')?.focus());
  }

  #row(row: CastRow, i: number): unknown {
    const error = this.#errorOf(row, i);
    const input = (key: keyof CastRow, label: string, list: string, hint: string): unknown =>
      html`<input
        type="text"
        class="mono"
        list=${list}
        placeholder=${hint}
        autocomplete="off"
        autocapitalize="off"
        spellcheck="false"
        aria-label=${`Override ${i + 1}: ${label}`}
        aria-invalid=${error !== undefined}
        aria-describedby=${error === undefined ? nothing : `error-${i}`}
        .value=${row[key]}
        @input=${(event: Event): void => this.#change(i, { ...row, [key]: typed(event) })}
      />`;
    return html`<div class="row">
      ${input('selector', 'tensors', 'roles', 'fprop.weight')} ${input('cast', 'cast', 'formats', 'e4m3')}
      <button type="button" class="quiet" aria-label=${`Remove override ${i + 1}`} @click=${(): void => this.#change(i, null)}>
        ×
      </button>
      ${error === undefined ? nothing : html`<p class="error" id=${`error-${i}`}>${error}</p>`}
    </div>`;
  }

  #errorOf({ selector, cast }: CastRow, i: number): string | undefined {
    if (isTwice(this.rows, i)) return `${selector} stands further down again, and that row counts.`;
    if (selector === '' && cast === '') return undefined;
    const fault = this.lab.form.faults.find(({ path }) => path === `precision.overrides.${selector}`);
    return fault === undefined ? undefined : faultMessage(fault);
  }

  /** Replaces row i, or removes it. */
  #change(i: number, row: CastRow | null): void {
    this.rows = row === null ? this.rows.toSpliced(i, 1) : this.rows.with(i, row);
    const overrides = castsOfRows(this.rows);
    this.#written = overrides;
    this.lab.setField('precision.overrides', overrides);
  }
}
