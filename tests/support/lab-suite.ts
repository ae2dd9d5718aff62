import type { Browser } from 'puppeteer';
import { afterAll, afterEach, beforeAll, expect, inject } from 'vitest';
import { launchBrowser, serveBuild, type BrowserOptions, type ServedBuild } from './browser.ts';
import { loadKnownPaths, saveKnownPaths, type KnownPaths } from './known-paths.ts';
import { LabPage } from './lab-page.ts';

/** The browser and the served build of one test file. */
export interface LabSuite {
  readonly browser: Browser;
  readonly build: ServedBuild;
  /** The lab, ready to train, in a tab of its own that closes after the test. */
  open(hash?: string): Promise<LabPage>;
  /**
   * A tab that shows nothing yet, which closes after the test. Its storage holds nothing but what earlier tests have found of fast paths,
   * so that a run begins at once.
   */
  blank(): Promise<LabPage>;
}

interface SuiteOptions extends BrowserOptions {
  /** The first test of the file finds a browser in which the lab has never been. */
  readonly firstVisit?: boolean;
}

/** Registers the hooks of a file of browser tests. After each test it fails where the console or the network saw an error. */
export function labSuite({ firstVisit = false, ...options }: SuiteOptions = {}): LabSuite {
  const shared = inject('knownPaths');
  let browser: Browser | null = null;
  let build: ServedBuild | null = null;
  let known: KnownPaths | null = null;
  const pages: LabPage[] = [];

  beforeAll(async () => {
    [browser, build] = await Promise.all([launchBrowser(options), serveBuild()]);
    if (!firstVisit) known = loadKnownPaths(shared);
  });

  afterEach(async () => {
    const closing = pages.splice(0);
    const problems = closing.flatMap((page) => [...page.problems]);
    for (const page of closing) {
      known = (await page.knownPaths()) ?? known;
      await page.close();
    }
    expect(problems, 'errors in the console or the network').toEqual([]);
  });

  afterAll(async () => {
    if (known !== null) saveKnownPaths(shared, known);
    await browser?.close();
    await build?.close();
  });

  const kept = (page: LabPage): LabPage => {
    pages.push(page);
    return page;
  };
  const blank = async (): Promise<LabPage> => {
    const page = kept(await LabPage.blank(there(browser)));
    if (known !== null) await page.remember(there(build).url, known);
    return page;
  };
  return {
    get browser() {
      return there(browser);
    },
    get build() {
      return there(build);
    },
    open: async (hash = '') => {
      const page = await blank();
      await page.visit(`${there(build).url}${hash}`);
      return page;
    },
    blank,
  };
}

function there<T>(value: T | null): T {
  if (value === null) throw new Error('browser tests: used before the browser was started');
  return value;
}
