import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import {
  budgetKind,
  defaultSpec,
  differingPaths,
  FIELD_GROUPS,
  isShown,
  type BudgetKind,
  type GroupId,
  type SpecPath,
} from '../spec/index.ts';
import { LabElement } from './lab-element.ts';
import { typed } from './number-input.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-field.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-form': LabForm;
  }
}

const BUDGETS: { readonly [K in BudgetKind]: string } = {
  steps: 'optimizer steps',
  tokens: 'training tokens',
  flops: 'training FLOPs',
};

/** Groups that are open at first; the others unfold. */
const OPEN: readonly GroupId[] = ['run', 'data', 'model'];

/** The form of a run, generated from the schema: what the table of fields holds is what it shows. */
@customElement('lab-form')
export class LabForm extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      details {
        border-bottom: 1px solid var(--line);
      }
      summary {
        display: flex;
        align-items: center;
        gap: 8px;
        padding: 10px 2px;
        font-size: 13px;
        font-weight: 600;
        cursor: pointer;
        list-style: none;
      }
      summary::-webkit-details-marker {
        display: none;
      }
      summary::before {
        content: '';
        width: 6px;
        height: 6px;
        border-right: 1.5px solid var(--muted);
        border-bottom: 1.5px solid var(--muted);
        transform: rotate(-45deg);
        transition: transform 120ms;
      }
      details[open] > summary::before {
        transform: rotate(45deg);
      }
      .fields {
        padding: 0 2px 12px;
      }
      .length {
        display: grid;
        grid-template-columns: minmax(0, 1fr) minmax(0, 1.3fr);
        align-items: center;
        gap: 10px;
        padding: 3px 0;
        font-size: 13px;
      }
      .count {
        font-weight: 400;
        color: var(--muted);
        font-size: 12px;
      }
      .count.faulty {
        color: var(--danger);
      }
    `,
  ];

  protected override readonly topics = ['spec'] as const;
  @state() private open: ReadonlySet<GroupId> = new Set(OPEN);

  override render(): unknown {
    const { draft } = this.lab.form;
    const changed = new Set(differingPaths(draft, defaultSpec));
    return html`<form @submit=${(event: Event): void => event.preventDefault()} aria-label="Settings of the run">
      ${FIELD_GROUPS.map(({ id, label, paths }) => {
        const faulty = paths.filter((path) => this.lab.form.faultOf(path) !== undefined && isShown(path, draft)).length;
        const differing = paths.filter((path) => changed.has(path) && isShown(path, draft) && path !== 'name').length;
        return html`<details ?open=${this.open.has(id) || faulty > 0} @toggle=${(event: Event): void => this.#toggled(id, event)}>
          <summary>
            ${label}
            ${
              faulty > 0
                ? html`<span class="push count faulty">${faulty} to correct</span>`
                : differing > 0
                  ? html`<span class="push count">${differing} changed</span>`
                  : nothing
            }
          </summary>
          <div class="fields">${this.#fields(paths)}</div>
        </details>`;
      })}
    </form>`;
  }

  /** Shows the first field with an error; false where there is none. */
  showFault(): boolean {
    const path = FIELD_GROUPS.flatMap((group) => group.paths).find((candidate) => this.lab.form.faultOf(candidate) !== undefined);
    if (path === undefined) return false;
    const field = this.renderRoot.querySelector(`lab-field[data-path="${path}"]`);
    field?.shadowRoot?.querySelector<HTMLElement>('#input')?.focus();
    return true;
  }

  #fields(paths: readonly SpecPath[]): unknown {
    const { draft } = this.lab.form;
    return repeat(
      paths.filter((path) => isShown(path, draft)),
      (path) => path,
      (path) =>
        html`${path.startsWith('budget.') ? this.#length() : nothing}
          <lab-field data-path=${path} .lab=${this.lab} .path=${path} .draft=${draft}></lab-field>`,
    );
  }

  #length(): unknown {
    const kind = budgetKind(this.lab.form.draft.budget);
    return html`<div class="length">
      <label for="budget-kind">Length in</label>
      <select id="budget-kind" @change=${(event: Event): void => this.#budget(typed(event))}>
        ${Object.entries(BUDGETS).map(([key, label]) => html`<option value=${key} .selected=${key === kind}>${label}</option>`)}
      </select>
    </div>`;
  }

  #budget(kind: string): void {
    if (kind === 'steps' || kind === 'tokens' || kind === 'flops') this.lab.setBudgetKind(kind);
  }

  #toggled(id: GroupId, event: Event): void {
    const isOpen = event.target instanceof HTMLDetailsElement && event.target.open;
    if (isOpen === this.open.has(id)) return;
    const open = new Set(this.open);
    if (isOpen) open.add(id);
    else open.delete(id);
    this.open = open;
  }
}
