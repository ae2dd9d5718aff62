import { css } from 'lit';

/** Tables of figures, which scroll inside themselves. */
export const tableStyles = css`
  .scroll {
    max-height: 340px;
    overflow: auto;
    border: 1px solid var(--line);
    border-radius: 6px;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    font-size: 12px;
  }
  th,
  td {
    padding: 5px 12px;
    text-align: right;
    white-space: nowrap;
  }
  th:first-child {
    text-align: left;
  }
  thead th {
    position: sticky;
    top: 0;
    background: var(--raised);
    color: var(--muted);
    font-weight: 600;
  }
  tbody th {
    font-weight: 500;
  }
  tbody tr:nth-child(even) {
    background: var(--inset);
  }
  details > summary {
    width: fit-content;
    margin-top: 8px;
    font-size: 12px;
    color: var(--muted);
    cursor: pointer;
  }
  details[open] > summary {
    margin-bottom: 6px;
  }
`;
