import type { KeyValue } from '../storage.ts';
import type { KeyRanges } from './append.ts';
import type { Upgrade } from './database.ts';
import type { Leaving } from './recorder.ts';
import type { StoragePort } from './room.ts';
import type { ChannelPort } from './tabs.ts';
import { trouble } from './trouble.ts';

/** What the store uses of the browser. */
export interface StorePorts {
  /** null where the browser has no database. */
  readonly indexedDB: IDBFactory | null;
  readonly keyRange: KeyRanges;
  /** null where tabs cannot tell each other anything; they still do not harm each other. */
  readonly channel: ChannelPort | null;
  /** `navigator.storage`; null where there is none. */
  readonly manager: StoragePort | null;
  /** Remembers how many runs there were, to notice when the browser removes them. */
  readonly hint: KeyValue | null;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Frees space before a save is given up: removes the oldest checkpoints. @returns whether it freed any. */
  readonly makeRoom?: () => Promise<boolean>;
  /** What makes each version of the database of the one before; this build's own where it is left out. */
  readonly upgrades?: readonly Upgrade[];
}

/** The browser's own. @param hint `localStorage`, where the page may use it. */
export function browserPorts(hint: KeyValue | null, makeRoom?: () => Promise<boolean>): StorePorts {
  return {
    // Old browsers have none, and some throw when they are asked while storage is off.
    indexedDB: attempt(() => indexedDB ?? null),
    keyRange: attempt(() => IDBKeyRange) ?? NO_RANGES,
    channel: attempt(() => new BroadcastChannel('isoflop-runs')),
    manager: attempt(() => navigator.storage ?? null),
    hint,
    now: () => Date.now(),
    ...(makeRoom === undefined ? {} : { makeRoom }),
  };
}

/** Tells when the page is hidden, left or back; returns what ends it. A page that is hidden may go away without another word. */
export function whenPageLeaves(listener: (leaving: Leaving) => void): () => void {
  const ends = new AbortController();
  const { signal } = ends;
  addEventListener('pagehide', () => listener('gone'), { signal });
  addEventListener('pageshow', (event) => Reflect.get(event, 'persisted') === true && listener('back'), { signal });
  addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && listener('hidden'), {
    signal,
    capture: true,
  });
  return () => ends.abort();
}

const NO_RANGES: KeyRanges = {
  bound: () => {
    throw trouble('none');
  },
};

function attempt<T>(make: () => T): T | null {
  try {
    return make();
  } catch {
    return null;
  }
}
