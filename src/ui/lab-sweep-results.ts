import { css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { isoflopCurves, lossesAt, outcomeOf, type SweepsView, type SweptAxis, type SweptRun } from '../lab/index.ts';
import { LabSweepElement } from './lab-sweep-element.ts';
import { sharedStyles } from './shared-styles.ts';
import { outcomeWords } from './sweep-words.ts';
import './lab-sweep-curves.ts';
import './lab-sweep-heat.ts';
import './lab-sweep-isoflop.ts';
import './lab-sweep-points.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-results': LabSweepResults;
  }
}

/** What the runs of a sweep came to: the views that its axes allow. */
@customElement('lab-sweep-results')
export class LabSweepResults extends LabSweepElement {
  static override readonly styles = [
    sharedStyles,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
      }
      .card.bar {
        gap: 6px 20px;
      }
    `,
  ];

  @property({ attribute: false }) runs: readonly SweptRun[] = [];
  @property({ attribute: false }) axes: readonly SweptAxis[] = [];
  @property({ attribute: false }) view!: SweepsView;
  /** Which of the user's files they are of, where that must be said. */
  @property() files: string | null = null;
  /** Links to a fit of these runs, and to their curves. */
  @property() lawsHref = '';
  @property() runsHref = '';

  override render(): unknown {
    const { runs, axes, view } = this;
    const numeric = axes.filter((axis) => axis.numeric);
    const x = numeric.find(({ path }) => path === view.x) ?? numeric.find(({ path }) => path === 'optimizer.lr') ?? numeric[0];
    const by = axes.find(({ path }) => path === view.by && path !== x?.path) ?? null;
    // Empty charts tell nothing.
    if (runs.every((run) => outcomeOf(run) === 'open')) return this.#head();
    const isoflop = isoflopCurves(runs, view.counted);
    return html`${this.#head()}
      ${isoflop.length === 0 ? nothing : html`<lab-sweep-isoflop .curves=${isoflop} counted=${view.counted}></lab-sweep-isoflop>`}
      ${x === undefined ? nothing : html`<lab-sweep-curves .runs=${runs} .axes=${axes} .x=${x} .by=${by}></lab-sweep-curves>`}
      ${this.#map(x)} <lab-sweep-points .runs=${runs} .axes=${axes} ?folded=${x !== undefined}></lab-sweep-points>`;
  }

  /** A map of two axes; that of learning rates lies across. */
  #map(x: SweptAxis | undefined): unknown {
    const { runs, axes, view } = this;
    if (axes.length < 2) return nothing;
    const columns = axes.find(({ path }) => path === view.columns) ?? axes.find((axis) => axis === x) ?? axes[1];
    const rows = axes.find(({ path }) => path === view.rows && path !== columns?.path) ?? axes.find((axis) => axis !== columns);
    if (rows === undefined || columns === undefined) return nothing;
    return html`<lab-sweep-heat .runs=${runs} .axes=${axes} .rows=${rows} .columns=${columns}></lab-sweep-heat>`;
  }

  #head(): unknown {
    const all = lossesAt(this.runs);
    return html`<section class="card bar" aria-label="Results">
      <h2>Results</h2>
      <span class="small" data-outcome>${outcomeWords(all)}</span>
      ${
        all.losses.length === 0
          ? html`<span class="small muted">Views fill as runs end.</span>`
          : html`<a class="small" data-link="laws" href=${this.lawsHref}>Fit a law to these runs</a>
              <a class="small" data-link="runs" href=${this.runsHref}>Their curves over training, on the Runs page</a>`
      }
      ${this.files === null ? nothing : html`<span class="small muted" role="status" data-files>${this.files}</span>`}
    </section>`;
  }
}
