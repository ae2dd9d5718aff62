import { css, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { fileName, lowerBound, runCsv, Smoother, type Run, type RunTopic, type XUnit } from '../lab/index.ts';
import { expectedX } from './expected.ts';
import { count, nats } from './format.ts';
import { LabElement } from './lab-element.ts';
import type { LabPlot } from './lab-plot.ts';
import type { Curve, PlotFrame, Range, ReferenceLine } from './plot-data.ts';
import { typed } from './number-input.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-loss-table.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-loss-chart': LabLossChart;
  }
  interface HTMLElementEventMap {
    /** The user chose what the charts' x axis shows. */
    'lab-x': CustomEvent<{ readonly unit: XUnit; readonly log: boolean }>;
  }
}

const UNITS: { readonly [U in XUnit]: string } = { step: 'Step', tokens: 'Tokens', flops: 'FLOPs', time: 'Seconds' };

type CurveId = 'train' | 'validation' | 'ood';

const LEGEND: readonly { readonly id: CurveId; readonly label: string }[] = [
  { id: 'train', label: 'Train' },
  { id: 'validation', label: 'Validation' },
  { id: 'ood', label: 'Out of distribution' },
];

/** Training and held-out loss of the current run, live. */
@customElement('lab-loss-chart')
export class LabLossChart extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .tools {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 6px 14px;
        margin-bottom: 8px;
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
        min-height: 28px;
        font-size: 12px;
      }
      .tools input[type='range'] {
        width: 110px;
      }
      .tools output {
        min-width: 34px;
        color: var(--text);
      }
      .legend button {
        display: inline-flex;
        align-items: center;
        gap: 8px;
        min-height: 28px;
        padding: 3px 9px;
        font-size: 12px;
        background: transparent;
        border-color: transparent;
      }
      .legend button[aria-pressed='false'] {
        color: var(--muted);
        text-decoration: line-through;
      }
      .legend i {
        width: 18px;
        height: 0;
        border-top: 2.5px solid var(--train);
      }
      .legend .validation i {
        border-color: var(--validation);
        border-top-style: dashed;
      }
      .legend .ood i {
        border-color: var(--ood);
        border-top-style: dotted;
      }
      .legend b {
        font-weight: 600;
        min-width: 46px;
        text-align: left;
      }
      .broken {
        margin-top: 6px;
      }
    `,
  ];

  @property({ attribute: false }) unit: XUnit = 'step';
  @property({ type: Boolean }) xLog = false;
  @property({ attribute: false }) zoom: Range | null = null;
  @property({ attribute: false }) cursor: number | null = null;
  @state() private yLog = false;
  @state() private smoothing = 0.9;
  @state() private hidden_: ReadonlySet<CurveId> = new Set();
  @state() private table = false;
  @query('lab-plot') private readonly plot!: LabPlot | null;

  protected override readonly topics = ['run', 'data', 'forecast'] as const;
  protected override readonly runTopics = ['series'] as const;
  #smoother: { readonly run: Run; readonly values: Smoother } | null = null;
  #legendTimer: ReturnType<typeof setTimeout> | undefined;

  override render(): unknown {
    const { run } = this.lab;
    return html`<section class="card" aria-label="Loss chart">
      <header>
        <h2>Loss <span class="muted">nats per token</span></h2>
        <div class="legend bar push">${LEGEND.map(({ id, label }) => this.#legend(id, label))}</div>
      </header>
      <div class="tools">${this.#tools(run)}</div>
      <lab-plot
        .source=${this.frame}
        .zoom=${this.zoom}
        .height=${innerWidth < 720 ? 280 : 400}
        label="Loss of the run over training"
      ></lab-plot>
      ${run !== null && run.broken.length > 0 ? this.#broken(run) : nothing}
      ${this.table && run !== null ? html`<lab-loss-table .run=${run}></lab-loss-table>` : nothing}
    </section>`;
  }

  override updated(): void {
    this.plot?.invalidate();
  }

  protected override runChanged(_topic: RunTopic): void {
    this.plot?.invalidate();
    this.#legendTimer ??= setTimeout(() => {
      this.#legendTimer = undefined;
      this.requestUpdate();
    }, 250);
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame => {
    const { run } = this.lab;
    return {
      xLabel: UNITS[this.unit],
      xLog: this.xLog,
      yLabel: 'loss, nats per token',
      yLog: this.yLog,
      emptyX: expectedX(this.lab, this.unit),
      curves: run === null ? [] : this.#curves(run),
      lines: this.#lines(run),
      marks: run === null ? [] : run.broken.map(({ step, value }) => ({ x: run.xOf(step, this.unit), label: nats(value) })),
    };
  };

  #curves(run: Run): Curve[] {
    const curves: Curve[] = [];
    const x = run.xs(this.unit);
    if (!this.hidden_.has('train')) {
      const raw = { label: 'train, raw', color: '--train', x, y: run.lane0.lossNats.view() };
      if (this.smoothing > 0) {
        curves.push({ ...raw, width: 1, alpha: 0.35 });
        curves.push({ ...raw, label: 'train', width: 2, alpha: 1, y: this.#smooth(run) });
      } else curves.push({ ...raw, width: 1.25, alpha: 1 });
    }
    for (const split of ['validation', 'ood'] as const) {
      const { steps, lossNats } = run.evals[split];
      if (steps.length === 0 || this.hidden_.has(split)) continue;
      const evalX = steps.view().map((step) => run.xOf(step, this.unit));
      const dash = split === 'validation' ? [7, 4] : [2, 3];
      curves.push({ label: split, color: `--${split}`, width: 2, alpha: 1, dash, dots: steps.length < 40, x: evalX, y: lossNats.view() });
    }
    return curves;
  }

  #smooth(run: Run): Float64Array {
    if (this.#smoother?.run !== run) this.#smoother = { run, values: new Smoother(run.lane0.lossNats, this.smoothing) };
    this.#smoother.values.weight = this.smoothing;
    return this.#smoother.values.values();
  }

  #lines(run: Run | null): ReferenceLine[] {
    const data = run?.report?.data ?? this.lab.forecast?.data ?? null;
    if (data === null) return [];
    const lines = [
      { label: `ln(${count(data.vocab)}) = ${data.uniformNats.toFixed(3)}: knows nothing`, y: data.uniformNats },
      { label: `unigram entropy ${data.unigramNats.toFixed(3)}`, y: data.unigramNats },
    ];
    if (data.entropyRateNats !== null) lines.push({ label: `entropy rate ${data.entropyRateNats.toFixed(3)}: the floor`, y: data.entropyRateNats });
    return lines;
  }

  #tools(run: Run | null): unknown {
    const check = (label: string, on: boolean, set: (on: boolean) => void): unknown =>
      html`<label><input type="checkbox" role="switch" .checked=${on} @change=${(): void => set(!on)} />${label}</label>`;
    return html`
      <label>x <select aria-label="x axis" @change=${(event: Event): void => this.#unit(typed(event))}>
        ${Object.entries(UNITS).map(([unit, label]) => html`<option value=${unit} .selected=${unit === this.unit}>${label}</option>`)}
      </select></label>
      ${check('log x', this.xLog, (log) => this.#x(this.unit, log))}
      ${check('log y', this.yLog, (log) => (this.yLog = log))}
      <label>smoothing
        <input type="range" min="0" max="100" step="1" .value=${String(sliderOf(this.smoothing))}
          @input=${(event: Event): void => void (this.smoothing = weightOf(Number(typed(event))))} />
        <output>${this.smoothing === 0 ? 'off' : this.smoothing.toFixed(3).replace(/0$/, '')}</output>
      </label>
      <span class="push bar">
        ${this.zoom === null ? html`<span>drag to zoom</span>` : html`<button type="button" class="quiet" @click=${(): void => this.plot?.resetZoom()}>Reset zoom</button>`}
        <button type="button" class="quiet" aria-pressed=${this.table} ?disabled=${run === null} @click=${(): void => void (this.table = !this.table)}>Table</button>
        <button type="button" class="quiet" data-action="csv" ?disabled=${run === null} @click=${(): void => this.#csv()}>CSV</button>
        <button type="button" class="quiet" data-action="png" ?disabled=${run === null} @click=${(): Promise<void> => this.#png()}>PNG</button>
      </span>
    `;
  }

  #legend(id: CurveId, label: string): unknown {
    const value = this.#valueOf(id);
    if (id === 'ood' && value === null) return nothing;
    return html`<button type="button" class=${id} aria-pressed=${!this.hidden_.has(id)} @click=${(): void => this.#show(id)}>
      <i></i>${label} <b>${value === null ? '—' : nats(value)}</b>
    </button>`;
  }

  /** Value at the cursor, or the last one. */
  #valueOf(id: CurveId): number | null {
    const { run } = this.lab;
    if (run === null) return null;
    const [x, y] =
      id === 'train'
        ? [run.xs(this.unit), run.lane0.lossNats]
        : [run.evals[id].steps.view().map((step) => run.xOf(step, this.unit)), run.evals[id].lossNats];
    if (y.length === 0) return null;
    return y.at(this.cursor === null ? y.length - 1 : Math.min(y.length - 1, lowerBound(x, this.cursor)));
  }

  #broken(run: Run): unknown {
    const first = run.broken[0];
    if (first === undefined) return nothing;
    const others = run.broken.length === 1 ? '' : `, and ${count(run.broken.length - 1)} more`;
    return html`<p class="error broken">The loss is ${nats(first.value)} at step ${count(first.step)}${others}: marked in the chart.</p>`;
  }

  #show(id: CurveId): void {
    const hidden = new Set(this.hidden_);
    if (!hidden.delete(id)) hidden.add(id);
    this.hidden_ = hidden;
  }

  #unit(unit: string): void {
    if (unit === 'step' || unit === 'tokens' || unit === 'flops' || unit === 'time') this.#x(unit, this.xLog);
  }

  #x(unit: XUnit, log: boolean): void {
    this.dispatchEvent(new CustomEvent('lab-x', { detail: { unit, log }, bubbles: true, composed: true }));
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

/** The slider runs evenly over orders of magnitude of 1 - weight: 0 is off, 100 averages about 1,000 steps. */
function weightOf(slider: number): number {
  return slider === 0 ? 0 : 1 - 10 ** (-3 * (slider / 100));
}

function sliderOf(weight: number): number {
  return weight === 0 ? 0 : Math.round((-100 * Math.log10(1 - weight)) / 3);
}
