import { css, html, LitElement } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { sharedStyles } from './shared-styles.ts';
import { setTheme, storedTheme, type Theme } from './theme.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-theme-switch': LabThemeSwitch;
  }
}

const THEMES: readonly { readonly theme: Theme; readonly label: string }[] = [
  { theme: 'light', label: 'Light' },
  { theme: 'auto', label: 'Auto' },
  { theme: 'dark', label: 'Dark' },
];

/** Light, dark, or what the system says. */
@customElement('lab-theme-switch')
export class LabThemeSwitch extends LitElement {
  static override readonly styles = [
    sharedStyles,
    css`
      div {
        display: inline-flex;
        padding: 2px;
        gap: 2px;
        border: 1px solid var(--line);
        border-radius: 8px;
        background: var(--inset);
      }
      button {
        min-height: 26px;
        padding: 3px 9px;
        font-size: 12px;
        border-color: transparent;
        background: transparent;
        color: var(--muted);
      }
      button[aria-pressed='true'] {
        background: var(--raised);
        border-color: var(--line);
        color: var(--text);
      }
    `,
  ];

  @state() private theme: Theme = storedTheme();

  override render(): unknown {
    return html`<div role="group" aria-label="Theme">
      ${THEMES.map(
        ({ theme, label }) =>
          html`<button type="button" aria-pressed=${theme === this.theme} @click=${(): void => this.#choose(theme)}>
            ${label}
          </button>`,
      )}
    </div>`;
  }

  #choose(theme: Theme): void {
    this.theme = theme;
    setTheme(theme);
  }
}
