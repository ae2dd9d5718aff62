import { css } from 'lit';

/** What every element looks like: text, buttons, inputs, cards. Colours and fonts come from page.css as custom properties. */
export const sharedStyles = css`
  :host {
    display: block;
    min-width: 0;
  }
  :host([hidden]),
  [hidden] {
    display: none !important;
  }
  * {
    box-sizing: border-box;
  }
  h2 {
    margin: 0;
    font-size: 13px;
    font-weight: 600;
    letter-spacing: 0.01em;
  }
  p {
    margin: 0;
  }
  a {
    color: var(--accent);
  }
  .muted {
    color: var(--muted);
  }
  .small {
    font-size: 12px;
  }
  .mono {
    font-family: var(--mono);
    font-size: 12px;
  }
  .card {
    background: var(--surface);
    border: 1px solid var(--line);
    border-radius: 8px;
    padding: 14px 16px;
  }
  .card > header,
  .bar {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 8px 12px;
  }
  .card > header {
    margin-bottom: 10px;
  }
  .push {
    margin-left: auto;
  }
  button,
  .button {
    font: inherit;
    font-size: 13px;
    line-height: 1.2;
    color: var(--text);
    background: var(--raised);
    border: 1px solid var(--line);
    border-radius: 6px;
    padding: 6px 11px;
    min-height: 32px;
    cursor: pointer;
    transition:
      background 120ms,
      border-color 120ms;
  }
  button:hover:not(:disabled) {
    border-color: var(--edge);
  }
  button:disabled {
    opacity: 0.5;
    cursor: default;
  }
  button.primary {
    background: var(--accent);
    border-color: var(--accent);
    color: var(--on-accent);
    font-weight: 650;
  }
  button.primary:hover:not(:disabled) {
    background: var(--accent-strong);
    border-color: var(--accent-strong);
  }
  button.quiet {
    background: transparent;
    border-color: transparent;
    color: var(--muted);
  }
  button.quiet:hover:not(:disabled) {
    color: var(--text);
    background: var(--raised);
  }
  button[aria-pressed='true'] {
    background: var(--accent-soft);
    border-color: var(--accent);
  }
  input,
  select,
  textarea {
    font: inherit;
    font-size: 13px;
    color: var(--text);
    background: var(--inset);
    border: 1px solid var(--line);
    border-radius: 6px;
    padding: 5px 8px;
    min-height: 30px;
    width: 100%;
    min-width: 0;
  }
  input:hover,
  select:hover {
    border-color: var(--edge);
  }
  input[type='checkbox'] {
    appearance: none;
    flex: none;
    position: relative;
    width: 34px;
    height: 20px;
    min-height: 20px;
    margin: 0;
    padding: 0;
    border-radius: 10px;
    border-color: var(--edge);
    background: var(--inset);
    cursor: pointer;
    transition: background 120ms;
  }
  input[type='checkbox']::after {
    content: '';
    position: absolute;
    top: 3px;
    left: 3px;
    width: 12px;
    height: 12px;
    border-radius: 50%;
    background: var(--muted);
    transition: transform 120ms;
  }
  input[type='checkbox']:checked {
    background: var(--accent);
    border-color: var(--accent);
  }
  input[type='checkbox']:checked::after {
    background: var(--on-accent);
    transform: translateX(14px);
  }
  input[type='range'] {
    padding: 0;
    border: 0;
    background: transparent;
    accent-color: var(--accent);
    min-height: 24px;
  }
  [aria-invalid='true'] {
    border-color: var(--danger);
  }
  :focus-visible {
    outline: 2px solid var(--accent);
    outline-offset: 2px;
  }
  .error {
    color: var(--danger);
    font-size: 12px;
    overflow-wrap: anywhere;
  }
  .badge {
    display: inline-block;
    font-size: 11px;
    font-weight: 650;
    letter-spacing: 0.04em;
    line-height: 1;
    padding: 4px 6px;
    border-radius: 4px;
    background: var(--raised);
    color: var(--muted);
  }
  .badge.warn {
    background: var(--warn-soft);
    color: var(--warn);
  }
  dl {
    margin: 0;
  }
  dt {
    color: var(--muted);
    font-size: 12px;
  }
  dd {
    margin: 0;
  }
  .hidden-text {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      transition: none !important;
      animation: none !important;
    }
  }
  @media (pointer: coarse) {
    button {
      min-height: 40px;
    }
  }
`;
