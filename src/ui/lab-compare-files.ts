import { css, html, nothing } from 'lit';
import { customElement, query } from 'lit/decorators.js';
import { comparisonJson, gapsCsv, lossesCsv, stabilityCsv, tensorsCsv, type Comparison } from '../lab/index.ts';
import { specToHash } from '../spec/index.ts';
import { LabCompareElement } from './lab-compare-element.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-compare-files': LabCompareFiles;
  }
}

/** What was measured as files, and a file that was saved before. */
@customElement('lab-compare-files')
export class LabCompareFiles extends LabCompareElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .card {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: 8px;
      }
      h2 {
        margin-right: 6px;
      }
      input {
        display: none;
      }
    `,
  ];

  protected override readonly topics = ['spec'] as const;
  protected override readonly comparisonTopics = ['state', 'series', 'probe'] as const;
  protected override readonly everyMs = 500;
  @query('input') private readonly input!: HTMLInputElement;

  override render(): unknown {
    const { comparison } = this;
    const none = comparison === null || comparison.arms.every(({ step }) => step === 0);
    const probed = comparison?.arms.some(({ probes }) => probes.length > 0) === true;
    const csv = (action: string, label: string, make: (of: Comparison) => string, enabled: boolean): unknown =>
      html`<button
        type="button"
        data-action=${action}
        ?disabled=${!enabled}
        @click=${(): void => this.#save(`${action.replace('-csv', '')}.csv`, 'text/csv', make)}
      >
        ${label}
      </button>`;
    return html`<section class="card" aria-label="Files">
      <h2>Files</h2>
      ${csv('losses-csv', 'Losses CSV', lossesCsv, !none)} ${csv('gaps-csv', 'Gaps CSV', gapsCsv, !none)}
      ${csv('tensors-csv', 'Tensors CSV', tensorsCsv, probed)} ${csv('stability-csv', 'Stability CSV', stabilityCsv, probed)}
      <button
        type="button"
        data-action="comparison-json"
        ?disabled=${none}
        title="Everything that was measured, with specs and environment"
        @click=${(): void => this.#save('comparison.json', 'application/json', (of) => comparisonJson(of, Date.now()))}
      >
        JSON
      </button>
      <button type="button" data-action="open-comparison" @click=${(): void => this.input.click()}>Open a JSON…</button>
      <input
        type="file"
        accept=".json,application/json"
        aria-label="Comparison file"
        @change=${(): Promise<void> => this.#open()}
      />
      ${this.#otherBase()}
    </section>`;
  }

  /** A file's comparison may have trained something else than what the Train page is set to. */
  #otherBase(): unknown {
    const { comparison, lab } = this;
    if (comparison === null || !comparison.imported || specToHash(comparison.base) === specToHash(lab.form.spec)) return nothing;
    return html`<span class="small muted">This file’s arms trained other settings than those of the Train page.</span>
      <button type="button" data-action="take-base" @click=${(): void => lab.setSpec(comparison.base)}>
        Take its settings
      </button>`;
  }

  #save(name: string, type: string, make: (of: Comparison) => string): void {
    const { comparison } = this;
    if (comparison !== null) saveFile(`isoflop-${name}`, new Blob([make(comparison)], { type }));
  }

  async #open(): Promise<void> {
    const [file] = this.input.files ?? [];
    if (file === undefined) return;
    this.lab.comparisons.open(await file.text(), file.name);
    this.input.value = '';
  }
}
