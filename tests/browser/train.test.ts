import type { Browser } from 'puppeteer';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, serveBuild, type ServedBuild } from '../support/browser.ts';
import { hashOf, LabPage, tiny } from '../support/lab-page.ts';

let browser: Browser;
let build: ServedBuild;
let lab: LabPage | null = null;

beforeAll(async () => {
  [browser, build] = await Promise.all([launchBrowser(), serveBuild()]);
});

afterEach(async () => {
  const problems = lab?.problems ?? [];
  await lab?.close();
  lab = null;
  expect(problems).toEqual([]);
});

afterAll(async () => {
  await browser.close();
  await build.close();
});

async function open(hash = ''): Promise<LabPage> {
  lab = await LabPage.open(browser, `${build.url}${hash}`);
  return lab;
}

describe('a run in the page', () => {
  it('trains at one click, and its loss falls', async () => {
    const page = await open(hashOf(tiny(200, { eval: { everySteps: 100, batches: 2 } })));
    await page.start();
    const done = await page.reach('finished');
    expect(done).toMatchObject({ step: 200, totalSteps: 200 });
    const losses = [...(await page.losses()).values()].map(Number);
    expect(losses).toHaveLength(200);
    const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-20))).toBeLessThan(0.9 * mean(losses.slice(0, 5)));
    const shown = done.figures;
    expect(Number(shown['Train loss'])).toBeCloseTo(losses.at(-1) ?? NaN, 3);
    expect(Number(shown['Val loss'])).toBeLessThan(losses[0] ?? NaN);
    console.log(done, performance.now());
  });
});
