import { css, html, nothing } from 'lit';

export interface SortHead {
  /** What the button orders by. */
  readonly sort: string;
  readonly label: string;
  readonly help: string;
  readonly order: 'ascending' | 'descending' | 'none';
  readonly press: () => void;
}

/** The head of a column, which orders the table by it. @param before stands in front of the button. */
export function sortHead({ sort, label, help, order, press }: SortHead, before: unknown = nothing): unknown {
  const button = html`<button type="button" class="sort" data-sort=${sort} title=${help} @click=${press}>
    ${label}<i aria-hidden="true">${order === 'none' ? '' : order === 'descending' ? '▼' : '▲'}</i>
  </button>`;
  return html`<th scope="col" aria-sort=${order}>
    ${before === nothing ? button : html`<span class="head">${before}${button}</span>`}
  </th>`;
}

/** Such heads, the first column stays in sight while the table scrolls. */
export const sortStyles = css`
  th:first-child {
    position: sticky;
    left: 0;
    background: inherit;
  }
  thead tr {
    background: var(--raised);
  }
  thead th {
    padding: 0;
    z-index: 1;
  }
  thead th:first-child {
    z-index: 2;
  }
  tbody tr {
    background: var(--surface);
  }
  .head {
    display: flex;
    align-items: center;
    gap: 4px;
  }
  .sort {
    display: inline-flex;
    gap: 4px;
    width: 100%;
    min-height: 30px;
    padding: 5px 12px;
    justify-content: flex-end;
    align-items: center;
    border: 0;
    border-radius: 0;
    background: transparent;
    color: inherit;
    font-size: 12px;
    font-weight: 600;
    white-space: nowrap;
  }
  .sort:hover {
    color: var(--text);
  }
  .sort:focus-visible,
  .open:focus-visible {
    outline-offset: -2px;
  }
  th:first-child .sort {
    justify-content: flex-start;
  }
  .sort i {
    width: 8px;
    font-style: normal;
    font-size: 9px;
  }
  [aria-sort='descending'],
  [aria-sort='ascending'] {
    color: var(--text);
  }
`;
