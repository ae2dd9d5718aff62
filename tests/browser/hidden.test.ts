import { expect, it } from 'vitest';
import { hashOf, tiny } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite({ slowHiddenTabs: true });

it('training goes on in a hidden tab', async () => {
  const lab = await suite.open(hashOf(tiny(1_000_000)));
  await lab.start();
  await lab.until('some steps', ({ state, step }) => state === 'running' && step > 5);
  const visibility = (): Promise<string> => lab.page.evaluate(() => document.visibilityState);
  const front = await lab.page.browserContext().newPage();
  await front.bringToFront();
  await expect.poll(visibility).toBe('hidden');
  const hidden = await lab.look();
  await lab.until('steps behind the other tab', ({ step }) => step > hidden.step + 100);
  expect(await visibility()).toBe('hidden');
  await lab.page.bringToFront();
  await lab.press('stop');
  await lab.reach('stopped');
});
