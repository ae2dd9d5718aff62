import { css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import type { Address } from './address.ts';
import type { CompareState, Comparison } from '../lab/index.ts';
import { DEFAULT_VIEW, type ChartView } from './chart-view.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import type { Range } from './plot-data.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-chart-tools.ts';
import './lab-compare-chart.ts';
import './lab-compare-cost.ts';
import './lab-compare-files.ts';
import './lab-compare-list.ts';
import './lab-compare-setup.ts';
import './lab-compare-stability.ts';
import './lab-compare-tensors.ts';
import './lab-compare-verdicts.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare': LabCompare;
  }
}

const UNITS = ['step', 'tokens'] as const;

/** Precision recipes against each other, live: setup, verdicts, curves, cost, tensors, stability and files. */
@customElement('lab-compare')
export class LabCompare extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    css`
      :host {
        display: grid;
        grid-template-columns: minmax(0, 1fr);
        gap: 14px;
      }
      .pair {
        display: grid;
        grid-template-columns: repeat(2, minmax(0, 1fr));
        gap: 14px;
        align-items: start;
      }
      lab-chart-tools {
        padding: 0 2px;
        margin: -4px 0;
      }
      @media (max-width: 1100px) {
        .pair {
          grid-template-columns: minmax(0, 1fr);
        }
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  /** What of the comparison the address shows. */
  @property({ attribute: false }) look!: CompareState;
  @state() private view: ChartView = { ...DEFAULT_VIEW, unit: 'tokens' };
  @state() private zoom: Range | null = null;
  @state() private cursor: number | null = null;
  @state() private hiddenArms: ReadonlySet<string> = new Set();

  /** A zoom is into the steps of one comparison. */
  #shown: Comparison | null = null;

  override willUpdate(): void {
    const { comparison } = this;
    if (comparison !== this.#shown) this.zoom = this.cursor = null;
    this.#shown = comparison;
    if (comparison !== null && comparison.smoothing !== this.view.smoothing) comparison.smoothing = this.view.smoothing;
  }

  override render(): unknown {
    const { lab, comparison, view, address } = this;
    return html`<lab-compare-setup .lab=${lab} .address=${address}></lab-compare-setup>
      <lab-compare-list .lab=${lab}></lab-compare-list>
      ${comparison === null ? nothing : html`<lab-compare-verdicts .lab=${lab}></lab-compare-verdicts>`}
      ${comparison === null ? nothing : this.#results(view)}
      <lab-compare-files .lab=${lab}></lab-compare-files>`;
  }

  #results(view: ChartView): unknown {
    const { lab } = this;
    return html`<lab-chart-tools
        .view=${view}
        .units=${UNITS}
        @lab-view=${(event: CustomEvent<Partial<ChartView>>): void => this.#look(event.detail)}
      ></lab-chart-tools>
      <div
        class="pair"
        @lab-zoom=${(event: CustomEvent<Range | null>): void => void (this.zoom = event.detail)}
        @lab-cursor=${(event: CustomEvent<number | null>): void => void (this.cursor = event.detail)}
        @lab-arm-shown=${(event: CustomEvent<string>): void => this.#toggle(event.detail)}
      >
        ${this.#chart('loss')}${this.#chart('gap')}
      </div>
      <lab-compare-cost .lab=${lab}></lab-compare-cost>
      <lab-compare-tensors
        .lab=${lab}
        .look=${this.look}
        .view=${view}
        @lab-compare=${(event: CustomEvent<Partial<CompareState>>): void =>
          this.address.setView({ compare: { ...this.look, ...event.detail } })}
      ></lab-compare-tensors>
      <lab-compare-stability .lab=${lab} .view=${view} .hiddenArms=${this.hiddenArms}></lab-compare-stability>`;
  }

  #chart(of: 'loss' | 'gap'): unknown {
    return html`<lab-compare-chart
      .lab=${this.lab}
      of=${of}
      .view=${this.view}
      .zoom=${this.zoom}
      .cursor=${this.cursor}
      .hiddenArms=${this.hiddenArms}
    ></lab-compare-chart>`;
  }

  #look(change: Partial<ChartView>): void {
    if (change.unit !== undefined && change.unit !== this.view.unit) this.zoom = null;
    this.view = { ...this.view, ...change };
  }

  #toggle(name: string): void {
    const hidden = new Set(this.hiddenArms);
    if (!hidden.delete(name)) hidden.add(name);
    this.hiddenArms = hidden;
  }
}
