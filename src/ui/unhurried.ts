const LEAST_DELAY_MS = 120;
const MOST_DELAY_MS = 1500;

/** Work that waits until the typing rests, the longer the longer it took the last time. */
export class Unhurried {
  #timer: ReturnType<typeof setTimeout> | undefined;
  #work: (() => void) | null = null;
  #costMs = 0;

  /** In place of what waits. */
  later(work: () => void): void {
    this.drop();
    this.#work = work;
    this.#timer = setTimeout(() => this.now(), Math.min(MOST_DELAY_MS, Math.max(LEAST_DELAY_MS, 2 * this.#costMs)));
  }

  /** Does what waits, where anything does. */
  now(): void {
    const work = this.#work;
    this.drop();
    if (work === null) return;
    const begun = performance.now();
    work();
    this.#costMs = performance.now() - begun;
  }

  drop(): void {
    clearTimeout(this.#timer);
    this.#work = null;
  }
}
