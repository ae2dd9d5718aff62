import { describe, expect, it } from 'vitest';
import { specToHash, withDefaults, type SpecInput } from '../../src/spec/index.ts';
import { violations } from '../support/axe.ts';
import { tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

/** Plain casts in E4M3, where gradients vanish, against bf16: two seeds, a look at the tensors every ten steps. */
const COMPARE = '1_s2_p10_b0_we5m2_n2_rbf16_ano scale*precision.recipe*"fp8-none"*precision.format*"e4m3"_z';

/** The Numerics page, set up over a spec, ready to start. */
async function numerics(spec: SpecInput, settings: Readonly<Record<string, string>> = {}): Promise<LabPage> {
  const lab = await suite.blank();
  const query = new URLSearchParams({ ...settings, spec: specToHash(withDefaults(spec)) });
  await lab.page.goto(`${suite.build.url}#numerics?${query.toString()}`);
  await lab.until('the comparison to be ready', ({ actions }) => actions.includes('compare-start'));
  return lab;
}

const words = async (lab: LabPage, selector: string): Promise<string> =>
  (await lab.find(selector)).evaluate((element) => (element.textContent ?? '').replaceAll(/\s+/g, ' ').trim());

const state = async (lab: LabPage): Promise<string | null> =>
  (await lab.find('[data-comparison]')).evaluate((element) => element.getAttribute('data-comparison'));

async function reach(lab: LabPage, wanted: string): Promise<void> {
  const end = performance.now() + 60_000;
  for (let now = await state(lab); now !== wanted; now = await state(lab)) {
    const { alerts } = await lab.look();
    expect(alerts).toEqual([]);
    if (performance.now() > end)
      throw new Error(`waited for ${wanted}, the comparison is ${now}: ${await words(lab, '[data-comparison]')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const hashIn = (lab: LabPage): Promise<string> => lab.page.evaluate(() => location.hash);

const text = async (lab: LabPage, action: string): Promise<string> => new TextDecoder().decode((await lab.saved(action)).bytes);

describe('a comparison', () => {
  it('runs at one click, gives its verdict, shows where gradients vanish, and saves and opens what it measured', async () => {
    const lab = await numerics(tiny(40), { compare: COMPARE });
    await lab.press('compare-start');
    expect((await lab.look()).actions, 'no run can be started meanwhile').not.toContain('start');
    await reach(lab, 'finished');
    expect(await words(lab, '[data-verdict] .words')).toMatch(/no scale .*bf16 at 1\.3 k tokens\.$/i);
    expect(await words(lab, 'lab-compare-cost >>> table')).toMatch(/bf16 .* no scale .* × /);
    expect(await words(lab, 'lab-compare-cost >>> section')).toMatch(/not how fast FP8 would be.*software adapter/);

    // The map, by keys alone: it begins at the worst strip.
    await (await lab.find('lab-compare-map >>> .scroll')).focus();
    expect(await words(lab, 'lab-compare-map >>> .readout')).toMatch(/gradient · step 40: underflow \d+ %/);
    await lab.page.keyboard.down('Shift');
    await lab.page.keyboard.press('ArrowLeft');
    await lab.page.keyboard.up('Shift');
    expect(await words(lab, 'lab-compare-map >>> .readout')).toContain('step 30');
    await lab.page.keyboard.press('ArrowUp');
    await lab.page.keyboard.press('ArrowLeft');
    await lab.page.keyboard.press('Enter');
    const site = await words(lab, 'lab-compare-tensor >>> h3');
    expect(site).toMatch(/^blocks\.0\..* · (?:fprop|dgrad|wgrad)\./);
    expect(await words(lab, 'lab-compare-tensor >>> table')).toMatch(/bf16 .* no scale E4M3.* what if, on no scale E5M2/);
    expect(new URLSearchParams((await hashIn(lab)).split('?')[1]).get('tensor')).toBe(site.replace(' · ', ' '));

    const losses = (await text(lab, 'losses-csv')).trim().split('\n');
    expect(losses).toHaveLength(1 + 2 * 2 * 40);
    expect((await text(lab, 'tensors-csv')).split('\n')[0]).toMatch(/^arm,seed,step,layer,role,.*underflow/);
    expect(await text(lab, 'stability-csv')).toContain('attentionLogit,blocks.0');
    expect(await text(lab, 'gaps-csv')).toContain('no scale,bf16,');
    // Of files that follow each other within a second the browser saves ten.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    for (const picture of ['loss-svg', 'gap-svg', 'map-svg', 'histogram-svg', 'tensor-svg', 'attentionLogit-svg'])
      expect(await text(lab, picture)).toMatch(/^<svg [^>]*xmlns=/);
    for (const picture of ['gap-png', 'histogram-png'])
      expect((await lab.saved(picture)).bytes.slice(0, 4)).toEqual(Uint8Array.of(0x89, 0x50, 0x4e, 0x47));
    expect((await lab.saved('histogram-svg')).name).toMatch(/^isoflop-exponents-blocks\.0\..*-step-\d+\.svg$/);

    // The file and the link show it again, in a tab that never ran it.
    const file = await lab.saved('comparison-json');
    const verdict = await words(lab, '[data-verdict] .words');
    const other = await suite.blank();
    await other.page.goto(`${suite.build.url}${await hashIn(lab)}`);
    await other.until('the other tab', ({ actions }) => actions.includes('compare-start'));
    expect(await hashIn(other)).toBe(await hashIn(lab));
    await other.uploadTo('lab-compare-files >>> input', file.name, file.bytes);
    await other.appears('lab-compare-tensor');
    expect(await words(other, '[data-verdict] .words')).toBe(verdict);
    expect(await words(other, 'lab-compare-tensor >>> h3')).toBe(site);
    expect(await words(other, '[data-origin]')).toMatch(/^isoflop-comparison\.json, measured on .* SOFTWARE$/);
    expect(await words(other, 'lab-compare-cost >>> section')).toContain('Measured elsewhere, on ');
    expect(await violations(other.page)).toEqual([]);
  }, 120_000);

  it('stays in a list when another is started, and is shown again by a click while that one trains', async () => {
    const lab = await numerics(tiny(100_000), { compare: '1_s1_p0_b0_w_n2_rbf16_rf32_z' });
    await lab.press('compare-start');
    await reach(lab, 'running');
    while (!/step [1-9]/.test(await words(lab, '[data-comparison]'))) await new Promise((resolve) => setTimeout(resolve, 100));
    await lab.press('compare-stop');
    await reach(lab, 'stopped');
    expect((await lab.look()).actions).not.toContain('show-comparison');
    await lab.choose('lab-compare-arm >>> input.name', 'half');
    await lab.press('compare-start');
    await reach(lab, 'running');
    const rows = (): Promise<string[]> =>
      lab.page.$$eval('>>> [data-action="show-comparison"]', (all) =>
        all.map((row) => `${row.getAttribute('aria-pressed')} ${(row.textContent ?? '').replaceAll(/\s+/g, ' ').trim()}`),
      );
    expect(await rows()).toEqual([
      expect.stringMatching(/^true f32 against half TRAINING .*, one seed$/),
      expect.stringMatching(/^false f32 against bf16 STOPPED .*, one seed$/),
    ]);
    const [, first] = await lab.page.$$('>>> [data-action="show-comparison"]');
    await first?.click();
    expect((await rows()).map((row) => row.split(' ')[0])).toEqual(['false', 'true']);
    expect(await words(lab, 'lab-compare-verdicts >>> .words')).toMatch(/bf16/);
    expect(await words(lab, '[data-comparison]'), 'the other goes on').toMatch(/^Training 2 arms/);
    await lab.page.setViewport({ width: 390, height: 844 });
    expect(await violations(lab.page)).toEqual([]);
    await lab.press('compare-stop');
    await reach(lab, 'stopped');
    expect((await rows()).every((row) => row.includes('STOPPED'))).toBe(true);
  });

  it('pauses and resumes, keeps the Train page from starting, and stops', async () => {
    const lab = await numerics(tiny(100_000), { compare: '1_s1_p0_b0_w_n2_rbf16_rf32_z' });
    await lab.press('compare-start');
    await reach(lab, 'running');
    await lab.press('compare-pause');
    await reach(lab, 'paused');
    await (await lab.find('nav a[href^="#spec"]')).evaluate((link) => link instanceof HTMLElement && link.click());
    await lab.appears('lab-launch');
    expect((await lab.look()).actions).not.toContain('start');
    expect(await words(lab, 'lab-launch >>> section')).toContain('A comparison has the GPU');
    await lab.page.goBack();
    await lab.press('compare-resume');
    await reach(lab, 'running');
    await lab.press('compare-stop');
    await reach(lab, 'stopped');
    expect((await lab.look()).actions).toContain('start');
  });
});

describe('the setup', () => {
  it('says at the button what keeps it from starting, and takes it back when that is cured', async () => {
    const lab = await numerics(tiny(40), { compare: '1_s2_p10_b0_w_n2_rbf16_rf32_z' });
    await lab.choose('lab-compare-arm >>> input.name', 'f32');
    expect(await words(lab, '[data-fault]')).toBe('arm f32: two arms have this name. Name them apart.');
    expect((await lab.look()).actions).not.toContain('compare-start');
    await lab.choose('lab-compare-arm >>> input.name', 'half');
    await lab.until('the button', ({ actions }) => actions.includes('compare-start'));
    expect(await hashIn(lab)).toContain('compare=1_s2_p10_b0_w_n2_ahalf');
  });

  it.each(['qk-norm', 'delayed-overflow'])('the preset %s sets the arms and the spec in one click', async (preset) => {
    const lab = await numerics(tiny(40));
    await (await lab.find(`[data-preset="${preset}"]`)).evaluate((chip) => chip instanceof HTMLElement && chip.click());
    const names = await lab.page.$$eval('>>> lab-compare-arm >>> input.name', (all) =>
      all.map((input) => (input instanceof HTMLInputElement ? input.value : '')),
    );
    expect(names).toEqual(preset === 'qk-norm' ? ['qk-norm on', 'qk-norm off'] : ['fp8-delayed', 'fp8-current']);
    expect(await hashIn(lab)).toContain('compare=1_');
    expect((await lab.look()).actions).toContain('compare-start');
  });
});

describe.each(['dark', 'light'] as const)('axe finds nothing wrong in the %s page before a comparison', (theme) => {
  it('on a phone, with the options of an arm open', async () => {
    const lab = await suite.blank();
    await lab.page.setViewport({ width: 390, height: 844 });
    await lab.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
    await lab.page.goto(`${suite.build.url}#numerics`);
    await lab.until('the button', ({ actions }) => actions.includes('compare-start'));
    for (const button of await lab.page.$$('>>> [data-action="arm-options"]'))
      await button.evaluate((element) => element instanceof HTMLElement && element.click());
    await (await lab.find('lab-compare-setup >>> summary')).click();
    expect(await violations(lab.page)).toEqual([]);
    expect(await lab.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(390);
  });
});
