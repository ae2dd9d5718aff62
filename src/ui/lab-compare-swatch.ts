import { css, html, LitElement } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { armStyle } from './compare-frames.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-swatch': LabCompareSwatch;
  }
}

/** A piece of an arm's line: its colour and its dash. */
@customElement('lab-compare-swatch')
export class LabCompareSwatch extends LitElement {
  static override readonly styles = css`
    :host {
      display: inline-block;
      width: 24px;
      height: 10px;
      flex: none;
    }
    svg {
      display: block;
    }
  `;

  @property({ type: Number }) place = 0;

  override render(): unknown {
    const { color, dash } = armStyle(this.place);
    return html`<svg width="24" height="10" viewBox="0 0 24 10" aria-hidden="true">
      <line x1="0" y1="5" x2="24" y2="5" stroke=${`var(${color})`} stroke-width="2.5" stroke-dasharray=${dash.join(' ')} />
    </svg>`;
  }
}
