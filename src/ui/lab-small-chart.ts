import { css, html } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { lowerBound, type RunTopic } from '../lab/index.ts';
import { DEFAULT_VIEW, type ChartView } from './chart-view.ts';
import { figure } from './format.ts';
import { LabElement } from './lab-element.ts';
import type { LabPlot } from './lab-plot.ts';
import { expectedX, plannedRate } from './expected.ts';
import type { Curve, PlotFrame, Range } from './plot-data.ts';
import { totalSteps } from '../spec/index.ts';
import { sharedStyles } from './shared-styles.ts';
import { Throttle } from './throttle.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-small-chart': LabSmallChart;
  }
}

const TITLES = { gradNorm: 'Gradient norm', learningRate: 'Learning rate' } as const;

/** One quantity of every step, under the loss and over the same x. */
@customElement('lab-small-chart')
export class LabSmallChart extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .card {
        padding-bottom: 8px;
      }
      .card > header {
        margin-bottom: 2px;
      }
      b {
        font-weight: 600;
        font-size: 12px;
      }
    `,
  ];

  @property() quantity: keyof typeof TITLES = 'gradNorm';
  @property({ attribute: false }) view: ChartView = DEFAULT_VIEW;
  @property({ attribute: false }) zoom: Range | null = null;
  @property({ attribute: false }) cursor: number | null = null;
  @query('lab-plot') private readonly plot!: LabPlot | null;

  protected override readonly topics = ['run', 'forecast', 'spec'] as const;
  protected override readonly runTopics = ['series'] as const;
  readonly #text = new Throttle(() => this.requestUpdate(), 250);

  override render(): unknown {
    const title = TITLES[this.quantity];
    return html`<section class="card" aria-label=${title}>
      <header>
        <h2>${title}</h2>
        <b class="push">${this.#value()}</b>
      </header>
      <lab-plot compact .source=${this.frame} .zoom=${this.zoom} .height=${130} label=${`${title} over training`}></lab-plot>
    </section>`;
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#text.cancel();
  }

  override updated(): void {
    this.plot?.invalidate();
  }

  protected override runChanged(_topic: RunTopic): void {
    this.plot?.invalidate();
    this.#text.call();
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame => {
    const { run } = this.lab;
    const title = TITLES[this.quantity];
    const curves =
      run === null
        ? []
        : [
            {
              label: title,
              color: '--train',
              width: 1.25,
              alpha: 1,
              x: run.xs(this.view.unit),
              y: run.lane0[this.quantity].view(),
            },
          ];
    const planned = this.quantity === 'learningRate' ? this.#planned() : [];
    const emptyX = expectedX(this.lab, this.view.unit);
    return {
      xLabel: this.view.unit,
      xLog: this.view.xLog,
      yLabel: '',
      yLog: false,
      emptyX,
      curves: [...planned, ...curves],
      lines: [],
      marks: [],
    };
  };

  /** Before a run, the schedule that it will follow. */
  #planned(): Curve[] {
    const { run, form, forecast } = this.lab;
    if (run !== null) return [];
    return plannedRate(form.spec, forecast?.totalSteps ?? totalSteps(form.spec), this.view.unit);
  }

  #value(): string {
    const { run } = this.lab;
    if (run === null || run.steps.length === 0) return '—';
    const column = run.lane0[this.quantity];
    return figure(
      column.at(
        this.cursor === null ? column.length - 1 : Math.min(column.length - 1, lowerBound(run.xs(this.view.unit), this.cursor)),
      ),
    );
  }
}
