/** Named topics with listeners; an element subscribes to those it shows. */
export class Observable<Topic extends string> {
  readonly #listeners = new Map<Topic, Set<() => void>>();

  /** Calls `listener` after every change of `topic`; returns what ends it. */
  on(topic: Topic, listener: () => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(topic, listeners);
    return () => listeners.delete(listener);
  }

  protected emit(...topics: Topic[]): void {
    for (const topic of topics) for (const listener of this.#listeners.get(topic) ?? []) listener();
  }
}
