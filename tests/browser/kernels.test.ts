import { describe, expect, it } from 'vitest';
import { specToHash, withDefaults } from '../../src/spec/index.ts';
import { violations, type Finding } from '../support/axe.ts';
import { tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

/** The Kernels page over a tiny spec, ready to measure. */
async function kernels(settings: Readonly<Record<string, string>> = {}): Promise<LabPage> {
  const lab = await suite.blank();
  const query = new URLSearchParams({ rounds: '3', lanes: '2', ...settings, spec: specToHash(withDefaults(tiny(40))) });
  await lab.page.goto(`${suite.build.url}#kernels?${query.toString()}`);
  await lab.until('the page to be ready', ({ actions }) => actions.includes('measure-kernels'));
  return lab;
}

const words = async (lab: LabPage, selector: string): Promise<string> =>
  (await lab.find(selector)).evaluate((element) => (element.textContent ?? '').replaceAll(/\s+/g, ' ').trim());

const hashIn = async (lab: LabPage): Promise<URLSearchParams> =>
  new URLSearchParams((await lab.page.evaluate(() => location.hash)).split('?')[1]);

const text = async (lab: LabPage, action: string): Promise<string> => new TextDecoder().decode((await lab.saved(action)).bytes);

async function measure(lab: LabPage, what: 'kernels' | 'lanes'): Promise<void> {
  await lab.press(`measure-${what}`);
  await lab.until(
    `${what} to be measured`,
    ({ actions }) => actions.includes(`${what}-csv`) && actions.includes(`measure-${what}`),
  );
  expect((await lab.look()).alerts).toEqual([]);
}

/** What axe finds, in both themes. */
async function violationsInBoth(lab: LabPage): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const theme of ['light', 'dark']) {
    // Without transitions, colours are at once those of the theme.
    await lab.page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: theme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
    await lab.page.waitForFunction((wanted) => document.documentElement.dataset['theme'] === wanted, {}, theme);
    found.push(...(await violations(lab.page)));
  }
  return found;
}

describe('the kernels of a step', () => {
  it('are measured at one click, shown against the roofline, ordered, opened and saved', async () => {
    const lab = await kernels();
    await measure(lab, 'kernels');
    expect(await words(lab, 'lab-kernels-roofline >>> .figures')).toMatch(
      /Copy bandwidth [\d.,]+ GB\/s .*Multiply-add peak, f32 [\d.,]+ GFLOP\/s .*Kernels of a step [\d.,]+ ms \d+ dispatches/,
    );
    expect(await words(lab, 'lab-kernels-roofline >>> [data-origin="own"]')).toMatch(/SOFTWARE.*times say nothing of a GPU\.$/);
    expect(await words(lab, 'lab-kernels-timeline >>> .words')).toMatch(/^Fusion leaves \d+ of \d+ dispatches/);

    // By keys alone: from the chart into the WGSL and back.
    await (await lab.find('lab-kernel-roof >>> .stage')).focus();
    await lab.page.keyboard.press('ArrowRight');
    expect(await words(lab, 'lab-kernel-roof >>> .readout')).toMatch(/ · .* × [\d.]+ ± [\d.]+ ms · .* of the step$/);
    await lab.page.keyboard.press('Enter');
    await lab.appears('dialog[open]');
    expect(await words(lab, 'dialog[open] ol')).toContain('fn main(');
    // A kernel of another variant of a product, with what its pipeline sets.
    await lab.page.keyboard.press('Escape');
    await (await lab.find('lab-kernel-table >>> tr[data-kernel] .mono ::-p-text(blocked)')).click();
    await lab.appears('dialog[open] [data-variant="plain"]');
    await (await lab.find('dialog[open] [data-variant="plain"]')).click();
    await lab.appears('dialog[open] [data-variant="plain"][aria-pressed="true"]');
    expect(await words(lab, 'dialog[open] [data-overrides]')).toMatch(/^Overrides \w+ = /);
    expect(await words(lab, 'dialog[open] ol')).toContain('plain');
    expect(await violationsInBoth(lab)).toEqual([]);
    await lab.page.keyboard.press('Escape');

    // The order is in the address.
    await (await lab.find('[data-sort="gbps"]')).click();
    expect((await hashIn(lab)).get('sort')).toBe('gbps');
    await (await lab.find('[data-sort="gbps"]')).click();
    expect((await hashIn(lab)).get('order')).toBe('up');
    expect(await words(lab, 'lab-kernel-table >>> th[aria-sort="ascending"]')).toMatch(/^GB\/s/);

    // The timeline, by keys: along the step, and to the same time of the other form.
    await (await lab.find('lab-kernel-strip >>> .stage')).focus();
    await lab.page.keyboard.press('ArrowRight');
    expect(await words(lab, 'lab-kernel-strip >>> .readout')).toMatch(/writes .* · dispatch 2 of \d+/);
    await lab.page.keyboard.press('ArrowDown');
    expect(await words(lab, 'lab-kernel-strip >>> .readout')).toContain('no fusion');
    await lab.page.keyboard.press('+');
    await lab.press('timeline-zoom');
    expect((await lab.look()).actions, 'all of the step is shown again').not.toContain('timeline-zoom');

    expect((await text(lab, 'kernels-csv')).split('\n').length).toBeGreaterThan(5);
    expect((await text(lab, 'timeline-csv')).split('\n').length).toBeGreaterThan(5);
    for (const picture of ['roofline-svg', 'timeline-svg']) expect(await text(lab, picture)).toMatch(/^<svg [^>]*xmlns=/);
    expect((await lab.saved('roofline-png')).bytes.slice(0, 4)).toEqual(Uint8Array.of(0x89, 0x50, 0x4e, 0x47));
  });
});

