import { browserPorts, Lab, RunStore, whenPageLeaves } from '../lab/index.ts';
import './lab-app.ts';
import { startTheme } from './theme.ts';

/** The address of the worker's script, as the build names it. */
const [HOST_URL = ''] = Object.values(
  import.meta.glob<string>('../worker/host.ts', { query: '?worker&url', import: 'default', eager: true }),
);
type WorkerClass = new (options: { readonly name: string }) => Worker;
/** Its script is part of the page's, as it is started, and started anew, long after the page was loaded (promise 8). */
const [FitWorker] = Object.values(
  import.meta.glob<WorkerClass>('../lab/laws/fit-worker.ts', { query: '?worker&inline', import: 'default', eager: true }),
);

/**
 * A worker takes its content security policy from its own response, where a static site has none; one that starts from a blob
 * inherits the page's. So nothing leaves through the worker either (promise 8).
 */
function startWorker(scriptUrl: string, name: string): Worker {
  const script = `import ${JSON.stringify(new URL(scriptUrl, document.baseURI).href)};`;
  const url = URL.createObjectURL(new Blob([script], { type: 'text/javascript' }));
  const worker = new Worker(url, { type: 'module', name });
  worker.addEventListener('message', () => URL.revokeObjectURL(url), { once: true });
  return worker;
}

function storage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

startTheme();
const store = new RunStore(browserPorts(storage(), () => lab.makeRoom()));
const lab: Lab = new Lab({
  connect: () => startWorker(HOST_URL, 'isoflop'),
  ...(FitWorker === undefined ? {} : { connectFit: () => new FitWorker({ name: 'isoflop fits' }) }),
  storage: storage(),
  store,
  whenLeaving: whenPageLeaves,
});
const app = document.createElement('lab-app');
app.lab = lab;
document.body.append(app);
// A page that is left stores what is not stored yet; where the store cannot, leaving would lose it.
addEventListener('beforeunload', (event) => {
  if (lab.recorder?.unsaved === true && store.trouble !== null) event.preventDefault();
});
void lab.open();
