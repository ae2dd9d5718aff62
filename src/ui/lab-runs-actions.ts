import { css, html, nothing } from 'lit';
import { customElement, property, query, state } from 'lit/decorators.js';
import { isActive, isRunnable, recordTitle, type RunRecord, type RunsDesk } from '../lab/index.ts';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-actions': LabRunsActions;
  }
}

/** What is typed of a run. */
type Edited = 'name' | 'tags' | 'note';

/** Labels of the field; the runs are named where the bar stands. */
const PROMPTS: { readonly [E in Edited]: string } = {
  name: 'Name|',
  tags: 'Tags|, with commas between them',
  note: 'Note|: what you want to remember',
};
const MOST_NAME = 200;
const MOST_NOTE = 2000;

/** What can be done with the marked runs. */
@customElement('lab-runs-actions')
export class LabRunsActions extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .bar {
        gap: 6px;
      }
      form {
        display: flex;
        flex: 1 1 260px;
        gap: 6px;
      }
      input {
        max-width: 360px;
      }
      .count {
        min-width: 96px;
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  @property({ attribute: false }) desk!: RunsDesk;
  /** The marked runs. */
  @property({ attribute: false }) chosen: readonly RunRecord[] = [];
  @state() private editing: Edited | null = null;
  @query('input') private readonly input!: HTMLInputElement | null;
  protected override readonly topics = ['stored', 'run', 'device'] as const;

  override render(): unknown {
    const { chosen, editing } = this;
    if (editing !== null && chosen.length > 0) return this.#form(editing);
    const [only] = chosen.length === 1 ? chosen : [];
    const none = chosen.length === 0;
    const hide = chosen.some((run) => !run.hidden);
    return html`<div class="bar" role="group" aria-label="With the marked runs">
      <span class="small muted count">${none ? 'Mark runs to' : `${chosen.length} marked:`}</span>
      ${this.#button('rename-run', 'Rename', only !== undefined, () => this.#edit('name'))}
      ${this.#button('tag-runs', 'Tag', !none, () => this.#edit('tags'))}
      ${this.#button('note-run', 'Note', only !== undefined, () => this.#edit('note'))}
      ${this.#button('pin-run', only?.baseline === true ? 'Unpin' : 'Pin as baseline', only !== undefined, () => this.#pin(only))}
      ${this.#button('hide-runs', hide || none ? 'Hide' : 'Show again', !none, () => this.#all({ hidden: hide }))}
      ${this.#button('use-spec', 'Use this spec', only !== undefined && isRunnable(only), () => this.#use(only))}
      ${this.#continue(only)} ${this.#button('delete-runs', 'Delete', !none, () => this.desk.remove(chosen.map(({ id }) => id)))}
    </div>`;
  }

  #button(action: string, label: string, enabled: boolean, act: () => unknown): unknown {
    return html`<button type="button" data-action=${action} ?disabled=${!enabled} @click=${act}>${label}</button>`;
  }

  /** A run that is not over, and whose checkpoint is there. */
  #continue(run: RunRecord | undefined): unknown {
    const stored = this.lab.stored.find(({ runId }) => runId === run?.program.id);
    if (run === undefined || stored === undefined || run.state === 'finished') return nothing;
    const idle = this.lab.deviceState === 'ready' && this.lab.run?.active !== true && !this.lab.busy && !isActive(run.state);
    return this.#button('continue-run', `Continue from step ${stored.step}`, idle, () => {
      void this.lab.continueStored(stored);
      this.#train();
    });
  }

  #form(editing: Edited): unknown {
    const { chosen } = this;
    const [first] = chosen;
    const value = editing === 'tags' ? this.#commonTags().join(', ') : (first?.[editing] ?? '');
    const what = chosen.length === 1 && first !== undefined ? recordTitle(first) : `${chosen.length} runs`;
    return html`<div class="bar">
      <form
        @submit=${(event: Event): void => this.#save(event, editing)}
        @keydown=${(event: KeyboardEvent): void => void (event.key === 'Escape' && this.#edit(null))}
      >
        <input
          maxlength=${editing === 'note' ? MOST_NOTE : MOST_NAME}
          .value=${value}
          aria-label=${PROMPTS[editing].replace('|', ` of ${what}`)}
          placeholder=${PROMPTS[editing].replace('|', '')}
        />
        <button class="primary" data-action="save-edit">Save</button>
        <button type="button" class="quiet" data-action="cancel-edit" @click=${(): void => this.#edit(null)}>Cancel</button>
      </form>
    </div>`;
  }

  #edit(editing: Edited | null): void {
    this.editing = editing;
    void this.updateComplete.then(() => this.input?.select());
  }

  #save(event: Event, editing: Edited): void {
    event.preventDefault();
    const text = this.input?.value.trim() ?? '';
    const { chosen } = this;
    if (editing !== 'tags') this.#all({ [editing]: text });
    else {
      const tags = text.split(',').map((tag) => tag.trim());
      void this.desk.retag(
        chosen,
        this.#commonTags(),
        tags.filter((tag) => tag !== ''),
      );
    }
    this.#edit(null);
  }

  #commonTags(): readonly string[] {
    const [first, ...others] = this.chosen;
    return (first?.tags ?? []).filter((tag) => others.every((run) => run.tags.includes(tag)));
  }

  #all(change: Parameters<RunsDesk['edit']>[1]): void {
    void this.desk.edit(
      this.chosen.map(({ id }) => id),
      change,
    );
  }

  #pin(run: RunRecord | undefined): void {
    if (run !== undefined) void this.desk.edit([run.id], { baseline: !run.baseline });
  }

  #use(run: RunRecord | undefined): void {
    if (run === undefined) return;
    this.lab.setSpec(run.spec);
    this.#train();
  }

  /** A step forward: the back button comes back to the runs. */
  #train(): void {
    location.hash = this.address.href('train');
  }
}
