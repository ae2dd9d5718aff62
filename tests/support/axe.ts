import axe, { type AxeResults } from 'axe-core';
import type { Page } from 'puppeteer';

export interface Finding {
  readonly id: string;
  readonly help: string;
  readonly where: readonly string[];
}

/** What axe finds wrong, in every shadow root. */
export async function violations(page: Page): Promise<Finding[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const run: unknown = Reflect.get(globalThis, 'axe');
    if (typeof run !== 'object' || run === null || !('run' in run) || typeof run.run !== 'function') throw new Error('axe is not there');
    const results: AxeResults = await run.run(document, { resultTypes: ['violations'] });
    return results.violations.map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.map(({ target, failureSummary }) => `${target.flat().join(' ')}: ${failureSummary ?? ''}`),
    }));
  });
}
