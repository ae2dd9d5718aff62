import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, ElementHandle, Page } from 'puppeteer';
import { specToHash, withDefaults, type SpecInput } from '../../src/spec/index.ts';
import { openPage } from './browser.ts';
import { readKnownPaths, writeKnownPaths, type KnownPaths } from './known-paths.ts';

/** What a user reads on the lab's page at one moment. */
export interface Sight {
  /** Of the run, or `idle`. */
  readonly state: string;
  readonly words: string;
  readonly step: number;
  readonly totalSteps: number;
  readonly alerts: readonly string[];
  /** Newest first. */
  readonly notices: readonly string[];
  /** The figures of the run, the device and the data, by their terms. */
  readonly figures: Readonly<Record<string, string>>;
  readonly sample: string;
  /** `data-action` of every button that can be pressed. */
  readonly actions: readonly string[];
}

const POLL_MS = 60;
const PATIENCE_MS = 60_000;

/** A model so small that a software adapter takes hundreds of steps of it in a few seconds. */
export const TINY: SpecInput = {
  data: { source: 'markov', context: 16, batch: 2, markov: { symbols: 8, order: 1, concentration: 0.3, seed: 3 } },
  model: { layers: 1, width: 16, heads: 2 },
  optimizer: { lr: 0.02 },
  schedule: { warmupSteps: 10 },
  eval: { everySteps: 0 },
};

/** {@link TINY} for so many steps, with other changes. */
export function tiny(steps: number, change: SpecInput = {}): SpecInput {
  return {
    ...TINY,
    ...change,
    data: { ...TINY.data, ...change.data },
    model: { ...TINY.model, ...change.model },
    optimizer: { ...TINY.optimizer, ...change.optimizer },
    schedule: { ...TINY.schedule, ...change.schedule },
    eval: { ...TINY.eval, ...change.eval },
    budget: { steps },
  };
}

/** The hash of a spec, with its `#`. */
export function hashOf(spec: SpecInput): string {
  return `#${specToHash(withDefaults(spec))}`;
}

/** The lab in a tab with storage of its own, driven and read as a user does. */
export class LabPage {
  readonly page: Page;
  private readonly seen: readonly string[];
  private expected: RegExp | null = null;
  private open = true;
  private readonly context: BrowserContext;
  private readonly folder: string;
  /** The browser reads what lies here when the page does, not before. */
  private readonly uploads = mkdtempSync(join(tmpdir(), 'isoflop-uploads-'));

  private constructor(page: Page, problems: readonly string[], context: BrowserContext, folder: string) {
    this.page = page;
    this.seen = problems;
    this.context = context;
    this.folder = folder;
  }

  /** A new tab that shows nothing yet. */
  static async blank(browser: Browser): Promise<LabPage> {
    const folder = mkdtempSync(join(tmpdir(), 'isoflop-browser-'));
    const context = await browser.createBrowserContext({ downloadBehavior: { policy: 'allow', downloadPath: folder } });
    const { page, problems } = await openPage(context, 'about:blank');
    return new LabPage(page, problems, context, folder);
  }

  /** Opens the lab at `url`, whose hash holds the spec, and waits until it is ready to train. */
  async visit(url: string): Promise<Sight> {
    await this.page.goto(url);
    return this.ready();
  }

  /** What this tab's visits have found of fast paths; null before a run was tried. */
  knownPaths(): Promise<KnownPaths | null> {
    return readKnownPaths(this.page).catch(() => null);
  }

  /** Lets the next visit of the site at `url` know what other visits have found. */
  async remember(url: string, known: KnownPaths): Promise<void> {
    // An empty page of that site: the lab itself must not run meanwhile.
    await this.page.setRequestInterception(true);
    this.page.once(
      'request',
      (request) => void request.respond({ contentType: 'text/html', body: '<link rel="icon" href="data:,">' }),
    );
    await this.page.goto(url);
    await writeKnownPaths(this.page, known);
    await this.page.goto('about:blank');
    await this.page.setRequestInterception(false);
  }

  /** Loads the page again and waits until it is ready to train. */
  async reload(): Promise<Sight> {
    await this.page.reload();
    return this.ready();
  }

  ready(): Promise<Sight> {
    return this.until('ready to train', ({ actions }) => actions.includes('start'));
  }

  /** Errors of the console and the network that no test announced. */
  get problems(): readonly string[] {
    return this.seen.filter((problem) => this.expected?.test(problem) !== true);
  }

  /** Announces errors that belong to the test. */
  expectProblems(matching: RegExp): void {
    this.expected = matching;
  }

  async close(): Promise<void> {
    if (!this.open) return;
    this.open = false;
    await this.context.close();
    for (const folder of [this.folder, this.uploads]) rmSync(folder, { recursive: true, force: true });
  }

