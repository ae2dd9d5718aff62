import { css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { faultMessage } from '../base/errors.ts';
import { remembered } from '../base/remembered.ts';
import {
  parseNumber,
  ladderAround,
  makePlan,
  ownLaw,
  peakSpeed,
  publishedLaws,
  RATE_RULES,
  speedsOf,
  UNMEASURED,
  type FitOutcome,
  type Lab,
  type LawRange,
  type Planned,
  type PlanLaw,
  type PlanSettings,
  type RateRule,
  type RunRecord,
  type Speed,
} from '../lab/index.ts';
import { COUNT_ALL, sweepToHash, type Counting, type RunSpec } from '../spec/index.ts';
import type { Address } from './address.ts';
import { count, duration, figure, si } from './format.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { certaintyWords, estimateWords, inferenceFault, lossWords, sizeWords } from './planner-words.ts';
import { sectionStyles } from './section-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { toolStyles } from './tool-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-planner': LabPlanner;
  }
}

const RATE_WORDS: { readonly [R in RateRule]: string } = {
  'step-law': 'Step Law (published)',
  'critical-batch': 'Critical batch size (published)',
  settings: 'as set on the Train page',
};

/** By one's own fit where there is one, and by the published laws. */
function lawsBy(fit: FitOutcome | null, range: LawRange | null): readonly PlanLaw[] {
  const own = ownLaw(fit, range);
  return [...(own === null ? [] : [own]), ...publishedLaws()];
}

/** The link to a ladder around a run; null where none fits. */
function ladderLink(run: NonNullable<Planned['run']>, counted: Counting['parameters']): string | null {
  try {
    const plan = sweepToHash(ladderAround(run, counted));
    return `#sweeps?${new URLSearchParams({ plan }).toString()}`;
  } catch {
    return null;
  }
}

/** As people type it: `1e12`, `250000`. */
function numeral(value: number): string {
  if (!Number.isFinite(value)) return '';
  return value < 1e6 ? String(value) : value.toExponential().replace('e+', 'e');
}

