import { css, html, nothing } from 'lit';
import { customElement, property, state } from 'lit/decorators.js';
import { repeat } from 'lit/directives/repeat.js';
import { runTitle, type QueuedGroup, type SweepDesk, type SweepQueue, type SweptAxis } from '../lab/index.ts';
import { baseWords } from './compare-words.ts';
import { bytes, duration, si, whole } from './format.ts';
import { LabElement } from './lab-element.ts';
import type { GroupWish, LabSweepGroup } from './lab-sweep-group.ts';
import { progressStyles } from './progress-styles.ts';
import { sharedStyles } from './shared-styles.ts';
import {
  anotherFileWords,
  groupWords,
  shownState,
  sweepBlockedWords,
  sweepTitle,
  sweepWhat,
  UNTIMED,
  type ShownState,
} from './sweep-words.ts';
import './lab-sweep-group.ts';
import './lab-sweep-live.ts';

declare global {
  interface HTMLElementTagNameMap {
    'lab-sweep-queue': LabSweepQueue;
  }
}

/** Programs that wait and are shown before the user asks for all. */
const MOST_WAITING = 20;
const STATES = {
  ready: 'NOT BEGUN',
  running: 'TRAINING',
  paused: 'PAUSED',
  done: 'DONE',
  elsewhere: 'TRAINS IN ANOTHER TAB',
} as const;

/** A kept sweep and its queue: what trains now, what comes next, what is done, and what can be done about each. */
@customElement('lab-sweep-queue')
export class LabSweepQueue extends LabElement {
  static override readonly styles = [
    sharedStyles,
    progressStyles,
    css`
      .card > progress {
        height: 6px;
        border-radius: 3px;
        margin: 2px 0 12px;
      }
      dl {
        display: flex;
        flex-wrap: wrap;
        gap: 10px 32px;
        margin-bottom: 10px;
      }
      dd {
        font-size: 17px;
        font-weight: 600;
        line-height: 1.3;
      }
      dd span {
        font-size: 13px;
        font-weight: 500;
        color: var(--muted);
      }
      dd.long {
        font-size: 13px;
        font-weight: 500;
        max-width: 24ch;
      }
      dd.lost {
        color: var(--danger);
      }
      lab-sweep-live {
        margin: 4px 0 12px;
      }
      ol {
        margin: 0;
        padding: 0;
        list-style: none;
      }
      li {
        border-top: 1px solid var(--line);
      }
      .list {
        max-height: 420px;
        overflow: auto;
      }
      summary {
        padding: 8px 2px;
        font-size: 12px;
        color: var(--muted);
        cursor: pointer;
      }
      .badge.running {
        background: var(--accent-soft);
        color: var(--accent);
      }
      .base,
      .blocked {
        margin-bottom: 8px;
      }
    `,
  ];

  @property({ attribute: false }) desk!: SweepDesk;
  @property({ attribute: false }) queue!: SweepQueue;
  @property({ attribute: false }) axes: readonly SweptAxis[] = [];
  protected override readonly topics = ['device', 'run'] as const;
  protected override readonly runTopics = ['state'] as const;
  @state() private everything = false;
  @state() private doneOpen = false;

  override render(): unknown {
    const { record, groups, runs, runsDone, runsOnAnotherFile, files, flops, flopsDone, etaMs, peakBytes } = this.queue;
    const running = this.desk.runningId === record.id;
    const title = sweepTitle(record.sweep);
    const lost = groups.reduce((sum, { diverged }) => sum + diverged.length, 0);
    const { run } = this.desk;
    const onGpu = groups.some(
      ({ id, state: now }) => (now === 'running' || now === 'paused') && run?.runId.endsWith(id) === true,
    );
    const state = shownState(this.desk, record.id, this.queue.state);
    return html`<section class="card" aria-labelledby="title">
      <header>
        <h2 id="title">${title} <span class="muted">${record.sweep.name === '' ? nothing : sweepWhat(record.sweep)}</span></h2>
        <span class=${state === 'running' ? 'badge running' : 'badge'} data-sweep-state=${state}>${STATES[state]}</span>
        <span class="push bar">${this.#acts(state)}</span>
      </header>
      ${running ? nothing : this.#blocked(state)}
      ${
        runsOnAnotherFile === 0
          ? nothing
          : html`<p class="small muted blocked" role="status">${anotherFileWords(runsOnAnotherFile, files)}</p>`
      }
      <p class="small muted base">About ${runTitle({ ...record.sweep.base, name: '' })}: ${baseWords(record.sweep.base)}</p>
      <dl>
        <div>
          <dt>Runs done</dt>
          <dd data-done=${runsDone}>${whole(runsDone)} <span>of ${whole(runs)}</span></dd>
        </div>
        ${
          lost === 0
            ? nothing
            : html`<div>
                <dt>Diverged</dt>
                <dd class="lost">${lost}</dd>
              </div>`
        }
        <div>
          <dt>Done</dt>
          <dd>${si(flopsDone, 'FLOPs')} <span>of ${si(flops, 'FLOPs')}</span></dd>
        </div>
        <div>
          <dt>Time left</dt>
          <dd class=${etaMs === null ? 'long' : ''}>
            ${state === 'done' ? 'none' : etaMs === null ? UNTIMED : `about ${duration(etaMs)}`}
          </dd>
        </div>
        <div>
          <dt>Memory at most</dt>
          <dd>${peakBytes === null ? '—' : bytes(peakBytes)}</dd>
        </div>
      </dl>
      <progress aria-label=${`Progress of ${title}`} max="1" .value=${flops === 0 ? 0 : flopsDone / flops}></progress>
      ${run !== null && (running || onGpu) ? html`<lab-sweep-live .run=${run}></lab-sweep-live>` : nothing}
      ${this.#groups(groups)}
    </section>`;
  }

