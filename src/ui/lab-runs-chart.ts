import { css, html, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { MOST_CURVES, recordTitle, RUNS_VIEW_START, type RunRecord, type RunsDesk, type RunsView } from '../lab/index.ts';
import type { ChartView } from './chart-view.ts';
import { LabRunsElement } from './lab-runs-element.ts';
import type { LabPlot } from './lab-plot.ts';
import { typed } from './number-input.ts';
import { pictureButtons } from './picture-buttons.ts';
import type { PlotFrame, Range } from './plot-data.ts';
import { savePlot } from './plot-svg.ts';
import { placesOf, RunsFrames } from './runs-frames.ts';
import type { PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { toolStyles } from './tool-styles.ts';
import './lab-chart-tools.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-chart': LabRunsChart;
  }
}

const SPLITS = { train: 'training', validation: 'validation', both: 'both' } as const;
/** Names that fit over a picture. */
const MOST_NAMES = 5;

/** The losses of the shown runs, one over the other; of groups their means, and bands from the lowest run to the highest. */
@customElement('lab-runs-chart')
export class LabRunsChart extends LabRunsElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    css`
      .tools {
        margin-bottom: 8px;
        font-size: 12px;
        color: var(--muted);
      }
    `,
  ];

  @property({ attribute: false }) desk!: RunsDesk;
  @property({ attribute: false }) runs: readonly RunRecord[] = [];
  @property({ attribute: false }) view: RunsView = RUNS_VIEW_START;
  @query('lab-plot') private readonly plot!: LabPlot | null;
  readonly #frames = new RunsFrames();
  #owners: readonly (readonly string[])[] = [];
  #near: readonly string[] = [];
  #end = (): void => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#end = this.desk.on('curves', () => this.plot?.invalidate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end();
  }

  override updated(): void {
    this.plot?.invalidate();
  }

  override render(): unknown {
    const { runs, view } = this;
    const left = runs.length - MOST_CURVES;
    return html`<section class="card" aria-label="Loss of the runs">
      <header>
        <h2>Loss <span class="muted">nats per token</span></h2>
        <span class="push bar">
          ${
            view.zoom === null
              ? nothing
              : html`<button type="button" class="quiet" @click=${(): void => this.plot?.resetZoom()}>Reset zoom</button>`
          }
          ${pictureButtons('runs', (kind) => this.#save(kind), 'Loss of the runs', runs.length === 0)}
        </span>
      </header>
      <div class="tools bar" @lab-view=${(event: CustomEvent<Partial<ChartView>>): void => this.#look(event.detail)}>
        <lab-chart-tools .view=${view}></lab-chart-tools>
        <label
          >Loss
          <select name="split" @change=${(event: Event): void => this.#split(typed(event))}>
            ${Object.entries(SPLITS).map(
              ([split, words]) => html`<option value=${split} .selected=${split === view.split}>${words}</option>`,
            )}
          </select></label
        >
        ${left > 0 ? html`<span>The first ${MOST_CURVES} of ${runs.length} runs are drawn.</span>` : nothing}
      </div>
      <lab-plot
        .source=${this.frame}
        .zoom=${view.zoom}
        .height=${innerWidth < 720 ? 260 : 360}
        label="Loss of the shown runs over training; the table below has their figures"
        @lab-zoom=${(event: CustomEvent<Range | null>): void => this.say('lab-runs-view', { zoom: event.detail })}
        @lab-near=${(event: CustomEvent<number | null>): void =>
          this.say('lab-runs-near', event.detail === null ? [] : (this.#owners[event.detail] ?? []))}
      ></lab-plot>
    </section>`;
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame => {
    const { frame, owners } = this.#frames.frame(this.runs, (id) => this.desk.curvesOf(id), this.view);
    this.#owners = owners;
    this.highlight(this.#near);
    return frame;
  };

  /** Makes the curve of these runs stand out. */
  highlight(ids: readonly string[]): void {
    this.#near = ids;
    const place = this.#owners.findIndex((owner) => ids.some((id) => owner.includes(id)));
    if (this.plot !== null) this.plot.highlight = place < 0 ? null : place;
  }

  #look({ unit, xLog, yLog, smoothing }: Partial<ChartView>): void {
    this.say('lab-runs-view', {
      ...(unit === undefined ? {} : { unit, ...(unit === this.view.unit ? {} : { zoom: null }) }),
      ...(xLog === undefined ? {} : { xLog }),
      ...(yLog === undefined ? {} : { yLog }),
      ...(smoothing === undefined ? {} : { smoothing }),
    });
  }

  #split(split: string): void {
    if (split === 'train' || split === 'validation' || split === 'both') this.say('lab-runs-view', { split });
  }

  async #save(kind: PictureKind): Promise<void> {
    const places = placesOf(this.runs, this.view);
    const names = this.view.group.length === 0 && this.runs.length <= MOST_NAMES ? this.runs : [];
    const legend = names.map((run) => ({ name: recordTitle(run), place: places.get(run.id) ?? 0 }));
    await savePlot(kind, this, 'isoflop-runs', this.frame(), legend);
  }
}
