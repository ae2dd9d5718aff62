import { expect, it } from 'vitest';
import { hashOf, tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

async function words(lab: LabPage, selector: string): Promise<string[]> {
  const found = await lab.page.$$(`>>> ${selector}`);
  return Promise.all(found.map((element) => element.evaluate(({ textContent }) => textContent.replaceAll(/\s+/g, ' ').trim())));
}

it('shows where a run is to end while it trains, and on the Runs page how good that was', async () => {
  const lab = await suite.open(hashOf(tiny(600)));
  await lab.start();
  // Every few frames: the prediction stands there until the last step.
  const seen = new Set<string>();
  const end = performance.now() + 60_000;
  for (;;) {
    for (const text of await words(lab, 'lab-loss-chart >>> .end')) seen.add(text);
    if ([...seen].some((text) => text.startsWith('Ended')) || performance.now() > end) break;
    await new Promise((resolve) => setTimeout(resolve, 40));
  }
  const all = [...seen];
  expect(all[0]).toBe('The end is predicted once 20 % of the steps are done.');
  expect(all).toContainEqual(
    expect.stringMatching(/^Ends at \d\.\d+ \(\d\.\d+\.\.\d\.\d+\), predicted from \d+ % of the steps\.$/),
  );
  const scored =
    /^Ended at \d\.\d{3}: (inside|outside) the interval predicted at 50 %, .* which was \d\.\d{3} nats too (low|high)\.$/;
  await expect.poll(() => words(lab, 'lab-loss-chart >>> .end'), { timeout: 20_000 }).toEqual([expect.stringMatching(scored)]);

  await lab.page.evaluate(() => void (location.hash = '#runs'));
  await lab.appears('lab-runs-table >>> tr[data-run]');
  const tally =
    /^Predicted ends: 1 prediction made at half time (lay|did not lie) inside its 90 % interval, median error \d\.\d{3} nats\.$/;
  await expect.poll(() => words(lab, '[data-ends]'), { timeout: 20_000 }).toEqual([expect.stringMatching(tally)]);
  expect(await words(lab, 'lab-runs-table >>> thead .sort')).toEqual(
    expect.arrayContaining(['End at 25 %', 'End at 50 %', 'End']),
  );
  // Computed beside the page, and kept with the run.
  expect(lab.page.workers()).toHaveLength(2);
  await lab.page.reload();
  await expect.poll(() => words(lab, '[data-ends]'), { timeout: 20_000 }).toEqual([expect.stringMatching(tally)]);
});
