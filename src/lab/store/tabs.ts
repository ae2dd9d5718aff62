/** The part of `BroadcastChannel` that the store uses. */
export interface ChannelPort {
  postMessage(message: unknown): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  close(): void;
}

/** Which tab appends to a run. It stays when the run ends: nobody else may append without taking it over. */
export interface Owner {
  readonly runId: string;
  readonly token: string;
  /** When it was last heard of, in milliseconds since the epoch; 0: it let go. */
  readonly beatAt: number;
}

export function isOwner(value: unknown): value is Owner {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'runId') === 'string' &&
    typeof Reflect.get(value, 'token') === 'string' &&
    typeof Reflect.get(value, 'beatAt') === 'number'
  );
}

type Message =
  | { readonly type: 'changed'; readonly ids: readonly string[] }
  | { readonly type: 'who' }
  | { readonly type: 'here'; readonly token: string };

export interface TabsOptions {
  readonly channel: ChannelPort | null;
  /** Names this tab. */
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly onChanged: (ids: readonly string[]) => void;
}

/** A tab that was last heard of longer ago is gone. Browsers wake hidden tabs once a minute only. */
const SILENT_MS = 150_000;
/** A hidden tab answers messages at once, whatever its timers do. */
const ANSWER_MS = 400;

/** The tabs of this page: which are there, and what they change. */
export class Tabs {
  readonly token: string;
  readonly #options: TabsOptions;
  #askedAt = 0;
  #heard = new Set<string>();
  #calling: Promise<void> | null = null;

  constructor(options: TabsOptions) {
    this.token = options.token;
    this.#options = options;
    options.channel?.addEventListener('message', ({ data }) => this.#receive(data));
  }

  /** Tells the other tabs that these runs have changed. */
  changed(ids: readonly string[]): void {
    if (ids.length > 0) this.#post({ type: 'changed', ids });
  }

  /** True where the tab that owns a run is still there, as far as this one knows. */
  lives({ token, beatAt }: Owner): boolean {
    if (token === this.token) return true;
    if (beatAt < this.#options.now() - SILENT_MS) return false;
    return this.#heard.has(token) || beatAt > this.#askedAt;
  }

  /** Asks every tab whether it is there; afterwards {@link lives} knows better than by the time alone. */
  rollCall(): Promise<void> {
    if (this.#options.channel === null) return Promise.resolve();
    this.#calling ??= this.#call().finally(() => (this.#calling = null));
    return this.#calling;
  }

  async #call(): Promise<void> {
    this.#heard = new Set();
    const askedAt = this.#options.now();
    this.#post({ type: 'who' });
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    this.#askedAt = askedAt;
  }

  close(): void {
    this.#options.channel?.close();
  }

  #post(message: Message): void {
    try {
      this.#options.channel?.postMessage(message);
    } catch {
      // A channel that was closed with its page has nobody to tell.
    }
  }

  #receive(data: unknown): void {
    if (typeof data !== 'object' || data === null) return;
    const type: unknown = Reflect.get(data, 'type');
    if (type === 'who') this.#post({ type: 'here', token: this.token });
    const token: unknown = Reflect.get(data, 'token');
    if (type === 'here' && typeof token === 'string') this.#heard.add(token);
    const ids: unknown = Reflect.get(data, 'ids');
    if (type === 'changed' && Array.isArray(ids)) this.#options.onChanged(ids.filter((id) => typeof id === 'string'));
  }
}
