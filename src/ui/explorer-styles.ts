import { css } from 'lit';

/** The layout of the format explorer, and the colours of its formats A and B. */
export const explorerStyles = css`
  :host {
    --a: var(--train);
    --b: var(--validation);
  }
  .intro {
    flex: 1 1 320px;
    max-width: 110ch;
  }
  .layout {
    display: grid;
    grid-template-columns: minmax(320px, 400px) minmax(0, 1fr);
    gap: 16px 28px;
  }
  .column {
    display: grid;
    gap: 16px;
    align-content: start;
    min-width: 0;
  }
  .pickers {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 8px 14px;
    align-items: start;
  }
  .a {
    --own: var(--a);
  }
  .b {
    --own: var(--b);
  }
  .panels {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 14px;
  }
  h3 {
    margin: 0;
    font-size: 13px;
    font-weight: 600;
    color: var(--text);
  }
  .tools {
    margin-bottom: 6px;
    font-size: 12px;
    color: var(--muted);
  }
  .tools label {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  .tools select {
    width: auto;
    min-height: 28px;
    font-size: 12px;
  }
  details {
    margin-top: 16px;
    border-top: 1px solid var(--line);
    padding-top: 10px;
  }
  summary {
    font-weight: 600;
    font-size: 13px;
    cursor: pointer;
  }
  details > div {
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 12px;
    padding-top: 10px;
  }
  @media (max-width: 1100px) {
    .layout {
      grid-template-columns: minmax(0, 1fr);
    }
    .column {
      display: contents;
    }
    lab-format-facts {
      order: 1;
    }
  }
  @media (max-width: 860px) {
    .panels {
      grid-template-columns: minmax(0, 1fr);
    }
    .mirror {
      display: none;
    }
  }
`;
