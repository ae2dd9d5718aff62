import { css } from 'lit';

/** Fields of the builder of sweeps: a label over its inputs, help and faults under them. */
export const builderStyles = css`
  .field {
    display: grid;
    gap: 4px;
    align-content: start;
    min-width: 0;
  }
  .field > label,
  .label {
    font-size: 12px;
    font-weight: 600;
    color: var(--muted);
  }
  .help {
    font-size: 12px;
    color: var(--muted);
  }
  .inputs {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
    align-items: center;
  }
  .inputs > select {
    width: auto;
  }
`;
