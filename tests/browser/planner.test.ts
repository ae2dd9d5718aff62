import { expect, it } from 'vitest';
import { specFromHash, sweepFromHash } from '../../src/spec/index.ts';
import { violations } from '../support/axe.ts';
import { labSuite } from '../support/lab-suite.ts';

// In a browser that has timed nothing yet.
const suite = labSuite({ firstVisit: true });

it('the planner turns a budget into a run for the form, and into a ladder for the Sweeps page', async () => {
  const lab = await suite.blank();
  await lab.page.goto(`${suite.build.url}#laws`);
  const textOf = async (selector: string): Promise<string> =>
    (await lab.find(selector)).evaluate(({ textContent }) => textContent ?? '');
  await lab.appears('lab-planner >>> [data-plan="run"]');
  expect(await textOf('lab-planner >>> .warning')).toMatch(
    /^N is \d+ times smaller than the smallest that the law was fitted on\./,
  );
  expect(await violations(lab.page)).toEqual([]);

  await lab.choose('[data-plan="unit"]', 'minutes');
  await expect.poll(() => textOf('lab-planner >>> .plan')).toMatch(/How fast this GPU trains is not known yet/);
  await lab.choose('[data-plan="unit"]', 'flops');
  await lab.choose('[data-plan="budget"]', '2e12');
  await expect.poll(() => textOf('lab-planner >>> [data-plan="run"]')).toMatch(/[12]\.\d+ TFLOP\s+with every matmul/);

  // What was asked is in the link, and a link that is opened again asks the same.
  await lab.choose('[data-plan="law"]', 'besiroglu-et-al');
  await lab.choose('[data-plan="budget"]', 'plenty');
  await expect
    .poll(() => textOf('lab-planner >>> .settings'))
    .toMatch(/Not a number of FLOPs above 0, such as 1e12\. The plan is for 2e12\./);
  expect(await lab.page.evaluate(() => location.hash)).toBe('#laws?budget=2e12&by=besiroglu-et-al');
  await lab.page.reload();
  await lab.appears('lab-planner >>> [data-plan="run"]');
  expect(
    await (await lab.find('[data-plan="budget"]')).evaluate((input) => input instanceof HTMLInputElement && input.value),
  ).toBe('2e12');
  expect(await textOf('lab-planner >>> .figures')).toMatch(/no interval published/);
  expect(await textOf('lab-planner >>> .plan')).toContain('has a standard error of 0.02');

  const href = await (await lab.find('[data-action="ladder"]')).evaluate((link) => link.getAttribute('href') ?? '');
  expect(sweepFromHash(new URLSearchParams(href.split('?')[1]).get('plan') ?? '').recipe?.kind).toBe('isoflop');

  const [, layers, width] = /(\d+) layers? × (\d+)/.exec(await textOf('lab-planner >>> [data-plan="run"]')) ?? [];
  await (await lab.find('lab-planner >>> [data-action="use-plan"]')).click();
  await expect.poll(() => lab.page.evaluate(() => location.hash)).toMatch(/^#spec1\./);
  const { model } = specFromHash(await lab.page.evaluate(() => location.hash));
  expect([model.layers, model.width]).toEqual([Number(layers), Number(width)]);
});
