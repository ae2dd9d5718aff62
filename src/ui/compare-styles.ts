import { css } from 'lit';

/** The card that sets a comparison up. */
export const setupStyles = css`
  .intro {
    flex: 1 1 320px;
    max-width: 110ch;
  }
  .presets,
  .formats {
    display: flex;
    flex-wrap: wrap;
    gap: 6px;
  }
  .chip {
    min-height: 28px;
    padding: 4px 11px;
    border-radius: 14px;
    font-size: 12px;
  }
  .blurb {
    margin-top: 8px;
    max-width: 130ch;
  }
  .layout {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(300px, 380px);
    gap: 16px 32px;
    margin-top: 12px;
  }
  .column {
    display: grid;
    gap: 12px;
    align-content: start;
    min-width: 0;
  }
  .add {
    padding: 5px 0 0 34px;
  }
  .add select {
    width: auto;
  }
  .options {
    display: grid;
    grid-template-columns: repeat(2, minmax(0, 200px)) minmax(0, 1fr);
    gap: 8px 18px;
    align-items: start;
    font-size: 13px;
  }
  .options > label {
    display: grid;
    gap: 3px;
    color: var(--muted);
    font-size: 12px;
  }
  details {
    padding-top: 22px;
  }
  details p {
    margin: 4px 0 8px;
  }
  summary {
    cursor: pointer;
  }
  @media (max-width: 960px) {
    .layout {
      grid-template-columns: minmax(0, 1fr);
    }
  }
  @media (max-width: 560px) {
    .options {
      grid-template-columns: minmax(0, 1fr) minmax(0, 1fr);
    }
    details {
      grid-column: 1 / -1;
      padding-top: 0;
    }
    .add {
      padding-left: 30px;
    }
  }
`;
