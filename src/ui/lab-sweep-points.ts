import { css, html } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { sweptPoints, type SweptAxis, type SweptRun } from '../lab/index.ts';
import { figuresTable } from './figures-table.ts';
import { nats, short } from './format.ts';
import { LabSweepElement } from './lab-sweep-element.ts';
import { sharedStyles } from './shared-styles.ts';
import { axisWords, outcomeWords, valueWords } from './sweep-words.ts';
import { tableStyles } from './table-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-points': LabSweepPoints;
  }
}

/** Every point of a sweep, the best first: what it sets, and the losses of its seeds. */
@customElement('lab-sweep-points')
export class LabSweepPoints extends LabSweepElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      details > summary {
        margin-top: 0;
      }
      h2 {
        display: inline;
      }
    `,
  ];

  @property({ attribute: false }) runs: readonly SweptRun[] = [];
  @property({ attribute: false }) axes: readonly SweptAxis[] = [];
  /** There are charts of it: the table unfolds. */
  @property({ type: Boolean }) folded = false;

  override render(): unknown {
    const { runs, axes } = this;
    const points = sweptPoints(runs, axes);
    const rows = points.map(({ values, losses, mean, low, high, deviation, ...counts }) => [
      ...(axes.length === 0 ? ['All runs'] : axes.map(({ path }, i) => valueWords(path, values[i] ?? null))),
      ...(losses.length === 0
        ? ['—', '—', '—', '—']
        : [nats(mean), Number.isNaN(deviation) ? '—' : short(deviation), nats(low), nats(high)]),
      outcomeWords({ losses, mean, low, high, ...counts }),
    ]);
    const heads = axes.length === 0 ? [''] : axes.map(({ path }) => axisWords(path));
    return html`<section class="card" aria-label="Every point">
      <details ?open=${!this.folded}>
        <summary>
          <h2>Every point <span class="muted">the best first, loss at the end in nats per token</span></h2>
        </summary>
        ${figuresTable('Every point of the sweep', [...heads, 'Mean', 'Deviation of seeds', 'Lowest', 'Highest', 'Runs'], rows)}
      </details>
    </section>`;
  }
}
