import { css } from 'lit';
import { kindStyles } from './kernel-mark.ts';

/** What drawings of kernels have in common: text, grid, readout. */
export const drawingStyles = css`
  .stage {
    border-radius: 4px;
  }
  .chart {
    display: block;
    max-width: 100%;
  }
  .chart text {
    font-family: var(--sans);
    font-size: 11px;
    fill: var(--muted);
  }
  .chart .head {
    font-weight: 600;
    fill: var(--text);
  }
  .chart .grid {
    fill: none;
    stroke: var(--grid);
    stroke-width: 1;
  }
  .chart .axis {
    fill: none;
    stroke: var(--line);
    stroke-width: 1;
  }
  .readout {
    min-height: 20px;
    margin-top: 8px;
    font-size: 13px;
    overflow-wrap: anywhere;
  }
`;

/** What a roofline looks like. */
export const roofStyles = [
  kindStyles,
  drawingStyles,
  css`
    .wait {
      height: 380px;
    }
    .chart {
      cursor: pointer;
    }
    .roof {
      fill: none;
      stroke: var(--text);
      stroke-width: 1.75;
      stroke-linejoin: round;
    }
    .roof.there {
      stroke: var(--reference);
      stroke-width: 1.5;
      stroke-dasharray: 6 4;
    }
    .tenth {
      fill: none;
      stroke: var(--edge);
      stroke-width: 1;
      stroke-dasharray: 2 4;
    }
    .spread {
      fill: var(--text);
      fill-opacity: 0.12;
    }
    .chart .limit {
      font-weight: 600;
      fill: var(--text);
    }
    .dot {
      fill-opacity: 0.85;
      stroke: var(--surface);
      stroke-width: 1;
    }
    .dot.there {
      fill: none;
      stroke: var(--reference);
      stroke-width: 1.25;
    }
    .chart .name {
      fill: var(--text);
      stroke: none;
    }
    .ring {
      fill: none;
      stroke: var(--text);
      stroke-width: 1.5;
    }
    .cross {
      fill: none;
      stroke: var(--edge);
      stroke-width: 1;
      stroke-dasharray: 2 3;
    }
  `,
];
