import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ElementHandle, Page } from 'puppeteer';
import { runsJson } from '../../../src/lab/store/runs-json.ts';
import { launchBrowser, openPage, serveBuild } from '../../support/browser.ts';
import { madeRuns } from '../../support/made-runs.ts';

const HELP = `npm run bench:charts -- [options]: how long a frame takes while the Runs page of dist/ is used. Build first.

  --runs N       made-up runs (default 200)
  --steps N      of each (default 1000)
  --rounds N     interleaved rounds of every interaction (default 9)
  --density N    device pixels of a CSS pixel (default 1)
  --query TEXT   settings of the Runs page, such as group=model.width
  --json         every sample, as JSON
`;

/** What is done once a round. */
const ACTIONS = [
  'zoom in',
  'zoom out',
  'log y',
  'smoothing',
  'unit',
  'hover a row',
  'hover the chart',
  'sort',
  'filter',
  'all',
] as const;

const PATIENCE_MS = 120_000;
const INSTALLED = 'Is dist/ there? npm run build makes it.';

/** Longest frame after an action, and how long the page's thread had no turn to give, both in ms. */
interface Sample {
  readonly frameMs: number;
  readonly callMs: number;
}

/** Prints the figures. Resolves with the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      runs: { type: 'string', default: '200' },
      steps: { type: 'string', default: '1000' },
      rounds: { type: 'string', default: '9' },
      density: { type: 'string', default: '1' },
      query: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'isoflop-charts-'));
  const file = join(folder, 'runs.json');
  writeFileSync(file, [...runsJson(madeRuns(Number(values.runs), Number(values.steps)))].join(''));
  const [browser, build] = await Promise.all([launchBrowser(), serveBuild()]);
  try {
    const { page, problems } = await openPage(browser, 'about:blank');
    await page.setViewport({ width: 1440, height: 900, deviceScaleFactor: Number(values.density) });
    await page.goto(`${build.url}#runs${values.query === '' ? '' : `?${values.query}`}`);
    await (await (await appears(page, 'lab-runs-files >>> input[name=file]')).toElement('input')).uploadFile(file);
    await appears(page, 'lab-runs-table >>> tr[data-run]');
    await new Promise((resolve) => setTimeout(resolve, 4000));
    const samples = new Map<string, Sample[]>(ACTIONS.map((action) => [action, []]));
    for (let round = 0; round < Number(values.rounds); round++)
      for (const action of ACTIONS) samples.get(action)?.push(await measure(page, action, round));
    for (const problem of problems) process.stderr.write(`page: ${problem}\n`);
    const environment = { browser: await browser.version(), cpu: cpus()[0]?.model, cores: cpus().length, load: loadavg()[0] };
    if (values.json)
      process.stdout.write(`${JSON.stringify({ environment, ...values, samples: Object.fromEntries(samples) })}\n`);
    else print(samples, `${values.runs} runs x ${values.steps} steps, density ${values.density}; ${JSON.stringify(environment)}`);
    return 0;
  } finally {
    await browser.close();
    await build.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Puppeteer's own wait does not look again when a shadow root changes. */
async function appears(page: Page, selector: string): Promise<ElementHandle> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await page.$(`>>> ${selector}`);
    if (found !== null) return found;
    if (performance.now() > end) throw new Error(`bench:charts: ${selector} did not appear. ${INSTALLED}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function print(samples: ReadonlyMap<string, readonly Sample[]>, head: string): void {
  process.stdout.write(`${head}\nlongest frame, and the action's own call, ms: median [lower quartile .. upper quartile]\n`);
  for (const [action, all] of samples) {
    const words = (['frameMs', 'callMs'] as const).map((key) => {
      const sorted = all.map((sample) => sample[key]).sort((a, b) => a - b);
      const at = (share: number): string => (sorted[Math.round(share * (sorted.length - 1))] ?? Number.NaN).toFixed(1);
      return `${at(0.5).padStart(7)} [${at(0.25)} .. ${at(0.75)}]`.padEnd(28);
    });
    process.stdout.write(`${action.padEnd(16)} ${words.join(' ')}\n`);
  }
}

/** Does one thing as a user's hand would, and watches the frames until the page rests. */
function measure(page: Page, action: string, round: number): Promise<Sample> {
  return page.evaluate(
    async (what, turn) => {
      const within = (root: Document | ShadowRoot, name: string): ShadowRoot => {
        for (const element of root.querySelectorAll('*')) {
          if (element.localName === name && element.shadowRoot !== null) return element.shadowRoot;
          const inner = element.shadowRoot === null ? null : find(element.shadowRoot, name);
          if (inner !== null) return inner;
        }
        throw new Error(`the page has no ${name}`);
      };
      const find = (root: ShadowRoot, name: string): ShadowRoot | null => {
        try {
          return within(root, name);
        } catch {
          return null;
        }
      };
      const frame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
      const chart = within(document, 'lab-runs-chart');
      const plot = within(document, 'lab-plot').querySelector<HTMLElement>('.plot');
      const table = within(document, 'lab-runs-table');
      const tools = within(chart, 'lab-chart-tools');
      const key = (name: string): void => void plot?.dispatchEvent(new KeyboardEvent('keydown', { key: name, bubbles: true }));
      const select = (root: ShadowRoot, selector: string, value: string): void => {
        const input = root.querySelector<HTMLInputElement>(selector);
        if (input === null) throw new Error(`no ${selector}`);
        input.value = value;
        input.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
        input.dispatchEvent(new Event('change', { bubbles: true, composed: true }));
      };
      const over = (): void => {
        const box = plot?.querySelector<HTMLElement>('.u-over');
        const place = box?.getBoundingClientRect();
        const clientX = (place?.left ?? 0) + 60 + 40 * turn;
        const clientY = (place?.top ?? 0) + (place?.height ?? 0) * 0.7;
        box?.dispatchEvent(new MouseEvent('mousemove', { clientX, clientY, bubbles: true }));
      };
      const acts: Record<string, () => void> = {
        'zoom in': () => key('+'),
        'zoom out': () => key('0'),
        'log y': () => tools.querySelectorAll<HTMLInputElement>('input[role=switch]')[1]?.click(),
        smoothing: () => select(tools, 'input[type=range]', String(40 + turn)),
        unit: () => select(tools, 'select', turn % 2 === 0 ? 'tokens' : 'step'),
        'hover a row': () => void table.querySelectorAll('tr[data-run]')[turn]?.dispatchEvent(new MouseEvent('mouseenter')),
        'hover the chart': over,
        sort: () => table.querySelectorAll<HTMLElement>('thead button')[turn % 2]?.click(),
        filter: () => select(within(document, 'lab-runs-filter'), 'input[type=search]', '1'),
        all: () => select(within(document, 'lab-runs-filter'), 'input[type=search]', ''),
      };
      await new Promise((resolve) => setTimeout(resolve, 250));
      let last = await frame();
      const begun = performance.now();
      acts[what]?.();
      const callMs = performance.now() - begun;
      let frameMs = 0;
      for (let i = 0; i < 30; i++) {
        const now = await frame();
        frameMs = Math.max(frameMs, now - last);
        last = now;
      }
      return { frameMs, callMs };
    },
    action,
    round,
  );
}
