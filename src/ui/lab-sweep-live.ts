import { css, html, LitElement } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { Smoother, type Column, type Run } from '../lab/index.ts';
import { styled } from './compare-frames.ts';
import { stateWords } from './words.ts';
import { nats } from './format.ts';
import type { LabPlot } from './lab-plot.ts';
import { NO_FRAME, type Curve, type PlotFrame } from './plot-data.ts';
import { sharedStyles } from './shared-styles.ts';
import { Throttle } from './throttle.ts';
import './lab-plot.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-live': LabSweepLive;
  }
}

const SMOOTHING = 0.9;
const TEXT_MS = 500;
/** y reaches so many times the first loss at most. */
const REACH = 1.3;

/** The losses of the lanes that train now. */
@customElement('lab-sweep-live')
export class LabSweepLive extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .words {
        display: flex;
        flex-wrap: wrap;
        gap: 4px 16px;
        justify-content: space-between;
        margin-bottom: 4px;
        font-size: 12px;
      }
    `,
  ];

  @property({ attribute: false }) run!: Run;
  @query('lab-plot') private readonly plot!: LabPlot | null;
  readonly #text = new Throttle(() => this.requestUpdate(), TEXT_MS);
  readonly #smoothers = new WeakMap<Column, Smoother>();
  #followed: Run | null = null;
  #ends: (() => void)[] = [];

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#text.cancel();
    this.#follow(null);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.requestUpdate();
  }

  override updated(): void {
    this.#follow(this.run);
    this.plot?.invalidate();
  }

  override render(): unknown {
    const { run } = this;
    const losses = run.lanes.map(({ lossNats }) => lossNats.at(lossNats.length - 1)).filter((loss) => Number.isFinite(loss));
    const range =
      losses.length === 0
        ? ''
        : `loss ${nats(Math.min(...losses))}${losses.length > 1 ? ` to ${nats(Math.max(...losses))}` : ''}`;
    const lanes = run.lanes.length === 1 ? 'one lane' : `${run.lanes.length} lanes`;
    return html`<div class="words">
        <span>${stateWords(run)}</span><span class="muted">${run.steps.length === 0 ? '' : `${lanes}, ${range}`}</span>
      </div>
      <lab-plot compact .source=${this.frame} .height=${150} label="Training loss of the lanes that train now"></lab-plot>`;
  }

  /** What the plot draws now. */
  readonly frame = (): PlotFrame => {
    const { run } = this;
    const x = run.steps.view();
    const curves = run.lanes.map(({ lossNats }, lane): Curve => {
      const smoother = this.#smoothers.get(lossNats) ?? new Smoother(lossNats, SMOOTHING);
      this.#smoothers.set(lossNats, smoother);
      return { label: `lane ${lane + 1}`, ...styled(lane), width: 1.25, alpha: 1, x, y: smoother.values() };
    });
    // A lane that diverges would leave no room for the others.
    const first = Math.max(...run.lanes.map(({ lossNats }) => (lossNats.length === 0 ? 0 : lossNats.at(0))));
    const limitY = first > 0 ? { limitY: [0, REACH * first] as const } : {};
    return { ...NO_FRAME, ...limitY, xLabel: 'step', emptyX: [1, Math.max(2, run.totalSteps)], curves };
  };

  #follow(run: Run | null): void {
    if (run === this.#followed) return;
    for (const end of this.#ends) end();
    this.#followed = run;
    const changed = (): void => {
      this.plot?.invalidate();
      this.#text.call();
    };
    this.#ends = run === null ? [] : [run.on('series', changed), run.on('state', changed), run.on('speed', changed)];
  }
}
