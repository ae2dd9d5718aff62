import { css, html, unsafeCSS } from 'lit';
import { KERNEL_KINDS, kindColor, kindMark, type KernelKind } from './kernel-kinds.ts';

/** Classes `kind-matmul` and so on, which fill a mark or a bar with the colour of its kind. */
export const kindStyles = css`
  ${unsafeCSS(KERNEL_KINDS.map((kind) => `.kind-${kind} { fill: var(${kindColor(kind)}); }`).join('\n'))}
  .mark {
    flex: none;
    display: inline-block;
    vertical-align: -1px;
  }
  .legend {
    display: flex;
    flex-wrap: wrap;
    gap: 2px 16px;
    margin: 6px 0 0;
    padding: 0;
    font-size: 12px;
    color: var(--muted);
    list-style: none;
  }
  .legend li {
    display: inline-flex;
    align-items: center;
    gap: 6px;
  }
`;

/** The mark of a kind as a small drawing beside its name. */
export function markIcon(kind: KernelKind, size = 12): unknown {
  const half = size / 2;
  return html`<svg class="mark" width=${size} height=${size} viewBox=${`${-half} ${-half} ${size} ${size}`} aria-hidden="true">
    <path class=${`kind-${kind}`} d=${kindMark(kind, size * 0.36)} />
  </svg>`;
}

/** The marks of these kinds with their names. */
export function kindLegend(kinds: ReadonlySet<KernelKind>): unknown {
  return html`<ul class="legend" aria-label="Marks">
    ${KERNEL_KINDS.filter((kind) => kinds.has(kind)).map((kind) => html`<li>${markIcon(kind)}${kind}</li>`)}
  </ul>`;
}
