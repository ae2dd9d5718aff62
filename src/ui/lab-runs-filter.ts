import { css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import {
  columnLabel,
  differing,
  isColumnId,
  KEPT_STATES,
  RUNS_VIEW_START,
  SHOWN_PATHS,
  type ColumnId,
  type RunRecord,
  type RunsView,
} from '../lab/index.ts';
import { LabRunsElement } from './lab-runs-element.ts';
import { differsIn, memo } from './memo.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import { toolStyles } from './tool-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-filter': LabRunsFilter;
  }
}

/** Columns that runs are joined by at once. */
const MOST_GROUPS = 3;
const OTHER_GROUPS: readonly ColumnId[] = ['sweep', 'state', 'tags', 'data', 'adapter', 'build'];

/** Which runs are shown, by what they are grouped, and which columns they have. */
@customElement('lab-runs-filter')
export class LabRunsFilter extends LabRunsElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    css`
      .bar {
        gap: 8px 14px;
        font-size: 12px;
        color: var(--muted);
      }
      select {
        max-width: 220px;
      }
      input[type='search'] {
        width: 190px;
        min-height: 28px;
        font-size: 12px;
      }
    `,
  ];

  /** All runs, shown or not. */
  @property({ attribute: false }) runs: readonly RunRecord[] = [];
  @property({
    attribute: false,
    hasChanged: differsIn<RunsView>('text', 'state', 'tag', 'sweep', 'group', 'everything', 'hidden'),
  })
  view: RunsView = RUNS_VIEW_START;

  readonly #differing = memo(differing);

  override render(): unknown {
    const { runs, view } = this;
    const states = KEPT_STATES.filter((state) => state === view.state || runs.some((run) => run.state === state));
    const tags = [...new Set([...runs.flatMap((run) => run.tags), ...(view.tag === '' ? [] : [view.tag])])].sort();
    const hidden = runs.filter((run) => run.hidden).length;
    const sweeps = new Map(
      runs.flatMap(({ sweep, spec, name }) => (sweep === null ? [] : [[sweep.id, spec.name || name] as const])),
    );
    if (view.sweep !== '' && !sweeps.has(view.sweep)) sweeps.set(view.sweep, '');
    return html`<div class="bar">
      <input
        type="search"
        aria-label="Name, tag or note"
        placeholder="Name, tag or note"
        .value=${view.text}
        @input=${(event: Event): void => this.say('lab-runs-view', { text: typed(event) })}
      />
      ${this.#select('state', 'State', states)} ${tags.length === 0 ? nothing : this.#select('tag', 'Tag', tags)}
      ${sweeps.size === 0 ? nothing : this.#sweep(sweeps)}
      ${[...view.group, null].slice(0, MOST_GROUPS).map((column, place) => this.#groupBy(column, place))}
      ${this.#switch('everything', 'Only what differs', !view.everything, { everything: !view.everything })}
      ${hidden === 0 && !view.hidden ? nothing : this.#switch('hidden', `Show hidden (${hidden})`, view.hidden, { hidden: !view.hidden })}
    </div>`;
  }

  #select(name: 'state' | 'tag', label: string, choices: readonly string[]): unknown {
    const choose = (choice: string): void => {
      const state = KEPT_STATES.find((known) => known === choice) ?? '';
      this.say('lab-runs-view', name === 'state' ? { state } : { tag: choice });
    };
    return html`<label
      >${label}
      <select name=${name} @change=${(event: Event): void => choose(typed(event))}>
        <option value="" .selected=${this.view[name] === ''}>any</option>
        ${choices.map((choice) => html`<option value=${choice} .selected=${this.view[name] === choice}>${choice}</option>`)}
      </select></label
    >`;
  }

  /** @param sweeps names of their runs, by id. */
  #sweep(sweeps: ReadonlyMap<string, string>): unknown {
    const short = (id: string): string => id.slice(0, 6);
    return html`<label
      >Sweep
      <select name="sweep" @change=${(event: Event): void => this.say('lab-runs-view', { sweep: typed(event) })}>
        <option value="" .selected=${this.view.sweep === ''}>any</option>
        ${[...sweeps].map(
          ([id, name]) =>
            html`<option value=${id} .selected=${this.view.sweep === id}>
              ${name === '' ? short(id) : `${name} (${short(id)})`}
            </option>`,
        )}
      </select></label
    >`;
  }

  #groupBy(chosen: ColumnId | null, place: number): unknown {
    return html`<label
      >${place === 0 ? 'Group by' : 'and by'}
      <select name=${`group-${place}`} @change=${(event: Event): void => this.#group(place, typed(event))}>
        <option value="" .selected=${chosen === null}>nothing</option>
        ${this.#groups('What differs', this.#differing(this.runs), chosen)} ${this.#groups('Of the run', OTHER_GROUPS, chosen)}
        ${this.#groups('All settings', SHOWN_PATHS, chosen)}
      </select></label
    >`;
  }

  #groups(label: string, columns: readonly ColumnId[], chosen: ColumnId | null): unknown {
    if (columns.length === 0) return nothing;
    return html`<optgroup label=${label}>
      ${columns.map((column) => html`<option value=${column} .selected=${chosen === column}>${columnLabel(column)}</option>`)}
    </optgroup>`;
  }

  #switch(name: string, label: string, on: boolean, change: Partial<RunsView>): unknown {
    return html`<label
      ><input
        type="checkbox"
        role="switch"
        name=${name}
        .checked=${on}
        @change=${(): void => this.say('lab-runs-view', change)}
      />${label}</label
    >`;
  }

  #group(place: number, column: string): void {
    const others = this.view.group.filter((each, i) => i !== place && each !== column);
    this.say('lab-runs-view', { group: isColumnId(column) ? others.toSpliced(place, 0, column) : others });
  }
}
