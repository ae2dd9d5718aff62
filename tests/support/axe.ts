import axe from 'axe-core';
import type { Page } from 'puppeteer';

declare global {
  interface Window {
    /** Made by axe's own source. */
    readonly axe: Pick<typeof axe, 'run'>;
  }
}

export interface Finding {
  readonly id: string;
  readonly help: string;
  readonly where: readonly string[];
}

/** What axe finds wrong, in every shadow root. */
export async function violations(page: Page): Promise<Finding[]> {
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const results = await window.axe.run(document, { resultTypes: ['violations', 'incomplete'] });
    // Of a name where none belongs axe is not sure as long as the element holds text.
    const named = results.incomplete.filter(({ id }) => id === 'aria-prohibited-attr');
    return [...results.violations, ...named].map(({ id, help, nodes }) => ({
      id,
      help,
      where: nodes.map(({ target, failureSummary }) => `${target.flat().join(' ')}: ${failureSummary ?? ''}`),
    }));
  });
}
