/** The part of `localStorage` that the lab uses; it may be missing or refuse. */
export type KeyValue = Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;

const INTERRUPTED = 'isoflop.interrupted';

/** The run that was training when the page went away; storage that refuses costs only this hint. */
export class InterruptedRun {
  readonly #storage: KeyValue | null;

  constructor(storage: KeyValue | null) {
    this.#storage = storage;
  }

  get runId(): string | null {
    try {
      return this.#storage?.getItem(INTERRUPTED) ?? null;
    } catch {
      return null;
    }
  }

  remember(runId: string): void {
    try {
      this.#storage?.setItem(INTERRUPTED, runId);
    } catch {
      // The checkpoints themselves are elsewhere and are listed anyway.
    }
  }

  forget(runId: string): void {
    if (this.runId !== runId) return;
    try {
      this.#storage?.removeItem(INTERRUPTED);
    } catch {
      // As above.
    }
  }
}
