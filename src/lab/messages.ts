import type { RunState, WireError } from '../worker/protocol.ts';
import { runTitle, type Run } from './run.ts';

/** Something that stopped, in words; it stays until it is dismissed or cured. */
export interface Alert {
  readonly id: number;
  readonly runId: string | null;
  readonly error: WireError;
  /** The worker is already curing it. */
  readonly recovering: boolean;
}

/** Something worth knowing that stopped nothing. */
export interface Notice {
  readonly id: number;
  readonly text: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
}

const MAX_NOTICES = 100;

/** Alerts and notices, newest last. The same alert twice is one. */
export class Messages {
  alerts: readonly Alert[] = [];
  notices: readonly Notice[] = [];
  #nextId = 1;

  alert(error: WireError, runId: string | null, recovering: boolean): void {
    this.recovered(runId);
    const others = this.alerts.filter((alert) => alert.error.message !== error.message || alert.runId !== runId);
    this.alerts = [...others, { id: this.#nextId++, error, runId, recovering }];
  }

  notice(text: string): void {
    this.notices = [...this.notices, { id: this.#nextId++, text, at: Date.now() }].slice(-MAX_NOTICES);
  }

  dismiss(id: number): void {
    this.alerts = this.alerts.filter((alert) => alert.id !== id);
  }

  /** Forgets an alert whose reason is over; true where it was there. */
  settled(error: WireError): boolean {
    const before = this.alerts.length;
    this.alerts = this.alerts.filter((alert) => alert.error.message !== error.message);
    return this.alerts.length < before;
  }

  /** Forgets alerts that said "recovering" of a run, or of the device (null), that is recovering no more; true where there was one. */
  recovered(runId: string | null): boolean {
    const before = this.alerts.length;
    this.alerts = this.alerts.filter((alert) => !alert.recovering || alert.runId !== runId);
    return this.alerts.length < before;
  }
}

/** What to do about an error whose message does not say it. */
export function adviceFor(error: WireError): string {
  switch (error.name) {
    case 'DeviceError':
      return 'If it happens again, choose a smaller model, batch or context, or reload the page.';
    case 'SpecError':
      if (error.where === 'URL') return 'The settings are what they were before; nothing else changed.';
      return error.where.startsWith('spec') ? 'Change the setting and start again.' : 'Nothing that was here before is lost.';
    case 'StoreError':
      return 'Training goes on; what was stored before is kept.';
    case 'ProtocolError':
      return 'Reload the page; checkpoints in this browser are kept.';
    default:
      return 'Please report it with the device report; checkpoints in this browser are kept.';
  }
}

/** How a run that had lost its device is back, by the state it came back in. */
const BACK: { readonly [S in RunState]?: (step: number) => string } = {
  running: (step) => `goes on from step ${step}`,
  paused: (step) => `is paused at step ${step} as before`,
  finished: () => 'is finished as before',
};

/** Says that a run is back which had lost its device; null where it is not back, but over. */
export function backWords({ spec, state, step }: Run): string | null {
  const back = BACK[state]?.(step);
  return back === undefined ? null : `Recovered: ${runTitle(spec)} ${back}.`;
}
