import { css } from 'lit';

/** Sections of the Kernels page: headline figures, what stands there before anything is measured. */
export const sectionStyles = css`
  .empty {
    max-width: 92ch;
    padding: 2px 0 4px;
  }
  .figures {
    display: flex;
    flex-wrap: wrap;
    gap: 10px 36px;
    margin: 4px 0 14px;
  }
  .figures dd {
    font-size: 20px;
    font-weight: 600;
    line-height: 1.25;
    letter-spacing: -0.005em;
  }
  .figures dd span {
    font-size: 13px;
    font-weight: 500;
    color: var(--muted);
  }
  .figures dd.small {
    font-size: 12px;
    font-weight: 400;
  }
  .words {
    margin: 2px 0 12px;
    font-size: 20px;
    line-height: 1.3;
    font-weight: 600;
    letter-spacing: -0.005em;
    text-wrap: pretty;
  }
  .note {
    margin-top: 10px;
    max-width: 130ch;
  }
  slot {
    display: block;
  }
  @media (max-width: 560px) {
    .words {
      font-size: 17px;
    }
    .figures {
      gap: 10px 22px;
    }
  }
`;
