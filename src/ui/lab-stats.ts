import { css, html } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { RunTopic } from '../lab/index.ts';
import { bytes, clock, count, nats, percent, si } from './format.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import { Throttle } from './throttle.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-stats': LabStats;
  }
}

interface Figure {
  readonly term: string;
  readonly value: string;
  readonly help: string;
}

/** The figures of the run: losses, speed, memory. They change a few times a second at most. */
@customElement('lab-stats')
export class LabStats extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      :host {
        container-type: inline-size;
      }
      dl {
        display: grid;
        grid-template-columns: repeat(10, minmax(0, 1fr));
        gap: 1px;
        border: 1px solid var(--line);
        border-radius: 8px;
        overflow: hidden;
        background: var(--surface);
      }
      div {
        padding: 8px 12px 9px;
        box-shadow: 0 0 0 1px var(--line);
      }
      dt {
        font-size: 11px;
        white-space: nowrap;
      }
      dd {
        margin-top: 1px;
        font-size: 16px;
        font-weight: 560;
        white-space: nowrap;
        overflow: hidden;
        text-overflow: ellipsis;
      }
      @container (max-width: 940px) {
        dl {
          grid-template-columns: repeat(5, minmax(0, 1fr));
        }
      }
      @container (max-width: 480px) {
        dl {
          grid-template-columns: repeat(2, minmax(0, 1fr));
        }
      }
    `,
  ];

  protected override readonly topics = ['run', 'device', 'forecast'] as const;
  protected override readonly runTopics = ['state', 'speed', 'series'] as const;
  readonly #text = new Throttle(() => this.requestUpdate(), 200);

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#text.cancel();
  }

  override render(): unknown {
    return html`<dl aria-label="Figures of the run">
      ${this.#figures().map(
        ({ term, value, help }) =>
          html`<div title=${help}>
            <dt>${term}</dt>
            <dd>${value}</dd>
          </div>`,
      )}
    </dl>`;
  }

  protected override runChanged(_topic: RunTopic): void {
    this.#text.call();
  }

  #figures(): Figure[] {
    const { run, peak } = this.lab;
    const speed = run?.speed ?? null;
    const live = run?.state === 'running';
    const validation = run?.evals.validation.lossNats;
    const figure = (term: string, value: string, help: string): Figure => ({ term, value, help });
    const mfu = speed?.mfu ?? null;
    return [
      figure('Train loss', run === null || run.steps.length === 0 ? '—' : nats(run.lossNats), 'Nats per token, last step'),
      figure(
        'Val loss',
        validation === undefined || validation.length === 0 ? '—' : nats(validation.at(validation.length - 1)),
        'Nats per token, last evaluation',
      ),
      figure(
        'Epochs',
        run === null || run.epochs.length === 0 ? '—' : run.epochs.at(run.epochs.length - 1).toFixed(2),
        'Passes over the training data',
      ),
      figure('Tokens/s', speed === null ? '—' : si(speed.tokensPerSecond, ''), 'Training tokens per second'),
      figure('ms/step', speed === null ? '—' : speed.msPerStep.toPrecision(3), 'Wall time of one optimizer step'),
      figure('Steps/submit', speed === null ? '—' : count(speed.stepsPerSubmit), 'Whole steps encoded into one submit'),
      figure('Peak memory', run?.report ? bytes(run.report.peakBytes) : '—', 'GPU memory of the plan at its peak'),
      figure(
        'MFU',
        mfu === null ? '—' : percent(mfu),
        peak === null && mfu === null
          ? 'Measure the matmul peak in the device card'
          : 'Training FLOP/s over the measured matmul peak',
      ),
      figure('Time left', live && speed !== null ? clock(speed.etaMs) : '—', 'At the present speed'),
      figure(
        'Saved at step',
        run?.savedStep === null || run === null ? '—' : count(run.savedStep),
        'Last checkpoint in this browser',
      ),
    ];
  }
}
