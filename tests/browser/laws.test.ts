import { describe, expect, it } from 'vitest';
import { runsJson } from '../../src/lab/index.ts';
import { violations } from '../support/axe.ts';
import type { LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';
import { ladder } from '../support/made-ladder.ts';

const suite = labSuite();

/** Chinchilla's law by other constants than the published ones, to a third of a permille. */
const TRUE = { E: 1.6, A: 220, alpha: 0.36, B: 900, beta: 0.41 };

function sheet(): string {
  const rows = [0.5, 1, 2, 4, 8].flatMap((size, i) =>
    [1, 3, 9, 27].map((tokens, j) => {
      const [N, D] = [size * 1e6, tokens * 1e7];
      const loss = TRUE.E + TRUE.A / N ** TRUE.alpha + TRUE.B / D ** TRUE.beta;
      return `run ${i}-${j};${N};${D};${(loss * (1 + 3e-4 * Math.sin(5 * i + 3 * j))).toFixed(6).replace('.', ',')}`;
    }),
  );
  return `\uFEFFrun;N;D;loss\r\n${rows.join('\r\n')}\r\nspoilt;0;1;2\r\n`;
}

async function open(query = ''): Promise<LabPage> {
  const lab = await suite.blank();
  await lab.page.goto(`${suite.build.url}#laws${query}`);
  await lab.appears('lab-laws-setup');
  return lab;
}

async function text(lab: LabPage, selector: string): Promise<string> {
  const found = await lab.page.$(`>>> ${selector}`);
  return (await found?.evaluate(({ textContent }) => textContent.replaceAll(/\s+/g, ' ').trim())) ?? '';
}

async function fitted(lab: LabPage): Promise<void> {
  await expect.poll(() => text(lab, 'lab-laws-parameters >>> dl'), { timeout: 30_000 }).toContain('R²');
  await lab.appears('lab-laws-setup >>> [data-state="fitted"]');
}

async function value(lab: LabPage, name: string): Promise<number> {
  return Number.parseFloat(await text(lab, `lab-laws-parameters >>> [data-parameter="${name}"] td`));
}

describe('the Laws page', () => {
  it('fits points of a file, leaves a point out on a click and over the keyboard, and takes the fit away', async () => {
    const lab = await open();
    const { page } = lab;
    await lab.uploadTo('lab-laws-setup >>> input[type=file]', 'points.csv', new TextEncoder().encode(sheet()));
    await fitted(lab);
    for (const name of ['E', 'alpha', 'beta'] as const) {
      const [low, high] = [0.97 * TRUE[name], 1.03 * TRUE[name]];
      const found = await value(lab, name);
      expect(found > low && found < high, `${name} ${found}`).toBe(true);
    }
    expect(await text(lab, 'lab-laws-setup >>> .notes')).toContain('points.csv line 22, column N: it is not above 0: got 0.');

    const dot = await lab.find('lab-laws-points >>> lab-law-chart.points >>> .dot');
    await dot.click();
    await expect.poll(() => text(lab, 'lab-laws-points >>> h2'), { timeout: 20_000 }).toBe('Points 20, 1 left out');
    await lab.appears('lab-laws-points >>> lab-law-chart.points >>> .dot.hollow');
    await expect
      .poll(() => text(lab, 'lab-laws-parameters >>> ul'), { timeout: 20_000 })
      .toContain('1 point is left out by hand.');
    await (await lab.find('lab-laws-points >>> summary')).click();
    await lab.appears('lab-laws-points >>> tr.out');
    await (await lab.find('lab-laws-points >>> tr.out input')).focus();
    await page.keyboard.press('Space');
    await expect.poll(() => text(lab, 'lab-laws-points >>> h2')).toBe('Points 20');
    await fitted(lab);

    const json: unknown = JSON.parse(new TextDecoder().decode((await lab.saved('fit-json')).bytes));
    expect(json).toMatchObject({ law: 'chinchilla', loss: 'huber:1e-3', points: 20, starts: { total: 200 } });
    const csv = new TextDecoder().decode((await lab.saved('points-csv')).bytes);
    expect(csv.split('\n')[0]).toBe('point,N,D,loss,fitted,predicted,residual');
    expect(new TextDecoder().decode((await lab.saved('law-points-svg')).bytes)).toContain('beyond the data');

    await lab.choose('lab-laws-setup >>> select[name=loss]', 'ls-log');
    await expect.poll(() => text(lab, 'lab-laws-parameters >>> dl'), { timeout: 20_000 }).toContain('ls-log, summed over 20');
    expect(await page.evaluate(() => location.hash)).toMatch(/^#laws\?loss=ls-log&file=points\.csv-\w+$/);
    await lab.choose('lab-laws-calculator >>> select[name=constants]', '2');
    expect(await text(lab, 'lab-laws-calculator >>> [data-answer]')).toContain('loss =');
  });

  it('fits kept runs with both frontiers and their counting, and is one that axe finds nothing wrong in', async () => {
    const lab = await open('?reach=100&published=2');
    const { page } = lab;
    await lab.appears('lab-laws-page >>> .empty');
    expect(await violations(page), 'empty').toEqual([]);
    await page.evaluate(() => void (location.hash = '#runs'));
    await lab.appears('lab-runs-files');
    const file = new TextEncoder().encode([...runsJson(ladder())].join(''));
    await lab.uploadTo('lab-runs-files >>> input[type=file]', 'ladder.json', file);
    await lab.appears('lab-runs-table >>> tbody tr');
    await page.evaluate(() => void (location.hash = '#laws?sweep=ladder&reach=100&published=2'));
    await fitted(lab);
    await lab.appears('lab-laws-frontier >>> lab-law-chart');
    await expect.poll(() => text(lab, 'lab-laws-frontier >>> tbody'), { timeout: 20_000 }).toContain('Approach 1');
    expect(await text(lab, 'lab-laws-counting >>> tfoot')).toContain('FLOPs');
    for (const theme of ['dark', 'light']) {
      const calm = { name: 'prefers-reduced-motion', value: 'reduce' };
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }, calm]);
      for (const width of [1440, 390]) {
        await page.setViewport({ width, height: 900 });
        expect(await violations(page), `${theme}, ${width}`).toEqual([]);
        const wide = await (await lab.find('lab-laws-page')).evaluate((element) => element.scrollWidth);
        expect(wide, 'sticks out').toBeLessThanOrEqual(width);
        const shots = process.env['SHOTS'];
        if (shots !== undefined) await page.screenshot({ path: `${shots}/laws-${theme}-${width}.png`, fullPage: true });
      }
    }
  });
});
