import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import type { CastStats, TensorProbe } from '../base/probe.ts';
import { cellWords, readTensor, tensorAt, type ComparedArm, type Comparison, type MapMeasure } from '../lab/index.ts';
import type { ChartView } from './chart-view.ts';
import { armsFrame, overSeeds } from './compare-frames.ts';
import { shareWords } from './compare-heat.ts';
import { castWords } from './compare-words.ts';
import { whole } from './format.ts';
import type { LabCompareHistogram } from './lab-compare-histogram.ts';
import type { LabPlot } from './lab-plot.ts';
import { decibels, measureWords } from './measure-words.ts';
import { typed } from './number-input.ts';
import { pictureButtons } from './picture-buttons.ts';
import type { PlotFrame } from './plot-data.ts';
import { savePlot } from './plot-svg.ts';
import type { PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import { tableStyles } from './table-styles.ts';
import './lab-compare-histogram.ts';
import './lab-compare-swatch.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-tensor': LabCompareTensor;
  }
  interface HTMLElementEventMap {
    /** The user chose a probed step. */
    'lab-step': CustomEvent<number>;
    'lab-close': CustomEvent<null>;
  }
}

/** One tensor: its exponents against the formats, its figures over training in all arms, and what each cast does to it. */
@customElement('lab-compare-tensor')
export class LabCompareTensor extends LitElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      h3 {
        margin: 0;
        font-size: 14px;
        font-weight: 600;
        overflow-wrap: anywhere;
      }
      h4 {
        margin: 0;
        font-size: 12px;
        font-weight: 600;
      }
      .head {
        display: flex;
        align-items: center;
        gap: 4px;
        margin-bottom: 4px;
      }
      .head .push {
        flex: none;
      }
      .head button {
        min-height: 26px;
        padding: 2px 4px;
        font-size: 11px;
      }
      .pair {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 16px 24px;
        margin: 10px 0 12px;
      }
      label {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        font-size: 12px;
        color: var(--muted);
      }
      input[type='range'] {
        width: 180px;
      }
      output {
        min-width: 60px;
        color: var(--text);
      }
      th:first-child lab-compare-swatch {
        margin-right: 8px;
      }
      .under {
        color: var(--danger);
      }
      .low {
        color: var(--warn);
      }
      @media (max-width: 860px) {
        .pair {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  @property({ attribute: false }) comparison!: Comparison;
  @property({ attribute: false }) arm!: ComparedArm;
  @property({ type: Number }) seed = 0;
  @property() site = '';
  @property({ attribute: false }) step = 0;
  @property({ attribute: false }) steps: readonly number[] = [];
  @property() measure: MapMeasure = 'underflow';
  @property() asIf = '';
  @property({ attribute: false }) view!: ChartView;
  /** How many probes there are; a new one renders again. */
  @property({ attribute: false }) probes = 0;
  @query('lab-plot') private readonly plot!: LabPlot | null;
  @query('lab-compare-histogram') private readonly histogram!: LabCompareHistogram | null;

  override updated(): void {
    this.plot?.invalidate();
  }

  override render(): unknown {
    const tensor = tensorAt(this.arm, this.seed, this.site, this.step);
    if (tensor === undefined) return nothing;
    const { elements, amax, zeros, nonFinite } = tensor;
    const measure = measureWords(this.measure);
    return html`<section aria-labelledby="title">
      <div class="bar">
        <h3 id="title">${tensor.layer === '' ? tensor.role : `${tensor.layer} · ${tensor.role}`}</h3>
        <span class="small muted"
          >${whole(elements)} elements, amax ${cellWords(amax)}, ${whole(zeros)}
          zero${nonFinite === 0 ? '' : html`, <b class="error">${whole(nonFinite)} not finite</b>`}</span
        >
        <label class="push"
          >step
          <input
            type="range"
            min="0"
            max=${Math.max(0, this.steps.length - 1)}
            step="1"
            aria-label="Step"
            aria-valuetext=${`step ${this.step}`}
            .value=${String(Math.max(0, this.steps.indexOf(this.step)))}
            @input=${(event: Event): void => this.#say('lab-step', this.steps[Number(typed(event))] ?? this.step)}
          /><output>${whole(this.step)}</output></label
        >
        <button type="button" class="quiet" data-action="close-tensor" @click=${(): void => this.#say('lab-close', null)}>
          Close
        </button>
      </div>
      <div class="pair">
        <div>
          <div class="head">
            <h4>Exponents of its elements <span class="muted">log scale, ${this.arm.name}</span></h4>
            <span class="push">${pictureButtons('histogram', (kind) => this.#saveHistogram(kind), 'Exponents')}</span>
          </div>
          <lab-compare-histogram .tensor=${tensor}></lab-compare-histogram>
          ${this.#note(tensor)}
        </div>
        <div>
          <div class="head">
            <h4>${measure} over training <span class="muted">${this.asIf === '' ? 'every arm as it runs' : 'what if'}</span></h4>
            <span class="push">${pictureButtons('tensor', (kind) => this.#savePlot(kind), measure)}</span>
          </div>
          <lab-plot
            compact
            .source=${this.frame}
            .height=${210}
            label=${`${measure} of the tensor over training, every arm`}
          ></lab-plot>
        </div>
      </div>
      ${this.#table(tensor)}
    </section>`;
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame => {
    const { site, measure, asIf } = this;
    const isShare = measure === 'underflow' || measure === 'overflow';
    const read = (tensor: TensorProbe | undefined): number => {
      if (tensor === undefined) return Number.NaN;
      const value = readTensor(tensor, asIf === '' ? { measure } : { measure, format: asIf });
      return isShare ? 100 * value : value;
    };
    return armsFrame(
      this.comparison,
      (arm) => overSeeds(arm, ({ tensors }) => read(tensors.find((tensor) => tensor.site === site))),
      { view: this.view, yLabel: isShare ? '%' : '', yLog: measure === 'scale' || measure === 'mse' },
    );
  };

  #note({ cast }: TensorProbe): unknown {
    if (cast === null) return html`<p class="small muted">The run keeps it in f32.</p>`;
    if (cast.scaling === 'block')
      return html`<p class="small muted">Each block has a scale of its own, so there is no one range to draw.</p>`;
    return html`<p class="small muted">
      The range is that of ${castWords(cast)}, divided by its scale ${cellWords(Number(cast.scale.toPrecision(4)))}.
      <span class="under">Red</span> becomes 0 or saturates, <span class="low">amber</span> is subnormal and loses digits.
    </p>`;
  }

  #table({ whatIf }: TensorProbe): unknown {
    const runs = this.comparison.arms.flatMap((arm, place) => {
      const tensor = tensorAt(arm, this.seed, this.site, this.step);
      return tensor === undefined
        ? []
        : [this.#row(html`<lab-compare-swatch place=${place}></lab-compare-swatch>${arm.name}`, tensor.cast)];
    });
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Casts of the tensor">
      <table>
        <thead>
          <tr>
            ${['Cast', 'Format', 'Scale', 'Underflow', 'Overflow', 'SQNR', 'Mean square error'].map(
              (head) => html`<th scope="col">${head}</th>`,
            )}
          </tr>
        </thead>
        <tbody>
          ${runs} ${whatIf.map((cast) => this.#row(`what if, on ${this.arm.name}`, cast))}
        </tbody>
      </table>
    </div>`;
  }

  #row(head: unknown, cast: CastStats | null): unknown {
    const cells =
      cast === null
        ? ['f32, no cast', '—', '—', '—', '—', '—']
        : [
            castWords(cast),
            cast.scaling === 'block' && cast.scale === 1 ? 'a block' : cellWords(Number(cast.scale.toPrecision(5))),
            shareWords(cast.underflow),
            shareWords(cast.overflow),
            decibels(cast.sqnrDb),
            cellWords(Number(cast.mse.toPrecision(3))),
          ];
    return html`<tr>
      <th scope="row">${head}</th>
      ${cells.map((cell) => html`<td>${cell}</td>`)}
    </tr>`;
  }

  async #saveHistogram(kind: PictureKind): Promise<void> {
    const picture = this.histogram?.picture;
    if (picture) await saveDrawing(kind, this, this.#fileName('exponents'), picture);
  }

  async #savePlot(kind: PictureKind): Promise<void> {
    const names = this.comparison.arms.map(({ name }, place) => ({ name, place }));
    await savePlot(kind, this, this.#fileName(this.measure), this.frame(), names);
  }

  /** Says what a picture shows, which it does not itself. */
  #fileName(what: string): string {
    return `isoflop-${what}-${this.site.replaceAll(/[^\w.]+/g, '-')}${what === 'exponents' ? `-step-${this.step}` : ''}`;
  }

  #say(type: 'lab-step' | 'lab-close', detail: number | null): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}
