import { css } from 'lit';

/** The table of runs: a name with its mark, badges, groups, and the row that stands out. */
export const runsTableStyles = css`
  .scroll {
    max-height: 560px;
  }
  input[type='checkbox'] {
    appearance: auto;
    width: 16px;
    height: 16px;
    min-height: 16px;
    accent-color: var(--accent);
  }
  input[type='checkbox']::after {
    content: none;
  }
  th:first-child {
    padding-left: 10px;
  }
  thead th:first-child {
    padding: 0 0 0 10px;
  }
  tbody th label {
    display: flex;
    align-items: center;
    gap: 8px;
    cursor: pointer;
  }
  tbody th .title {
    overflow: hidden;
    max-width: 300px;
    text-overflow: ellipsis;
  }
  td small {
    display: block;
    font-size: 11px;
    color: var(--muted);
  }
  td.words {
    max-width: 220px;
    overflow: hidden;
    text-overflow: ellipsis;
  }
  /* Rows that are not rendered leave every second of them to their numbers. */
  tbody tr:nth-child(even) {
    background: var(--surface);
  }
  tbody tr.even {
    background: var(--inset);
  }
  tbody tr.room td {
    padding: 0;
  }
  tbody tr:hover,
  tbody tr[data-near] {
    background: var(--accent-soft);
  }
  tr.hidden th,
  tr.hidden td {
    color: var(--muted);
    font-style: italic;
  }
  tbody tr.group {
    background: var(--raised);
  }
  tr.group th,
  tr.group td {
    font-weight: 600;
  }
  @media (max-width: 560px) {
    th,
    td {
      padding-right: 8px;
      padding-left: 8px;
    }
    tbody th .title {
      flex: 0 0 104px;
      white-space: normal;
      overflow-wrap: anywhere;
    }
    tbody th .badge {
      display: none;
    }
  }
`;
