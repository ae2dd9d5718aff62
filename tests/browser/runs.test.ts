import { describe, expect, it } from 'vitest';
import { violations } from '../support/axe.ts';
import { hashOf, tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

/** The texts of what the selector finds in the table of runs. */
async function texts(lab: LabPage, selector: string): Promise<string[]> {
  const found = await lab.page.$$(`>>> lab-runs-table >>> ${selector}`);
  return Promise.all(found.map((element) => element.evaluate(({ textContent }) => textContent.replaceAll(/\s+/g, ' ').trim())));
}

/** The page of runs in a browser that has none. */
async function empty(): Promise<LabPage> {
  const lab = await suite.blank();
  await lab.page.goto(`${suite.build.url}#runs`);
  await lab.appears('lab-runs-files');
  return lab;
}

async function rows(lab: LabPage, count: number): Promise<string[]> {
  await expect.poll(() => texts(lab, '.title'), { timeout: 20_000 }).toHaveLength(count);
  return texts(lab, '.title');
}

async function train(lab: LabPage, hash: string): Promise<void> {
  await lab.page.evaluate((next) => void (location.hash = next), hash);
  await lab.until('the spec', ({ actions }) => actions.includes('start'));
  await lab.press('start');
  await lab.until('a run that goes', ({ state }) => state !== 'finished');
  await lab.reach('finished');
}

async function mark(lab: LabPage, place: number): Promise<void> {
  const boxes = await lab.page.$$('>>> lab-runs-table >>> tbody input');
  await boxes[place]?.evaluate((box) => box instanceof HTMLInputElement && box.click());
}

describe('the Runs page', () => {
  it('promise 7: keeps what was trained over a reload; names, deletes and restores it, and takes it to another browser', async () => {
    const lab = await suite.open(hashOf(tiny(40)));
    const { page } = lab;
    await train(lab, hashOf(tiny(40)));
    await train(lab, hashOf(tiny(40, { optimizer: { lr: 0.01 } })));
    await page.evaluate(() => void (location.hash = '#runs?sort=optimizer.lr&order=up'));
    await rows(lab, 2);
    await page.reload();
    await rows(lab, 2);
    expect(await texts(lab, '[aria-sort="ascending"]')).toEqual(['Learning rate▲']);
    expect((await texts(lab, 'td:last-child')).map(Number)).toEqual([0.01, 0.02]);

    // Two curves over each other; the pointer on a row has its curve stand out.
    await (await lab.find('lab-runs-table >>> tbody tr')).hover();
    await lab.appears('lab-runs-chart >>> lab-plot >>> .u-over canvas.highlight:not([hidden])');

    await mark(lab, 0);
    await lab.press('rename-run');
    await lab.choose('lab-runs-actions >>> input', 'slow, “one”');
    await lab.press('save-edit');
    await expect.poll(() => texts(lab, '.title')).toContain('slow, “one”');
    await lab.press('note-run');
    await lab.choose('lab-runs-actions >>> input', 'the slower of two');
    await lab.press('save-edit');
    await lab.appears('lab-runs-table >>> th[title="slow, “one”: the slower of two"]');
    const { name, bytes } = await lab.saved('runs-json');
    expect(name).toBe('isoflop-runs.json');

    expect((await lab.saved('steps-parquet')).bytes.subarray(0, 4)).toEqual(new TextEncoder().encode('PAR1'));

    await lab.press('delete-runs');
    await rows(lab, 1);
    await lab.press('undo-delete');
    expect(await rows(lab, 2)).toContain('slow, “one”');

    const other = await empty();
    await other.uploadTo('lab-runs-files >>> input[type=file]', 'broken.json', bytes.slice(0, 500));
    const { alerts } = await other.until('one clear message', (sight) => sight.alerts.length > 0);
    expect(alerts).toEqual([expect.stringContaining('broken.json')]);
    await other.press('dismiss');
    await other.uploadTo('lab-runs-files >>> input[type=file]', name, bytes);
    expect(await rows(other, 2)).toContain('slow, “one”');
    const again = await other.saved('runs-json');
    expect(Buffer.from(again.bytes).equals(Buffer.from(bytes)), 'the same file again, to the byte').toBe(true);

    // A line a run over what they differ in; an axis of numbers turns logarithmic, and the link says so.
    expect(await other.page.$$('>>> lab-runs-parallel >>> path[data-run]')).toHaveLength(2);
    await (await other.find('lab-runs-parallel >>> input[name="log-optimizer.lr"]')).click();
    await expect.poll(() => other.page.evaluate(() => location.hash)).toBe('#runs?axes=optimizer.lr');
    expect(await violations(other.page)).toEqual([]);
    await (await other.find('lab-runs-parallel >>> input[name="log-optimizer.lr"]')).click();

    await other.choose('lab-runs-filter >>> input[type=search]', 'slow');
    await rows(other, 1);
    expect(await other.page.evaluate(() => location.hash)).toBe('#runs?text=slow');
    await mark(other, 0);
    await other.press('use-spec');
    await other.until('the Train page', ({ actions }) => actions.includes('start'));
    expect(await other.page.evaluate(() => location.hash)).toBe(hashOf(tiny(40, { optimizer: { lr: 0.01 } })));
    await other.page.goBack();
    await rows(other, 1);
  });

  it('is one that axe finds nothing wrong in, dark and light, wide and on a phone, empty and with runs', async () => {
    const lab = await empty();
    const { page } = lab;
    expect(await violations(page), 'empty').toEqual([]);
    await train(lab, hashOf(tiny(20)));
    await page.evaluate(() => void (location.hash = '#runs?group=model.width&columns=all'));
    await rows(lab, 1);
    await mark(lab, 0);
    await lab.press('pin-run');
    for (const theme of ['dark', 'light']) {
      // Without transitions: axe would see colours that are half way.
      const calm = { name: 'prefers-reduced-motion', value: 'reduce' };
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }, calm]);
      for (const width of [1280, 390]) {
        await page.setViewport({ width, height: 900 });
        expect(await violations(page), `${theme}, ${width}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth), 'sticks out').toBeLessThanOrEqual(width);
      }
    }
    await lab.press('delete-runs');
    await lab.appears('[data-action="undo-delete"]');
    expect(await violations(page), 'with the way back').toEqual([]);
  });
});
