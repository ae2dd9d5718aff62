import { css, html, type PropertyValues } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { curvesCsv, lossCurves, type LossCurve, type SweptAxis, type SweptRun } from '../lab/index.ts';
import { figuresTable } from './figures-table.ts';
import { nats, short } from './format.ts';
import { LabSweepElement } from './lab-sweep-element.ts';
import type { SweepCurve } from './lab-sweep-chart.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { curvesFrame, type SweepFrame } from './sweep-frames.ts';
import { lossReach } from './sweep-heat.ts';
import { axisWords, meanWords, namesOf, optimumWords, outcomeWords, UNEVEN, valueWords } from './sweep-words.ts';
import { tableStyles } from './table-styles.ts';
import { toolStyles } from './tool-styles.ts';
import './lab-sweep-chart.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-curves': LabSweepCurves;
  }
}

/** Loss at the end against one axis of a sweep, a curve for each value of another, and where each is least. */
@customElement('lab-sweep-curves')
export class LabSweepCurves extends LabSweepElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    toolStyles,
    css`
      .optima {
        margin-top: 4px;
      }
      .optima th:last-child,
      .optima td:last-child {
        text-align: left;
        white-space: normal;
        min-width: 240px;
      }
      .tools {
        font-size: 12px;
        color: var(--muted);
      }
    `,
  ];

  @property({ attribute: false }) runs: readonly SweptRun[] = [];
  @property({ attribute: false }) axes: readonly SweptAxis[] = [];
  @property({ attribute: false }) x!: SweptAxis;
  /** Axis that tells curves apart; null: every combination of the others. */
  @property({ attribute: false }) by: SweptAxis | null = null;
  /** y reaches up to the highest loss, however far that is. */
  @state() private whole = false;
  #curves: readonly LossCurve[] = [];
  /** Highest loss that is drawn otherwise. */
  #reach = Infinity;

  get #apart(): readonly SweptAxis[] {
    return this.by === null ? this.axes.filter(({ path }) => path !== this.x.path) : [this.by];
  }

  override willUpdate(changed: PropertyValues<this>): void {
    if (!['runs', 'axes', 'x', 'by'].some((name) => changed.has(name as keyof LabSweepCurves))) return;
    this.#curves = lossCurves(this.runs, this.axes, this.x, this.by);
    const means = this.#curves.flatMap(({ points }) => points.map(({ mean }) => mean)).filter((mean) => Number.isFinite(mean));
    const reach = lossReach(means);
    this.#reach = reach < Math.max(...means) ? reach : Infinity;
  }

  override render(): unknown {
    const what = axisWords(this.x.path);
    return html`<lab-sweep-chart
      title=${`Loss against ${what.toLowerCase()}`}
      about="nats per token, at the end"
      name="sweep-loss"
      .curves=${this.#curves.map((curve) => this.#entry(curve))}
      .draw=${this.#draw}
      .csv=${(): string => curvesCsv(this.#curves, this.x, this.#apart)}
    >
      ${this.#tools()}
      <div class="optima">
        ${figuresTable(
          `Best ${what.toLowerCase()}`,
          ['Curve', `Best ${what.toLowerCase()}`, 'of single seeds', 'Loss there', 'How sure'],
          this.#curves.map((curve) => this.#optimum(curve)),
        )}
      </div>
      <details>
        <summary>All points as a table</summary>
        ${figuresTable(
          `Loss against ${what.toLowerCase()} as a table`,
          ['Curve', what, 'Mean', 'Lowest', 'Highest', 'Runs'],
          this.#curves.flatMap(({ values, points }) =>
            points.map((point) => [
              namesOf(this.#apart, values),
              short(point.x),
              ...(point.losses.length === 0 ? ['—', '—', '—'] : [nats(point.mean), nats(point.low), nats(point.high)]),
              outcomeWords(point),
            ]),
          ),
        )}
      </details>
    </lab-sweep-chart>`;
  }

  #tools(): unknown {
    const numeric = this.axes.filter((axis) => axis.numeric);
    const others = this.axes.filter(({ path }) => path !== this.x.path);
    return html`<div class="tools bar" slot="tools">
      <label
        >Against
        <select name="x" @change=${(event: Event): void => this.#choose('x', typed(event))}>
          ${numeric.map(({ path }) => html`<option value=${path} .selected=${path === this.x.path}>${axisWords(path)}</option>`)}
        </select></label
      >
      ${
        others.length < 2
          ? ''
          : html`<label
              >A curve for each
              <select name="by" @change=${(event: Event): void => this.#choose('by', typed(event))}>
                <option value="" .selected=${this.by === null}>combination of the others</option>
                ${others.map(({ path }) => html`<option value=${path} .selected=${path === this.by?.path}>${axisWords(path)}</option>`)}
              </select></label
            >`
      }
      ${
        Number.isFinite(this.#reach)
          ? html`<label
              ><input
                type="checkbox"
                role="switch"
                name="whole"
                .checked=${this.whole}
                @change=${(): void => void (this.whole = !this.whole)}
              />losses above ${short(this.#reach)} too</label
            >`
          : ''
      }
      <span
        >Points are means over seeds${this.by !== null && others.length > 1 ? ' and all other axes' : ''}, bands go from the
        lowest run to the highest.${this.#curves.some(({ uneven }) => uneven) ? ` Not all of them compare: ${UNEVEN}.` : ''}</span
      >
    </div>`;
  }

  #choose(key: 'x' | 'by', value: string): void {
    const path = this.axes.find((axis) => axis.path === value)?.path ?? '';
    this.say(key === 'x' ? { x: path } : { by: path });
  }

  readonly #draw = (hidden: ReadonlySet<string>): SweepFrame =>
    curvesFrame(this.#curves, this.x, this.#apart, hidden, this.whole ? Infinity : this.#reach);

  #entry({ values, points, optimum, uneven }: LossCurve): SweepCurve {
    const best = optimum === null || uneven ? '—' : nats(optimum.loss);
    return {
      name: namesOf(this.#apart, values),
      value: best,
      at: (x) => {
        const place = (value: number): number => (this.x.log ? Math.log(value) : value);
        const near = points.reduce<(typeof points)[number] | null>(
          (nearest, point) =>
            nearest === null || Math.abs(place(point.x) - place(x)) < Math.abs(place(nearest.x) - place(x)) ? point : nearest,
          null,
        );
        if (near === null) return 'no run';
        return `${axisWords(this.x.path)} ${valueWords(this.x.path, near.x)}: ${meanWords(near)}, ${outcomeWords(near)}`;
      },
    };
  }

  #optimum({ values, optimum, uneven, seedRange }: LossCurve): string[] {
    const known = uneven ? null : optimum;
    const best = known === null ? '—' : known.kind === 'edge' ? `${short(known.x)}, at the edge` : short(known.x);
    return [
      namesOf(this.#apart, values),
      best,
      seedRange === null || uneven ? '—' : `${short(seedRange[0])} to ${short(seedRange[1])}`,
      known === null ? '—' : nats(known.loss),
      optimumWords({ optimum, uneven }, axisWords(this.x.path)),
    ];
  }
}
