/** The training worker: gives {@link TrainingHost} what a browser's worker has. */
import { Gpu } from '../gpu/index.ts';
import { BrowserFiles } from './storage.ts';
import { TrainingHost } from './training-host.ts';

const host = new TrainingHost({
  post: (event, transfer) => globalThis.postMessage(event, { transfer }),
  open: () => Gpu.open(),
  files: new BrowserFiles(),
  now: () => performance.now(),
  wallClock: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  userAgent: navigator.userAgent,
  build: String(import.meta.env['VITE_BUILD']),
});

globalThis.addEventListener('message', (event: MessageEvent<unknown>) => void host.receive(event.data));
