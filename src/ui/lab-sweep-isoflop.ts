import { css, html, type PropertyValues } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { isoflopCsv, type IsoflopCurve, type SweepsView } from '../lab/index.ts';
import { isAmongSizes, isCentred } from '../laws/index.ts';
import { figuresTable } from './figures-table.ts';
import { count, nats } from './format.ts';
import { LabSweepElement } from './lab-sweep-element.ts';
import type { SweepCurve } from './lab-sweep-chart.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { budgetName, isoflopFrame, type SweepFrame } from './sweep-frames.ts';
import { meanWords, outcomeWords } from './sweep-words.ts';
import { tableStyles } from './table-styles.ts';
import { toolStyles } from './tool-styles.ts';
import './lab-sweep-chart.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-isoflop': LabSweepIsoflop;
  }
}

const COUNTED: { readonly [C in SweepsView['counted']]: string } = {
  all: 'all parameters',
  'non-embedding': 'without embeddings',
  blocks: 'those of the blocks',
};

/** Loss against size, budget by budget, with the parabola of each and its minimum. */
@customElement('lab-sweep-isoflop')
export class LabSweepIsoflop extends LabSweepElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    toolStyles,
    css`
      .tools {
        font-size: 12px;
        color: var(--muted);
      }
      .optima th:last-child,
      .optima td:last-child {
        text-align: left;
        white-space: normal;
        min-width: 240px;
      }
    `,
  ];

  @property({ attribute: false }) curves: readonly IsoflopCurve[] = [];
  @property() counted: SweepsView['counted'] = 'all';
  #entries: readonly SweepCurve[] = [];

  override willUpdate(_changed: PropertyValues<this>): void {
    this.#entries = this.curves.map(entry);
  }

  override render(): unknown {
    return html`<lab-sweep-chart
      title="IsoFLOP curves"
      about="loss against parameters, a curve for each budget"
      name="sweep-isoflop"
      .curves=${this.#entries}
      .draw=${this.#draw}
      .csv=${(): string => isoflopCsv(this.curves)}
    >
      <div class="tools bar" slot="tools">
        <label
          >N counts
          <select name="counted" @change=${(event: Event): void => this.#choose(typed(event))}>
            ${Object.entries(COUNTED).map(
              ([counted, words]) => html`<option value=${counted} .selected=${counted === this.counted}>${words}</option>`,
            )}
          </select></label
        >
        <span>Parabolas in ln N through every run of a budget; budgets within 10 % of their neighbour are one.</span>
      </div>
      <div class="optima">
        ${figuresTable('Best size of each budget', ['Budget', 'Best N', 'Loss there', 'How sure'], this.curves.map(optimum))}
      </div>
      <details>
        <summary>All points as a table</summary>
        ${figuresTable(
          'IsoFLOP curves as a table',
          ['Budget', 'Parameters', 'Mean', 'Lowest', 'Highest', 'Runs'],
          this.curves.flatMap(({ flops, points }) =>
            points.map((point) => [
              budgetName(flops),
              count(point.x),
              ...(point.losses.length === 0 ? ['—', '—', '—'] : [nats(point.mean), nats(point.low), nats(point.high)]),
              outcomeWords(point),
            ]),
          ),
        )}
      </details>
    </lab-sweep-chart>`;
  }

  readonly #draw = (hidden: ReadonlySet<string>): SweepFrame => isoflopFrame(this.curves, hidden);

  #choose(value: string): void {
    if (value === 'all' || value === 'non-embedding' || value === 'blocks') this.say({ counted: value });
  }
}

function entry({ flops, points, parabola }: IsoflopCurve): SweepCurve {
  return {
    name: budgetName(flops),
    value: parabola === null || !isAmongSizes(parabola) ? '—' : count(Number(parabola.N.toPrecision(3))),
    at: (x) => {
      const near = points.toSorted((a, b) => Math.abs(Math.log(a.x / x)) - Math.abs(Math.log(b.x / x)))[0];
      return near === undefined ? 'no run' : `${count(near.x)} parameters: ${meanWords(near)}, ${outcomeWords(near)}`;
    },
  };
}

function optimum({ flops, points, parabola }: IsoflopCurve): string[] {
  const name = budgetName(flops);
  const done = points.filter(({ losses }) => losses.length > 0).length;
  if (parabola === null)
    return [
      name,
      '—',
      '—',
      done < 3 ? `${done} of ${points.length} sizes are done: three make a parabola` : 'The parabola has no minimum',
    ];
  const { place, N, loss } = parabola;
  if (!isAmongSizes(parabola))
    return [
      name,
      '—',
      '—',
      `At the edge: the minimum is ${place < 0 ? 'below the smallest' : 'above the largest'} size that is done, and is not extrapolated`,
    ];
  const words = isCentred(parabola)
    ? 'Interpolated, well inside the sizes'
    : 'Interpolated, but off-centre among the sizes, which biases a parabola';
  return [name, count(Number(N.toPrecision(3))), nats(loss), words];
}
