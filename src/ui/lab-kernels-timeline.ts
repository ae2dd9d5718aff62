import { css, html, LitElement, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import {
  stepsOf,
  timelineCsv,
  timelineMarkdown,
  timelineMs,
  type KernelsReport,
  type Measured,
  type MeasuredStep,
} from '../lab/index.ts';
import { bytes, figure, whole } from './format.ts';
import { deviceWords, originStyles, originWords } from './kernel-origin.ts';
import { kernelName, nodeName, rate, shortMs } from './kernel-words.ts';
import type { DispatchPlace, LabKernelStrip } from './lab-kernel-strip.ts';
import type { LabKernelSource } from './lab-kernel-source.ts';
import { resultHead } from './result-head.ts';
import { sectionStyles } from './section-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import { tableStyles } from './table-styles.ts';
import './lab-kernel-source.ts';
import './lab-kernel-strip.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-timeline': LabKernelsTimeline;
  }
}

/** One training step, dispatch by dispatch, as it is and with nothing fused. */
@customElement('lab-kernels-timeline')
export class LabKernelsTimeline extends LitElement {
  static override readonly styles = [
    sharedStyles,
    sectionStyles,
    tableStyles,
    originStyles,
    css`
      td:nth-child(3),
      td:nth-child(4) {
        text-align: left;
      }
      td .mono {
        font-size: 11px;
      }
    `,
  ];

  @property({ attribute: false }) measured: Measured<KernelsReport> | null = null;
  @state() private tabled = false;
  @query('lab-kernel-strip') private readonly strip!: LabKernelStrip | null;
  @query('lab-kernel-source') private readonly source!: LabKernelSource;
  #report: KernelsReport | null = null;
  #forms: readonly MeasuredStep[] = [];

  override willUpdate(): void {
    const report = this.measured?.value ?? null;
    if (report === this.#report) return;
    this.#report = report;
    this.#forms = report === null ? [] : stepsOf(report);
  }

  override render(): unknown {
    const { measured } = this;
    return html`<section class="card" aria-labelledby="title">
      ${resultHead({
        shown: measured,
        title: 'Timeline',
        about: 'of one step',
        name: 'timeline',
        markdown: timelineMarkdown,
        csv: timelineCsv,
        picture: { name: 'timeline', save: (kind) => this.#save(kind) },
      })}
      ${
        measured === null
          ? html`<p class="empty small muted">
              Measuring the kernels above also gives the step as a sequence: every dispatch in order with its time, its tensor and
              its bytes, before and after fusion on one scale.
            </p>`
          : this.#content(measured)
      }
      <lab-kernel-source></lab-kernel-source>
    </section>`;
  }

  #content(measured: Measured<KernelsReport>): unknown {
    return html`${this.#headline()}
      <div @lab-dispatch=${(event: CustomEvent<DispatchPlace>): void => this.#open(event.detail)}>
        <lab-kernel-strip source=${deviceWords(measured)} .forms=${this.#forms}></lab-kernel-strip>
      </div>
      <details
        @toggle=${(event: Event): void => {
          this.tabled = event.currentTarget instanceof HTMLDetailsElement && event.currentTarget.open;
        }}
      >
        <summary>As a table</summary>
        ${this.tabled ? this.#table() : nothing}
      </details>
      ${originWords(measured, null, '', 'Times are those of the kernels by themselves; between dispatches a device also waits.')}`;
  }

  #headline(): unknown {
    const [fused, unfused] = this.#forms;
    if (fused === undefined || unfused === undefined) return nothing;
    const [a, b] = [timelineMs(fused.timeline), timelineMs(unfused.timeline)];
    return html`<p class="words">
      Fusion leaves ${whole(fused.timeline.length)} of ${whole(unfused.timeline.length)} dispatches, and ${rate(a)} of ${rate(b)}
      ms in kernels.
    </p>`;
  }

  #table(): unknown {
    return html`<div class="scroll" tabindex="0" role="region" aria-label="Timeline as a table">
      <table>
        <thead>
          <tr>
            <th scope="col">Dispatch</th>
            <th scope="col">at, ms</th>
            <th scope="col">Kernel</th>
            <th scope="col">Writes</th>
            <th scope="col">ms</th>
            <th scope="col">Bytes</th>
          </tr>
        </thead>
        <tbody>
          ${this.#forms.flatMap((form) =>
            form.timeline.map((entry, i) => {
              const row = form.rows[entry.row];
              return html`<tr>
                <th scope="row">${this.#forms.length > 1 ? `${form.title}, ` : ''}${i + 1}: ${nodeName(entry.node)}</th>
                <td>${figure(entry.atMs)}</td>
                <td><span class="mono">${row === undefined ? '' : kernelName(row)}</span></td>
                <td><span class="mono">${entry.writes}</span></td>
                <td>${shortMs(entry.ms)}</td>
                <td>${bytes(entry.bytes)}</td>
              </tr>`;
            }),
          )}
        </tbody>
      </table>
    </div>`;
  }

  #open({ form, entry }: DispatchPlace): void {
    const shown = this.#forms[form];
    const row = shown?.rows[shown.timeline[entry]?.row ?? -1];
    if (row !== undefined && this.#report !== null) void this.source.show(row, this.#report.sources);
  }

  async #save(kind: 'svg' | 'png'): Promise<void> {
    const picture = this.strip?.picture;
    if (picture) await saveDrawing(kind, this, 'isoflop-timeline', picture);
  }
}
