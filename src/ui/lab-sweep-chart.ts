import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import type { LabPlot } from './lab-plot.ts';
import type { LegendEntry } from './lab-compare-legend.ts';
import { pictureButtons } from './picture-buttons.ts';
import { NO_FRAME, type PlotFrame, type Range } from './plot-data.ts';
import { savePlot } from './plot-svg.ts';
import { saveFile, type PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import type { SweepFrame } from './sweep-frames.ts';
import './lab-compare-legend.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-chart': LabSweepChart;
  }
}

/** One name of the legend, and what is read off its curve at an x. */
export interface SweepCurve {
  readonly name: string;
  /** Beside the name. */
  readonly value: string;
  /** Of the point that is nearest to x, in words. */
  readonly at: (x: number) => string;
}

/** A chart of a sweep's runs: head with files, legend, plot, and in words what the pointer is at. What belongs to it is slotted: tools, tables. */
@customElement('lab-sweep-chart')
export class LabSweepChart extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .readout {
        min-height: 20px;
        margin-top: 6px;
        font-size: 13px;
        overflow-wrap: anywhere;
      }
      slot[name='tools'] {
        display: block;
        margin-bottom: 8px;
      }
    `,
  ];

  @property() override title = '';
  @property() about = '';
  /** Begins the actions of the buttons and names the files: `lr` gives `lr-csv` and `isoflop-lr.csv`. */
  @property() name = '';
  @property({ attribute: false }) curves: readonly SweepCurve[] = [];
  /** What is drawn, without the curves of these names. */
  @property({ attribute: false }) draw: (hidden: ReadonlySet<string>) => SweepFrame = () => ({ frame: NO_FRAME, owners: [] });
  @property({ attribute: false }) csv: () => string = () => '';
  @state() private zoom: Range | null = null;
  @state() private cursor: number | null = null;
  @state() private near: number | null = null;
  @state() private hiddenNames: ReadonlySet<string> = new Set();
  @query('lab-plot') private readonly plot!: LabPlot | null;
  #owners: readonly number[] = [];

  override updated(): void {
    this.plot?.invalidate();
  }

  override render(): unknown {
    const entries = this.curves.map(({ name, value }, place): LegendEntry => ({ place, name, value }));
    return html`<section class="card" aria-label=${this.title}>
      <header>
        <h2>${this.title} <span class="muted">${this.about}</span></h2>
        <span class="push bar">
          ${
            this.zoom === null
              ? nothing
              : html`<button type="button" class="quiet" @click=${(): void => this.plot?.resetZoom()}>Reset zoom</button>`
          }
          <button
            type="button"
            class="quiet"
            data-action=${`${this.name}-csv`}
            aria-label=${`${this.title} as CSV`}
            @click=${(): void => saveFile(`isoflop-${this.name}.csv`, new Blob([this.csv()], { type: 'text/csv' }))}
          >
            CSV
          </button>
          ${pictureButtons(this.name, (kind) => this.#save(kind), this.title)}
        </span>
      </header>
      <slot name="tools"></slot>
      <lab-compare-legend
        .entries=${entries}
        .hiddenArms=${this.hiddenNames}
        @lab-arm-shown=${(event: CustomEvent<string>): void => this.#toggle(event.detail)}
      ></lab-compare-legend>
      <lab-plot
        .source=${this.frame}
        .zoom=${this.zoom}
        .height=${innerWidth < 720 ? 260 : 340}
        label=${`${this.title}; the table below has its figures`}
        @lab-zoom=${(event: CustomEvent<Range | null>): void => void (this.zoom = event.detail)}
        @lab-cursor=${(event: CustomEvent<number | null>): void => void (this.cursor = event.detail)}
        @lab-near=${(event: CustomEvent<number | null>): void => this.#nearTo(event.detail)}
      ></lab-plot>
      <p class="readout" role="status">${this.#readout()}</p>
      <slot></slot>
    </section>`;
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame => {
    const { frame, owners } = this.draw(this.hiddenNames);
    this.#owners = owners;
    return frame;
  };

  #readout(): string {
    const { cursor } = this;
    if (cursor === null) return 'Point at the chart, or use the arrow keys, to read its runs.';
    const shown = this.curves.filter(({ name }) => !this.hiddenNames.has(name));
    const near = this.near === null ? undefined : this.curves[this.near];
    // Of many curves only the one at the pointer has room.
    return (near === undefined ? shown.slice(0, 4) : [near]).map(({ name, at }) => `${name}: ${at(cursor)}`).join(' · ');
  }

  #nearTo(curve: number | null): void {
    this.near = curve === null ? null : (this.#owners[curve] ?? null);
  }

  #toggle(name: string): void {
    const hidden = new Set(this.hiddenNames);
    if (!hidden.delete(name)) hidden.add(name);
    this.hiddenNames = hidden;
  }

  async #save(kind: PictureKind): Promise<void> {
    const names = this.curves.flatMap(({ name }, place) => (this.hiddenNames.has(name) ? [] : [{ name, place }]));
    await savePlot(kind, this, `isoflop-${this.name}`, this.frame(), names);
  }
}
