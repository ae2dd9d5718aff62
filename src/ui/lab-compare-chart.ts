import { css, html, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { lowerBound, type ComparedArm, type Comparison, type ComparisonTopic } from '../lab/index.ts';
import { DEFAULT_VIEW, type ChartView } from './chart-view.ts';
import { gapFrame, lossFrame, unitOf, type HiddenArms } from './compare-frames.ts';
import { signedShare } from './compare-words.ts';
import { nats, whole } from './format.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import type { LegendEntry } from './lab-compare-legend.ts';
import type { LabPlot } from './lab-plot.ts';
import type { PlotFrame, Range } from './plot-data.ts';
import { pictureButtons } from './picture-buttons.ts';
import { savePlot } from './plot-svg.ts';
import type { PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import './lab-compare-legend.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-chart': LabCompareChart;
  }
}

const TITLES = { loss: ['Loss', 'nats per token'], gap: ['Gap over training', '% of the baseline’s loss'] } as const;
const MOST_ROWS = 40;

/** Losses of all arms, or their gaps to the baseline, over training. */
@customElement('lab-compare-chart')
export class LabCompareChart extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      .tools {
        margin-bottom: 6px;
      }
    `,
  ];

  @property() of: keyof typeof TITLES = 'loss';
  @property({ attribute: false }) view: ChartView = DEFAULT_VIEW;
  @property({ attribute: false }) zoom: Range | null = null;
  @property({ attribute: false }) cursor: number | null = null;
  @property({ attribute: false }) hiddenArms: HiddenArms = new Set();
  @query('lab-plot') private readonly plot!: LabPlot | null;

  protected override readonly comparisonTopics = ['series', 'gap', 'state'] as const;
  protected override readonly everyMs = 250;

  override updated(): void {
    this.plot?.invalidate();
  }

  protected override comparisonChanged(topic: ComparisonTopic): void {
    if (topic !== (this.of === 'gap' ? 'series' : 'gap')) this.plot?.invalidate();
    super.comparisonChanged(topic);
  }

  override render(): unknown {
    const { comparison } = this;
    const [title, unit] = TITLES[this.of];
    return html`<section class="card" aria-label=${title}>
      <header>
        <h2>${title} <span class="muted">${unit}</span></h2>
        <span class="push bar">
          ${
            this.zoom === null
              ? nothing
              : html`<button type="button" class="quiet" @click=${(): void => this.plot?.resetZoom()}>Reset zoom</button>`
          }
          ${pictureButtons(this.of, (kind) => this.#save(kind))}
        </span>
      </header>
      <lab-compare-legend
        class="tools"
        .entries=${comparison === null ? [] : this.#entries(comparison)}
        .hiddenArms=${this.hiddenArms}
      ></lab-compare-legend>
      <lab-plot
        .source=${this.frame}
        .zoom=${this.zoom}
        .height=${innerWidth < 720 ? 260 : 340}
        label=${this.of === 'loss' ? 'Loss of each arm over training, with the range of its seeds' : 'Gap of each arm to the baseline over training, with its interval'}
      ></lab-plot>
      ${comparison === null ? nothing : this.#table(comparison)}
    </section>`;
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame =>
    this.of === 'loss'
      ? lossFrame(this.comparison, this.view, this.hiddenArms)
      : gapFrame(this.comparison, this.view, this.hiddenArms);

  #entries(comparison: Comparison): LegendEntry[] {
    return [...comparison.arms.entries()].flatMap(([place, arm]): LegendEntry[] => {
      if (this.of === 'loss') return [{ place, name: arm.name, value: this.#lossOf(comparison, arm) }];
      return arm === comparison.baseline ? [] : [{ place, name: arm.name, value: this.#gapOf(comparison, arm) }];
    });
  }

  #lossOf(comparison: Comparison, arm: ComparedArm): string {
    if (arm.step === 0) return '—';
    const step = this.cursor === null ? arm.step : this.#stepAt(comparison, this.cursor);
    return nats(arm.band.mean[Math.min(arm.step, Math.max(1, step)) - 1] ?? Number.NaN);
  }

  #gapOf(comparison: Comparison, arm: ComparedArm): string {
    const gaps = comparison.gapsOf(arm).filter((gap) => gap !== null);
    const at =
      this.cursor === null
        ? -1
        : lowerBound(
            gaps.map(({ lastStep }) => lastStep),
            this.#stepAt(comparison, this.cursor),
          );
    const gap = at < 0 ? comparison.endGapOf(arm) : (gaps[Math.min(at, gaps.length - 1)] ?? null);
    return gap === null ? '—' : signedShare(gap.relative);
  }

  #stepAt(comparison: Comparison, x: number): number {
    return Math.round(x / comparison.xOf(1, unitOf(this.view)));
  }

  #table(comparison: Comparison): unknown {
    const head = this.of === 'loss' ? lossTable(comparison) : gapTable(comparison);
    return html`<details>
      <summary>As a table</summary>
      <div class="scroll" tabindex="0" role="region" aria-label=${`${TITLES[this.of][0]} as a table`}>
        <table>
          <thead>
            <tr>
              ${head[0]?.map((cell) => html`<th scope="col">${cell}</th>`)}
            </tr>
          </thead>
          <tbody>
            ${head.slice(1).map(
              ([first, ...cells]) =>
                html`<tr>
                  <th scope="row">${first}</th>
                  ${cells.map((cell) => html`<td>${cell}</td>`)}
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>`;
  }

  async #save(kind: PictureKind): Promise<void> {
    const { comparison } = this;
    const names = comparison === null ? [] : this.#entries(comparison).map(({ name, place }) => ({ name, place }));
    await savePlot(kind, this, `isoflop-${this.of}`, this.frame(), names);
  }
}

function lossTable({ arms, step }: Comparison): string[][] {
  const every = Math.max(1, Math.ceil(step / MOST_ROWS));
  const steps = Array.from({ length: Math.floor(step / every) }, (_, i) => (i + 1) * every).reverse();
  return [
    ['Step', ...arms.map(({ name }) => name)],
    ...steps.map((at) => [whole(at), ...arms.map(({ raw }) => nats(raw.mean[at - 1] ?? Number.NaN))]),
  ];
}

function gapTable(comparison: Comparison): string[][] {
  const arms = comparison.arms.filter((arm) => arm !== comparison.baseline);
  const rows = arms.flatMap((arm) =>
    comparison
      .gapsOf(arm)
      .filter((gap) => gap !== null)
      .map(({ firstStep, lastStep, relative, lo, hi }) => ({
        lastStep,
        row: [`${whole(firstStep)}–${whole(lastStep)}`, arm.name, signedShare(relative), signedShare(lo), signedShare(hi)],
      })),
  );
  const sorted = rows.sort((a, b) => b.lastStep - a.lastStep).slice(0, 3 * MOST_ROWS);
  return [['Steps', 'Arm', 'Gap', 'Low', 'High'], ...sorted.map(({ row }) => row)];
}
