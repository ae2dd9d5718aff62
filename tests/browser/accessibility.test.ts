import { describe, expect, it } from 'vitest';
import { violations } from '../support/axe.ts';
import { hashOf, tiny } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

describe('axe finds nothing wrong', () => {
  it.each([
    ['dark', 'wide', 1280, 900],
    ['light', 'on a phone', 390, 844],
  ])('in the %s page, %s: idle, with an error, while it trains, and with the table', async (theme, _name, width, height) => {
    const lab = await suite.blank();
    const { page } = lab;
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
    await lab.visit(`${suite.build.url}${hashOf(tiny(1_000_000, { eval: { everySteps: 50, batches: 1 } }))}`);
    expect(await page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches)).toBe(theme === 'dark');
    expect(await violations(page), 'idle').toEqual([]);

    await lab.upload('one.txt', new Uint8Array([65]));
    await lab.until('an error', ({ alerts }) => alerts.length > 0);
    await lab.start();
    await lab.until('some steps', ({ state, step }) => state === 'running' && step > 50);
    await lab.press('table');
    await lab.press('pause');
    await lab.until('the pause', ({ state }) => state === 'paused');
    expect(await violations(page), 'paused, with an error and the table').toEqual([]);
    await lab.press('resume');
    await lab.until('more steps', ({ state }) => state === 'running');
    expect(await violations(page), 'running').toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'nothing sticks out to the side').toBeLessThanOrEqual(
      width,
    );
    await lab.press('stop');
    await lab.until('the stop', ({ state }) => state === 'stopped');
  });
});
