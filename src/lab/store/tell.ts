import { toWireError } from '../../worker/client.ts';
import type { WireError } from '../../worker/protocol.ts';
import type { RunStore } from './store.ts';

export interface Told {
  readonly alert: (error: WireError) => void;
  /** The reason of an alert is over. @returns whether the alert was still there. */
  readonly settled: (error: WireError) => boolean;
  readonly notice: (text: string) => void;
}

/** Opens a store, and says what becomes of it beside what is asked of it: what keeps it from storing, until it is over, and what it lost. */
export function openStore(store: RunStore, { alert, settled, notice }: Told): void {
  let told: WireError | null = null;
  store.on('trouble', () => {
    if (told !== null && settled(told) && store.trouble === null) notice('Runs are stored again.');
    told = store.trouble === null ? null : toWireError(store.trouble, 'run store');
    if (told !== null) alert(told);
  });
  store.on('evicted', () => {
    const runs = store.evicted === 1 ? 'the run that was' : `the ${store.evicted} runs that were`;
    notice(
      `The browser has removed ${runs} stored here: its storage was cleared, or it needed the space. Import your last export to have them again.`,
    );
  });
  // What it failed with was told as trouble.
  store.open().catch(() => undefined);
}
