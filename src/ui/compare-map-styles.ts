import { css, unsafeCSS } from 'lit';

const levels = Array.from({ length: 9 }, (_, i) => `.heat-${i} { fill: var(--heat-${i}); background: var(--heat-${i}); }`).join(
  '\n',
);

/** What the map of tensors looks like. */
export const mapStyles = css`
  .scroll {
    overflow-x: auto;
    padding: 2px;
    border-radius: 4px;
  }
  svg {
    display: block;
    cursor: pointer;
  }
  text {
    font-family: var(--sans);
    font-size: 11px;
    fill: var(--muted);
  }
  .head {
    font-weight: 600;
    fill: var(--text);
  }
  .tail {
    font-size: 10.5px;
  }
  .empty {
    fill: none;
    stroke: var(--line);
    stroke-width: 1;
  }
  ${unsafeCSS(levels)}
  .open,
  .hover,
  .step {
    fill: none;
    stroke: var(--accent);
    stroke-width: 2;
  }
  .hover {
    stroke: var(--text);
    stroke-width: 1;
  }
  .step {
    stroke: var(--text);
    stroke-width: 1.5;
  }
  .nothing {
    padding: 24px 0;
    text-align: center;
  }
  .readout {
    min-height: 20px;
    margin-top: 8px;
    font-size: 13px;
    overflow-wrap: anywhere;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 4px 8px;
    margin-top: 4px;
    font-size: 12px;
    color: var(--muted);
  }
  .ramp {
    display: inline-flex;
    border: 1px solid var(--line);
    border-radius: 3px;
    overflow: hidden;
  }
  .ramp i {
    width: 20px;
    height: 12px;
  }
`;
