import { css, html, nothing } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import {
  runsCsv,
  runsJson,
  runsMarkdown,
  stepsCsv,
  stepsParquet,
  type ColumnId,
  type KeptRun,
  type RunRecord,
  type RunsDesk,
} from '../lab/index.ts';
import { bytes } from './format.ts';
import { LabRunsElement } from './lab-runs-element.ts';
import { saveFile } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import './lab-copy-button.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-files': LabRunsFiles;
  }
}

/** Runs as files, a file that was saved before, and how much room is left for more. */
@customElement('lab-runs-files')
export class LabRunsFiles extends LabRunsElement {
  static override readonly styles = [
    sharedStyles,
    css`
      .bar {
        gap: 8px;
      }
      h2 {
        margin-right: 6px;
      }
      input {
        display: none;
      }
      p {
        margin-top: 8px;
      }
    `,
  ];

  @property({ attribute: false }) desk!: RunsDesk;
  /** All runs, and those that the table shows with its columns. */
  @property({ attribute: false }) all: readonly RunRecord[] = [];
  @property({ attribute: false }) shown: readonly RunRecord[] = [];
  @property({ attribute: false }) columns: readonly ColumnId[] = [];
  @query('input[name=file]') private readonly input!: HTMLInputElement;
  @query('input[name=folder]') private readonly folder!: HTMLInputElement;

  #end = (): void => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#end = this.desk.on('runs', () => this.requestUpdate());
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#end();
  }

  override render(): unknown {
    const { all, shown, columns } = this;
    const saveRuns = (): void => saveFile('isoflop-runs.csv', new Blob([runsCsv(shown)], { type: 'text/csv' }));
    return html`<section class="card" aria-label="Files">
      <div class="bar">
        <h2>Files</h2>
        ${this.#button('runs-json', 'Export all as JSON', 'Every run with its curves: imports again without loss', all, () =>
          this.#save(all, 'isoflop-runs.json', 'application/json', runsJson),
        )}
        ${this.#button('runs-csv', 'Runs CSV', 'The shown runs, one a row', shown, saveRuns)}
        ${this.#button('steps-csv', 'Steps CSV', 'Every step of the shown runs', shown, () =>
          this.#save(shown, 'isoflop-steps.csv', 'text/csv', stepsCsv),
        )}
        ${this.#button('steps-parquet', 'Parquet', 'Every step of the shown runs', shown, () => this.#saveParquet())}
        <lab-copy-button
          label="Markdown"
          what="runs"
          action="runs-markdown"
          ?disabled=${shown.length === 0}
          .text=${(): string => runsMarkdown(shown, ['name', ...columns])}
        ></lab-copy-button>
        <button type="button" data-action="import-runs" @click=${(): void => this.input.click()}>Import a JSON…</button>
        <input
          type="file"
          name="file"
          accept=".json,application/json"
          aria-label="File of runs"
          @change=${(): Promise<void> => this.#open()}
        />
        <button
          type="button"
          data-action="import-folder"
          title="What isoflop sweep --out has written: the runs that have ended"
          @click=${(): void => this.folder.click()}
        >
          Import a sweep’s folder…
        </button>
        <input
          type="file"
          name="folder"
          webkitdirectory
          aria-label="Folder of a sweep"
          @change=${(): Promise<void> => this.#openFolder()}
        />
      </div>
      ${this.#removed()}
      <p class="small muted">${this.#roomWords()}</p>
    </section>`;
  }

  #button(action: string, label: string, help: string, runs: readonly RunRecord[], act: () => unknown): unknown {
    return html`<button type="button" data-action=${action} title=${help} ?disabled=${runs.length === 0} @click=${act}>
      ${label}
    </button>`;
  }

  #removed(): unknown {
    const { removed, undoable } = this.desk;
    if (removed.length === 0 || undoable.length > 0) return nothing;
    const words = removed.length === 1 ? '1 deleted run can be restored.' : `${removed.length} deleted runs can be restored.`;
    const ids = removed.map(({ id }) => id);
    return html`<p class="bar small">
      <span>${words}</span>
      <button type="button" data-action="restore-runs" @click=${(): Promise<void> => this.desk.restore(ids)}>Restore</button>
      <button type="button" class="quiet" data-action="empty-trash" @click=${(): Promise<void> => this.desk.empty()}>
        Delete for good
      </button>
    </p>`;
  }

  /** What is stored, how safe it is there, and what keeps more from being stored. */
  #roomWords(): string {
    const { room, persisted, store } = this.desk;
    return [
      room === null
        ? 'This browser does not say how much room there is.'
        : `${bytes(room.usedBytes)} in use, of ${bytes(room.quotaBytes)} that this browser allows.`,
      persisted === true ? 'The browser keeps it until you delete it.' : '',
      persisted === false ? 'The browser may remove it when the disk is full: export what you want to keep.' : '',
      store.unreadable > 0
        ? `${store.unreadable} ${store.unreadable === 1 ? 'run is' : 'runs are'} of a form that this build cannot read; they were left as they are.`
        : '',
      store.trouble === null ? '' : store.trouble.message,
    ]
      .filter((part) => part !== '')
      .join(' ');
  }

  async #save(
    runs: readonly RunRecord[],
    name: string,
    type: string,
    make: (kept: readonly KeptRun[]) => Iterable<string>,
  ): Promise<void> {
    const kept = await this.desk.kept(runs.map(({ id }) => id));
    if (kept !== null) saveFile(name, new Blob([...make(kept)], { type }));
  }

  async #saveParquet(): Promise<void> {
    const kept = await this.desk.kept(this.shown.map(({ id }) => id));
    if (kept !== null)
      saveFile('isoflop-steps.parquet', new Blob([await stepsParquet(kept)], { type: 'application/vnd.apache.parquet' }));
  }

  async #openFolder(): Promise<void> {
    const files = [...(this.folder.files ?? [])];
    if (files.length === 0) return;
    await this.desk.importFolder(files.map((file) => ({ path: file.webkitRelativePath, text: () => file.text() })));
    this.folder.value = '';
  }

  async #open(): Promise<void> {
    const [file] = this.input.files ?? [];
    if (file === undefined) return;
    await this.desk.import(await file.text(), file.name);
    this.input.value = '';
  }
}
