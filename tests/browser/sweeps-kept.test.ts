import { expect, it } from 'vitest';
import { runsJson } from '../../src/lab/store/runs-json.ts';
import { parseSweep, sweepToHash, withDefaults } from '../../src/spec/index.ts';
import { tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';
import { madeRuns } from '../support/made-runs.ts';

const suite = labSuite();

async function words(lab: LabPage, selector: string): Promise<string[]> {
  const found = await lab.page.$$(`>>> ${selector}`);
  return Promise.all(found.map((element) => element.evaluate(({ textContent }) => textContent.replaceAll(/\s+/g, ' ').trim())));
}

it('a group that fails is tried again when the user says so; the others go on meanwhile', async () => {
  const sweep = parseSweep(
    { name: 'one fails', recipe: { kind: 'size-ladder', sizes: [8, 16], tokensPerParameter: 2 } },
    { base: withDefaults(tiny(20)) },
  );
  const lab = await suite.blank();
  // The worker is given a checkpoint that it cannot read with the first start of all.
  await lab.page.evaluateOnNewDocument(() => {
    const { postMessage } = Worker.prototype;
    let broken = false;
    Worker.prototype.postMessage = function (this: Worker, message: unknown, ...rest: unknown[]): void {
      const first = !broken && typeof message === 'object' && message !== null && 'type' in message && message.type === 'start';
      broken ||= first;
      Reflect.apply(postMessage, this, [first ? { ...message, checkpoint: new ArrayBuffer(3) } : message, ...rest]);
    };
  });
  await lab.page.goto(`${suite.build.url}#sweeps?${new URLSearchParams({ plan: sweepToHash(sweep) }).toString()}`);
  await lab.appears('lab-sweep-builder');
  await lab.press('start-sweep');
  await lab.appears('lab-sweep-queue >>> li:nth-child(1) >>> [data-action="group-retry"]');
  await expect.poll(() => words(lab, '[data-done]'), { timeout: 60_000 }).toEqual(['1 of 2']);
  const { notices } = await lab.until('the sweep to rest', ({ actions }) => actions.includes('retry-failed'));
  expect(notices).toContainEqual(expect.stringMatching(/failed and can be tried again; the others go on/));
  await (await lab.find('[data-action="group-retry"]')).press('Enter');
  await lab.press('resume-sweep');
  await lab.appears('[data-sweep-state="done"]');
  await expect.poll(() => words(lab, '[data-done]')).toEqual(['2 of 2']);
  expect((await lab.look()).alerts).toEqual([]);
});

it('runs of a sweep that this browser does not keep are shown as one, whose runs are all there is', async () => {
  const lab = await suite.blank();
  await lab.page.goto(`${suite.build.url}#runs`);
  await lab.appears('lab-runs-files');
  const file = new TextEncoder().encode([...runsJson(madeRuns(16, 30, 'from-afar'))].join(''));
  await lab.uploadTo('lab-runs-files >>> input[name=file]', 'runs.json', file);
  await expect.poll(() => words(lab, 'lab-runs-table >>> tr[data-run]'), { timeout: 20_000 }).toHaveLength(16);
  await lab.page.evaluate(() => void (location.hash = '#sweeps?sweep=from-afar'));
  await lab.appears('lab-sweep-results');
  expect(await words(lab, 'lab-sweep-list >>> .badge')).toEqual(['RUNS ONLY']);
  expect(await words(lab, 'lab-sweep-list >>> .facts > .muted')).toEqual(['16 of 16 runs']);
  // No queue, so nothing to resume; but its losses against its axes.
  expect(await words(lab, 'lab-sweep-queue')).toEqual([]);
  expect((await lab.look()).actions).not.toContain('resume-sweep');
  await expect.poll(() => words(lab, 'lab-sweep-heat >>> .cell'), { timeout: 20_000 }).toHaveLength(16);
  await (await lab.find('[data-link="runs"]')).evaluate((link) => link instanceof HTMLElement && link.click());
  await lab.appears('lab-runs-table >>> tr[data-run]');
  expect(await lab.page.evaluate(() => location.hash)).toBe('#runs?sweep=from-afar');
});
