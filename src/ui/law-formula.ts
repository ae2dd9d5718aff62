import { html } from 'lit';
import { formulaParts } from './law-words.ts';

/** A formula with what is raised and lowered where it belongs; read out as it is written in tables. */
export function formulaHtml(formula: string): unknown {
  return html`<span class="formula" role="img" aria-label=${formula}
    >${formulaParts(formula).map(({ text, level }) =>
      level === 'sup' ? html`<sup>${text}</sup>` : level === 'sub' ? html`<sub>${text}</sub>` : text,
    )}</span
  >`;
}
