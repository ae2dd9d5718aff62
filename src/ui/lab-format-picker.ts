import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { FORMAT_GROUPS, formatChoice, formatTitle } from '../lab/index.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-format-picker': LabFormatPicker;
  }
  interface HTMLElementEventMap {
    /** The name of a format that there is. */
    'lab-format': CustomEvent<string>;
  }
}

const OTHER = 'other';
const NAMED: ReadonlySet<string> = new Set(FORMAT_GROUPS.flatMap(({ names }) => names));

/** Chooses a format by name, or takes any `e<X>m<Y>` that the user types; a name of nothing is told beside the field and changes nothing. */
@customElement('lab-format-picker')
export class LabFormatPicker extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .pick {
        display: grid;
        gap: 6px;
      }
      label {
        display: flex;
        align-items: center;
        gap: 8px;
        font-weight: 600;
      }
      .error {
        font-weight: 400;
      }
      .swatch {
        flex: none;
        width: 22px;
        height: 22px;
        border-radius: 5px;
        color: var(--bg);
        background: var(--own);
        font-size: 12px;
        font-weight: 700;
        line-height: 22px;
        text-align: center;
      }
    `,
  ];

  /** `A` or `B`. */
  @property() letter = 'A';
  @property() name = 'e4m3';
  @state() private own: string | null = null;
  @state() private error = '';

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('name')) return;
    this.error = '';
    const named = NAMED.has(this.name);
    if (named) this.own = null;
    else if (this.own?.trim().toLowerCase() !== this.name) this.own = this.name;
  }

  override render(): unknown {
    const { own, letter } = this;
    return html`<div class="pick">
      <label
        ><span class="swatch">${letter}</span><span class="hidden-text">Format ${letter}</span>
        <select id="format" @change=${(event: Event): void => this.#choose(typed(event))}>
          ${FORMAT_GROUPS.map(
            ({ label, names }) =>
              html`<optgroup label=${label}>
                ${names.map(
                  (name) =>
                    html`<option value=${name} .selected=${own === null && name === this.name}>${formatTitle(name)}</option>`,
                )}
              </optgroup>`,
          )}
          <option value=${OTHER} .selected=${own !== null}>Any ExMy…</option>
        </select></label
      >
      ${
        own === null
          ? nothing
          : html`<input
              id="own"
              type="text"
              spellcheck="false"
              autocomplete="off"
              autocapitalize="off"
              placeholder="e3m4, e3m4-fn, e2m2-finite"
              aria-label=${`Name of format ${letter}, such as e3m4-fn`}
              aria-invalid=${this.error !== ''}
              aria-describedby="fault"
              .value=${own}
              @input=${(event: Event): void => this.#typed(typed(event))}
            />`
      }
      <p id="fault" class="error" role="status" ?hidden=${this.error === ''}>${this.error}</p>
    </div>`;
  }

  #choose(name: string): void {
    this.error = '';
    this.own = name === OTHER ? 'e3m4' : null;
    this.#say(name === OTHER ? 'e3m4' : name);
    if (name === OTHER)
      void this.updateComplete.then(() => {
        const field = this.renderRoot.querySelector('#own');
        if (field instanceof HTMLInputElement) field.select();
      });
  }

  #typed(text: string): void {
    this.own = text;
    try {
      this.#say(formatChoice(text).name);
      this.error = '';
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    }
  }

  #say(detail: string): void {
    this.dispatchEvent(new CustomEvent('lab-format', { detail, bubbles: true, composed: true }));
  }
}
