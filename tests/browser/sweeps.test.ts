import { describe, expect, it } from 'vitest';
import { parseSweep, specToHash, sweepToHash, withDefaults } from '../../src/spec/index.ts';
import { violations } from '../support/axe.ts';
import { tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();
const BASE = withDefaults(tiny(40, { schedule: { kind: 'constant', warmupSteps: 0 } }));

async function words(lab: LabPage, selector: string): Promise<string[]> {
  const found = await lab.page.$$(`>>> ${selector}`);
  return Promise.all(found.map((element) => element.evaluate(({ textContent }) => textContent.replaceAll(/\s+/g, ' ').trim())));
}

/** Waits until the selector finds these words. */
async function shows(lab: LabPage, selector: string, expected: unknown): Promise<void> {
  await expect.poll(() => words(lab, selector), { timeout: 60_000 }).toEqual(expected);
}

/** Changes the values of one input after another, as a user's hand does. */
async function type(lab: LabPage, fields: Readonly<Record<string, string>>): Promise<void> {
  for (const [selector, value] of Object.entries(fields)) await lab.choose(selector, value);
}

async function open(settings: Readonly<Record<string, string>>): Promise<LabPage> {
  const lab = await suite.blank();
  await lab.page.goto(`${suite.build.url}#sweeps?${new URLSearchParams(settings).toString()}`);
  await lab.appears('lab-sweep-builder');
  return lab;
}

/** What axe finds, and that nothing sticks out, in both themes, wide and on a phone. */
async function looksWell(lab: LabPage, what: string): Promise<void> {
  const { page } = lab;
  for (const [theme, width] of [
    ['dark', 1280],
    ['light', 390],
  ] as const) {
    // Without transitions: axe would see colours that are half way.
    await page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: theme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    await page.setViewport({ width, height: 900 });
    expect(await violations(page), `${what}, ${theme}, ${width}`).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth), 'sticks out').toBeLessThanOrEqual(width);
  }
  await page.setViewport({ width: 1280, height: 900 });
}

const AXIS = 'lab-sweep-axes >>> li:nth-child';

