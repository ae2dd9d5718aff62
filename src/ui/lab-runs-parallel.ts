import { css, html, nothing, svg } from 'lit';
import { customElement, property, query } from 'lit/decorators.js';
import { MOST_CURVES, recordTitle, RUNS_VIEW_START, type ColumnId, type RunRecord, type RunsView } from '../lab/index.ts';
import { armStyle } from './compare-frames.ts';
import { LabRunsElement } from './lab-runs-element.ts';
import { differsIn } from './memo.ts';
import { parallelAxes, type ParallelAxis } from './parallel.ts';
import { pictureButtons } from './picture-buttons.ts';
import { drawingStyles } from './roof-styles.ts';
import type { Places } from './runs-frames.ts';
import type { PictureKind } from './save.ts';
import { sharedStyles } from './shared-styles.ts';
import { saveDrawing } from './svg-file.ts';
import { toolStyles } from './tool-styles.ts';
import { Width } from './width.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-runs-parallel': LabRunsParallel;
  }
}

const HEIGHT = 250;
const TOP = 26;
const FOOT = 14;
const SIDE = 52;
/** Axes nearer than this cannot be read: the drawing scrolls instead, CSS pixels. */
const NEAREST = 96;
/** How far from a line the pointer still means it. */
const REACH = 14;
/** Letters that fit beside an axis. */
const MOST_LETTERS = 13;

interface RunLine {
  readonly run: RunRecord;
  /** Where it crosses the axes that it has a value on, in units of the drawing. */
  readonly points: readonly (readonly [number, number])[];
}

/** Every shown run as a line over its settings and what it came to. */
@customElement('lab-runs-parallel')
export class LabRunsParallel extends LabRunsElement {
  static override readonly styles = [
    sharedStyles,
    toolStyles,
    drawingStyles,
    css`
      .scroll {
        overflow-x: auto;
      }
      .chart {
        max-width: none;
      }
      .line {
        fill: none;
        stroke-width: 1.5;
        opacity: 0.75;
      }
      .chart text {
        /* Lines go under words. */
        paint-order: stroke;
        stroke: var(--surface);
        stroke-width: 4px;
        pointer-events: none;
      }
      .line.chosen,
      .near .line {
        stroke-width: 3;
        opacity: 1;
      }
      .stack {
        position: relative;
      }
      .stack > svg {
        /* Hundreds of lines are not painted again when something beside or over them is. */
        will-change: transform;
      }
      .near {
        position: absolute;
        top: 0;
        left: 0;
        pointer-events: none;
      }
      .logs {
        gap: 6px 14px;
        margin-top: 8px;
        font-size: 12px;
        color: var(--muted);
      }
    `,
  ];

  @property({ attribute: false }) runs: readonly RunRecord[] = [];
  @property({ attribute: false, hasChanged: differsIn<RunsView>('logAxes') }) view: RunsView = RUNS_VIEW_START;
  @property({ attribute: false }) chosen: ReadonlySet<string> = new Set();
  @property({ attribute: false }) places: Places = new Map();
  @query('svg') private readonly drawing!: SVGSVGElement | null;
  readonly #width = new Width(this);
  #lines: readonly RunLine[] = [];

