import { expect, it } from 'vitest';
import { violations } from '../support/axe.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite({ adapter: 'none' });

it('a browser without a GPU: the Kernels page says so in one place with what to do, and starts nothing', async () => {
  const lab = await suite.blank();
  await lab.page.goto(`${suite.build.url}#kernels`);
  const { actions, alerts } = await lab.until('the advice', (sight) => sight.actions.includes('retry-device'));
  const advice = await (
    await lab.find('lab-kernels-page >>> lab-unsupported >>> section')
  ).evaluate((section) => section.textContent);
  expect(advice).toContain('The GPU could not be opened');
  expect(advice).toContain('WebGPU: no adapter was found.');
  expect(advice).toContain('Open chrome://gpu and read the WebGPU line: it says why.');
  expect(alerts).toEqual([]);
  for (const action of ['measure-all', 'measure-kernels', 'measure-tuning', 'clear-tuning', 'measure-ablation', 'measure-lanes'])
    expect(actions).not.toContain(action);
  // Results of another machine can still be read.
  expect(actions).toContain('open-kernels');
  const why = await (
    await lab.find('lab-kernels-start[what="tuning"] >>> [data-blocked]')
  ).evaluate((words) => words.textContent);
  expect(why).toBe('There is no GPU to measure.');
  expect(await violations(lab.page)).toEqual([]);
});
