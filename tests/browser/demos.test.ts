import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Page } from 'puppeteer';
import { describe, expect, it } from 'vitest';
import { violations } from '../support/axe.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

const DEMOS = readdirSync(fileURLToPath(new URL('../../demos', import.meta.url))).filter((file) => file.endsWith('.html'));
const PATIENCE_MS = 110_000;

const textOf = (page: Page, selector: string): Promise<string> => page.$eval(selector, ({ textContent }) => textContent);

/** Waits until the demo's line about its state matches. @throws with what it says instead. */
async function until(page: Page, matching: RegExp): Promise<string> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const said = await textOf(page, '#state');
    if (matching.test(said)) return said;
    if (performance.now() > end || (await page.$('#state.fault')) !== null)
      throw new Error(`waited for ${matching}; the page says: ${said}`);
    await sleep(100);
  }
}

/** The number that a text begins with. */
const leading = (text: string): number => Number(/^-?[\d.]+/.exec(text)?.[0]);

describe('demos', () => {
  it.each(DEMOS)('%s opens, trains or measures, and is accessible', async (file) => {
    const { page } = await suite.blank();
    await page.goto(`${suite.build.url}demos/${file}`);
    await until(page, /^(?:Step|Round|Run) [1-9]\d* of/);
    expect(await page.$$eval('#chart polyline, #chart line', (lines) => lines.length)).toBeGreaterThan(0);
    expect(await violations(page)).toEqual([]);
  });

  it('fusion.html: one kernel gives every bit that three give, and the page says what that is worth', async () => {
    const { page } = await suite.blank();
    await page.goto(`${suite.build.url}demos/fusion.html`);
    await until(page, /^Round 9 of 9/);
    expect(await textOf(page, '#verdict')).toMatch(/^One kernel instead of three: (?:\d.* time|no measurable difference.*)\.$/);
    expect(await textOf(page, '#apart')).toMatch(/ms, 5\.4 MB moved$/);
    expect(await textOf(page, '#fused')).toMatch(/ms, 1\.2 MB moved$/);
    await page.waitForFunction(() => document.querySelector('#difference')?.textContent === 'none: every bit is equal');
  });

  it('minimal.html learns to write what it was given', async () => {
    const { page } = await suite.blank();
    await page.goto(`${suite.build.url}demos/minimal.html`);
    const first = await until(page, /loss [\d.]+ nats/);
    const last = await until(page, /^Step 300 of 300/);
    const lossIn = (said: string): number => Number(/loss ([\d.]+)/.exec(said)?.[1]);
    expect(lossIn(last)).toBeLessThan(0.6 * lossIn(first));
    expect(await textOf(page, '#sample')).toMatch(/^12[^]*(one|two|three|four|five|six|seven|eight|nine|zero)/);
  });

  it('markov.html: the law fitted to the kept runs finds the entropy, and a ladder trained here joins them', async () => {
    const { page } = await suite.blank();
    await page.goto(`${suite.build.url}demos/markov.html?ladder=tiny`);
    await until(page, /^All 6 runs trained/);
    expect(await textOf(page, '#verdict')).toMatch(/ nats: inside the interval\.$/);
    const [rate, loss] = [leading(await textOf(page, '#rate')), leading(await textOf(page, '#loss'))];
    expect(rate).toBeGreaterThan(2);
    expect(Math.abs(loss - rate)).toBeLessThan(0.05);
    expect(await textOf(page, '#own')).toMatch(
      /^After 6 runs: (?:The fit puts the irreducible loss at [\d.]+ nats|6 such runs do not say)/,
    );
    expect(await page.$$eval('#chart circle.own', (dots) => dots.length)).toBeGreaterThanOrEqual(6);
    expect(await violations(page)).toEqual([]);
  });
});
