import { css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { faultMessage } from '../base/errors.ts';
import { remembered } from '../base/remembered.ts';
import {
  isBudget,
  ladderAround,
  makePlan,
  NO_OPTIMA,
  parseNumber,
  peakSpeed,
  PLAN_START,
  publishedLaws,
  RATE_RULES,
  speedsOf,
  UNMEASURED,
  type Estimate,
  type Lab,
  type OwnOptima,
  type Planned,
  type PlanLaw,
  type PlanSettings,
  type PlanView,
  type RateRule,
  type RunRecord,
  type Speed,
} from '../lab/index.ts';
import { COUNT_ALL, sweepToHash, type Counting, type RunSpec } from '../spec/index.ts';
import type { Address } from './address.ts';
import { count, duration, figure, nats, si } from './format.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { amountFault, amountWords, certaintyWords, intervalWords, missingLawWords, sizeWords } from './planner-words.ts';
import { sectionStyles } from './section-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import { toolStyles } from './tool-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-planner': LabPlanner;
  }
}

const RATE_WORDS: { readonly [R in RateRule]: string } = {
  own: 'your own sweeps',
  'step-law': 'Step Law (published)',
  'critical-batch': 'critical batch size (published)',
  settings: 'as set on the Train page',
};

const PUBLISHED = publishedLaws();

