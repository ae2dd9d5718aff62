import { css } from 'lit';

/** A table of ratios with their intervals drawn. */
export const forestStyles = css`
  .scroll {
    max-height: 640px;
  }
  th:first-child {
    position: sticky;
    left: 0;
    z-index: 1;
    background: inherit;
  }
  thead th {
    vertical-align: bottom;
    z-index: 2;
  }
  thead th:first-child {
    z-index: 3;
    background: var(--raised);
  }
  td,
  tbody th {
    padding-top: 0;
    padding-bottom: 0;
    height: 24px;
  }
  tbody tr,
  tbody tr:nth-child(even) {
    background: var(--surface);
  }
  tbody tr:hover {
    background: var(--inset);
  }
  .group th {
    height: 32px;
    padding-top: 8px;
    font-weight: 600;
    text-align: left;
    color: var(--muted);
  }
  .group th span {
    position: sticky;
    left: 10px;
  }
  tbody tr:not(.group) th {
    padding-left: 24px;
    font-family: var(--mono);
  }
  th,
  td {
    padding-right: 10px;
    padding-left: 10px;
  }
  td small {
    font-size: 11px;
    color: var(--muted);
  }
  .forest {
    width: 1px;
    padding-right: 4px;
    padding-left: 4px;
  }
  .forest svg {
    display: block;
  }
  svg text {
    font: 10.5px var(--sans);
    fill: var(--muted);
  }
  .grid {
    stroke: var(--grid);
  }
  .one {
    stroke: var(--edge);
  }
  svg.less {
    --effect: var(--accent);
  }
  svg.more {
    --effect: var(--validation);
  }
  svg.none {
    --effect: var(--reference);
  }
  .bar {
    fill: var(--effect);
    fill-opacity: 0.3;
  }
  .whisker {
    fill: none;
    stroke: var(--effect);
    stroke-width: 1.5;
  }
  .at {
    fill: var(--effect);
    stroke: var(--effect);
    stroke-width: 1.5;
  }
  svg.none .at {
    fill: var(--surface);
  }
  .there {
    fill: none;
    stroke: var(--text);
    stroke-width: 1.25;
  }
  .verdict {
    text-align: left;
  }
  td.verdict {
    font-weight: 500;
  }
  td.verdict.none {
    color: var(--muted);
    font-weight: 400;
  }
  .under {
    display: none;
  }
  @media (max-width: 720px) {
    th.verdict,
    td.verdict {
      display: none;
    }
    .under {
      display: block;
      max-width: 128px;
      padding-bottom: 3px;
      white-space: normal;
      font-family: var(--sans);
      font-size: 11px;
      font-weight: 400;
      color: var(--muted);
    }
    tbody tr:not(.group) th {
      padding: 3px 8px 0 10px;
    }
  }
`;
