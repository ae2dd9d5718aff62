import { css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { deviceName } from '../lab/index.ts';
import { PAGES, type Address, type PageId } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-share.ts';
import './lab-theme-switch.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-header': LabHeader;
  }
}

/** Name, pages, device, share and theme. */
@customElement('lab-header')
export class LabHeader extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      header {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px 14px;
        padding: 10px 20px;
        border-bottom: 1px solid var(--line);
        background: var(--surface);
      }
      .name {
        display: flex;
        align-items: center;
        gap: 9px;
      }
      svg {
        flex: none;
        fill: none;
        stroke: var(--accent);
        stroke-width: 2.2;
        stroke-linecap: round;
      }
      circle {
        fill: var(--validation);
        stroke: none;
      }
      h1 {
        margin: 0;
        font-size: 17px;
        font-weight: 680;
        letter-spacing: -0.01em;
      }
      .tagline {
        flex: 1 1 0;
        min-width: 0;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
        color: var(--muted);
        font-size: 13px;
      }
      .device {
        display: inline-flex;
        align-items: center;
        gap: 7px;
        min-width: 0;
        max-width: 320px;
        padding: 5px 10px;
        border: 1px solid var(--line);
        border-radius: 16px;
        font-size: 12px;
        color: var(--muted);
      }
      .device > span:nth-child(2) {
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .dot {
        flex: none;
        width: 8px;
        height: 8px;
        border-radius: 50%;
        background: var(--edge);
      }
      .dot.ready {
        background: var(--accent);
      }
      .dot.none,
      .dot.crashed {
        background: var(--danger);
      }
      nav {
        display: flex;
        align-self: stretch;
        gap: 2px;
        margin: -10px 0;
      }
      nav a {
        position: relative;
        display: flex;
        align-items: center;
        padding: 0 12px;
        min-height: 40px;
        font-weight: 600;
        font-size: 13px;
        color: var(--muted);
        text-decoration: none;
      }
      nav a:hover {
        color: var(--text);
      }
      nav a:focus-visible {
        outline-offset: -4px;
        border-radius: 8px;
      }
      nav a[aria-current='page'] {
        color: var(--text);
      }
      nav a[aria-current='page']::after {
        content: '';
        position: absolute;
        right: 12px;
        bottom: -1px;
        left: 12px;
        height: 2px;
        background: var(--accent);
      }
      .live {
        position: absolute;
        top: calc(50% - 9px);
        right: 4px;
        width: 6px;
        height: 6px;
        border-radius: 50%;
        background: var(--accent);
      }
      @media (max-width: 1560px) {
        .tagline {
          display: none;
        }
      }
      @media (max-width: 720px) {
        header {
          padding: 10px 14px 0;
        }
        nav {
          order: 4;
          flex-basis: 100%;
          justify-content: space-between;
          gap: 0;
          margin: -4px -7px 0;
        }
        nav a {
          padding: 0 7px;
        }
        nav a[aria-current='page']::after {
          right: 7px;
          left: 7px;
        }
        .tagline {
          display: block;
          flex-basis: 100%;
          order: 1;
          white-space: normal;
        }
        .device {
          order: 2;
          margin-left: 0;
          max-width: 230px;
        }
        lab-share {
          order: 3;
          margin-left: auto;
        }
        lab-theme-switch {
          margin-left: auto;
        }
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  /** The page that is shown. */
  @property() page: PageId = 'train';

  protected override readonly topics = ['device', 'progress', 'spec', 'run'] as const;
  protected override readonly runTopics = ['state'] as const;
  #endView = (): void => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#endView = this.address.on('view', () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#endView();
  }

  override render(): unknown {
    return html`<header>
      <div class="name">
        <svg width="26" height="26" viewBox="0 0 32 32" aria-hidden="true">
          <path d="M3 4c2 11 6 13 10 13s6-3 8-11" opacity="0.5" />
          <path d="M9 8c2 13 6 18 11 18s7-6 9-16" />
          <circle cx="12.5" cy="17" r="2.4" />
          <circle cx="20" cy="26" r="2.4" />
        </svg>
        <h1>Isoflop</h1>
      </div>
      <nav aria-label="Pages">${PAGES.map(({ id, label }) => this.#link(id, label))}</nav>
      <span class="tagline">Micro-transformers on your own GPU. Nothing leaves the machine.</span>
      <span class="push device"
        ><span class="dot ${this.lab.deviceState}"></span><span>${this.#deviceWords()}</span>${this.#badge()}</span
      >
      <lab-share .address=${this.address}></lab-share>
      <lab-theme-switch></lab-theme-switch>
    </header>`;
  }

  #link(page: PageId, label: string): unknown {
    const what = page === this.page ? '' : this.#goingOn(page);
    return html`<a href=${this.address.href(page)} aria-current=${page === this.page ? 'page' : 'false'}
      >${label}${what === '' ? nothing : html`<span class="live" title=${what}></span><span class="hidden-text">, ${what.charAt(0).toLowerCase()}${what.slice(1)}</span>`}</a
    >`;
  }

  /** What a page does by itself, in a sentence; empty where it waits for the user. */
  #goingOn(page: PageId): string {
    const { run, comparisons, kernels, sweeps } = this.lab;
    switch (page) {
      case 'train':
        return run?.state === 'running' ? 'A run is training' : '';
      case 'sweeps':
        return sweeps?.busy === true ? 'A sweep is training' : '';
      case 'runs':
      case 'laws':
        return '';
      case 'numerics':
        return comparisons.started?.state === 'running' ? 'A comparison is training' : '';
      case 'kernels':
        return kernels.busy ? 'A measurement goes on' : '';
    }
  }

  #deviceWords(): string {
    const { device, deviceState } = this.lab;
    switch (deviceState) {
      case 'opening':
        return 'Opening the GPU…';
      case 'none':
        return 'No WebGPU';
      case 'crashed':
        return 'Worker stopped';
      case 'ready':
        return device === null ? '' : deviceName(device);
    }
  }

  #badge(): unknown {
    return this.lab.device?.software === true
      ? html`<span class="badge warn" title="Computes on the CPU">SOFTWARE</span>`
      : nothing;
  }
}
