import { IDBFactory, IDBKeyRange } from 'fake-indexeddb';
import { RunStore } from '../../src/lab/store/store.ts';
import type { StorePorts } from '../../src/lab/store/ports.ts';
import type { ChannelPort } from '../../src/lab/store/tabs.ts';

type Listener = (event: { readonly data: unknown }) => void;

/** A browser with one database, a clock that is set by hand, and tabs that hear each other. */
export class FakeBrowser {
  now = 1_700_000_000_000;
  indexedDB = new IDBFactory();
  readonly items = new Map<string, string>();
  readonly #channels = new Set<Listener>();

  /** The store as one more tab has it. */
  tab(ports: Partial<StorePorts> = {}): RunStore {
    return new RunStore({
      indexedDB: this.indexedDB,
      keyRange: IDBKeyRange,
      channel: this.channel(),
      manager: null,
      hint: {
        getItem: (key) => this.items.get(key) ?? null,
        setItem: (key, value) => void this.items.set(key, value),
        removeItem: (key) => void this.items.delete(key),
      },
      now: () => this.now,
      ...ports,
    });
  }

  channel(): ChannelPort {
    let own: Listener | null = null;
    return {
      postMessage: (message) => {
        const data = structuredClone(message);
        setTimeout(() => {
          for (const listener of this.#channels) if (listener !== own) listener({ data });
        }, 0);
      },
      addEventListener: (_, listener) => {
        own = listener;
        this.#channels.add(listener);
      },
      close: () => own !== null && this.#channels.delete(own),
    };
  }
}
