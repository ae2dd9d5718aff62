import type { ReactiveController, ReactiveControllerHost } from 'lit';

/** The width of an element in CSS pixels; it renders again when that changes. */
export class Width implements ReactiveController {
  /** 0 until it is known. */
  value = 0;
  readonly #host: ReactiveControllerHost & Element;
  readonly #observer = new ResizeObserver(([entry]) => {
    const width = Math.floor(entry?.contentRect.width ?? 0);
    if (width === this.value || width === 0) return;
    this.value = width;
    this.#host.requestUpdate();
  });

  constructor(host: ReactiveControllerHost & Element) {
    this.#host = host;
    host.addController(this);
  }

  hostConnected(): void {
    this.#observer.observe(this.#host);
  }

  hostDisconnected(): void {
    this.#observer.disconnect();
  }
}
