/** The fit worker: gives {@link FitHost} what a browser's worker has. */
import { FitHost } from './fit-host.ts';

const host = new FitHost((event) => globalThis.postMessage(event, {}));

globalThis.addEventListener('message', (event: MessageEvent<unknown>) => void host.receive(event.data));
