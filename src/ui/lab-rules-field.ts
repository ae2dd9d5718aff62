import { css, html, LitElement, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { FUSION_RULES, isFusionOn } from '../spec/index.ts';
import type { FieldOwner } from './field-owner.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-rules-field': LabRulesField;
  }
}

/** A switch for each fusion rule, where they are chosen one by one. */
@customElement('lab-rules-field')
export class LabRulesField extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      label {
        display: flex;
        gap: 10px;
        align-items: flex-start;
        padding: 5px 0;
        font-size: 12px;
      }
      b {
        font-weight: 600;
      }
      label span {
        color: var(--muted);
      }
    `,
  ];

  @property({ attribute: false }) lab!: FieldOwner;
  /** Changes whenever the draft does, so that the element renders again. */
  @property({ attribute: false }) draft: unknown = null;

  override render(): unknown {
    const { fusion } = this.lab.form.draft;
    if (typeof fusion === 'string') return nothing;
    return FUSION_RULES.map(
      ([name, does]) =>
        html`<label>
          <input
            type="checkbox"
            role="switch"
            .checked=${isFusionOn(fusion, name)}
            @change=${(event: Event): void => {
              const on = event.target instanceof HTMLInputElement && event.target.checked;
              this.lab.setField('fusion', { ...fusion, [name]: on });
            }}
          />
          <span><b class="mono">${name}</b><br />${does}</span>
        </label>`,
    );
  }
}
