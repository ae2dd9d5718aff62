import { css, html, nothing } from 'lit';
import { customElement, state } from 'lit/decorators.js';
import { LabElement } from './lab-element.ts';
import { sharedStyles } from './shared-styles.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-drop-zone': LabDropZone;
  }
}

/** Takes a file that is dropped anywhere on the page. */
@customElement('lab-drop-zone')
export class LabDropZone extends LabElement {
  static override readonly styles = [
    sharedStyles,
    css`
      div {
        position: fixed;
        inset: 12px;
        z-index: 10;
        display: grid;
        place-items: center;
        border: 2px dashed var(--accent);
        border-radius: 12px;
        background: color-mix(in srgb, var(--bg) 85%, transparent);
        font-size: 18px;
        font-weight: 600;
        text-align: center;
        pointer-events: none;
      }
    `,
  ];

  @state() private over = false;

  override connectedCallback(): void {
    super.connectedCallback();
    addEventListener('dragover', this.#dragged);
    addEventListener('dragleave', this.#left);
    addEventListener('drop', this.#dropped);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    removeEventListener('dragover', this.#dragged);
    removeEventListener('dragleave', this.#left);
    removeEventListener('drop', this.#dropped);
  }

  override render(): unknown {
    return this.over
      ? html`<div>
          <span
            >Drop a text file to train on it,<br />a .safetensors checkpoint to continue it,<br />or runs as JSON to keep
            them</span
          >
        </div>`
      : nothing;
  }

  readonly #dragged = (event: DragEvent): void => {
    if (event.dataTransfer?.types.includes('Files') !== true) return;
    event.preventDefault();
    this.over = true;
  };

  readonly #left = (event: DragEvent): void => {
    if (event.relatedTarget === null) this.over = false;
  };

  readonly #dropped = (event: DragEvent): void => {
    this.over = false;
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    file.arrayBuffer().then(
      (bytes) => this.lab.addFile(file.name, bytes),
      (error: unknown) => this.lab.report(error, file.name),
    );
  };
}
