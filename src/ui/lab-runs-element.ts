import { LitElement } from 'lit';
import type { RunsView } from '../lab/index.ts';

declare global {
  interface HTMLElementEventMap {
    /** The user changed what the Runs page shows. */
    'lab-runs-view': CustomEvent<Partial<RunsView>>;
    /** These runs are marked now. */
    'lab-runs-chosen': CustomEvent<readonly string[]>;
    /** The pointer or the keyboard is at these runs, in the chart or in the table; none: nowhere. */
    'lab-runs-near': CustomEvent<readonly string[]>;
  }
}

/** A part of the Runs page: it is given what it shows, and says what the user does. */
export abstract class LabRunsElement extends LitElement {
  protected say(type: 'lab-runs-view', detail: Partial<RunsView>): void;
  protected say(type: 'lab-runs-chosen' | 'lab-runs-near', detail: readonly string[]): void;
  protected say(type: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }

  /** Marks a run, or takes its mark away, beside those that are `chosen`. */
  protected mark(id: string, chosen: ReadonlySet<string>): void {
    this.say('lab-runs-chosen', chosen.has(id) ? [...chosen].filter((each) => each !== id) : [...chosen, id]);
  }
}
