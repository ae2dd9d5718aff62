import { css } from 'lit';

/** Labelled choices in a row above a chart or a table. */
export const toolStyles = css`
  label {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
  select {
    width: auto;
    min-height: 28px;
    font-size: 12px;
  }
`;
