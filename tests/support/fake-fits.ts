import { FitHost } from '../../src/lab/laws/fit-host.ts';
import type { WorkerPort } from '../../src/worker/client.ts';

/** A fit worker without a thread: the host of the real one, in this process. Messages are cloned as between threads. */
export class FakeFits implements WorkerPort {
  readonly received: unknown[] = [];
  terminated = false;
  readonly #listeners = new Map<string, (event: unknown) => void>();
  readonly #host = new FitHost((event) => this.emit('message', { data: structuredClone(event) }));

  postMessage(message: unknown): void {
    const copy: unknown = structuredClone(message);
    this.received.push(copy);
    queueMicrotask(() => void this.#host.receive(copy));
  }

  addEventListener(type: string, listener: (event: unknown) => void): void {
    this.#listeners.set(type, listener);
  }

  terminate(): void {
    this.terminated = true;
  }

  /** As if the worker had said it, or had crashed. */
  emit(type: 'message' | 'messageerror' | 'error', event: unknown): void {
    if (!this.terminated) this.#listeners.get(type)?.(event);
  }
}
