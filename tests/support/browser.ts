import { fileURLToPath } from 'node:url';
import { launch, type Browser, type Page } from 'puppeteer';
import { preview } from 'vite';
import { INSTALL_CHROME, chromeExecutables, chromeFlags, type BrowserAdapter } from '../../src/gpu/node-chrome.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Puppeteer switches these off by itself; a user's Chrome has them. */
const SLOWED_WHEN_HIDDEN = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

export interface BrowserOptions {
  readonly adapter?: BrowserAdapter;
  /** Slows hidden tabs down as a user's browser does. */
  readonly slowHiddenTabs?: boolean;
}

/** Starts the installed Chrome or Chromium, headless. */
export async function launchBrowser({ adapter = 'software', slowHiddenTabs = false }: BrowserOptions = {}): Promise<Browser> {
  const executablePath = chromeExecutables()[0];
  if (executablePath === undefined) {
    throw new Error(`browser tests: no Chrome or Chromium found. ${INSTALL_CHROME}`);
  }
  const ignoreDefaultArgs = slowHiddenTabs ? SLOWED_WHEN_HIDDEN : [];
  return launch({ executablePath, headless: true, args: chromeFlags(adapter), ignoreDefaultArgs, protocolTimeout: 300_000 });
}

export interface ServedBuild {
  /** With a trailing slash. */
  readonly url: string;
  /** Path of every request so far, the worker's too. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/** Serves the production build, `dist/`, on a free port of this machine. */
export async function serveBuild(): Promise<ServedBuild> {
  const server = await preview({
    root: ROOT,
    logLevel: 'silent',
    preview: { host: '127.0.0.1', port: 0, strictPort: true, open: false },
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === 'string') {
    throw new Error('browser tests: the preview server has no port.');
  }
  const requests: string[] = [];
  server.httpServer.on('request', (request: { url?: string }) => requests.push(request.url ?? ''));
  return { url: `http://127.0.0.1:${address.port}/`, requests, close: () => server.close() };
}

export interface WatchedPage {
  readonly page: Page;
  /** Console errors, uncaught exceptions and failed requests so far; a passing test finds it empty. */
  readonly problems: readonly string[];
}

/** A new tab that notes what goes wrong in it, opened at `url`. */
export async function openPage(browser: Pick<Browser, 'newPage'>, url: string): Promise<WatchedPage> {
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') {
      problems.push(`console: ${message.text()}`);
    }
  });
  page.on('pageerror', (error) => problems.push(`page: ${error instanceof Error ? error.message : String(error)}`));
  page.on('requestfailed', (request) => problems.push(`request: ${request.url()} ${request.failure()?.errorText ?? ''}`));
  await page.goto(url);
  return { page, problems };
}