/** What a budget buys: a size, tokens, batch and learning rate, by one's own fit or a published one, and the run or ladder that this is. */
@customElement('lab-planner')
export class LabPlanner extends LabElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    sectionStyles,
    css`
      .settings {
        gap: 10px 20px;
        margin-bottom: 14px;
      }
      .settings label {
        font-size: 13px;
      }
      input[inputmode] {
        width: 104px;
        font-variant-numeric: tabular-nums;
      }
      .plan p {
        margin-top: 8px;
        max-width: 110ch;
      }
      .plan .bar {
        margin-top: 14px;
      }
      a.button {
        display: inline-block;
        text-decoration: none;
      }
      .warning {
        color: var(--warn);
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  /** One's own fit, where there is one. */
  @property({ attribute: false }) fit: FitOutcome | null = null;
  /** What it was fitted on. */
  @property({ attribute: false }) range: LawRange | null = null;
  /** What its N counts. */
  @property({ attribute: false }) counting: Pick<Counting, 'parameters'> = COUNT_ALL;
  /** Kept runs, whose speeds on this adapter tell what minutes buy. */
  @property({ attribute: false }) runs: readonly RunRecord[] = [];
  @state() private lawId = '';
  @state() private settings: PlanSettings = { unit: 'flops', flops: 1e12, minutes: 10, inferenceTokens: 0, rates: 'step-law' };
  @state() private inference = false;
  @state() private inferenceTokens = 1e6;
  @state() private inferenceFault = '';
  protected override readonly topics = ['spec', 'forecast', 'device'] as const;
  #endPage = (): void => {};
  // A plan takes a search among models and one of its own for each resample of the fit: made anew only of something new.
  readonly #laws = remembered(lawsBy);
  readonly #speeds = remembered((device: Lab['device'], runs: readonly RunRecord[], forecast: Lab['forecast']) =>
    speedsOf({ device, runs, forecast }),
  );
  readonly #peak = remembered((peak: Lab['peak']) => (peak === null ? null : peakSpeed(peak)));
  readonly #made = remembered(
    (
      settings: PlanSettings,
      inferenceTokens: number,
      base: RunSpec,
      law: PlanLaw,
      counted: Counting['parameters'],
      speeds: readonly Speed[],
      peak: Speed | null,
    ) => makePlan({ ...settings, inferenceTokens }, { base, law, counted, speeds, peak }),
  );
  readonly #ladderLink = remembered(ladderLink);

  override connectedCallback(): void {
    super.connectedCallback();
    this.#endPage = this.address.on('page', () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#endPage();
  }

  /** Nothing is planned where nobody looks. */
  protected override shouldUpdate(): boolean {
    return this.address.page === 'laws';
  }

  override render(): unknown {
    const laws = this.#laws(this.fit, this.range);
    const law = laws.find(({ id }) => id === this.lawId) ?? laws[0];
    return html`<section class="card" aria-label="Planner">
      <header>
        <h2>Planner <span class="muted">what a budget buys</span></h2>
      </header>
      <div class="bar settings">${this.#budget()} ${this.#law(laws, law)} ${this.#rates()} ${this.#inference()}</div>
      <div class="plan">${law === undefined ? nothing : this.#plan(law)}</div>
    </section>`;
  }

  #budget(): unknown {
    const { unit } = this.settings;
    const change = (event: Event): void => {
      const value = parseNumber(typed(event));
      this.#set(unit === 'flops' ? { flops: value } : { minutes: value });
    };
    const value = unit === 'flops' ? this.settings.flops : this.settings.minutes;
    return html`<label
        >Budget
        <input inputmode="decimal" data-plan="budget" .value=${numeral(value)} @change=${change} />
      </label>
      <label
        ><span class="hidden-text">Unit of the budget</span>
        <select
          data-plan="unit"
          @change=${(event: Event): void => this.#set({ unit: typed(event) === 'minutes' ? 'minutes' : 'flops' })}
        >
          <option value="flops" ?selected=${unit === 'flops'}>training FLOPs</option>
          <option value="minutes" ?selected=${unit === 'minutes'}>minutes on this GPU</option>
        </select>
      </label>`;
  }

  #law(laws: readonly PlanLaw[], law: PlanLaw | undefined): unknown {
    return html`<label
      >by
      <select data-plan="law" @change=${(event: Event): void => void (this.lawId = typed(event))}>
        ${laws.map(({ id, title }) => html`<option value=${id} ?selected=${id === law?.id}>${title}</option>`)}
      </select>
    </label>`;
  }

  #rates(): unknown {
    const { rates } = this.settings;
    const choose = (event: Event): void => this.#set({ rates: RATE_RULES.find((rule) => rule === typed(event)) ?? 'settings' });
    return html`<label
      >Learning rate and batch
      <select data-plan="rates" @change=${choose}>
        ${RATE_RULES.map((rule) => html`<option value=${rule} ?selected=${rule === rates}>${RATE_WORDS[rule]}</option>`)}
      </select>
    </label>`;
  }

  #inference(): unknown {
    const toggle = (event: Event): void => {
      if (event.target instanceof HTMLInputElement) this.inference = event.target.checked;
      this.inferenceFault = '';
    };
    const change = (event: Event): void => {
      const tokens = parseNumber(typed(event));
      this.inferenceFault = inferenceFault(tokens);
      if (this.inferenceFault === '') this.inferenceTokens = tokens;
    };
    return html`<label
        ><input type="checkbox" data-plan="inference" .checked=${this.inference} @change=${toggle} /> The budget pays for
        inference too</label
      >${
        this.inference
          ? html`<label
                >tokens of it
                <input
                  inputmode="decimal"
                  data-plan="inference-tokens"
                  aria-invalid=${this.inferenceFault !== ''}
                  .value=${numeral(this.inferenceTokens)}
                  @change=${change}
                /> </label
              >${
                this.inferenceFault === ''
                  ? nothing
                  : html`<span class="error" role="alert"
                      >${this.inferenceFault} The plan is for ${count(this.inferenceTokens)}.</span
                    >`
              }`
          : nothing
      }`;
  }

  #plan(law: PlanLaw): unknown {
    const { lab } = this;
    try {
      const speeds = this.#speeds(lab.device, this.runs, lab.forecast);
      const inferenceTokens = this.inference ? this.inferenceTokens : 0;
      const counted = this.counting.parameters;
      const plan = this.#made(this.settings, inferenceTokens, lab.form.spec, law, counted, speeds, this.#peak(lab.peak));
      if (plan !== UNMEASURED) return this.#found(plan, law, inferenceTokens);
      return html`<p>
        How fast this GPU trains is not known yet. Train any run for some seconds on the
        <a href=${this.address.href('train')}>Train page</a>, or give the budget in FLOPs.
      </p>`;
    } catch (error) {
      return html`<p class="error" role="alert">${error instanceof Error ? error.message : String(error)}</p>`;
    }
  }

  #found(plan: Planned, law: PlanLaw, inferenceTokens: number): unknown {
    const { allocation, rates, run, speed, budget } = plan;
    const { N, D } = allocation;
    const entry = (term: string, value: string): unknown =>
      html`<div>
        <dt>${term}</dt>
        <dd>${value}</dd>
      </div>`;
    return html`<dl class="figures">
        ${entry('Parameters N', estimateWords(N))} ${entry('Tokens D', estimateWords(D))}
        ${entry('Batch', `${count(rates.batch)} rows`)} ${entry('Learning rate', figure(rates.learningRate))}
        ${entry('Loss foretold', lossWords(plan))}
      </dl>
      ${
        speed === null
          ? nothing
          : html`<p class="small" data-plan="speed">
              ${si(budget, 'FLOP')} at ${si(speed.flopsPerSecond, 'FLOP/s')}: ${speed.source}.
            </p>`
      }
      ${
        inferenceTokens > 0
          ? html`<p class="small">
              Training takes ${si(allocation.C, 'FLOP')} of it, 6 N D, and ${count(inferenceTokens)} tokens of inference
              ${si(2 * N.value * inferenceTokens, 'FLOP')}, 2 N each (Sardana et al.).
            </p>`
          : nothing
      }
      ${allocation.warnings.map((warning) => html`<p class="small warning">${warning}</p>`)}
      ${run === null ? html`<p>No model of a lab is near that size.</p>` : this.#run(plan, run)}
      <p class="small muted">${rates.words}</p>
      <p class="small muted">${certaintyWords(allocation)} ${law.provenance}</p>`;
  }

  #run({ estimatedMs }: Planned, run: NonNullable<Planned['run']>): unknown {
    const [fault] = run.faults;
    const took = estimatedMs === null ? '' : `, about ${duration(estimatedMs)} here`;
    return html`<p data-plan="run">
        The nearest run: ${sizeWords(run.size)}; ${count(run.steps)} steps, ${count(run.tokens)} tokens, ${si(run.flops, 'FLOP')}
        with every matmul counted${took}.
      </p>
      ${fault === undefined ? nothing : html`<p class="error">${faultMessage(fault)}</p>`}
      <div class="bar">
        <button
          type="button"
          class="primary"
          data-action="use-plan"
          ?disabled=${fault !== undefined}
          @click=${(): void => this.#use(run)}
        >
          Use this run
        </button>
        ${fault === undefined ? this.#ladder(run) : nothing}
      </div>`;
  }

  #ladder(run: NonNullable<Planned['run']>): unknown {
    const href = this.#ladderLink(run, this.counting.parameters);
    return href === null
      ? html`<span class="small muted">No ladder of five sizes and three budgets fits around it.</span>`
      : html`<a class="button" data-action="ladder" href=${href}>Ladder around it</a>`;
  }

  #use({ spec }: NonNullable<Planned['run']>): void {
    this.lab.setSpec(spec);
    location.hash = this.address.href('train');
  }

  #set(change: Partial<PlanSettings>): void {
    this.settings = { ...this.settings, ...change };
  }
}
