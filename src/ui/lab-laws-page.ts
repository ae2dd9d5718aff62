import { css, html, nothing } from 'lit';
import { customElement, property } from 'lit/decorators.js';
import { remembered } from '../base/remembered.ts';
import { LawsDesk, ownLaws, rangeOf, type LawFit, type LawsView, type PlanLaw, type RunRecord } from '../lab/index.ts';
import type { Address } from './address.ts';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-laws-calculator.ts';
import './lab-laws-counting.ts';
import './lab-laws-frontier.ts';
import './lab-laws-parameters.ts';
import './lab-laws-points.ts';
import './lab-laws-setup.ts';
import './lab-notices.ts';
import './lab-planner.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-laws-page': LabLawsPage;
  }
}

const NO_RUNS: readonly RunRecord[] = [];

/** Points of kept runs or of a file, the law that is fitted to them, and what follows from it. */
@customElement('lab-laws-page')
export class LabLawsPage extends LabElement {
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
      .empty > * + * {
        margin-top: 6px;
      }
      @media (max-width: 960px) {
        main {
          padding: 12px 14px 40px;
        }
      }
    `,
  ];

  @property({ attribute: false }) address!: Address;
  #desk: LawsDesk | null = null;
  #ends: (() => void)[] = [];
  readonly #own = remembered((fit: LawFit | null, frontiers: LawsDesk['frontiers']): readonly PlanLaw[] =>
    ownLaws(fit?.outcome ?? null, frontiers, fit === null ? null : rangeOf(fit.points.points, fit.excluded)),
  );

  override connectedCallback(): void {
    super.connectedCallback();
    const { lab, address } = this;
    const desk = (this.#desk ??= new LawsDesk({
      store: lab.store,
      fits: lab.fits,
      kept: lab.keptLaws,
      report: (error, where) => lab.report(error, where),
      notice: (text) => lab.notice(text),
    }));
    const look = (): void => {
      desk.look(address.laws);
      link();
      this.requestUpdate();
    };
    // What the desk chose or remembered belongs in the link too.
    const link = (): void => {
      const { linked } = desk;
      const { file, out } = address.laws;
      if (linked.file !== file || linked.out.join() !== out.join()) address.setLaws(linked);
    };
    this.#ends = [
      address.on('view', look),
      address.on('page', () => (desk.asleep = address.page !== 'laws')),
      desk.on('points', () => {
        link();
        this.requestUpdate();
      }),
      desk.on('fit', () => this.requestUpdate()),
      () => desk.close(),
    ];
    look();
    desk.open();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  override render(): unknown {
    const desk = this.#desk;
    if (desk === null) return nothing;
    const view = this.address.laws;
    const none = desk.points === null || desk.points.rows.length === 0;
    return html`<main @lab-laws-view=${(event: CustomEvent<Partial<LawsView>>): void => this.address.setLaws(event.detail)}>
      <lab-laws-setup .desk=${desk} .view=${view}></lab-laws-setup>
      ${none ? this.#empty(desk) : this.#fitted(desk, view)}
      <lab-planner
        .lab=${this.lab}
        .address=${this.address}
        .view=${view.plan}
        .own=${this.#own(desk.fit, desk.frontiers)}
        .optima=${desk.own}
        .stale=${desk.stale}
        .counting=${view.counting}
        .runs=${desk.runs ?? NO_RUNS}
      ></lab-planner>
      <lab-laws-counting .desk=${desk} .view=${view}></lab-laws-counting>
      <lab-laws-calculator></lab-laws-calculator>
      <lab-notices .lab=${this.lab}></lab-notices>
    </main>`;
  }

  #fitted(desk: LawsDesk, view: LawsView): unknown {
    return html`<lab-laws-points .desk=${desk} .view=${view}></lab-laws-points>
      <lab-laws-parameters .desk=${desk} .view=${view}></lab-laws-parameters>
      <lab-laws-frontier .desk=${desk} .view=${view}></lab-laws-frontier>`;
  }

  #empty(desk: LawsDesk): unknown {
    if (desk.runs === null || (desk.points === null && desk.chosen.length > 0)) return nothing;
    return html`<section class="card empty" aria-label="No points">
      <h2>No points yet</h2>
      <p>Points are runs that have finished: train a few sizes at a few lengths, or let a sweep do it.</p>
      <p class="muted">
        Start one on the <a href=${this.address.href('sweeps')}>Sweeps page</a> or the
        <a href=${this.address.href('train')}>Train page</a>, or import points of other runs as CSV with columns such as N, D and
        loss.
      </p>
    </section>`;
  }
}
