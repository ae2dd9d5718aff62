import { css, html, nothing } from 'lit';
import { customElement, query, state } from 'lit/decorators.js';
import { FIT_LOSSES, FITTED, fixedOf, fixedText, holdOf, holdText, procedureOf, type LawsView } from '../lab/index.ts';
import { lawNamed } from '../laws/index.ts';
import { COUNTED_WORDS } from '../spec/index.ts';
import { LabLawsElement } from './lab-laws-element.ts';
import { formulaHtml } from './law-formula.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { toolStyles } from './tool-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-setup': LabLawsSetup;
  }
}

const STAGES = { starts: 'Starts', profile: 'Profiles', bootstrap: 'Resamples', 'hold-out': 'Held-out fit' } as const;
const LOSS_WORDS: Readonly<Record<string, string>> = {
  'huber:1e-3': 'Huber 1e-3 of ln L',
  lad: 'absolute deviations of ln L',
  ls: 'squares of L',
  'ls-log': 'squares of ln L',
};
const FILE = '#file';
const PARAMETERS = [
  ['all', COUNTED_WORDS.all],
  ['non-embedding', COUNTED_WORDS['non-embedding']],
  ['blocks', COUNTED_WORDS.blocks],
] as const;
const FLOPS = [
  ['6N', '6 N D'],
  ['exact', 'every matmul'],
] as const;
const ATTENTION = [
  ['full', 'full'],
  ['causal', 'under its mask'],
  ['none', 'left out'],
] as const;

