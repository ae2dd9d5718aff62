import { html, LitElement, nothing, svg } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { ablationCsv, ablationMarkdown, type Ablation, type AblationRow, type Measured } from '../lab/index.ts';
import { ratioWords } from '../laws/index.ts';
import {
  effectOf,
  forestDomain,
  forestGroups,
  forestMarks,
  forestScale,
  forestSvg,
  forestTicks,
  type ForestGroup,
} from './forest.ts';
import { bytes, whole } from './format.ts';
import { deviceWords, originStyles, originWords } from './kernel-origin.ts';
import { ruleWords, lossWords, megabytes, rate, ruleHelp, shortMs } from './kernel-words.ts';
import { resultHead } from './result-head.ts';
import { savePicture } from './save.ts';
import { sectionStyles } from './section-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { forestStyles } from './forest-styles.ts';
import { tableStyles } from './table-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-ablation': LabKernelsAblation;
  }
}

const ROW = 24;
/** Left and right of the axis, so that its numbers fit. */
const EDGE = 18;

/** What each fusion rule is worth in the real step: alone, taken away, and all together. */
@customElement('lab-kernels-ablation')
export class LabKernelsAblation extends LitElement {
  static override readonly styles = [sharedStyles, sectionStyles, tableStyles, originStyles, forestStyles];

  @property({ attribute: false }) measured: Measured<Ablation> | null = null;
  @property({ attribute: false }) other: Measured<Ablation> | null = null;
  /** File that {@link other} is of. */
  @property() fileName = '';

  readonly #width = new Width(this);

