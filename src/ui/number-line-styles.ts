import { css } from 'lit';

/** What the number line looks like; `--a` and `--b` are the colours of its two formats. */
export const lineStyles = css`
  svg {
    display: block;
    width: 100%;
    overflow: visible;
    touch-action: pan-y;
    cursor: crosshair;
  }
  text {
    font-family: var(--sans);
    font-size: 11px;
    fill: var(--muted);
  }
  .end {
    text-anchor: end;
  }
  .middle {
    text-anchor: middle;
  }
  .name {
    font-size: 12px;
    font-weight: 650;
  }
  .name.a {
    fill: var(--a);
  }
  .name.b {
    fill: var(--b);
  }
  .grid {
    stroke: var(--grid);
    stroke-width: 1;
  }
  .axis {
    stroke: var(--edge);
    stroke-width: 1;
  }
  .lane {
    outline: none;
  }
  .lane:focus-visible .frame {
    stroke: var(--accent);
    stroke-width: 2;
  }
  .frame {
    fill: transparent;
    stroke: none;
  }
  .marks,
  .bars {
    fill: none;
    stroke-width: 1.5;
  }
  .a .marks {
    stroke: var(--a);
  }
  .b .marks {
    stroke: var(--b);
  }
  .marks.normal {
    opacity: 0.72;
  }
  .marks.subnormal {
    opacity: 0.85;
    stroke-dasharray: 3 2;
  }
  .bars {
    stroke: none;
    opacity: 0.55;
  }
  .bars.subnormal {
    opacity: 0.3;
  }
  .a .bars {
    fill: var(--a);
  }
  .b .bars {
    fill: var(--b);
  }
  .number {
    stroke: var(--accent);
    stroke-width: 1.5;
    stroke-dasharray: 4 3;
  }
  .said {
    fill: var(--accent);
    font-weight: 650;
  }
  .hit {
    stroke: var(--surface);
    stroke-width: 2;
  }
  .a .hit {
    fill: var(--a);
  }
  .b .hit {
    fill: var(--b);
  }
  .cursor {
    stroke: var(--text);
    stroke-width: 2;
  }
  .readout {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 1fr));
    gap: 2px 20px;
    margin-top: 6px;
    font-size: 12px;
  }
  .readout p {
    display: flex;
    flex-wrap: wrap;
    gap: 2px 12px;
    min-height: 36px;
    align-content: start;
  }
  .readout b {
    color: var(--own);
  }
  .readout .a {
    --own: var(--a);
  }
  .readout .b {
    --own: var(--b);
  }
  .value {
    font-weight: 650;
  }
  @media (max-width: 720px) {
    .readout {
      grid-template-columns: minmax(0, 1fr);
    }
    .readout p {
      min-height: 34px;
    }
  }
`;