  async look(): Promise<Sight> {
    return this.page.evaluate(() => {
      const all = (selector: string): Element[] => {
        const found: Element[] = [];
        const visit = (root: Document | ShadowRoot): void => {
          found.push(...root.querySelectorAll(selector));
          for (const element of root.querySelectorAll('*')) if (element.shadowRoot !== null) visit(element.shadowRoot);
        };
        visit(document);
        return found;
      };
      const words = (element: Element | null | undefined): string => (element?.textContent ?? '').replaceAll(/\s+/g, ' ').trim();
      const [state] = all('.state');
      const bar = state?.getRootNode();
      const progress = bar instanceof ShadowRoot ? bar.querySelector('progress') : null;
      const figures = all('dt').map((term): [string, string] => [words(term), words(term.nextElementSibling)]);
      const enabled = (button: Element): boolean => button instanceof HTMLButtonElement && !button.disabled;
      return {
        state: state?.getAttribute('data-state') ?? '',
        words: words(state),
        step: progress?.value ?? 0,
        totalSteps: progress?.max ?? 0,
        alerts: all('.alert').map((alert) => words(alert)),
        notices: all('lab-notices').flatMap(({ shadowRoot }) => [...(shadowRoot?.querySelectorAll('li span') ?? [])].map(words)),
        figures: Object.fromEntries(figures),
        sample: all('pre[aria-label="Generated text"]').map(words).join(''),
        actions: all('button[data-action]')
          .filter(enabled)
          .map((button) => button.getAttribute('data-action') ?? ''),
      };
    });
  }

  /** Waits until the page shows what is waited for. @throws with what it shows instead. */
  async until(what: string, shown: (sight: Sight) => boolean, timeoutMs = PATIENCE_MS): Promise<Sight> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const sight = await this.look();
      if (shown(sight)) return sight;
      if (performance.now() > end)
        throw new Error(`waited ${timeoutMs / 1000} s for: ${what}. The page shows ${JSON.stringify(sight, null, 1)}`);
      await sleep(POLL_MS);
    }
  }

  /** Presses the button of this `data-action` as soon as it can be pressed. */
  async press(action: string): Promise<void> {
    await this.until(`a button "${action}" to press`, ({ actions }) => actions.includes(action));
    const button = await this.find(`[data-action="${action}"]`);
    await button.evaluate((element) => element instanceof HTMLElement && element.click());
  }

  /** Presses Start with the mouse. */
  async start(): Promise<void> {
    await (await this.find('[data-action="start"]')).click();
  }

  /** Waits for the run to be in `state`, with no alert on the way there. */
  async reach(state: string): Promise<Sight> {
    const sight = await this.until(
      `the run to be ${state}`,
      (now) => now.state === state || now.state === 'failed' || now.alerts.length > 0,
    );
    if (sight.state !== state) throw new Error(`the run is not ${state}: the page shows ${JSON.stringify(sight, null, 1)}`);
    return sight;
  }

  /** The first element that the selector finds in any shadow root. */
  async find(selector: string): Promise<ElementHandle> {
    const found = await this.page.$(`>>> ${selector}`);
    if (found === null) throw new Error(`the page has no ${selector}`);
    return found;
  }

  /**
   * Waits until the selector finds an element in any shadow root. Puppeteer's own wait looks again when the document changes, and what
   * changes inside a shadow root is no change of the document.
   */
  async appears(selector: string): Promise<void> {
    const end = performance.now() + 60_000;
    while ((await this.page.$(`>>> ${selector}`)) === null) {
      if (performance.now() > end) throw new Error(`${selector} did not appear; ${JSON.stringify(await this.look())}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Sets the value of an input or select as a user's hand does. */
  async choose(selector: string, value: string): Promise<void> {
    await (
      await this.find(selector)
    ).evaluate((element, chosen) => {
      if (!(element instanceof HTMLInputElement) && !(element instanceof HTMLSelectElement))
        throw new Error('neither input nor select');
      element.value = chosen;
      element.dispatchEvent(new Event('input', { bubbles: true, composed: true }));
      element.dispatchEvent(new Event('change', { bubbles: true, composed: true }));
    }, value);
  }

  /** Gives the page a file through its file input. */
  upload(name: string, bytes: Uint8Array): Promise<void> {
    return this.uploadTo('lab-data-card >>> input[type=file]', name, bytes);
  }

  /** Gives the page a file through the file input that the selector finds. */
  async uploadTo(selector: string, name: string, bytes: Uint8Array): Promise<void> {
    const path = join(this.uploads, name);
    writeFileSync(path, bytes);
    const input = await this.find(selector);
    const inputElement = await input.toElement('input');
    await inputElement.uploadFile(path);
  }

  /** Drops a file of this text on the page. */
  async drop(name: string, text: string): Promise<void> {
    await this.page.evaluate(
      (fileName, content) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([content], fileName));
        for (const type of ['dragover', 'drop'])
          document.body.dispatchEvent(new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true }));
      },
      name,
      text,
    );
  }

  /** Presses a button that saves a file, and gives that file. */
  async saved(action: string): Promise<{ readonly name: string; readonly bytes: Uint8Array<ArrayBuffer> }> {
    await this.press(action);
    const end = performance.now() + PATIENCE_MS;
    while (performance.now() < end) {
      const [name] = existsSync(this.folder) ? readdirSync(this.folder).filter((file) => !file.endsWith('.crdownload')) : [];
      if (name !== undefined) {
        const path = join(this.folder, name);
        const bytes = new Uint8Array(readFileSync(path));
        rmSync(path);
        return { name, bytes };
      }
      await sleep(POLL_MS);
    }
    throw new Error(`"${action}" saved no file`);
  }

  /** Training losses by step, with every digit, from the CSV that the page saves. */
  async losses(): Promise<Map<number, string>> {
    const { bytes } = await this.saved('csv');
    const [head = '', ...rows] = new TextDecoder().decode(bytes).trim().split('\n');
    const columns = head.split(',');
    const [step, loss] = [columns.indexOf('step'), columns.indexOf('trainNats')];
    const cells = rows.map((row) => row.split(',')).map((row): [number, string] => [Number(row[step]), row[loss] ?? '']);
    return new Map(cells.filter(([, written]) => written !== ''));
  }
}