  /** Units of the drawn intervals. */
  get #wide(): number {
    return this.#width.value < 720 ? 150 : Math.round(Math.max(220, Math.min(420, 0.2 * this.#width.value)));
  }

  override render(): unknown {
    const shown = this.measured ?? this.other;
    const none = shown === null || shown.value.rows.length === 0;
    return html`<section class="card" aria-labelledby="title">
      ${resultHead({
        shown: none ? null : shown,
        title: 'Ablation',
        about: 'of the real step',
        name: 'ablation',
        markdown: ablationMarkdown,
        csv: ablationCsv,
        picture: { name: 'ablation', save: (kind) => this.#save(kind) },
      })}
      <slot></slot>
      ${none ? this.#empty() : this.#content(shown)}
    </section>`;
  }

  #empty(): unknown {
    return html`<p class="empty small muted">
      Trains the same step with all fusion rules on, with none, with each rule alone and with each rule taken away, in turns of A
      B B A so that whatever slows the machine down slows both. Each ratio carries its interval, and each time the difference in
      loss.
    </p>`;
  }

  #content(shown: Measured<Ablation>): unknown {
    const { rows, idle, lossSteps, rounds } = shown.value;
    const other = this.measured === null ? null : (this.other?.value ?? null);
    const domain = forestDomain([...rows, ...(other?.rows ?? [])]);
    const tuned = rows.some(({ tunedShapes }) => tunedShapes?.some((count) => count > 0) === true);
    return html`${this.#headline(rows)}
      <div class="scroll" tabindex="0" role="region" aria-label="Ablation">
        <table>
          <thead>
            ${this.#heads(domain, lossSteps, other !== null, tuned)}
          </thead>
          ${forestGroups(rows).map((group) => this.#group(group, domain, other, tuned))}
        </table>
      </div>
      ${
        idle.length === 0
          ? nothing
          : html`<p class="small muted note" data-idle>Without effect on this model, so not timed: ${idle.join(', ')}.</p>`
      }
      ${originWords(
        this.measured,
        this.other,
        this.fileName,
        `Wall time of whole steps, ${rounds} rounds of A B B A each; intervals are 95 %, by bootstrap over rounds. Bound bytes are those of all tensors that dispatches are bound to.`,
      )}`;
  }

  #headline(rows: readonly AblationRow[]): unknown {
    const all = rows.find(({ form }) => form.kind === 'all');
    if (all === undefined) return nothing;
    return html`<p class="words" data-ablation=${effectOf(all)}>
      All rules on: ${ratioWords(all.ratio)}<span class="muted"
        >, ${rate(all.ms)} ms a step where none takes ${rate(all.referenceMs)} ms.</span
      >
    </p>`;
  }

  #heads(domain: readonly [number, number], lossSteps: number, compared: boolean, tuned: boolean): unknown {
    const wide = this.#wide;
    const x = forestScale(domain, [EDGE, wide - EDGE]);
    return html`<tr>
      <th scope="col">Fusion</th>
      <th scope="col" class="forest">
        <span class="hidden-text">Time of a step, times that of the reference, with its interval</span>
        <svg width=${wide} height="30" aria-hidden="true">
          <text x=${EDGE} y="10">less time</text>
          <text x=${wide - EDGE} y="10" text-anchor="end">more time</text>
          ${forestTicks(domain, x, 34).map((tick) => svg`<text x=${x(tick).toFixed(1)} y="25" text-anchor="middle">${tick}</text>`)}
        </svg>
      </th>
      <th scope="col" class="verdict">In words</th>
      ${compared ? html`<th scope="col">There</th>` : nothing}
      <th scope="col">ms a step, of reference</th>
      <th scope="col">Dispatches</th>
      <th scope="col">Bound</th>
      <th scope="col">Peak memory</th>
      ${tuned ? html`<th scope="col" title="Shapes of kernels that ran as the tuner chose, of the form and of its reference">Tuned shapes</th>` : nothing}
      <th scope="col" title="Relative difference from the loss of the reference, from the same weights">
        Loss off by${Number.isFinite(lossSteps) ? `, step ${lossSteps}` : ''}
      </th>
    </tr>`;
  }

  #group({ kind, title, rows }: ForestGroup, domain: readonly [number, number], other: Ablation | null, tuned: boolean): unknown {
    const columns = 8 + (other === null ? 0 : 1) + (tuned ? 1 : 0);
    return html`<tbody data-group=${kind}>
      <tr class="group">
        <th scope="rowgroup" colspan=${columns}><span>${title}</span></th>
      </tr>
      ${rows.map((row) => this.#row(row, domain, other, tuned))}
    </tbody>`;
  }

  #row(row: AblationRow, domain: readonly [number, number], other: Ablation | null, tuned: boolean): unknown {
    const there = other?.rows.find(({ form }) => form.kind === row.form.kind && form.rule === row.form.rule) ?? null;
    const words = ratioWords(row.ratio);
    return html`<tr data-form=${`${row.form.kind} ${row.form.rule}`.trim()}>
      <th scope="row" title=${ruleHelp(row.form.rule)}>
        ${ruleWords(row.form)}<small class="under ${effectOf(row)}">${words}</small>
      </th>
      <td class="forest">${this.#forest(row, there, domain)}</td>
      <td class="verdict ${effectOf(row)}">${words}</td>
      ${other === null ? nothing : html`<td>${thereWords(there)}</td>`}
      <td>${shortMs(row.ms)} <small>of ${shortMs(row.referenceMs)}</small></td>
      <td>${whole(row.dispatches)}</td>
      <td>${megabytes(row.boundBytes)}</td>
      <td>${bytes(row.peakBytes)}</td>
      ${tuned ? html`<td>${row.tunedShapes?.[0] ?? '—'} <small>reference ${row.tunedShapes?.[1] ?? '—'}</small></td>` : nothing}
      <td>${lossWords(row.lossDifference)}</td>
    </tr>`;
  }

  #forest(row: AblationRow, there: AblationRow | null, domain: readonly [number, number]): unknown {
    const wide = this.#wide;
    const x = forestScale(domain, [EDGE, wide - EDGE]);
    const marks = forestMarks(row, x);
    const elsewhere = there === null ? null : forestMarks(there, x);
    const effect = effectOf(row);
    const middle = ROW / 2;
    return html`<svg class=${effect} width=${wide} height=${ROW} aria-hidden="true">
      ${forestTicks(domain, x, 34).map((tick) => svg`<path class=${tick === 1 ? 'one' : 'grid'} d=${`M${x(tick).toFixed(1)} 0V${ROW}`} />`)}
      ${
        marks === null
          ? nothing
          : svg`<rect class="bar" x=${marks.bar[0]} y=${middle - 5} width=${marks.bar[1] - marks.bar[0]} height="10" />
        <path class="whisker" d=${`M${marks.whisker[0]} ${middle - 4}v8m0 -4H${marks.whisker[1]}m0 -4v8`} />
        <circle class="at" cx=${marks.at} cy=${middle} r="4" />`
      }
      ${elsewhere === null ? nothing : svg`<path class="there" d=${`M${elsewhere.at - 4} ${middle}l4 -4l4 4l-4 4z`} />`}
    </svg>`;
  }

  async #save(kind: 'svg' | 'png'): Promise<void> {
    const shown = this.measured ?? this.other;
    if (shown === null) return;
    const style = getComputedStyle(this);
    const title = `Fusion rules on ${deviceWords(shown)}`;
    const color = (property: string): string => style.getPropertyValue(property).trim();
    const picture = forestSvg(shown.value.rows, ({ ratio }) => ratioWords(ratio), color, title);
    await savePicture(kind, 'isoflop-ablation', picture.svg, picture);
  }
}

function thereWords(row: AblationRow | null): string {
  return row === null || row.ratio === null ? '—' : `${rate(row.ratio.ratio)} × in ${shortMs(row.ms)} ms`;
}
