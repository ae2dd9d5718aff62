import { html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import {
  COMPARISON_PRESETS,
  formatTitle,
  recipeArm,
  runTitle,
  type ArmChoice,
  type ComparisonPreset,
  type ComparisonSetup,
  type Recipe,
} from '../lab/index.ts';
import { CAST_FORMATS, FIELDS } from '../spec/index.ts';
import type { Address } from './address.ts';
import { baseWords } from './compare-words.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import { typed } from './number-input.ts';
import { setupStyles } from './compare-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-compare-arm.ts';
import './lab-compare-run.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-setup': LabCompareSetup;
  }
}

const MOST_ARMS = 8;
const SEEDS = [1, 2, 3, 4, 5, 8, 16];
const PROBES = [0, 5, 10, 20, 50, 100, 200, 500];
const RECIPES = FIELDS['precision.recipe'].choices;
const FORMATS = CAST_FORMATS.filter((format) => format !== 'f32');

/** Which recipes are compared, on which spec, with how many seeds; and the buttons that run it. */
@customElement('lab-compare-setup')
export class LabCompareSetup extends LabCompareElement {
  static override readonly styles = [sharedStyles, setupStyles];

  @property({ attribute: false }) address!: Address;
  @state() private chosen = '';

  protected override readonly topics = ['spec', 'forecast'] as const;
  protected override readonly deskTopics = ['setup', 'comparison'] as const;

  override render(): unknown {
    const { setup, busy } = this.lab.comparisons;
    const preset = COMPARISON_PRESETS.find(({ id }) => id === this.chosen);
    return html`<section class="card" aria-labelledby="title">
      <header>
        <h2 id="title">Compare precision recipes</h2>
        <p class="intro muted small">
          Train the same model on the same data and seeds in several precisions at once, and see what each costs in loss, and in
          which tensor it comes about. Formats are emulated bit for bit.
        </p>
      </header>
      <div class="presets" role="group" aria-label="Comparisons to begin with">
        ${COMPARISON_PRESETS.map((each) => this.#preset(each))}
      </div>
      ${preset === undefined ? nothing : html`<p class="blurb small">${preset.title}. <span class="muted">${preset.blurb}</span></p>`}
      <div class="layout">
        <div class="column">
          <div>
            ${setup.arms.map((arm, place) => this.#arm(setup, arm, place))}
            <div class="add">
              <select
                aria-label="Add an arm"
                data-add
                ?disabled=${setup.arms.length >= MOST_ARMS}
                @change=${(event: Event): void => this.#add(event)}
              >
                <option value="">${setup.arms.length >= MOST_ARMS ? 'Eight arms are the most' : 'Add an arm…'}</option>
                ${Object.entries(RECIPES).map(([key, label]) => html`<option value=${key}>${label}</option>`)}
              </select>
            </div>
          </div>
          ${this.#spec()} ${this.#options(setup)}
          ${busy ? html`<p class="small muted">What you change here is for the next comparison.</p>` : nothing}
        </div>
        <lab-compare-run .lab=${this.lab}></lab-compare-run>
      </div>
    </section>`;
  }

  #preset(preset: ComparisonPreset): unknown {
    return html`<button
      type="button"
      class="chip"
      data-preset=${preset.id}
      title=${preset.title}
      aria-pressed=${preset.id === this.chosen}
      @click=${(): void => this.#choose(preset)}
    >
      ${preset.label}
    </button>`;
  }

  #arm(setup: ComparisonSetup, arm: ArmChoice, place: number): unknown {
    return html`<lab-compare-arm
      .base=${this.lab.form.spec}
      .arm=${arm}
      place=${place}
      ?baseline=${place === setup.baseline}
      ?removable=${setup.arms.length > 2}
      @lab-arm=${(event: CustomEvent<ArmChoice | null>): void => this.#changeArm(place, event.detail)}
      @lab-baseline=${(): void => this.#change({ baseline: place })}
    ></lab-compare-arm>`;
  }

  #spec(): unknown {
    const { spec } = this.lab.form;
    return html`<p class="spec small">
      <span class="muted">Each arm trains</span> <b>${runTitle(spec)}</b> <span class="muted">· ${baseWords(spec)}.</span>
      <a href=${this.address.href('train')}>Change it on the Train page</a>
    </p>`;
  }

  #options({ seeds, probeEvery, whatIf }: ComparisonSetup): unknown {
    const number = (values: readonly number[], value: number, label: (value: number) => string): unknown =>
      [...new Set([...values, value])]
        .sort((a, b) => a - b)
        .map((each) => html`<option value=${each} .selected=${each === value}>${label(each)}</option>`);
    return html`<div class="options">
      <label
        >Seeds
        <select id="seeds" @change=${(event: Event): void => this.#change({ seeds: Number(typed(event)) })}>
          ${number(SEEDS, seeds, (each) => (each === 1 ? '1: no interval over seeds' : String(each)))}
        </select></label
      >
      <label
        >Look at tensors
        <select id="probe-every" @change=${(event: Event): void => this.#change({ probeEvery: Number(typed(event)) })}>
          ${number(PROBES, probeEvery, (each) => (each === 0 ? 'never' : `every ${each} steps`))}
        </select></label
      >
      <details>
        <summary>What if: ${whatIf.length === 0 ? 'no other formats' : whatIf.map(formatTitle).join(', ')}</summary>
        <p class="small muted">
          The map also shows what these formats would do to each tensor; the runs do not use them. Each makes every look at the
          tensors take longer, and costs nothing between looks.
        </p>
        <div class="formats">
          ${FORMATS.map(
            (format) =>
              html`<button
                type="button"
                class="chip"
                data-what-if=${format}
                aria-pressed=${whatIf.includes(format)}
                @click=${(): void =>
                  this.#change({
                    whatIf: whatIf.includes(format) ? whatIf.filter((each) => each !== format) : [...whatIf, format],
                  })}
              >
                ${formatTitle(format)}
              </button>`,
          )}
        </div>
      </details>
    </div>`;
  }

  #choose(preset: ComparisonPreset): void {
    if (preset.base !== null) this.lab.setSpec(preset.base);
    const { whatIf } = this.lab.comparisons.setup;
    this.chosen = preset.id;
    this.lab.comparisons.change({ ...preset.setup, whatIf });
  }

  #change(change: Partial<ComparisonSetup>): void {
    this.lab.comparisons.change(change);
  }

  #changeArm(place: number, arm: ArmChoice | null): void {
    const { arms, baseline } = this.lab.comparisons.setup;
    this.chosen = '';
    if (arm !== null) return this.#change({ arms: arms.with(place, arm) });
    const next = place < baseline || baseline === arms.length - 1 ? Math.max(0, baseline - 1) : baseline;
    return this.#change({ arms: arms.toSpliced(place, 1), baseline: place === baseline ? 0 : next });
  }

  #add(event: Event): void {
    const recipe = Object.keys(RECIPES).find((key): key is Recipe => key === typed(event));
    if (event.target instanceof HTMLSelectElement) event.target.value = '';
    if (recipe === undefined) return;
    const { arms } = this.lab.comparisons.setup;
    const taken = new Set(arms.map(({ name }) => name));
    let name: string = recipe;
    for (let i = 2; taken.has(name); i++) name = `${recipe} ${i}`;
    this.chosen = '';
    this.#change({ arms: [...arms, recipeArm(recipe, {}, name)] });
  }
}
