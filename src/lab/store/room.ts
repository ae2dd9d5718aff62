/** The part of `navigator.storage` that the store uses. */
export type StoragePort = Partial<Pick<StorageManager, 'persist' | 'persisted' | 'estimate'>>;

/** How much room the browser gives to what is stored, and for how long. */
export class Room {
  readonly #port: StoragePort | null;
  #asked = false;

  constructor(port: StoragePort | null) {
    this.#port = port;
  }

  /** False where the browser may remove what is stored when it needs space; null where it does not say. */
  async persisted(): Promise<boolean | null> {
    return (await this.#port?.persisted?.().catch(() => null)) ?? null;
  }

  /** Bytes in use and bytes that the browser allows; null where it does not say. */
  async estimate(): Promise<{ readonly usedBytes: number; readonly quotaBytes: number } | null> {
    const estimate = await this.#port?.estimate?.().catch(() => null);
    if (estimate?.usage === undefined || estimate.quota === undefined) return null;
    return { usedBytes: estimate.usage, quotaBytes: estimate.quota };
  }

  /** Asks the browser to keep what is stored, once: it may ask the user. */
  async keep(): Promise<void> {
    if (this.#asked) return;
    this.#asked = true;
    if ((await this.persisted()) === false) await this.#port?.persist?.().catch(() => false);
  }
}
