import { css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { Comparison } from '../lab/index.ts';
import type { ChartView } from './chart-view.ts';
import { armsFrame, overSeeds, readChoice, type HiddenArms, type StabilityChoice } from './compare-frames.ts';
import { layerWords } from './compare-heat.ts';
import { short, whole } from './format.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import { NO_FRAME, type PlotFrame, type Range } from './plot-data.ts';
import { typed } from './number-input.ts';
import { pictureButtons } from './picture-buttons.ts';
import { savePlot } from './plot-svg.ts';
import type { PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-stability': LabCompareStability;
  }
}

type Kind = StabilityChoice['kind'];

const TITLES: { readonly [K in Kind]: string } = {
  attentionLogit: 'Max attention logit',
  outputLogit: 'Max output logit',
  meanLse: 'Mean lse',
  gradNorm: 'Gradient norm',
};
const KINDS: readonly Kind[] = ['attentionLogit', 'outputLogit', 'meanLse', 'gradNorm'];

/** What tells of trouble before the loss does, every arm over the other. */
@customElement('lab-compare-stability')
export class LabCompareStability extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      .grid {
        display: grid;
        grid-template-columns: repeat(4, minmax(0, 1fr));
        gap: 14px 24px;
      }
      h3 {
        margin: 0;
        font-size: 12px;
        font-weight: 600;
      }
      .head {
        display: flex;
        align-items: center;
        gap: 4px;
        min-height: 30px;
        white-space: nowrap;
      }
      .head select {
        width: auto;
        max-width: 110px;
        min-width: 60px;
        min-height: 26px;
        padding: 2px 6px;
        font-size: 12px;
      }
      .head button {
        min-height: 26px;
        padding: 2px 4px;
        font-size: 11px;
      }
      .note {
        margin-top: 10px;
        max-width: 130ch;
      }
      @media (max-width: 1300px) {
        .grid {
          grid-template-columns: repeat(2, minmax(0, 1fr));
        }
      }
      @media (max-width: 640px) {
        .grid {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  @property({ attribute: false }) view!: ChartView;
  @property({ attribute: false }) zoom: Range | null = null;
  @property({ attribute: false }) hiddenArms: HiddenArms = new Set();
  @state() private layers: { readonly [K in Kind]?: string } = {};

  protected override readonly comparisonTopics = ['probe'] as const;
  protected override readonly everyMs = 400;
  readonly #frames: { readonly [K in Kind]: () => PlotFrame } = {
    attentionLogit: () => this.#frame('attentionLogit'),
    outputLogit: () => this.#frame('outputLogit'),
    meanLse: () => this.#frame('meanLse'),
    gradNorm: () => this.#frame('gradNorm'),
  };

  override updated(): void {
    for (const plot of this.renderRoot.querySelectorAll('lab-plot')) plot.invalidate();
  }

  override render(): unknown {
    const { comparison } = this;
    if (comparison === null || comparison.arms.every(({ probes }) => probes.length === 0)) return nothing;
    return html`<section class="card" aria-labelledby="title">
      <header><h2 id="title">Stability</h2></header>
      <div class="grid">${KINDS.map((kind) => this.#plot(comparison, kind))}</div>
      <p class="small muted note">
        Each look at the tensors takes these figures in an extra pass over the next batch, with attention unfused so that its
        logits can be read. Where the run fuses attention it sums in another order, so last digits may differ.
      </p>
      ${this.#table(comparison)}
    </section>`;
  }

  #plot(comparison: Comparison, kind: Kind): unknown {
    const buttons = pictureButtons(kind, (picture) => this.#save(kind, picture), TITLES[kind]);
    return html`<div>
      <div class="head">
        <h3>${TITLES[kind]}</h3>
        ${this.#layerChoice(comparison, kind)}<span class="push">${buttons}</span>
      </div>
      <lab-plot
        compact
        .source=${this.#frames[kind]}
        .zoom=${this.zoom}
        .height=${170}
        label=${`${TITLES[kind]} of each arm over training`}
      ></lab-plot>
    </div>`;
  }

  #layerChoice(comparison: Comparison, kind: Kind): unknown {
    const stability = comparison.arms.find(({ probes }) => probes.length > 0)?.probes[0]?.stability;
    const layers =
      kind === 'attentionLogit'
        ? (stability?.maxAttentionLogit ?? []).map((_, i): [string, string] => [String(i), `layer ${i}`])
        : kind === 'gradNorm'
          ? (stability?.gradNorms ?? []).map(({ layer }): [string, string] => [layer, layerWords(layer)])
          : [];
    if (layers.length < 2) return nothing;
    const chosen = this.layers[kind] ?? '';
    return html`<select
      aria-label=${`Layer of the ${TITLES[kind].toLowerCase()}`}
      @change=${(event: Event): void => void (this.layers = { ...this.layers, [kind]: typed(event) })}
    >
      <option value="" .selected=${chosen === ''}>of all layers</option>
      ${layers.map(([value, label]) => html`<option value=${value} .selected=${value === chosen}>${label}</option>`)}
    </select>`;
  }

  #frame(kind: Kind): PlotFrame {
    const { comparison } = this;
    if (comparison === null) return NO_FRAME;
    const choice = { kind, layer: this.layers[kind] ?? '' };
    return armsFrame(comparison, (arm) => overSeeds(arm, (probe) => readChoice(probe, choice)), {
      view: this.view,
      yLabel: TITLES[kind],
      hidden: this.hiddenArms,
    });
  }

  #table(comparison: Comparison): unknown {
    const rows = comparison.arms.flatMap((arm) => {
      const steps = [...new Set(arm.probes.map(({ step }) => step))].slice(-8).reverse();
      return steps.map((step) => {
        const figures = KINDS.map((kind) => {
          const { steps: all, mean } = overSeeds(arm, (probe) => readChoice(probe, { kind, layer: this.layers[kind] ?? '' }));
          return short(mean[all.indexOf(step)] ?? Number.NaN);
        });
        return html`<tr>
          <th scope="row">${arm.name}</th>
          <td>${whole(step)}</td>
          ${figures.map((figure) => html`<td>${figure}</td>`)}
        </tr>`;
      });
    });
    return html`<details>
      <summary>As a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label="Stability as a table">
        <table>
          <thead>
            <tr>
              <th scope="col">Arm</th>
              <th scope="col">Step</th>
              ${KINDS.map((kind) => html`<th scope="col">${TITLES[kind]}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${rows}
          </tbody>
        </table>
      </div>
    </details>`;
  }

  async #save(kind: Kind, picture: PictureKind): Promise<void> {
    const { comparison } = this;
    if (comparison === null) return;
    const names = comparison.arms.map(({ name }, place) => ({ name, place }));
    await savePlot(picture, this, `isoflop-${kind}`, this.#frame(kind), names);
  }
}
