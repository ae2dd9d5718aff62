import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-notices': LabNotices;
  }
}

/** What happened that stopped nothing, newest first. */
@customElement('lab-notices')
export class LabNotices extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      ol {
        margin: 0;
        padding: 0;
        list-style: none;
        max-height: 180px;
        overflow: auto;
        font-size: 12px;
      }
      li {
        display: flex;
        gap: 10px;
        padding: 3px 0;
        overflow-wrap: anywhere;
      }
      time {
        flex: none;
        color: var(--muted);
      }
    `,
  ];

  protected override readonly topics = ['messages'] as const;

  override render(): unknown {
    const notices = [...this.lab.messages.notices].reverse();
    return html`<section class=${notices.length === 0 ? '' : 'card'} aria-label="Log">
      ${notices.length === 0 ? nothing : html`<header><h2>Log</h2></header>`}
      <div role="status" aria-live="polite">
        ${
          notices.length === 0
            ? nothing
            : html`<ol tabindex="0" aria-label="Notices">
                ${repeat(
                  notices,
                  ({ id }) => id,
                  ({ text, at }) => html`<li><time>${new Date(at).toLocaleTimeString()}</time><span>${text}</span></li>`,
                )}
              </ol>`
        }
      </div>
    </section>`;
  }
}
