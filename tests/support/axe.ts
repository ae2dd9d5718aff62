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
    const results: AxeResults = await run.run(document, { resultTypes: ['violations', 'incomplete'] });
    // Of a name where none belongs axe is not sure as long as the element holds text.
    const named = results.incomplete.filter(({ id }) => id === 'aria-prohibited-attr');
    return [...results.violations, ...named].map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.map(({ target, failureSummary }) => `${target.flat().join(' ')}: ${failureSummary ?? ''}`),
    }));
  });
}