describe('lanes', () => {
  it('are measured up to the count of the address, and stand beside those of a file', async () => {
    const lab = await kernels();
    await measure(lab, 'lanes');
    expect(await words(lab, 'lab-kernels-lanes >>> [data-full]')).toMatch(/^(Full at|Not full yet at|One run fills)/);
    expect(await words(lab, 'lab-kernels-lanes >>> tbody')).toMatch(/^1 .* 1\.00 × .* 2 .* × /);
    expect((await text(lab, 'lanes-csv')).trim().split('\n').length).toBeGreaterThanOrEqual(3);
    expect(await text(lab, 'lanes-svg')).toContain('lanes');
    await lab.choose('#lanes', '4');
    expect((await hashIn(lab)).get('lanes')).toBe('4');

    // The file of it stands beside what another tab shows.
    const file = await lab.saved('kernels-json');
    const other = await kernels();
    await other.uploadTo('lab-kernels-setup >>> input', file.name, file.bytes);
    await other.appears('[data-opened]');
    expect(await words(other, 'lab-kernels-lanes >>> [data-origin="other"]')).toMatch(/^isoflop-kernels\.json.*SOFTWARE/);
    await other.page.setViewport({ width: 390, height: 844 });
    expect(await violations(other.page)).toEqual([]);
    expect(await other.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
    await other.press('close-kernels-file');
    expect((await other.look()).actions).toContain('open-kernels');
  });
});

describe('the ablation', () => {
  it('shows its rows as they come, keeps the GPU from others meanwhile, and stops with what it has', async () => {
    const lab = await kernels();
    await lab.press('measure-ablation');
    await lab.until('the stop button', ({ actions }) => actions.includes('stop-ablation'));
    expect((await lab.look()).actions).not.toContain('measure-lanes');
    expect(await words(lab, 'lab-kernels-start[what="lanes"] >>> [data-blocked]')).toBe('Measuring fusion rules has the GPU.');
    await lab.appears('[data-form="all"]');
    expect(await words(lab, '[data-form="all"]')).toMatch(
      /^all rules.*(less time|more time|no measurable difference|too noisy to tell)/,
    );
    await lab.press('stop-ablation');
    await lab.until('the end', ({ actions }) => actions.includes('measure-ablation'));
    expect(await words(lab, '[data-ablation]')).toMatch(/^All rules on: .* ms a step where none takes /);
    expect(await words(lab, 'lab-kernels-ablation >>> [data-origin="own"]')).toContain('Stopped before all of it was measured.');
    expect(await text(lab, 'ablation-svg')).toContain('software adapter');
    expect((await lab.look()).alerts).toEqual([]);
    expect(await violationsInBoth(lab)).toEqual([]);
  });
});

describe('the tuner', () => {
  it('shows shapes as they are found, remembers them over a reload, and forgets them at one click', async () => {
    const lab = await kernels({ unfused: 'false' });
    await lab.press('measure-tuning');
    await lab.appears('lab-kernels-tuning >>> [data-shape]');
    expect((await lab.look()).actions).not.toContain('clear-tuning');
    await lab.press('stop-tuning');
    await lab.until('the end', ({ actions }) => actions.includes('measure-tuning'));
    expect((await text(lab, 'tuning-csv')).split('\n').length).toBeGreaterThan(2);
    expect(await words(lab, 'lab-kernels-tuning >>> [data-origin="own"]')).toContain('Stopped before all of it was measured.');
    const headline = await words(lab, 'lab-kernels-tuning >>> .words');
    expect(await words(lab, 'lab-kernels-tuning >>> [data-shape]')).toMatch(/(kept|changed to) \S+: .* used, /);
    expect(await violationsInBoth(lab)).toEqual([]);
    await lab.page.reload();
    await lab.appears('lab-kernels-tuning >>> [data-shape]');
    expect(await words(lab, 'lab-kernels-tuning >>> .words')).toBe(headline);
    expect(await words(lab, 'lab-kernels-tuning >>> [data-origin="own"]')).toMatch(/SOFTWARE.*times say nothing of a GPU\.$/);
    await lab.press('clear-tuning');
    await lab.until('nothing to clear', ({ actions }) => !actions.includes('clear-tuning'));
    expect(await words(lab, '[data-cleared]')).toBe('Cleared: new runs begin with the first guesses again.');
    expect(await lab.page.$('>>> [data-shape]')).toBeNull();
    expect((await lab.look()).alerts).toEqual([]);
  });
});

describe('everything', () => {
  it('is measured at one click, and stops at one', async () => {
    const lab = await kernels({ unfused: 'false' });
    await lab.press('measure-all');
    await lab.until('the stop button', ({ actions }) => actions.includes('stop-all'));
    expect(await words(lab, '[data-all]')).toBe('Measuring kernels: 1 of 3');
    await lab.press('stop-all');
    await lab.until('the end', ({ actions }) => actions.includes('measure-all'));
    expect((await lab.look()).alerts).toEqual([]);
  });
});

describe('what cannot be read', () => {
  it('is one message: a setting of a link that there is not, and a file of something else', async () => {
    const lab = await suite.blank();
    await lab.page.goto(`${suite.build.url}#kernels?sort=colour`);
    const { alerts } = await lab.until('an alert', (sight) => sight.alerts.length > 0);
    expect(alerts[0]).toContain('cannot show the setting sort: got "colour"');
    const other = await kernels();
    await other.uploadTo('lab-kernels-setup >>> input', 'loss.json', new TextEncoder().encode('{"loss":1}'));
    const said = await other.until('an alert', (sight) => sight.alerts.length > 0);
    expect(said.alerts[0]).toContain('loss.json');
  });
});
