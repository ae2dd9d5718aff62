import { css, html, LitElement, type PropertyValues } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { MAX_SCALE, power, scaleOf, wordOf, type ExplorerState, type Rounding } from '../lab/index.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-cast-controls': LabCastControls;
  }
}

const ROUNDINGS: readonly { readonly id: Rounding; readonly label: string }[] = [
  { id: 'nearest', label: 'nearest even' },
  { id: 'zero', label: 'toward zero' },
  { id: 'stochastic', label: 'stochastic' },
];
const EXAMPLES = ['0.1', '464', '2^-10', '1e6', '-inf', 'nan'];

/** The number to cast, and how. What cannot be read is told beside its field and changes nothing. Says `lab-explorer` with what changed. */
@customElement('lab-cast-controls')
export class LabCastControls extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      h3 {
        margin: 0 0 6px;
        font-size: 13px;
        font-weight: 600;
      }
      .fields {
        display: grid;
        grid-template-columns: minmax(0, 1fr) 84px auto;
        gap: 8px 14px;
        align-items: end;
      }
      .fields > :first-child {
        grid-column: 1 / -1;
      }
      label {
        display: grid;
        gap: 3px;
        font-size: 12px;
        color: var(--muted);
      }
      .fields label:not(.switch) {
        grid-template-rows: 17px auto;
      }
      .switch {
        display: flex;
        align-items: center;
        gap: 8px;
        min-height: 30px;
      }
      .examples {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 4px 6px;
        margin-top: 8px;
        font-size: 12px;
        color: var(--muted);
      }
      .examples button {
        min-height: 26px;
        padding: 3px 8px;
        font-size: 12px;
      }
      .error {
        margin-top: 4px;
      }
      @media (max-width: 480px) {
        .fields {
          grid-template-columns: repeat(2, minmax(0, 1fr));
        }
        .fields > .switch {
          grid-column: 1 / -1;
        }
      }
    `,
  ];

  @property({ attribute: false }) state!: ExplorerState;
  @state() private text = '';
  @state() private scaleText = '';
  @state() private error = '';
  @state() private scaleError = '';

  override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has('state')) return;
    const before = changed.get('state');
    if (before?.x !== this.state.x) [this.text, this.error] = [this.state.x, ''];
    if (before?.scale !== this.state.scale) [this.scaleText, this.scaleError] = [String(this.state.scale), ''];
  }

  override render(): unknown {
    const { state: shown } = this;
    return html`<h3>Cast a number</h3>
      <div class="fields">
        <label
          >Number
          <input
            id="x"
            type="text"
            spellcheck="false"
            autocomplete="off"
            autocapitalize="off"
            aria-invalid=${this.error !== ''}
            aria-describedby="x-fault"
            title="A decimal, 1/3, 1.5*2^-7, inf, nan, or an f32 word such as 0x3dcccccd"
            .value=${this.text}
            @input=${(event: Event): void => this.#number(typed(event))}
        /></label>
        <label
          >Rounding
          <select id="round" @change=${(event: Event): void => this.#round(typed(event))}>
            ${ROUNDINGS.map(({ id, label }) => html`<option value=${id} .selected=${id === shown.round}>${label}</option>`)}
          </select></label
        >
        <label
          >Scale 2ⁿ, n =
          <input
            id="scale"
            type="number"
            min=${-MAX_SCALE}
            max=${MAX_SCALE}
            step="1"
            aria-invalid=${this.scaleError !== ''}
            aria-describedby="scale-fault"
            .value=${this.scaleText}
            @input=${(event: Event): void => this.#scale(typed(event))}
        /></label>
        <label class="switch" title="What lies beyond the range becomes the maximum; else Inf or NaN"
          ><input
            id="saturate"
            type="checkbox"
            role="switch"
            .checked=${shown.saturate}
            @change=${(): void => this.#say({ saturate: !shown.saturate })}
          />saturating</label
        >
      </div>
      <p id="x-fault" class="error" role="status" ?hidden=${this.error === ''}>${this.error}</p>
      <p id="scale-fault" class="error" role="status" ?hidden=${this.scaleError === ''}>${this.scaleError}</p>
      <div class="examples">
        Try
        ${EXAMPLES.map((text) => html`<button type="button" class="mono" @click=${(): void => this.#say({ x: text })}>${text}</button>`)}
        ${shown.scale === 0 ? '' : html`<span>The number is cast times ${power(shown.scale)}, and divided by it again.</span>`}
      </div>`;
  }

  #number(text: string): void {
    this.text = text;
    try {
      wordOf(text);
      this.error = '';
      this.#say({ x: text });
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
    }
  }

  #scale(text: string): void {
    this.scaleText = text;
    try {
      const scale = scaleOf(text);
      this.scaleError = '';
      this.#say({ scale });
    } catch (error) {
      this.scaleError = error instanceof Error ? error.message : String(error);
    }
  }

  #round(round: string): void {
    const chosen = ROUNDINGS.find(({ id }) => id === round);
    if (chosen !== undefined) this.#say({ round: chosen.id });
  }

  #say(detail: Partial<ExplorerState>): void {
    this.dispatchEvent(new CustomEvent('lab-explorer', { detail, bubbles: true, composed: true }));
  }
}
