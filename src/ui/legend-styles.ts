import { css } from 'lit';

/** Names of curves beside their values, as buttons; one that is not pressed has its curve hidden. */
export const legendStyles = css`
  button {
    display: inline-flex;
    align-items: center;
    gap: 8px;
    min-height: 28px;
    padding: 3px 9px;
    font-size: 12px;
    background: transparent;
    border-color: transparent;
  }
  button[aria-pressed='true'] {
    background: transparent;
    border-color: transparent;
  }
  button[aria-pressed='false'] {
    color: var(--muted);
    text-decoration: line-through;
  }
  b {
    font-weight: 600;
    min-width: 46px;
    text-align: left;
  }
`;