  #acts(state: ShownState): unknown {
    const { record, groups } = this.queue;
    const failed = groups.filter(({ state: now }) => now === 'failed' || now === 'refused');
    const begun = record.state !== 'ready';
    return html`${
        state === 'running'
          ? html`<button type="button" class="primary" data-action="pause-sweep" @click=${(): Promise<void> => this.desk.pause()}>
              Pause
            </button>`
          : state === 'done' || state === 'elsewhere'
            ? nothing
            : html`<button
                type="button"
                class="primary"
                data-action=${begun ? 'resume-sweep' : 'start-kept-sweep'}
                ?disabled=${sweepBlockedWords(this.lab) !== null}
                @click=${(): Promise<void> => this.desk.start(record.id)}
              >
                ${begun ? 'Resume' : 'Start'}
              </button>`
      }
      ${
        failed.length === 0
          ? nothing
          : html`<button type="button" data-action="retry-failed" @click=${(): Promise<void> => this.#retry(failed)}>
              Try ${failed.length} failed again
            </button>`
      }
      <button type="button" data-action="copy-sweep-plan" @click=${(): void => this.#say('lab-sweep-reuse')}>
        Change a copy
      </button>
      <button type="button" class="quiet" data-action="delete-sweep" @click=${(): void => this.#say('lab-sweep-delete')}>
        Delete
      </button>`;
  }

  #blocked(state: ShownState): unknown {
    const words = state === 'done' || state === 'elsewhere' ? null : sweepBlockedWords(this.lab);
    return words === null ? nothing : html`<p class="small muted blocked" role="status">${words}</p>`;
  }

  #groups(groups: readonly QueuedGroup[]): unknown {
    const done = groups.filter(({ state: now }) => now === 'done');
    const others = groups.filter(({ state: now }) => now !== 'done');
    const waiting = others.filter(({ state: now }) => now === 'waiting');
    const shownWaiting = new Set((this.everything ? waiting : waiting.slice(0, MOST_WAITING)).map(({ id }) => id));
    const shown = others.filter(({ id, state: now }) => now !== 'waiting' || shownWaiting.has(id));
    const left = waiting.length - shownWaiting.size;
    const places = new Map(groups.map(({ id }, i) => [id, i + 1]));
    const seeds = new Set(groups.flatMap(({ runs }) => runs.map(({ spec }) => `${spec.seed.init} ${spec.seed.data}`))).size > 1;
    const row = (group: QueuedGroup): unknown =>
      html`<li>
        <lab-sweep-group
          data-group=${group.id}
          .group=${group}
          place=${places.get(group.id) ?? 0}
          words=${groupWords(group.runs, this.axes, seeds)}
          ?first=${group.id === waiting[0]?.id}
          ?last=${group.id === waiting.at(-1)?.id}
        ></lab-sweep-group>
      </li>`;
    return html`<div class="list" @lab-group=${(event: CustomEvent<GroupWish>): void => void this.#wish(event.detail, waiting)}>
      <ol aria-label="Programs that are to come">
        ${repeat(shown, ({ id }) => id, row)}
      </ol>
      ${
        left === 0
          ? nothing
          : html`<button
              type="button"
              class="quiet"
              data-action="show-waiting"
              @click=${(): void => void (this.everything = true)}
            >
              Show ${left} more that wait
            </button>`
      }
      ${
        done.length === 0
          ? nothing
          : html`<details @toggle=${(event: Event): void => this.#toggled(event)}>
              <summary>${done.length === 1 ? '1 program is done' : `${done.length} programs are done`}</summary>
              ${
                this.doneOpen
                  ? html`<ol aria-label="Programs that are done">
                      ${repeat(done, ({ id }) => id, row)}
                    </ol>`
                  : nothing
              }
            </details>`
      }
    </div>`;
  }

  #toggled(event: Event): void {
    if (event.target instanceof HTMLDetailsElement) this.doneOpen = event.target.open;
  }

  async #wish({ group, act }: GroupWish, waiting: readonly QueuedGroup[]): Promise<void> {
    const { desk } = this;
    const { id } = this.queue.record;
    const at = waiting.findIndex((each) => each.id === group);
    switch (act) {
      case 'skip':
      case 'unskip':
        return desk.skip(id, group, act === 'skip');
      case 'retry':
        return desk.retry(id, group);
      case 'up':
      case 'down':
        await desk.move(id, group, at + (act === 'up' ? -1 : 1));
        await this.updateComplete;
        this.renderRoot.querySelector<LabSweepGroup>(`lab-sweep-group[data-group="${group}"]`)?.focusOn(act);
    }
  }

  async #retry(groups: readonly QueuedGroup[]): Promise<void> {
    for (const { id } of groups) await this.desk.retry(this.queue.record.id, id);
  }

  #say(type: 'lab-sweep-reuse' | 'lab-sweep-delete'): void {
    this.dispatchEvent(new CustomEvent(type, { detail: this.queue.record.id, bubbles: true, composed: true }));
  }
}

declare global {
  interface HTMLElementEventMap {
    /** The user wants a kept sweep, by its id, as the beginning of a new one. */
    'lab-sweep-reuse': CustomEvent<string>;
    /** The user deletes a kept sweep. */
    'lab-sweep-delete': CustomEvent<string>;
  }
}
