import { ProtocolError } from '../../base/errors.ts';
import { WorkerError, type WorkerPort } from '../../worker/client.ts';
import type { EndPredictor } from '../ends/asked-end.ts';
import { isFitEvent, type FitCommand, type FitEvent, type FitOutcome, type FitRequest, type FitStep } from './fit-protocol.ts';

export interface FitWatch {
  readonly onProgress?: (progress: FitStep) => void;
  /** Ends the fit between two slices of its work. */
  readonly signal?: AbortSignal;
}

interface Pending {
  /** Takes the last event of this request. */
  readonly resolve: (event: FitEvent) => void;
  readonly reject: (error: unknown) => void;
  readonly onProgress: ((progress: FitStep) => void) | undefined;
  readonly end: () => void;
}

/**
 * The page's side of the fit worker, which starts with the first fit. Several may go on at a time; they take turns. A worker that crashes
 * rejects what it had with one error, and the next fit starts a new one.
 */
export class FitClient {
  readonly #connect: () => WorkerPort;
  readonly #pending = new Map<number, Pending>();
  #port: WorkerPort | null = null;
  #nextId = 1;

  constructor(connect: () => WorkerPort) {
    this.#connect = connect;
  }

  /**
   * Fits a law to points in the worker.
   *
   * @throws the signal's reason once it is aborted; {@link WorkerError} with the words of what the fit cannot do; ProtocolError where the
   *   worker stopped.
   */
  fit(request: FitRequest, { onProgress, signal }: FitWatch = {}): Promise<FitOutcome> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const port = (this.#port ??= this.#open());
      const id = this.#nextId++;
      const abort = (): void => {
        this.#settle(id)?.reject(signal?.reason);
        this.#send({ type: 'abort', id });
      };
      const end = (): void => signal?.removeEventListener('abort', abort);
      port.postMessage({ type: 'fit', id, request } satisfies FitCommand, []);
      const done = (event: FitEvent): void => void (event.type === 'done' && resolve(event.outcome));
      this.#pending.set(id, { resolve: done, reject, onProgress, end });
      signal?.addEventListener('abort', abort, { once: true });
    });
  }

  /** Predicts where a run ends in the worker; the losses go there. @throws as {@link fit} does. */
  readonly predictEnd: EndPredictor = (asked) =>
    new Promise((resolve, reject) => {
      const port = (this.#port ??= this.#open());
      const id = this.#nextId++;
      port.postMessage({ type: 'predict', id, asked } satisfies FitCommand, [asked.lossNats.buffer]);
      const done = (event: FitEvent): void => void (event.type === 'end' && resolve(event.end));
      this.#pending.set(id, { resolve: done, reject, onProgress: undefined, end: () => {} });
    });

  /** Ends the worker and what it does; the next fit starts another. */
  close(): void {
    this.#end(new ProtocolError({ where: 'fit worker', rule: 'closed by the page' }));
  }

  #open(): WorkerPort {
    const port = this.#connect();
    const own = (act: () => void): void => {
      if (this.#port === port) act();
    };
    port.addEventListener('message', (event) => own(() => this.#receive(event)));
    port.addEventListener('messageerror', () => own(() => this.#fail('a message could not be read')));
    port.addEventListener('error', (event) => {
      if (event instanceof Event) event.preventDefault();
      own(() => this.#fail(crashWords(event)));
    });
    return port;
  }

  #receive(event: unknown): void {
    const data: unknown = typeof event === 'object' && event !== null && 'data' in event ? event.data : undefined;
    if (!isFitEvent(data)) {
      this.#fail('a message has an unknown form');
      return;
    }
    if (data.type === 'progress') {
      this.#pending.get(data.id)?.onProgress?.(data.progress);
      return;
    }
    const pending = this.#settle(data.id);
    if (data.type === 'failed') pending?.reject(new WorkerError(data.error));
    else pending?.resolve(data);
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    pending?.end();
    return pending;
  }

  #send(command: FitCommand): void {
    this.#port?.postMessage(command, []);
  }

  #fail(rule: string): void {
    this.#end(new ProtocolError({ where: 'fit worker', rule, cure: 'Fit again: that starts a new one.' }));
  }

  #end(error: ProtocolError): void {
    this.#port?.terminate();
    this.#port = null;
    for (const id of this.#pending.keys()) this.#settle(id)?.reject(error);
  }
}

function crashWords(event: unknown): string {
  const text = typeof event === 'object' && event !== null && 'message' in event ? event.message : '';
  return typeof text === 'string' && text !== '' ? `it stopped: ${text}` : 'it stopped';
}
