import { css, html, nothing } from 'lit';
import { customElement } from 'lit/decorators.js';
import { deviceName, type ComparedArm, type Comparison } from '../lab/index.ts';
import { bytes, whole } from './format.ts';
import { millis } from './compare-words.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import { sharedStyles } from './shared-styles.ts';
import { tableStyles } from './table-styles.ts';
import './lab-compare-swatch.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-cost': LabCompareCost;
  }
}

/** What each arm costs in time and memory, and what that says and does not say. */
@customElement('lab-compare-cost')
export class LabCompareCost extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    tableStyles,
    css`
      th:first-child {
        display: flex;
        align-items: center;
        gap: 8px;
      }
      .note {
        margin-top: 10px;
        max-width: 130ch;
      }
      .software {
        color: var(--warn);
      }
    `,
  ];

  protected override readonly comparisonTopics = ['cost', 'state'] as const;
  protected override readonly everyMs = 500;

  override render(): unknown {
    const { comparison } = this;
    if (comparison === null) return nothing;
    return html`<section class="card" aria-labelledby="title">
      <header><h2 id="title">Cost</h2></header>
      <div class="scroll" tabindex="0" role="region" aria-label="Cost of each arm">
        <table>
          <thead>
            <tr>
              <th scope="col">Arm</th>
              <th scope="col">ms per step</th>
              <th scope="col">quartiles</th>
              <th scope="col">against ${comparison.baseline.name}</th>
              <th scope="col">Dispatches</th>
              <th scope="col">Peak memory</th>
              <th scope="col">Kept for backward</th>
              <th scope="col">Fast paths off</th>
            </tr>
          </thead>
          <tbody>
            ${comparison.arms.map((arm, place) => this.#row(comparison, arm, place))}
          </tbody>
        </table>
      </div>
      <p class="small note">
        Formats are emulated: casts are extra work here, where FP8 hardware would save some. The figures show what the emulation
        costs and what a format keeps in memory, not how fast FP8 would be.
      </p>
      <p class="small muted">${this.#where(comparison)}</p>
    </section>`;
  }

  #row(comparison: Comparison, arm: ComparedArm, place: number): unknown {
    const { cost, report } = arm;
    const ratio = comparison.costRatioOf(arm);
    return html`<tr>
      <th scope="row"><lab-compare-swatch place=${place}></lab-compare-swatch>${arm.name}</th>
      <td>${cost === null ? '—' : millis(cost.msPerStep)}</td>
      <td>${cost === null ? '—' : `${millis(cost.lowMs)} – ${millis(cost.highMs)}`}</td>
      <td>${ratio === null ? '—' : arm === comparison.baseline ? '1' : `${ratio.toFixed(2)} ×`}</td>
      <td>${report === null ? '—' : whole(report.dispatchesPerStep)}</td>
      <td>${report === null ? '—' : bytes(report.peakBytes)}</td>
      <td>${report === null || report.keptBytes === null ? '—' : bytes(report.keptBytes)}</td>
      <td>${report === null ? '—' : report.disabledVariants.length === 0 ? 'none' : report.disabledVariants.join(', ')}</td>
    </tr>`;
  }

  #where({ device, imported, setup }: Comparison): unknown {
    const lanes = `Time and peak memory are of all ${setup.seeds} seeds together, kept bytes of one. Arms take turns on the device.`;
    if (device === null) return imported ? `${lanes} The file does not say on which adapter this was measured.` : lanes;
    return html`${lanes} Measured ${imported ? 'elsewhere, ' : ''}on ${deviceName(device)}.
    ${device.software ? html`<span class="software">It is a software adapter, which computes on the CPU: times say nothing of a GPU.</span>` : nothing}`;
  }
}
