import { css, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { fileName, runCsv, type Run, type RunTopic } from '../lab/index.ts';
import { DEFAULT_VIEW, type ChartView, type CurveId } from './chart-view.ts';
import { endHelp, endWords } from './end-words.ts';
import { whole, nats } from './format.ts';
import { LabElement } from './lab-element.ts';
import type { LabPlot } from './lab-plot.ts';
import { LossFrames } from './loss-frame.ts';
import type { PlotFrame, Range } from './plot-data.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { Throttle } from './throttle.ts';
import './lab-chart-tools.ts';
import './lab-legend.ts';
import './lab-loss-table.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-loss-chart': LabLossChart;
  }
}

/** Training and held-out loss of the current run, live, with what a model should reach. */
@customElement('lab-loss-chart')
export class LabLossChart extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .tools {
        margin-bottom: 8px;
        font-size: 12px;
        color: var(--muted);
      }
      @media (pointer: coarse) {
        .hint {
          display: none;
        }
      }
      .broken,
      .end {
        margin-top: 6px;
      }
      .end {
        font-size: 12px;
        color: var(--muted);
        font-variant-numeric: tabular-nums;
      }
    `,
  ];

  @property({ attribute: false }) view: ChartView = DEFAULT_VIEW;
  @property({ attribute: false }) zoom: Range | null = null;
  @property({ attribute: false }) cursor: number | null = null;
  @state() private hiddenCurves: ReadonlySet<CurveId> = new Set();
  @state() private table = false;
  @query('lab-plot') private readonly plot!: LabPlot | null;

  protected override readonly topics = ['run', 'data', 'forecast'] as const;
  protected override readonly runTopics = ['series', 'ends'] as const;
  readonly #frames = new LossFrames();
  readonly #text = new Throttle(() => this.requestUpdate(), 250);

  override render(): unknown {
    const { run } = this.lab;
    return html`<section class="card" aria-label="Loss chart">
      <header>
        <h2>Loss <span class="muted">nats per token</span></h2>
        <lab-legend
          class="push"
          .run=${run}
          .view=${this.view}
          .hiddenCurves=${this.hiddenCurves}
          ?earlier=${this.lab.earlier.length > 0}
          .cursor=${this.cursor}
          step=${run?.step ?? 0}
          @lab-curve=${(event: CustomEvent<CurveId>): void => this.#toggle(event.detail)}
        ></lab-legend>
      </header>
      <div class="tools bar">
        <lab-chart-tools .view=${this.view}></lab-chart-tools>
        <span class="push bar">${this.#actions(run)}</span>
      </div>
      <lab-plot
        .source=${this.frame}
        .zoom=${this.zoom}
        .height=${innerWidth < 720 ? 280 : 400}
        label="Loss of the run over training"
      ></lab-plot>
      ${run === null ? nothing : this.#end(run)} ${run !== null && run.broken.length > 0 ? this.#broken(run) : nothing}
      ${this.table && run !== null ? html`<lab-loss-table .run=${run}></lab-loss-table>` : nothing}
    </section>`;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#text.cancel();
  }

  override updated(): void {
    this.plot?.invalidate();
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame => this.#frames.frame(this.lab, this.view, this.hiddenCurves);

  protected override runChanged(_topic: RunTopic): void {
    this.plot?.invalidate();
    this.#text.call();
  }

  #actions(run: Run | null): unknown {
    const none = run === null || run.steps.length === 0;
    return html`
      ${
        this.zoom === null
          ? html`<span class="hint">drag to zoom</span>`
          : html`<button type="button" class="quiet" data-action="reset-zoom" @click=${(): void => this.plot?.resetZoom()}>
              Reset zoom
            </button>`
      }
      <button
        type="button"
        class="quiet"
        data-action="table"
        aria-pressed=${this.table}
        ?disabled=${run === null}
        @click=${(): void => void (this.table = !this.table)}
      >
        Table
      </button>
      <button type="button" class="quiet" data-action="csv" ?disabled=${none} @click=${(): void => this.#csv()}>CSV</button>
      <button type="button" class="quiet" data-action="png" ?disabled=${none} @click=${(): Promise<void> => this.#png()}>
        PNG
      </button>
    `;
  }

  #end(run: Run): unknown {
    const words = endWords(run);
    return words === '' ? nothing : html`<p class="end" title=${endHelp(run)}>${words}</p>`;
  }

  #broken(run: Run): unknown {
    const first = run.broken[0];
    if (first === undefined) return nothing;
    const others = run.broken.length === 1 ? '' : `, and ${whole(run.broken.length - 1)} more`;
    return html`<p class="error broken">
      The loss is ${nats(first.value)} at step ${whole(first.step)}${others}: marked in the chart.
    </p>`;
  }

  #toggle(id: CurveId): void {
    const hidden = new Set(this.hiddenCurves);
    if (!hidden.delete(id)) hidden.add(id);
    this.hiddenCurves = hidden;
  }

  #csv(): void {
    const { run } = this.lab;
    if (run !== null) saveFile(fileName(run, 'csv'), new Blob([runCsv(run)], { type: 'text/csv' }));
  }

  async #png(): Promise<void> {
    const { run } = this.lab;
    const blob = await this.plot?.toPng();
    if (run !== null && blob) saveFile(fileName(run, 'png'), blob);
  }
}
