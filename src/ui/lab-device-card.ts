import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { deviceMarkdown, deviceName } from '../lab/index.ts';
import { count, si } from './format.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import { progressWords } from './words.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-device-card': LabDeviceCard;
  }
}

/** The adapter in use: its features and limits, its measured peak, and the test of recovery. */
@customElement('lab-device-card')
export class LabDeviceCard extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .actions {
        margin-top: 12px;
      }
      dl {
        display: grid;
        grid-template-columns: repeat(auto-fill, minmax(150px, 1fr));
        gap: 8px 14px;
      }
      dd {
        overflow-wrap: anywhere;
      }
      details {
        margin-top: 10px;
        font-size: 12px;
      }
      summary {
        cursor: pointer;
        color: var(--muted);
      }
      table {
        width: 100%;
        border-collapse: collapse;
        margin-top: 6px;
      }
      th {
        text-align: left;
        font-weight: 400;
        overflow-wrap: anywhere;
      }
      td {
        text-align: right;
        padding-left: 12px;
      }
      tr:nth-child(even) {
        background: var(--inset);
      }
      .software {
        margin-bottom: 10px;
        padding: 8px 10px;
        border-radius: 6px;
        background: var(--warn-soft);
        color: var(--warn);
        font-size: 12px;
      }
    `,
  ];

  protected override readonly topics = ['device', 'progress', 'run'] as const;
  protected override readonly runTopics = ['state'] as const;
  @state() private copied = '';
  @state() private measuring = false;

  override render(): unknown {
    const { device, peak } = this.lab;
    return html`<section class="card" aria-label="Device">
      <header>
        <h2>Device</h2>
        ${device?.software === true ? html`<span class="badge warn">SOFTWARE</span>` : nothing}
      </header>
      ${
        device === null
          ? html`<p class="small muted">The adapter is not open.</p>`
          : html`
              ${
                device.software
                  ? html`<p class="software">
                      This adapter computes on the CPU. Losses are right; times and rates say nothing of a GPU.
                    </p>`
                  : nothing
              }
              <dl>
                ${this.#figure('Adapter', deviceName(device))}
                ${this.#figure('Vendor, architecture', [device.vendor, device.architecture].filter((word) => word !== '').join(', ') || '—')}
                ${this.#figure('Matmul peak, f32', peak === null ? 'not measured' : si(peak.matmulFlopsPerSecond, 'FLOP/s'))}
                ${this.#figure('Build', device.build)} ${this.#figure('Kernels of the run', this.#tuned())}
                ${this.#figure('Variants off', device.disabledVariants.length === 0 ? 'none' : device.disabledVariants.join(', '))}
              </dl>
              ${this.#actions()}
              <details>
                <summary>Features (${device.features.length})</summary>
                <p class="mono">${[...device.features].sort().join(' · ') || 'none'}</p>
              </details>
              <details>
                <summary>Limits (${Object.keys(device.limits).length})</summary>
                <table>
                  <tbody>
                    ${Object.entries(device.limits).map(
                      ([name, value]) =>
                        html`<tr>
                          <th scope="row">${name}</th>
                          <td>${count(value)}</td>
                        </tr>`,
                    )}
                  </tbody>
                </table>
              </details>
            `
      }
    </section>`;
  }

  #actions(): unknown {
    const { run, progress } = this.lab;
    const busy = run?.active === true && run.state !== 'paused';
    return html`<div class="bar actions">
        <button type="button" data-action="copy-report" @click=${(): Promise<void> => this.#copy()}>Copy report</button>
        <button
          type="button"
          data-action="measure-peak"
          ?disabled=${busy || this.measuring}
          @click=${(): Promise<void> => this.#measure()}
        >
          ${this.measuring ? (progress === null ? 'Measuring…' : progressWords(progress)) : 'Measure matmul peak'}
        </button>
        <button type="button" data-action="destroy-device" @click=${(): Promise<void> => this.lab.destroyDevice()}>
          Test recovery: destroy the device
        </button>
      </div>
      <span class="small muted" role="status">${this.copied}</span>`;
  }

  /** Which kernels the run was begun with; what is tuned later is for later runs. */
  #tuned(): string {
    const tuned = this.lab.run?.report?.tunedKernels ?? null;
    if (tuned === null) return '—';
    return tuned === 0 ? 'not tuned' : `${tuned} ${tuned === 1 ? 'shape' : 'shapes'} chosen by the tuner`;
  }

  #figure(term: string, value: string): unknown {
    return html`<div>
      <dt>${term}</dt>
      <dd>${value}</dd>
    </div>`;
  }

  async #measure(): Promise<void> {
    this.measuring = true;
    await this.lab.measurePeak();
    this.measuring = false;
  }

  async #copy(): Promise<void> {
    const { device, peak } = this.lab;
    if (device === null) return;
    try {
      await navigator.clipboard.writeText(deviceMarkdown(device, peak));
      this.copied = 'Report copied as Markdown.';
    } catch {
      this.copied = 'The browser did not let the page copy: allow the clipboard and try again.';
    }
    setTimeout(() => (this.copied = ''), 4000);
  }
}
