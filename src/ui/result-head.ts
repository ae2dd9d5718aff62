import { html, nothing } from 'lit';
import { pictureButtons } from './picture-buttons.ts';
import { saveFile, type PictureKind } from './save.ts';
import './lab-copy-button.ts';

export interface ResultHead<T> {
  /** Null where there is nothing to copy or save. */
  readonly shown: T | null;
  readonly title: string;
  /** Beside the title, in few words. */
  readonly about: string;
  /** Begins the actions of the buttons and names the file: `lanes` gives `lanes-csv` and `isoflop-lanes.csv`. */
  readonly name: string;
  readonly markdown: (shown: T) => string;
  readonly csv: (shown: T) => string;
  /** The drawing, where there is one; its name begins the actions of its buttons. */
  readonly picture?: { readonly name: string; readonly save: (kind: PictureKind) => Promise<void> };
}

/** The head of a card with a measured result: its title, and what takes the result away. */
export function resultHead<T>({ shown, title, about, name, markdown, csv, picture }: ResultHead<T>): unknown {
  const none = shown === null;
  const saveCsv = (): void => {
    if (shown !== null) saveFile(`isoflop-${name}.csv`, new Blob([csv(shown)], { type: 'text/csv' }));
  };
  return html`<header>
    <h2 id="title">${title} <span class="muted">${about}</span></h2>
    <span class="push bar">
      <lab-copy-button
        label="Markdown"
        what=${name}
        action=${`${name}-markdown`}
        ?disabled=${none}
        .text=${(): string => (shown === null ? '' : markdown(shown))}
      ></lab-copy-button>
      <button
        type="button"
        class="quiet"
        data-action=${`${name}-csv`}
        aria-label=${`${capital(name)} as CSV`}
        ?disabled=${none}
        @click=${saveCsv}
      >
        CSV
      </button>
      ${picture === undefined ? nothing : pictureButtons(picture.name, picture.save, capital(picture.name), none)}
    </span>
  </header>`;
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}
