import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { lowerBound, type Run } from '../lab/index.ts';
import type { CurveId, ChartView } from './chart-view.ts';
import { nats } from './format.ts';
import { legendStyles } from './legend-styles.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-legend': LabLegend;
  }
}

const CURVES: { readonly [C in CurveId]: string } = {
  train: 'Train',
  validation: 'Validation',
  ood: 'Out of distribution',
  earlier: 'Earlier runs',
};

/** The curves by name with their value at the cursor, or their last one; a click hides a curve. */
@customElement('lab-legend')
export class LabLegend extends LitElement {
  static override readonly styles = [
    sharedStyles,
    legendStyles,
    css`
      i {
        width: 18px;
        height: 0;
        border-top: 2.5px solid var(--train);
      }
      .validation i {
        border-color: var(--validation);
        border-top-style: dashed;
      }
      .ood i {
        border-color: var(--ood);
        border-top-style: dotted;
      }
      .earlier i {
        border-color: var(--reference);
        border-top-width: 1.5px;
      }
    `,
  ];

  @property({ attribute: false }) run: Run | null = null;
  @property({ attribute: false }) view!: ChartView;
  @property({ attribute: false }) hiddenCurves: ReadonlySet<CurveId> = new Set();
  @property({ type: Boolean }) earlier = false;
  @property({ attribute: false }) cursor: number | null = null;
  /** Last step drawn; a new one renders the values again. */
  @property({ type: Number }) step = 0;

  override render(): unknown {
    return html`<div class="bar">
      ${this.#entry('train')} ${this.#entry('validation')} ${this.#hasOod() ? this.#entry('ood') : nothing}
      ${this.earlier ? this.#entry('earlier') : nothing}
    </div>`;
  }

  #entry(id: CurveId): unknown {
    const toggle = (): void =>
      void this.dispatchEvent(new CustomEvent('lab-curve', { detail: id, bubbles: true, composed: true }));
    return html`<button type="button" class=${id} aria-pressed=${!this.hiddenCurves.has(id)} @click=${toggle}>
      <i></i>${CURVES[id]} ${id === 'earlier' ? nothing : html`<b>${this.#value(id)}</b>`}
    </button>`;
  }

  #hasOod(): boolean {
    return (this.run?.evals.ood.steps.length ?? 0) > 0;
  }

  #value(id: Exclude<CurveId, 'earlier'>): string {
    const { run, cursor } = this;
    if (run === null) return '—';
    const { unit } = this.view;
    const y = id === 'train' ? run.lane0.lossNats : run.evals[id].lossNats;
    if (y.length === 0) return '—';
    if (cursor === null) return nats(y.at(y.length - 1));
    const x = id === 'train' ? run.xs(unit) : run.evals[id].steps.view().map((step) => run.xOf(step, unit));
    return nats(y.at(Math.min(y.length - 1, lowerBound(x, cursor))));
  }
}
