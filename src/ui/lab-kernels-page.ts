import { css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import type { Ablation, LanesReport, Measured, MeasuredWith } from '../lab/index.ts';
import type { Address } from './address.ts';
import type { KernelOrder } from './lab-kernel-table.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-kernels-ablation.ts';
import './lab-kernels-lanes.ts';
import './lab-kernels-roofline.ts';
import './lab-kernels-setup.ts';
import './lab-kernels-start.ts';
import './lab-kernels-timeline.ts';
import './lab-kernels-tuning.ts';
import './lab-unsupported.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-kernels-page': LabKernelsPage;
  }
}

/** What the device does with a training step: kernel by kernel, variant by variant, fusion by fusion, lane by lane. */
@customElement('lab-kernels-page')
export class LabKernelsPage extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      main {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
        max-width: 1760px;
        margin: 0 auto;
        padding: 16px 20px 48px;
      }
      @media (max-width: 960px) {
        main {
          padding: 12px 14px 40px;
        }
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  protected override readonly topics = ['device'] as const;
  #ends: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    const { kernels } = this.lab;
    this.#ends = [
      this.address.on('view', () => this.#viewed()),
      kernels.on('state', () => this.#set()),
      kernels.on('results', () => this.requestUpdate()),
    ];
    this.#viewed();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  override render(): unknown {
    const { lab, address } = this;
    const { results, opened, measuring } = lab.kernels;
    const { sort, descending } = address.kernels;
    const there = opened?.results ?? null;
    const fileName = opened?.fileName ?? '';
    return html`<main @lab-kernel-sort=${(event: CustomEvent<KernelOrder>): void => address.setKernels(event.detail)}>
      ${lab.deviceState === 'none' ? html`<lab-unsupported .lab=${lab}></lab-unsupported>` : nothing}
      <lab-kernels-setup .lab=${lab} .address=${address}></lab-kernels-setup>
      <lab-kernels-roofline
        .measured=${results.kernels}
        .other=${there?.kernels ?? null}
        .fileName=${fileName}
        .sort=${sort}
        .descending=${descending}
      >
        <lab-kernels-start .lab=${lab} what="kernels"></lab-kernels-start>
      </lab-kernels-roofline>
      <lab-kernels-timeline .measured=${results.kernels ?? there?.kernels ?? null}></lab-kernels-timeline>
      <lab-kernels-tuning .measured=${lab.kernels.tuning} .other=${there?.tuning ?? null} .fileName=${fileName}>
        <lab-kernels-start .lab=${lab} what="tuning"></lab-kernels-start>
      </lab-kernels-tuning>
      <lab-kernels-ablation .measured=${this.#ablation()} .other=${there?.ablation ?? null} .fileName=${fileName}>
        <lab-kernels-start .lab=${lab} what="ablation"></lab-kernels-start>
      </lab-kernels-ablation>
      <lab-kernels-lanes
        .measured=${this.#lanes()}
        .other=${there?.lanes ?? null}
        .fileName=${fileName}
        ?going=${measuring?.what === 'lanes'}
      >
        <lab-kernels-start .lab=${lab} what="lanes"></lab-kernels-start>
      </lab-kernels-lanes>
    </main>`;
  }

  /** The ablation that goes on, as far as it is, once it has a row; else the last. */
  #ablation(): Measured<Ablation> | null {
    const { measuring, results } = this.lab.kernels;
    const rows = measuring?.what === 'ablation' ? measuring.ablationRows : [];
    if (measuring === null || rows.length === 0) return results.ablation;
    const { rounds } = measuring.environment.options;
    return partly(measuring.environment, { rows, idle: [], lossSteps: Number.NaN, rounds });
  }

  #lanes(): Measured<LanesReport> | null {
    const { measuring, results } = this.lab.kernels;
    const rows = measuring?.what === 'lanes' ? measuring.lanesRows : [];
    if (measuring === null || rows.length === 0) return results.lanes;
    return partly(measuring.environment, { rows, fullAt: 1, stoppedBy: null });
  }

  /** The settings of the address are those of the desk, whichever changed last. */
  #viewed(): void {
    const { settings } = this.address.kernels;
    if (JSON.stringify(settings) !== JSON.stringify(this.lab.kernels.settings)) this.lab.kernels.change(settings);
    this.requestUpdate();
  }

  #set(): void {
    const { settings } = this.lab.kernels;
    if (this.address.kernels.settings !== settings) this.address.setKernels({ settings });
    this.requestUpdate();
  }
}

function partly<T>(environment: MeasuredWith, value: T): Measured<T> {
  return { environment, value, stopped: false, failure: null };
}
