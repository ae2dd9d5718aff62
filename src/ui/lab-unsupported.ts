import { css, html } from 'lit';
import { customElement } from 'lit/decorators.js';
import { webgpuAdvice } from '../lab/index.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-unsupported': LabUnsupported;
  }
}

/** Why there is no GPU here, and what to do in this browser. */
@customElement('lab-unsupported')
export class LabUnsupported extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .card {
        border-color: var(--warn);
        padding: 20px 24px;
        margin-bottom: 14px;
      }
      h2 {
        font-size: 18px;
        margin-bottom: 6px;
      }
      ol {
        margin: 12px 0;
        padding-left: 22px;
      }
      li {
        margin: 5px 0;
        overflow-wrap: anywhere;
      }
    `,
  ];

  protected override readonly topics = ['device'] as const;

  override render(): unknown {
    const facts = { userAgent: navigator.userAgent, hasGpu: 'gpu' in navigator, secureContext: isSecureContext };
    const advice = webgpuAdvice(facts, this.lab.deviceError?.message ?? null);
    return html`<section class="card" role="alert">
      <h2>${advice.title}</h2>
      <p>${advice.reason}</p>
      <ol>
        ${advice.steps.map((step) => html`<li>${step}</li>`)}
      </ol>
      <button type="button" data-action="retry-device" @click=${(): Promise<void> => this.lab.open()}>Try again</button>
    </section>`;
  }
}
