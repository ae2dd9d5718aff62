import { html } from 'lit';
import type { PictureKind } from './save.ts';

/**
 * The two buttons beside a chart that save it as a file.
 *
 * @param action begins the name of each button's action: `loss` gives `loss-svg` and `loss-png`.
 * @param chart what is saved, where the page has several charts of one kind.
 */
export function pictureButtons(
  action: string,
  save: (kind: PictureKind) => Promise<void>,
  chart = '',
  disabled = false,
): unknown {
  return (['svg', 'png'] as const).map((kind) => {
    const words = kind.toUpperCase();
    return html`<button
      type="button"
      class="quiet"
      data-action=${`${action}-${kind}`}
      aria-label=${chart === '' ? words : `${chart} as ${words}`}
      ?disabled=${disabled}
      @click=${(): void => void save(kind)}
    >
      ${words}
    </button>`;
  });
}
