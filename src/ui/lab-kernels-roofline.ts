import { css, html, LitElement } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import {
  kernelsCsv,
  kernelsMarkdown,
  ridge,
  timelineMs,
  type KernelSortKey,
  type KernelsReport,
  type Measured,
} from '../lab/index.ts';
import { deviceWords, originStyles, originWords } from './kernel-origin.ts';
import type { LabKernelRoof } from './lab-kernel-roof.ts';
import type { LabKernelSource } from './lab-kernel-source.ts';
import { rate } from './kernel-words.ts';
import { resultHead } from './result-head.ts';
import { sectionStyles } from './section-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import './lab-kernel-roof.ts';
import './lab-kernel-source.ts';
import './lab-kernel-table.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-roofline': LabKernelsRoofline;
  }
}

/** The limits of the adapter, every kernel of the step against them, and the WGSL of each. */
@customElement('lab-kernels-roofline')
export class LabKernelsRoofline extends LitElement {
  static override readonly styles = [
    sharedStyles,
    sectionStyles,
    originStyles,
    css`
      lab-kernel-table {
        margin-top: 14px;
      }
    `,
  ];

  @property({ attribute: false }) measured: Measured<KernelsReport> | null = null;
  @property({ attribute: false }) other: Measured<KernelsReport> | null = null;
  /** File that {@link other} is of. */
  @property() fileName = '';
  @property() sort: KernelSortKey = 'share';
  @property({ type: Boolean }) descending = true;
  @query('lab-kernel-roof') private readonly roof!: LabKernelRoof | null;
  @query('lab-kernel-source') private readonly source!: LabKernelSource;

  override render(): unknown {
    const shown = this.measured ?? this.other;
    return html`<section class="card" aria-labelledby="title">
      ${resultHead({
        shown,
        title: 'Roofline',
        about: 'of this adapter',
        name: 'kernels',
        markdown: kernelsMarkdown,
        csv: kernelsCsv,
        picture: { name: 'roofline', save: (kind) => this.#save(kind) },
      })}
      <slot></slot>
      ${shown === null ? this.#empty() : this.#content(shown)}
      <lab-kernel-source></lab-kernel-source>
    </section>`;
  }

  /** Shows the WGSL of a kernel. */
  open(report: KernelsReport, place: number): void {
    const row = report.rows[place];
    if (row !== undefined) void this.source.show(row, report.sources);
  }

  #empty(): unknown {
    return html`<p class="empty small muted">
      Measures the copy bandwidth and the multiply-add peak of this GPU, then times every kernel of the training step against
      them: where a step spends its time, and how far each kernel is from what the hardware allows.
    </p>`;
  }

  #content(shown: Measured<KernelsReport>): unknown {
    const report = shown.value;
    const other = this.measured === null ? null : (this.other?.value ?? null);
    return html`${this.#headline(report)}
      <div @lab-kernel=${(event: CustomEvent<number>): void => this.open(report, event.detail)}>
        <lab-kernel-roof source=${deviceWords(shown)} .report=${report} .other=${other}></lab-kernel-roof>
        <lab-kernel-table .report=${report} .other=${other} sort=${this.sort} ?descending=${this.descending}></lab-kernel-table>
      </div>
      ${originWords(this.measured, this.other, this.fileName, clockWords(report))}`;
  }

  #headline({ limits, rows, timeline }: KernelsReport): unknown {
    const times = rows.reduce((sum, { perStep }) => sum + perStep, 0);
    const spread = (low: number, high: number): string => `${rate(low)} – ${rate(high)}`;
    return html`<dl class="figures">
      ${
        limits === null
          ? html`<div>
              <dt>Limits of the adapter</dt>
              <dd>not measured</dd>
            </div>`
          : html`<div>
                <dt>Copy bandwidth</dt>
                <dd>${rate(limits.copyGBs.median)} <span>GB/s</span></dd>
                <dd class="small muted">${spread(limits.copyGBs.low, limits.copyGBs.high)}</dd>
              </div>
              <div>
                <dt>Multiply-add peak, f32</dt>
                <dd>${rate(limits.fmaGFlops.median)} <span>GFLOP/s</span></dd>
                <dd class="small muted">${spread(limits.fmaGFlops.low, limits.fmaGFlops.high)}</dd>
              </div>
              <div>
                <dt>Ridge</dt>
                <dd>${rate(ridge(limits))} <span>FLOP/byte</span></dd>
                <dd class="small muted">from there on arithmetic is the limit</dd>
              </div>`
      }
      <div>
        <dt>Kernels of a step</dt>
        <dd>${rate(timelineMs(timeline))} <span>ms</span></dd>
        <dd class="small muted">${times} dispatches, without gaps</dd>
      </div>
    </dl>`;
  }

  async #save(kind: 'svg' | 'png'): Promise<void> {
    const picture = this.roof?.picture;
    if (picture) await saveDrawing(kind, this, 'isoflop-roofline', picture);
  }
}

function clockWords({ clock }: KernelsReport): string {
  const how =
    clock === 'timestamps'
      ? 'Each kernel is timed by GPU timestamps'
      : 'This device has no timestamps: each kernel is timed by the wall time of many submits';
  return `${how}. Bytes are those of the tensors that a kernel is bound to, each counted once; what a cache saves can lift a kernel above the copy bandwidth.`;
}
