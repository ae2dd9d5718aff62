import { css, html, LitElement, nothing, type PropertyValues } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { changedFields, withChange, type ArmChoice } from '../lab/index.ts';
import { FIELD_GROUPS, FIELDS, isShown, RECIPES, type RunSpec, type SpecInput } from '../spec/index.ts';
import { ArmDraft } from './arm-draft.ts';
import { changeWords } from './compare-words.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-compare-swatch.ts';
import './lab-field.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-arm': LabCompareArm;
  }
  interface HTMLElementEventMap {
    /** The arm as it was changed; `null` takes it away. */
    'lab-arm': CustomEvent<ArmChoice | null>;
    /** The arm shall be what the others are held against. */
    'lab-baseline': CustomEvent<null>;
  }
}

/** Fields of the precision that an arm may set, its recipe aside. */
const OPTIONS = (FIELD_GROUPS.find(({ id }) => id === 'numerics')?.paths ?? []).filter(
  (path) => path.startsWith('precision.') && path !== 'precision.recipe',
);
const RECIPE_LABELS = FIELDS['precision.recipe'].choices;

/** One arm of the comparison that is set up: its name, its recipe, and the recipe's options. */
@customElement('lab-compare-arm')
export class LabCompareArm extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .row {
        display: grid;
        grid-template-columns: 26px minmax(0, 1fr) minmax(0, 1.3fr) auto auto auto;
        align-items: center;
        gap: 6px 8px;
        padding: 5px 0;
      }
      .base {
        display: inline-flex;
        align-items: center;
        gap: 5px;
        font-size: 12px;
        color: var(--muted);
        white-space: nowrap;
      }
      .base input {
        width: 16px;
        min-height: 16px;
        height: 16px;
        margin: 0;
        accent-color: var(--accent);
      }
      .note,
      .options {
        grid-column: 2 / -1;
      }
      .note {
        margin-top: -3px;
      }
      .options {
        max-width: 620px;
        padding: 6px 12px;
        border-left: 2px solid var(--line);
      }
      button {
        padding: 6px 8px;
      }
      @media (max-width: 560px) {
        .row {
          grid-template-columns: 22px minmax(0, 1fr) auto auto auto;
        }
        .recipe {
          grid-row: 2;
          grid-column: 2 / -1;
        }
        .base span {
          display: none;
        }
      }
    `,
  ];

  @property({ attribute: false }) base!: RunSpec;
  @property({ attribute: false }) arm!: ArmChoice;
  /** Its place among the arms, from 0. */
  @property({ type: Number }) place = 0;
  @property({ type: Boolean }) baseline = false;
  /** False where it is one of the last two. */
  @property({ type: Boolean }) removable = false;
  @state() private open = false;
  #draft: ArmDraft | null = null;

  override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has('arm') || changed.has('base'))
      this.#draft = new ArmDraft(this.base, this.arm, (changes) => this.#say({ ...this.arm, changes }));
  }

  override render(): unknown {
    const draft = this.#draft;
    if (draft === null) return nothing;
    const { name, changes } = this.arm;
    const { recipe } = draft.form.draft.precision;
    const words = changeWords(changedFields(changes));
    return html`<div class="row" role="group" aria-label=${`Arm ${this.place + 1}, ${name}`}>
      <lab-compare-swatch place=${this.place}></lab-compare-swatch>
      <input
        class="name"
        type="text"
        maxlength="40"
        aria-label="Name"
        .value=${name}
        @input=${(event: Event): void => this.#say({ ...this.arm, name: typed(event) })}
      />
      <select class="recipe" aria-label="Recipe" @change=${(event: Event): void => this.#recipe(typed(event))}>
        ${Object.entries(RECIPE_LABELS).map(
          ([key, label]) => html`<option value=${key} .selected=${key === recipe}>${label}</option>`,
        )}
      </select>
      <label class="base" title="The other arms are held against it"
        ><input
          type="radio"
          name="baseline"
          aria-label=${`Baseline: ${name}`}
          .checked=${this.baseline}
          @change=${(): void => void this.dispatchEvent(new CustomEvent('lab-baseline', { detail: null, bubbles: true, composed: true }))}
        /><span>baseline</span></label
      >
      <button
        type="button"
        class="quiet"
        data-action="arm-options"
        aria-expanded=${this.open}
        aria-controls="options"
        @click=${(): void => void (this.open = !this.open)}
      >
        Options
      </button>
      <button
        type="button"
        class="quiet"
        data-action="arm-remove"
        aria-label=${`Remove ${name}`}
        ?disabled=${!this.removable}
        @click=${(): void => this.#say(null)}
      >
        ×
      </button>
      ${words === '' ? nothing : html`<p class="note small muted">${words}</p>`}
      <div class="options" id="options" ?hidden=${!this.open}>
        <p class="small muted">${RECIPES[recipe].help}</p>
        ${
          this.open
            ? OPTIONS.filter((path) => isShown(path, draft.form.draft)).map(
                (path) => html`<lab-field .lab=${draft} .path=${path} .draft=${draft.form.draft}></lab-field>`,
              )
            : nothing
        }
      </div>
    </div>`;
  }

  /** Another recipe; a name that only repeated the old one follows. */
  #recipe(recipe: string): void {
    const { name, changes } = this.arm;
    const before = this.#draft?.form.draft.precision.recipe;
    const next: SpecInput = withChange(changes, 'precision.recipe', recipe);
    this.#say({ name: name === before ? recipe : name, changes: next });
  }

  #say(detail: ArmChoice | null): void {
    this.dispatchEvent(new CustomEvent('lab-arm', { detail, bubbles: true, composed: true }));
  }
}