/** Where points come from, which law is fitted to them, and every choice that moves the answer. */
@customElement('lab-laws-setup')
export class LabLawsSetup extends LabLawsElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    css`
      .bar {
        gap: 8px 16px;
        margin-top: 10px;
        font-size: 12px;
        color: var(--muted);
      }
      select {
        max-width: min(380px, 52vw);
      }
      input[type='text'] {
        width: 150px;
        min-height: 28px;
        font-size: 12px;
      }
      input[type='file'] {
        display: none;
      }
      .formula {
        font-size: 17px;
        color: var(--text);
      }
      progress {
        width: 160px;
      }
      .notes {
        margin-top: 10px;
        max-width: 130ch;
      }
    `,
  ];

  @query('input[type=file]') private readonly input!: HTMLInputElement;
  @state() private fixFault = '';
  @state() private holdFault = '';
  protected override readonly topics = ['points', 'fit', 'progress'] as const;

  override render(): unknown {
    const { desk, view } = this;
    const law = lawNamed(view.law);
    const procedure = procedureOf(law.id) !== null;
    return html`<section class="card" aria-label="Law and points">
      <header>
        <h2>Law <span class="muted">${law.title}</span></h2>
        <span class="push">${this.#progress()}</span>
      </header>
      <p>${formulaHtml(law.formula)}</p>
      <p class="small muted">${law.source}</p>
      <div class="bar">
        ${this.#source()}
        <button type="button" data-action="import-points" @click=${(): void => this.input.click()}>Import points as CSV…</button>
        <input
          type="file"
          accept=".csv,.tsv,.txt,text/csv"
          aria-label="File of points"
          @change=${(): Promise<void> => this.#open()}
        />
        <label
          >Law
          <select name="law" @change=${(event: Event): void => this.#choose(typed(event))}>
            ${FITTED.map(({ id, title }) => html`<option value=${id} .selected=${id === view.law}>${title}</option>`)}
          </select></label
        >
        ${procedure ? nothing : this.#loss()}
      </div>
      <div class="bar">${desk.fromFile ? nothing : this.#counting()}</div>
      <div class="bar">
        ${law.tie === undefined ? nothing : this.#switch('tied', `One exponent: ${law.tie.join(' = ')}`, view.tied, { tied: !view.tied })}
        ${procedure ? nothing : this.#switch('projected', 'Variable projection', view.projected, { projected: !view.projected })}
        ${this.#switch('best', 'Only the best learning rate per size', view.best, { best: !view.best })}
        ${this.#switch('bootstrap', 'Bootstrap over runs', view.bootstrap, { bootstrap: !view.bootstrap })}
        ${procedure ? nothing : this.#restrictions(view)}
      </div>
      ${this.#words()}
    </section>`;
  }

  #source(): unknown {
    const { desk, view } = this;
    const { sweeps, tags, runs, file, fromFile } = desk;
    const known = sweeps.some(({ id }) => id === view.sweep);
    const choose = (value: string): void => {
      if (value === FILE) desk.useFile(true);
      else {
        desk.useFile(false);
        const [kind, ...name] = value.split(':');
        this.say({ sweep: kind === 'sweep' ? name.join(':') : '', tag: kind === 'tag' ? name.join(':') : '', file: '', out: [] });
      }
    };
    const option = (value: string, words: string, selected: boolean): unknown =>
      html`<option value=${value} .selected=${selected}>${words}</option>`;
    return html`<label
      >Points
      <select name="source" @change=${(event: Event): void => choose(typed(event))}>
        ${option('runs', `all kept runs (${runs?.length ?? 0})`, !fromFile && view.sweep === '' && view.tag === '')}
        ${sweeps.map(({ id, name, runs: all, finished }) => option(`sweep:${id}`, `${name === '' ? `sweep ${id.slice(0, 12)}` : name} (${finished} of ${all} runs)`, !fromFile && view.sweep === id))}
        ${view.sweep === '' || known ? nothing : option(`sweep:${view.sweep}`, `sweep ${view.sweep.slice(0, 12)} (not kept here)`, !fromFile)}
        ${tags.map((tag) => option(`tag:${tag}`, `runs tagged ${tag}`, !fromFile && view.sweep === '' && view.tag === tag))}
        ${file === null ? nothing : option(FILE, `${file.name} (${file.points.runs.length} points)`, fromFile)}
      </select></label
    >`;
  }

  #loss(): unknown {
    const { view } = this;
    const losses = new Set<string>([...FIT_LOSSES, view.loss]);
    return html`<label
      >Loss
      <select name="loss" @change=${(event: Event): void => this.say({ loss: typed(event) })}>
        ${[...losses].map((loss) => html`<option value=${loss} .selected=${loss === view.loss}>${LOSS_WORDS[loss] ?? loss}</option>`)}
      </select></label
    >`;
  }

  #counting(): unknown {
    const { counting } = this.view;
    const change = (part: Partial<LawsView['counting']>): void => this.say({ counting: { ...counting, ...part } });
    const select = <T extends string>(
      name: string,
      label: string,
      choices: readonly (readonly [T, string])[],
      now: T,
      act: (choice: T) => void,
    ): unknown => {
      const choose = (event: Event): void => {
        const [found] = choices.find(([choice]) => choice === typed(event)) ?? [];
        if (found !== undefined) act(found);
      };
      return html`<label
        >${label}
        <select name=${name} @change=${choose}>
          ${choices.map(([choice, words]: readonly [string, string]) => html`<option value=${choice} .selected=${choice === now}>${words}</option>`)}
        </select></label
      >`;
    };
    return html`${select('count', 'N counts', PARAMETERS, counting.parameters, (parameters) => change({ parameters }))}
    ${select('flops', 'C is', FLOPS, counting.flops, (counted) => change({ flops: counted }))}
    ${
      counting.flops === '6N'
        ? nothing
        : html`${select('attention', 'attention', ATTENTION, counting.attention, (attention) => change({ attention }))}
            <label
              ><input
                type="checkbox"
                role="switch"
                name="head"
                .checked=${counting.head}
                @change=${(): void => change({ head: !counting.head })}
              />last layer counted</label
            >`
    }`;
  }

  #restrictions(view: LawsView): unknown {
    return html`<label
        >Hold out above
        <input
          type="text"
          name="hold"
          placeholder="FLOPs, as 1e13"
          aria-invalid=${this.holdFault !== ''}
          .value=${holdText(view.hold)}
          @change=${(event: Event): void => this.#hold(typed(event))}
      /></label>
      <label
        >Fixed
        <input
          type="text"
          name="fix"
          placeholder="E=1.69, alpha=0.34"
          aria-invalid=${this.fixFault !== ''}
          .value=${fixedText(view.fixed)}
          @change=${(event: Event): void => this.#fix(typed(event))}
      /></label>
      ${[this.holdFault, this.fixFault].map((fault) => (fault === '' ? nothing : html`<span class="error" role="alert">${fault}</span>`))}`;
  }

  #switch(name: string, label: string, on: boolean, change: Partial<LawsView>): unknown {
    return html`<label
      ><input type="checkbox" role="switch" name=${name} .checked=${on} @change=${(): void => this.say(change)} />${label}</label
    >`;
  }

  #progress(): unknown {
    const { progress, stale } = this.desk;
    if (progress === null)
      return html`<span class="small muted" data-state=${stale ? 'fitting' : 'fitted'}>${stale ? 'Fitting…' : ''}</span>`;
    const { stage, done, total } = progress;
    return html`<span class="bar small muted" data-state="fitting"
      >${STAGES[stage]} ${done} of ${total}<progress aria-label="Fit" max=${total} value=${done}></progress
    ></span>`;
  }

  #words(): unknown {
    const { error, points } = this.desk;
    const notes = points?.notes ?? [];
    return html`${error === null || points?.rows.length === 0 ? nothing : html`<p class="error notes" role="alert">${error}</p>`}
    ${notes.length === 0 ? nothing : html`<p class="small muted notes">${notes.join(' ')}</p>`}`;
  }

  #choose(law: string): void {
    this.say({ law, fixed: {}, published: [], x: '' });
  }

  #hold(text: string): void {
    try {
      this.say({ hold: holdOf(text) });
      this.holdFault = '';
    } catch (error) {
      this.holdFault = error instanceof Error ? error.message : String(error);
    }
  }

  #fix(text: string): void {
    try {
      this.say({ fixed: fixedOf(text, this.view.law) });
      this.fixFault = '';
    } catch (error) {
      this.fixFault = error instanceof Error ? error.message : String(error);
    }
  }

  async #open(): Promise<void> {
    const [file] = this.input.files ?? [];
    if (file === undefined) return;
    this.desk.import(await file.text(), file.name);
    this.input.value = '';
  }
}