describe('the Sweeps page', () => {
  it('promise 7: makes a sweep by hand, trains it over a reload, and shows where its losses are least', async () => {
    const lab = await open({ spec: specToHash(BASE) });
    const { page } = lab;
    await lab.choose('lab-sweep-recipe >>> #recipe', '');
    await type(lab, {
      [`${AXIS}(1) >>> input[name=path]`]: 'optimizer.learningRate',
      [`${AXIS}(1) >>> lab-sweep-values >>> input`]: '3e-4, 5e-3, 0.05, 0.5',
    });
    await shows(lab, 'lab-sweep-axes >>> .error', [
      expect.stringContaining('names no field of a spec: got "optimizer.learningRate"'),
    ]);
    expect((await lab.look()).actions).not.toContain('start-sweep');
    await lab.choose(`${AXIS}(1) >>> input[name=path]`, 'optimizer.lr');
    await lab.press('add-axis');
    await type(lab, {
      [`${AXIS}(2) >>> input[name=path]`]: 'model.width',
      [`${AXIS}(2) >>> lab-sweep-values >>> input`]: '16, 32',
      'lab-sweep-builder >>> #name': 'rates',
    });
    await shows(lab, 'lab-sweep-axes >>> .error', []);
    await shows(lab, 'lab-sweep-forecast >>> [data-runs]', ['8']);
    await shows(lab, 'lab-sweep-forecast >>> tbody tr', [
      expect.stringMatching(/^1 Width 16/),
      expect.stringMatching(/^2 Width 32/),
    ]);

    // A link opens the builder with it.
    const hash = await page.evaluate(() => location.hash);
    const other = await suite.blank();
    await other.page.goto(`${suite.build.url}${hash}`);
    await other.appears('lab-sweep-builder');
    await shows(other, 'lab-sweep-forecast >>> [data-runs]', ['8']);
    const { name, bytes } = await other.saved('sweep-json');
    expect([name, parseSweep(JSON.parse(new TextDecoder().decode(bytes))).name]).toEqual(['SWEEP.json', 'rates']);
    await other.close();

    await lab.press('start-sweep');
    await lab.appears('[data-done="4"]');
    await page.reload();
    await lab.appears('lab-sweep-list');
    await lab.press('resume-sweep');
    await lab.appears('[data-sweep-state="done"]');
    expect((await lab.look()).alerts).toEqual([]);
    await shows(lab, '[data-done]', ['8 of 8']);
    await shows(lab, 'lab-sweep-curves >>> .optima tbody tr', [
      expect.stringMatching(/^Width 16 ?0\.0\d+ ?— ?1\.\d{4} ?Interpolated/),
      expect.stringMatching(/^Width 32 ?0\.0\d+ ?— ?1\.\d{4} ?Interpolated/),
    ]);
    expect(await words(lab, 'lab-sweep-heat >>> .cell')).toHaveLength(8);
    const csv = new TextDecoder().decode((await lab.saved('sweep-loss-csv')).bytes);
    expect(csv.split('\n')[0]).toBe('model.width,optimizer.lr,meanNats,lowNats,highNats,done,diverged,open');
    await looksWell(lab, 'done');

    // Its runs are on the Runs page, and a deleted sweep comes back.
    await lab.press('delete-sweep');
    await lab.press('undo-delete-sweep');
    await lab.press('show-sweep');
    await (await lab.find('[data-link="runs"]')).evaluate((link) => link instanceof HTMLElement && link.click());
    await expect.poll(() => words(lab, 'lab-runs-table >>> .title'), { timeout: 20_000 }).toHaveLength(8);
  });

  it('pauses, skips, moves, and goes on from a link', async () => {
    const sweep = parseSweep(
      { name: 'queue', recipe: { kind: 'size-ladder', sizes: [8, 16, 24, 32], tokensPerParameter: 2 } },
      { base: withDefaults(tiny(40)) },
    );
    const lab = await open({ plan: sweepToHash(sweep) });
    await shows(lab, 'lab-sweep-forecast >>> [data-runs]', ['4']);
    await looksWell(lab, 'the builder');
    await lab.press('keep-sweep');
    await lab.appears('lab-sweep-queue');
    const order = (): Promise<string[]> => words(lab, 'lab-sweep-queue >>> lab-sweep-group >>> .what');
    await expect.poll(order).toEqual(['Width 8 · 1 lane', 'Width 16 · 1 lane', 'Width 24 · 1 lane', 'Width 32 · 1 lane']);

    const rows = 'lab-sweep-queue >>> li:nth-child';
    await (await lab.find(`${rows}(2) >>> [data-action="group-up"]`)).press('Enter');
    await expect.poll(order).toEqual(['Width 16 · 1 lane', 'Width 8 · 1 lane', 'Width 24 · 1 lane', 'Width 32 · 1 lane']);
    await (await lab.find(`${rows}(4) >>> [data-action="group-skip"]`)).press('Enter');
    await lab.appears(`${rows}(4) >>> [data-state="skipped"]`);
    await lab.press('start-kept-sweep');
    await lab.press('pause-sweep');
    await lab.appears('[data-sweep-state="paused"]');
    await looksWell(lab, 'paused');
    await lab.press('resume-sweep');
    await lab.appears('[data-sweep-state="done"]');
    await shows(lab, '[data-done]', ['3 of 4']);
    await (await lab.find('[data-action="group-unskip"]')).press('Enter');
    await lab.press('resume-sweep');
    await shows(lab, '[data-done]', ['4 of 4']);
    expect((await lab.look()).alerts).toEqual([]);
  });

  it('counts the runs of the user’s own file that is at hand, and after a reload those of the file that they were trained on', async () => {
    const { data, ...spec } = tiny(20);
    const sweep = parseSweep(
      { name: 'own', axes: [{ path: 'optimizer.lr', values: [0.001, 0.01] }] },
      { base: withDefaults({ ...spec, data: { ...data, source: 'file' } }) },
    );
    const text = (words: string): string => `${words} `.repeat(400);
    const lab = await open({ plan: sweepToHash(sweep) });
    await lab.press('keep-sweep');
    await lab.appears('lab-sweep-queue');
    await lab.press('start-kept-sweep');
    await expect.poll(async () => (await lab.look()).alerts).toEqual([expect.stringContaining('there is none')]);
    await lab.drop('a.txt', text('to be or not to be'));
    await expect.poll(async () => (await lab.look()).notices).toContainEqual(expect.stringContaining('a.txt is ready'));
    await lab.press('start-kept-sweep');
    await shows(lab, '[data-done]', ['2 of 2']);
    await lab.appears('[data-sweep-state="done"]');
    await lab.page.reload();
    await lab.appears('lab-sweep-list');
    await shows(lab, '[data-done]', ['2 of 2']);
    await shows(lab, '[data-files]', []);
    await lab.drop('b.txt', text('the rest is silence'));
    await shows(lab, '[data-done]', ['0 of 2']);
    await shows(lab, '[data-files]', ['Of the runs on “b.txt”, your file of now. 2 runs on “a.txt” are left out.']);
    await shows(lab, '[data-outcome]', [expect.stringContaining('2 ')]);
    await looksWell(lab, 'another file');
    await lab.drop('again.txt', text('to be or not to be'));
    await shows(lab, '[data-done]', ['2 of 2']);
    await shows(lab, '[data-files]', []);
  });
});
