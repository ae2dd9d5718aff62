import { css, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import {
  formatTitle,
  MAP_MEASURES,
  tensorMap,
  type ComparedArm,
  type Comparison,
  type CompareState,
  type MapMeasure,
  type Reading,
  type TensorMap,
} from '../lab/index.ts';
import type { ChartView } from './chart-view.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import type { LabCompareMap, TensorPlace } from './lab-compare-map.ts';
import { measureHelp, measureValue, measureWords } from './measure-words.ts';
import { typed } from './number-input.ts';
import { pictureButtons } from './picture-buttons.ts';
import type { PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import { saveDrawing } from './svg-file.ts';
import './lab-compare-map.ts';
import './lab-compare-tensor.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-tensors': LabCompareTensors;
  }
  interface HTMLElementEventMap {
    /** What the user changed of what is shown. */
    'lab-compare': CustomEvent<Partial<Omit<CompareState, 'setup'>>>;
  }
}

/** The map of tensors of one arm, and the tensor that is open. */
@customElement('lab-compare-tensors')
export class LabCompareTensors extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      .tools {
        margin-bottom: 10px;
        font-size: 12px;
        color: var(--muted);
      }
      .tools label {
        display: inline-flex;
        align-items: center;
        gap: 6px;
      }
      .tools select {
        width: auto;
        max-width: 200px;
        min-height: 28px;
        font-size: 12px;
      }
      .nothing {
        padding: 28px 0;
        text-align: center;
      }
      lab-compare-tensor {
        margin-top: 14px;
        padding-top: 12px;
        border-top: 1px solid var(--line);
      }
    `,
  ];

  @property({ attribute: false }) look!: CompareState;
  @property({ attribute: false }) view!: ChartView;
  @state() private seed = 0;
  @state() private step: number | null = null;
  @query('lab-compare-map') private readonly mapElement!: LabCompareMap | null;

  protected override readonly comparisonTopics = ['probe', 'state'] as const;
  protected override readonly everyMs = 400;

  override render(): unknown {
    const { comparison } = this;
    if (comparison === null) return nothing;
    const arm = comparison.arms[Math.min(this.look.arm, comparison.arms.length - 1)];
    const seed = Math.min(this.seed, comparison.setup.seeds - 1);
    return html`<section class="card" aria-labelledby="title">
      <header>
        <h2 id="title">Tensors</h2>
        <p class="muted small">${measureHelp(this.look.measure)}</p>
        <span class="push bar">${pictureButtons('map', (kind) => this.#save(kind), 'Map of tensors', this.#none(arm))}</span>
      </header>
      ${arm === undefined ? nothing : this.#content(comparison, arm, seed)}
    </section>`;
  }

  #none(arm: ComparedArm | undefined): boolean {
    return (arm?.probes.length ?? 0) === 0;
  }

  #content(comparison: Comparison, arm: ComparedArm, seed: number): unknown {
    const asIf = comparison.setup.whatIf.includes(this.look.asIf) ? this.look.asIf : '';
    const { measure } = this.look;
    const reading: Reading = asIf === '' ? { measure } : { measure, format: asIf };
    const map = tensorMap(arm, seed, reading);
    return html`${this.#tools(comparison, arm, seed, asIf)}
    ${map.steps.length === 0 ? html`<p class="nothing muted small">${this.#why(comparison, arm)}</p>` : this.#map(comparison, arm, seed, map, asIf)}`;
  }

  #why({ active, setup }: Comparison, arm: ComparedArm): string {
    if (setup.probeEvery === 0) return 'The setup looks at no tensors: choose every how many steps, and start again.';
    if (arm.report?.probes === false) return 'This build cannot look into the tensors of this arm: it trains, but is not probed.';
    return active ? 'The first look at the tensors comes with the first steps.' : 'No tensors of this arm were looked at.';
  }

  #tools(comparison: Comparison, arm: ComparedArm, seed: number, asIf: string): unknown {
    const { whatIf, seeds } = comparison.setup;
    return html`<div class="tools bar">
      <label
        >show
        <select id="measure" @change=${(event: Event): void => this.#measure(typed(event))}>
          ${MAP_MEASURES.map(
            (each) => html`<option value=${each} .selected=${each === this.look.measure}>${measureWords(each)}</option>`,
          )}
        </select></label
      >
      <label
        >of
        <select id="arm" @change=${(event: Event): void => this.#say({ arm: Number(typed(event)) })}>
          ${comparison.arms.map((each, i) => html`<option value=${i} .selected=${each === arm}>${each.name}</option>`)}
        </select></label
      >
      <label
        >cast
        <select id="as-if" @change=${(event: Event): void => this.#say({ asIf: typed(event) })}>
          <option value="" .selected=${asIf === ''}>as the run does</option>
          ${whatIf.map(
            (format) => html`<option value=${format} .selected=${format === asIf}>what if: ${formatTitle(format)}</option>`,
          )}
        </select></label
      >
      ${
        seeds === 1
          ? nothing
          : html`<label
              >seed
              <select id="seed" @change=${(event: Event): void => void (this.seed = Number(typed(event)))}>
                ${Array.from({ length: seeds }, (_, i) => html`<option value=${i} .selected=${i === seed}>${i + 1}</option>`)}
              </select></label
            >`
      }
    </div>`;
  }

  #map(comparison: Comparison, arm: ComparedArm, seed: number, map: TensorMap, asIf: string): unknown {
    const { tensor, measure } = this.look;
    const isOpen = map.rows.some(({ site }) => site === tensor);
    return html`<lab-compare-map
        .map=${map}
        measure=${measure}
        open=${tensor}
        @lab-tensor=${(event: CustomEvent<TensorPlace>): void => this.#opened(event.detail)}
      ></lab-compare-map>
      ${this.#table(map)}
      ${
        isOpen
          ? html`<lab-compare-tensor
              .comparison=${comparison}
              .arm=${arm}
              seed=${seed}
              site=${tensor}
              .step=${this.step !== null && map.steps.includes(this.step) ? this.step : (map.steps.at(-1) ?? 0)}
              .steps=${map.steps}
              measure=${measure}
              asIf=${asIf}
              .view=${this.view}
              .probes=${arm.probes.length}
              @lab-step=${(event: CustomEvent<number>): void => void (this.step = event.detail)}
              @lab-close=${(): void => this.#say({ tensor: '' })}
            ></lab-compare-tensor>`
          : nothing
      }`;
  }

  /** The figures of the last probe, and the worst there were. */
  #table(map: TensorMap): unknown {
    const { measure } = this.look;
    const columns = map.steps.length;
    return html`<details>
      <summary>As a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Tensors as a table">
        <table>
          <thead>
            <tr>
              <th scope="col">Tensor</th>
              ${map.steps.slice(-6).map((step) => html`<th scope="col">step ${step}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${map.rows.map(
              ({ site }, row) =>
                html`<tr>
                  <th scope="row">${site}</th>
                  ${map.steps.slice(-6).map((_, i) => {
                    const at = row * columns + Math.max(0, columns - 6) + i;
                    return html`<td>${measureValue(measure, map.values[at] ?? Number.NaN)}</td>`;
                  })}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
  }

  #opened({ site, step }: TensorPlace): void {
    // At the last step the tensor stays live.
    const comparison = this.comparison;
    const arm = comparison?.arms[Math.min(this.look.arm, comparison.arms.length - 1)];
    this.step = step === arm?.probes.at(-1)?.step ? null : step;
    this.#say({ tensor: site });
  }

  #measure(measure: string): void {
    const known = MAP_MEASURES.find((each): each is MapMeasure => each === measure);
    if (known !== undefined) this.#say({ measure: known });
  }

  #say(detail: Partial<Omit<CompareState, 'setup'>>): void {
    this.dispatchEvent(new CustomEvent('lab-compare', { detail, bubbles: true, composed: true }));
  }

  async #save(kind: PictureKind): Promise<void> {
    const picture = this.mapElement?.picture;
    if (picture) await saveDrawing(kind, this, `isoflop-tensors-${this.look.measure}`, picture);
  }
}