function settingsOf({ unit, flops, minutes, inference, inferenceTokens, rates }: PlanView): PlanSettings {
  return { unit, flops, minutes, inferenceTokens: inference ? inferenceTokens : 0, rates };
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

function lossWords(lossNats: number): string {
  return Number.isNaN(lossNats) ? '—' : nats(lossNats);
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
        min-width: 0;
        max-width: 100%;
        font-size: 13px;
      }
      .settings select {
        min-width: 0;
        max-width: 100%;
      }
      .figures {
        gap: 12px 32px;
      }
      .interval {
        display: block;
        font-size: 12px;
        font-weight: 400;
        color: var(--muted);
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
      .warnings {
        margin: 10px 0 0;
        padding-left: 18px;
        max-width: 110ch;
      }
      .warning {
        color: var(--warn);
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  @property({ attribute: false }) view: PlanView = PLAN_START;
  /** One's own fits, as far as there are any. */
  @property({ attribute: false }) own: readonly PlanLaw[] = [];
  /** What one's own sweeps found best. */
  @property({ attribute: false }) optima: OwnOptima = NO_OPTIMA;
  /** One's own fits are being made anew. */
  @property({ type: Boolean }) stale = false;
  /** What N counts where a law does not say. */
  @property({ attribute: false }) counting: Pick<Counting, 'parameters'> = COUNT_ALL;
  /** Kept runs, whose speeds on this adapter tell what minutes buy. */
  @property({ attribute: false }) runs: readonly RunRecord[] = [];
  @state() private budgetFault = '';
  @state() private inferenceFault = '';
  protected override readonly topics = ['spec', 'forecast', 'device'] as const;
  #endPage = (): void => {};
  // A plan takes a search among models and one of its own for each resample of the fit: made anew only of something new.
  readonly #speeds = remembered((device: Lab['device'], runs: readonly RunRecord[], forecast: Lab['forecast']) =>
    speedsOf({ device, runs, forecast }),
  );
  readonly #peak = remembered((peak: Lab['peak']) => (peak === null ? null : peakSpeed(peak)));
  readonly #made = remembered(
    (
      view: PlanView,
      base: RunSpec,
      law: PlanLaw,
      counted: Counting['parameters'],
      own: OwnOptima,
      speeds: readonly Speed[],
      peak: Speed | null,
    ) => makePlan(settingsOf(view), { base, law, counted, own, speeds, peak }),
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
    const laws = [...this.own, ...PUBLISHED];
    const law = laws.find(({ id }) => id === this.view.law) ?? laws[0];
    return html`<section class="card" aria-label="Planner">
      <header>
        <h2>Planner <span class="muted">what a budget buys</span></h2>
        <span class="push small muted">${this.stale && this.own.length > 0 ? 'By the fit before; fitting…' : ''}</span>
      </header>
      <div class="bar settings">${this.#budget()} ${this.#law(laws, law)} ${this.#rates()} ${this.#inference()}</div>
      <div class="plan">${law === undefined ? nothing : this.#plan(law)}</div>
    </section>`;
  }

  #budget(): unknown {
    const { unit, flops, minutes } = this.view;
    const value = unit === 'flops' ? flops : minutes;
    const change = (event: Event): void => {
      const amount = parseNumber(typed(event));
      this.budgetFault = amountFault(amount, unit === 'flops' ? 'FLOPs above 0, such as 1e12' : 'minutes above 0, such as 10');
      if (isBudget(amount)) this.#set(unit === 'flops' ? { flops: amount } : { minutes: amount });
    };
    const choose = (event: Event): void => {
      this.budgetFault = '';
      this.#set({ unit: typed(event) === 'minutes' ? 'minutes' : 'flops' });
    };
    return html`<label
        >Budget
        <input
          inputmode="decimal"
          data-plan="budget"
          aria-invalid=${this.budgetFault !== ''}
          .value=${numeral(value)}
          @change=${change}
        />
      </label>
      <label
        ><span class="hidden-text">Unit of the budget</span>
        <select data-plan="unit" @change=${choose}>
          <option value="flops" .selected=${unit === 'flops'}>training FLOPs</option>
          <option value="minutes" .selected=${unit === 'minutes'}>minutes on this GPU</option>
        </select> </label
      >${this.#fault(this.budgetFault, numeral(value))}`;
  }

  #law(laws: readonly PlanLaw[], law: PlanLaw | undefined): unknown {
    return html`<label
      >by
      <select data-plan="law" @change=${(event: Event): void => this.#set({ law: typed(event) })}>
        ${laws.map(({ id, title }) => html`<option value=${id} .selected=${id === law?.id}>${title}</option>`)}
      </select>
    </label>`;
  }

  #rates(): unknown {
    const choose = (event: Event): void => this.#set({ rates: RATE_RULES.find((rule) => rule === typed(event)) ?? 'own' });
    return html`<label
      >Learning rate and batch
      <select data-plan="rates" @change=${choose}>
        ${RATE_RULES.map((rule) => html`<option value=${rule} .selected=${rule === this.view.rates}>${RATE_WORDS[rule]}</option>`)}
      </select>
    </label>`;
  }

  #inference(): unknown {
    const { inference, inferenceTokens } = this.view;
    const toggle = (event: Event): void => {
      this.inferenceFault = '';
      if (event.target instanceof HTMLInputElement) this.#set({ inference: event.target.checked });
    };
    const change = (event: Event): void => {
      const tokens = parseNumber(typed(event));
      this.inferenceFault = amountFault(tokens, 'tokens above 0, such as 1e6');
      if (isBudget(tokens)) this.#set({ inferenceTokens: tokens });
    };
    return html`<label
        ><input type="checkbox" data-plan="inference" .checked=${inference} @change=${toggle} /> The budget pays for inference
        too</label
      >${
        inference
          ? html`<label
                >tokens of it
                <input
                  inputmode="decimal"
                  data-plan="inference-tokens"
                  aria-invalid=${this.inferenceFault !== ''}
                  .value=${numeral(inferenceTokens)}
                  @change=${change}
                /> </label
              >${this.#fault(this.inferenceFault, count(inferenceTokens))}`
          : nothing
      }`;
  }

  #fault(fault: string, kept: string): unknown {
    return fault === '' ? nothing : html`<span class="error" role="alert">${fault} The plan is for ${kept}.</span>`;
  }

  #plan(law: PlanLaw): unknown {
    const { lab, view, optima } = this;
    const missing = missingLawWords(view.law, law);
    try {
      const speeds = this.#speeds(lab.device, this.runs, lab.forecast);
      const counted = this.counting.parameters;
      const plan = this.#made(view, lab.form.spec, law, counted, optima, speeds, this.#peak(lab.peak));
      if (plan !== UNMEASURED) return this.#found(plan, law, missing);
      return html`<p>
        How fast this GPU trains is not known yet. Train any run for some seconds on the
        <a href=${this.address.href('train')}>Train page</a>, or give the budget in FLOPs.
      </p>`;
    } catch (error) {
      return html`<p class="error" role="alert">${error instanceof Error ? error.message : String(error)}</p>`;
    }
  }

  #found(plan: Planned, law: PlanLaw, missing: string): unknown {
    const { allocation, rates, run, speed, budget } = plan;
    const { N, D } = allocation;
    const { inference, inferenceTokens } = this.view;
    const { brief } = law.certainty;
    const { learningRate, batch } = rates;
    const foretold = Number.isNaN(allocation.lossNats.value) ? 'not by this law' : brief;
    const entry = (term: string, estimate: Estimate, words: (value: number) => string, none: string): unknown =>
      html`<div>
        <dt>${term}</dt>
        <dd>${words(estimate.value)} <span class="interval">${intervalWords(estimate, words, none)}</span></dd>
      </div>`;
    const warnings = [...(missing === '' ? [] : [missing]), ...allocation.warnings, ...rates.warnings];
    return html`<dl class="figures">
        ${entry('Parameters N', N, amountWords, brief)} ${entry('Tokens D', D, amountWords, brief)}
        ${entry('Batch, rows', batch, count, batch.none)} ${entry('Learning rate', learningRate, figure, learningRate.none)}
        ${entry('Loss foretold', allocation.lossNats, lossWords, foretold)}
      </dl>
      ${
        speed === null
          ? nothing
          : html`<p class="small" data-plan="speed">
              ${si(budget, 'FLOP')} at ${si(speed.flopsPerSecond, 'FLOP/s')}: ${speed.source}.
            </p>`
      }
      ${
        inference
          ? html`<p class="small">
              Training takes ${si(allocation.C, 'FLOP')} of it, 6 N D, and ${count(inferenceTokens)} tokens of inference
              ${si(2 * N.value * inferenceTokens, 'FLOP')}, 2 N each (Sardana et al.).
            </p>`
          : nothing
      }
      ${run === null ? html`<p>No model of a lab is near that size.</p>` : this.#run(plan, run, law)}
      ${
        warnings.length === 0
          ? nothing
          : html`<ul class="small warnings">
              ${warnings.map((warning) => html`<li class="warning">${warning}</li>`)}
            </ul>`
      }
      ${rates.words.map((words) => html`<p class="small muted">${words}</p>`)}
      <p class="small muted">N and D: ${law.provenance} ${certaintyWords(allocation, law)}</p>`;
  }

  #run({ estimatedMs }: Planned, run: NonNullable<Planned['run']>, law: PlanLaw): unknown {
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
        ${fault === undefined ? this.#ladder(run, law) : nothing}
      </div>`;
  }

  #ladder(run: NonNullable<Planned['run']>, { counted }: PlanLaw): unknown {
    const href = this.#ladderLink(run, counted ?? this.counting.parameters);
    return href === null
      ? html`<span class="small muted">No ladder of five sizes and three budgets fits around it.</span>`
      : html`<a class="button" data-action="ladder" href=${href}>Ladder around it</a>`;
  }

  #use({ spec }: NonNullable<Planned['run']>): void {
    this.lab.setSpec(spec);
    location.hash = this.address.href('train');
  }

  #set(change: Partial<PlanView>): void {
    this.address.setLaws({ plan: { ...this.view, ...change } });
  }
}