  override render(): unknown {
    const runs = this.runs.slice(0, MOST_CURVES);
    const axes = parallelAxes(runs, this.view.logAxes);
    const width = Math.max(this.#width.value - 32, 2 * SIDE + NEAREST * (axes.length - 1));
    const xOf = (place: number): number => SIDE + (place * (width - 2 * SIDE)) / Math.max(1, axes.length - 1);
    const yOf = (at: number): number => HEIGHT - FOOT - at * (HEIGHT - FOOT - TOP);
    this.#lines = runs.map((run) => ({
      run,
      points: axes.flatMap((axis, i) => {
        const at = axis.placeOf(run);
        return at === null ? [] : [[xOf(i), yOf(at)] as const];
      }),
    }));
    if (axes.length < 2) return nothing;
    return html`<section class="card" aria-label="Parallel coordinates">
      <header>
        <h2>Settings and outcomes <span class="muted">a line a run</span></h2>
        <span class="push bar">${pictureButtons('parallel', (kind) => this.#save(kind), 'Parallel coordinates')}</span>
      </header>
      <div
        class="scroll"
        tabindex="0"
        role="region"
        aria-label="Parallel coordinates of the shown runs; the table below has their values"
      >
        <div class="stack">
          <svg
            class="chart"
            width=${width}
            height=${HEIGHT}
            viewBox=${`0 0 ${width} ${HEIGHT}`}
            role="img"
            aria-label=${`${runs.length} runs over ${axes.map(({ label }) => label).join(', ')}`}
            @pointermove=${(event: PointerEvent): void => this.say('lab-runs-near', this.#under(event))}
            @pointerleave=${(): void => this.say('lab-runs-near', [])}
            @click=${(event: PointerEvent): void => this.#under(event).forEach((id) => this.mark(id, this.chosen))}
          >
            ${this.#lines.map((line) => this.#line(line))} ${axes.map((axis, i) => drawn(axis, xOf(i), yOf))}
          </svg>
          <svg class="chart near" width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} aria-hidden="true"></svg>
        </div>
      </div>
      <div class="logs bar" role="group" aria-label="Logarithmic axes">
        <span>Log axes</span>
        ${axes.filter(({ canLog }) => canLog).map((axis) => this.#switch(axis))}
      </div>
    </section>`;
  }

  /** Makes the lines of these runs stand out. */
  highlight(ids: readonly string[]): void {
    const lines = ids.flatMap((id) => this.renderRoot.querySelector(`path[data-run="${CSS.escape(id)}"]`) ?? []);
    this.renderRoot.querySelector('.near')?.replaceChildren(
      ...lines.map((line) => {
        const copy = line.cloneNode(true);
        if (copy instanceof Element) copy.removeAttribute('data-run');
        return copy;
      }),
    );
  }

  #line({ run, points }: RunLine): unknown {
    const { color, dash } = armStyle(this.places.get(run.id) ?? 0);
    const path = points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join('');
    return svg`<path
      class=${this.chosen.has(run.id) ? 'line chosen' : 'line'}
      data-run=${run.id}
      d=${path}
      stroke=${`var(${color})`}
      stroke-dasharray=${dash.join(' ') || 'none'}
    ><title>${recordTitle(run)}</title></path>`;
  }

  #switch({ column, label, log }: ParallelAxis): unknown {
    const others = this.view.logAxes.filter((each) => each !== column);
    const logAxes: readonly ColumnId[] = log ? others : [...others, column];
    return html`<label
      ><input
        type="checkbox"
        role="switch"
        name=${`log-${column}`}
        .checked=${log}
        @change=${(): void => this.say('lab-runs-view', { logAxes })}
      />${label}</label
    >`;
  }

  /** The run whose line is nearest to the pointer, where one is near. */
  #under({ offsetX, offsetY }: PointerEvent): readonly string[] {
    const far = this.#lines.map(({ run, points }) => ({ id: run.id, away: distance(points, offsetX, offsetY) }));
    const [nearest] = far.toSorted((a, b) => a.away - b.away);
    return nearest === undefined || nearest.away > REACH ? [] : [nearest.id];
  }

  async #save(kind: PictureKind): Promise<void> {
    if (this.drawing !== null) await saveDrawing(kind, this, 'isoflop-parallel', this.drawing);
  }
}

function drawn({ label, ticks }: ParallelAxis, x: number, yOf: (at: number) => number): unknown {
  const short = (text: string): string => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);
  return svg`<g>
    <path class="axis" d=${`M${x} ${yOf(0)}V${yOf(1)}`} />
    <text class="head" x=${x} y="12" text-anchor="middle">${short(label)}<title>${label}</title></text>
    ${ticks.map(
      ({ at, words }) =>
        svg`<path class="axis" d=${`M${x - 4} ${yOf(at)}h8`} /><text x=${x + 7} y=${yOf(at) + 4}>${short(words)}</text>`,
    )}
  </g>`;
}

/** From a place to a line of straight pieces, along y. */
function distance(points: readonly (readonly [number, number])[], x: number, y: number): number {
  return points.reduce((least, [x1, y1], i) => {
    const [x0, y0] = points[i - 1] ?? [x1, y1];
    if (x < Math.min(x0, x1) || x > Math.max(x0, x1)) return least;
    const share = x1 === x0 ? 0 : (x - x0) / (x1 - x0);
    return Math.min(least, Math.abs(y0 + share * (y1 - y0) - y));
  }, Infinity);
}
