import { ProtocolError } from '../base/errors.ts';
import { isEvent, isReply } from './event-check.ts';
import { PROTOCOL_VERSION, type Command, type CommandType, type Event, type Replies, type WireError } from './protocol.ts';

export { isProbe, isReply } from './event-check.ts';
export { isMeasureResult } from './measure-check.ts';

type WithoutId<C> = C extends Command ? Omit<C, 'id'> : never;

/** A command as the caller writes it: the client numbers it. */
export type Request = WithoutId<Command>;

/** The part of `Worker` that the client uses. */
export interface WorkerPort {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: 'message' | 'messageerror' | 'error', listener: (event: unknown) => void): void;
  terminate(): void;
}

/** What the worker says unasked. */
export type WorkerEvent = Exclude<Event, { type: 'reply' }>;

interface Pending {
  readonly type: CommandType;
  readonly accept: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** An error of the worker's, raised again on the page with its own name, place and stack. */
export class WorkerError extends Error {
  readonly wire: WireError;

  constructor(wire: WireError) {
    super(wire.message, wire.cause === undefined ? undefined : { cause: new WorkerError(wire.cause) });
    this.name = wire.name;
    this.wire = wire;
  }
}

/** Any thrown value in the form in which errors cross the border. */
export function toWireError(error: unknown, where: string): WireError {
  if (error instanceof WorkerError) return error.wire;
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), where };
  return {
    name: error.name,
    message: error.message,
    where: 'where' in error && typeof error.where === 'string' ? error.where : where,
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause instanceof Error ? { cause: toWireError(error.cause, where) } : {}),
  };
}

/**
 * The page's side of the worker: numbered requests with typed replies, and a stream of events.
 * A worker that crashes or speaks another protocol rejects what is pending and says so once, as a `fault` event; after that every
 * request is refused, and the owner makes a new client.
 */
export class WorkerClient {
  readonly #port: WorkerPort;
  readonly #listener: (event: WorkerEvent) => void;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #closed: WireError | null = null;

  constructor(port: WorkerPort, listener: (event: WorkerEvent) => void) {
    this.#port = port;
    this.#listener = listener;
    port.addEventListener('message', (event) => this.#receive(event));
    port.addEventListener('messageerror', () => this.#fail('a message could not be read', 'Reload the page.'));
    port.addEventListener('error', (event) => this.#crash(event));
  }

  /** False once the worker has crashed or was closed. */
  get alive(): boolean {
    return this.#closed === null;
  }

  /** Opens the device; refuses a worker of another build in words. */
  hello(): Promise<Replies['hello']> {
    // The worker's own address differs between development and a build; the page's does not.
    const base = typeof document === 'undefined' ? {} : { baseUrl: document.baseURI };
    return this.request({ type: 'hello', version: PROTOCOL_VERSION, ...base });
  }

  /** Sends a command; rejects with {@link WorkerError} what the worker refuses. `transfer` moves buffers instead of copying them. */
  request<R extends Request>(request: R, transfer: Transferable[] = []): Promise<Replies[R['type']]> {
    if (this.#closed !== null) return Promise.reject(new WorkerError(this.#closed));
    const id = this.#nextId++;
    const type: R['type'] = request.type;
    return new Promise((resolve, reject) => {
      const accept = (value: unknown): void => {
        if (isReply(type, value)) resolve(value);
        else reject(malformed(`reply to ${type}`));
      };
      this.#pending.set(id, { type, accept, reject });
      try {
        this.#port.postMessage({ ...request, id }, transfer);
      } catch (error) {
        this.#pending.delete(id);
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }

  /** Ends the worker; what is pending is rejected. */
  close(): void {
    this.#end({ name: 'ProtocolError', message: 'worker: closed by the page.', where: 'worker' });
  }

  #receive(event: unknown): void {
    if (this.#closed !== null) return;
    const data: unknown = typeof event === 'object' && event !== null && 'data' in event ? event.data : undefined;
    if (!isEvent(data)) {
      this.#fail('a message has an unknown form', 'Page and worker are of different builds: reload the page.');
      return;
    }
    if (data.type !== 'reply') {
      this.#listener(data);
      return;
    }
    const pending = this.#pending.get(data.id);
    if (pending === undefined) return;
    this.#pending.delete(data.id);
    if (data.ok) pending.accept(data.value);
    else pending.reject(new WorkerError(data.error));
  }

  #crash(event: unknown): void {
    if (event instanceof Event) event.preventDefault();
    const text = typeof event === 'object' && event !== null && 'message' in event ? String(event.message) : '';
    this.#fail(
      text === '' || text === 'undefined' ? 'the training worker stopped' : `the training worker stopped: ${text}`,
      'Restart it; the run continues from its last checkpoint.',
    );
  }

  #fail(rule: string, cure: string): void {
    if (this.#closed !== null) return;
    const error = toWireError(new ProtocolError({ where: 'worker', rule, cure }), 'worker');
    this.#end(error);
    this.#listener({ type: 'fault', runId: null, error, recovering: false });
  }

  #end(error: WireError): void {
    if (this.#closed !== null) return;
    this.#closed = error;
    this.#port.terminate();
    for (const pending of this.#pending.values()) pending.reject(new WorkerError(error));
    this.#pending.clear();
  }
}

function malformed(what: string): ProtocolError {
  return new ProtocolError({ where: 'worker', rule: `${what} has an unknown form`, cure: 'Reload the page.' });
}
