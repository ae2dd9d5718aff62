import { describe, expect, it } from 'vitest';
import { violations } from '../support/axe.ts';
import { hashOf, tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

/** The Numerics page at a hash, in a tab of its own. */
async function explorer(hash = '#numerics'): Promise<LabPage> {
  const lab = await suite.blank();
  await lab.page.goto(`${suite.build.url}${hash}`);
  await lab.appears('lab-cast-panel');
  return lab;
}

const hashIn = (lab: LabPage): Promise<string> => lab.page.evaluate(() => location.hash);

const words = async (lab: LabPage, selector: string): Promise<string> =>
  (await lab.find(selector)).evaluate((element) =>
    (element instanceof HTMLElement ? element.innerText : (element.textContent ?? '')).replaceAll(/\s+/g, ' ').trim(),
  );

const codes = (lab: LabPage): Promise<(string | null)[]> =>
  lab.page.$$eval('>>> [data-result]', (all) => all.map((element) => element.getAttribute('data-result')));

const follow = async (lab: LabPage, label: string): Promise<void> => {
  await (await lab.find(`nav a[href*="${label}"]`)).evaluate((link) => link instanceof HTMLElement && link.click());
};

describe('pages', () => {
  it('are links; a run goes on while the other page is shown, and the back button comes back to it', async () => {
    const spec = tiny(1_000_000);
    const lab = await suite.open(hashOf(spec));
    await lab.start();
    await lab.until('some steps', ({ step }) => step > 20);
    await follow(lab, 'numerics');
    await lab.appears('lab-format-explorer');
    expect(await hashIn(lab)).toMatch(/^#numerics\?spec=spec1\./);
    expect(await words(lab, 'nav a[aria-current="page"]')).toBe('Numerics');
    const { step } = await lab.look();
    await lab.until('the run to go on', (sight) => sight.state === 'running' && sight.step > step + 20);
    expect(await (await lab.find('lab-train-page')).isVisible()).toBe(false);
    await lab.page.goBack();
    await lab.until('the Train page', ({ state }) => state === 'running');
    expect(await hashIn(lab)).toBe(hashOf(spec));
    expect(await (await lab.find('lab-train-page')).isVisible()).toBe(true);
    expect(await (await lab.find('lab-numerics-page')).isVisible()).toBe(false);
    await lab.press('stop');
    await lab.until('the stop', ({ state }) => state === 'stopped');
  });

  it('a link to the Numerics page keeps the spec for the Train page', async () => {
    const hash = hashOf(tiny(40, { model: { width: 24 } }));
    const lab = await explorer(`#numerics?spec=${hash.slice(1)}`);
    await follow(lab, 'spec1');
    await lab.ready();
    expect(await hashIn(lab)).toBe(hash);
  });
});

describe('the format explorer', () => {
  it('casts a number into two formats, bit by bit', async () => {
    const lab = await explorer();
    expect(await codes(lab)).toEqual(['0x1d', '0x2e']);
    await lab.choose('lab-cast-controls >>> #x', '464');
    expect(await codes(lab)).toEqual(['0x7e', '0x5f']);
    expect(await words(lab, 'lab-cast-panel.a >>> section')).toMatch(/tie.*even code 0x7e/);
    await lab.choose('lab-cast-controls >>> #x', '0x7f800000');
    expect(await codes(lab)).toEqual(['0x7e', '0x7b']);
    await (await lab.find('lab-cast-controls >>> #saturate')).evaluate((box) => box instanceof HTMLElement && box.click());
    expect(await codes(lab)).toEqual(['0x7f', '0x7c']);
    await lab.choose('lab-cast-controls >>> #x', '0.1');
    await lab.choose('lab-cast-controls >>> #round', 'stochastic');
    expect(await words(lab, 'lab-cast-panel.a >>> table')).toMatch(/20 % 0\.09375 0x1c .* 80 % 0\.1015625 0x1d/);
  });

  it('a shared link shows the same again', async () => {
    const lab = await explorer();
    await lab.choose('lab-format-picker.a >>> #format', 'nvfp4');
    await lab.choose('lab-format-picker.b >>> #format', 'other');
    await lab.choose('lab-format-picker.b >>> #own', 'E3M3-finite');
    await lab.choose('lab-cast-controls >>> #scale', '-3');
    await lab.choose('lab-cast-controls >>> #x', '1/3');
    const hash = await hashIn(lab);
    expect(hash).toBe('#numerics?a=nvfp4&b=e3m3-finite&x=1%2F3&scale=-3');
    const other = await explorer(hash);
    expect(await codes(other)).toEqual(await codes(lab));
    expect(await words(other, 'lab-format-facts >>> table')).toContain('NVFP4 element E3M3-finite');
    expect(await hashIn(other)).toBe(hash);
  });

  it.each([
    [
      'a format that there is not',
      '#numerics?a=e0m7',
      'URL: the setting a cannot be shown (format e0m7: exponent bits out of bounds',
    ],
    [
      'a setting that there is not',
      '#numerics?colour=red',
      'URL: the Numerics page of this build has no such setting: got "colour"',
    ],
    ['a spec that is mangled', '#numerics?spec=spec1.AAAA', 'URL: is mangled'],
  ])('a link with %s gives one error and the page as it starts', async (_what, hash, error) => {
    const lab = await explorer(hash);
    const { alerts } = await lab.look();
    expect(alerts).toHaveLength(1);
    expect(alerts[0]).toContain(error);
    expect(await codes(lab)).toEqual(['0x1d', '0x2e']);
  });

  it('tells beside the field what is no format, no number and no scale, and keeps what it shows', async () => {
    const lab = await explorer('#numerics?a=e3m4');
    const before = await codes(lab);
    await lab.choose('lab-format-picker.a >>> #own', 'e0m7');
    expect(await words(lab, 'lab-format-picker.a >>> #fault')).toBe(
      'format e0m7: exponent bits out of bounds: got 0, expected 1..8.',
    );
    await lab.choose('lab-cast-controls >>> #x', 'many');
    expect(await words(lab, 'lab-cast-controls >>> #x-fault')).toMatch(/^number: cannot be read: got "many"/);
    await lab.choose('lab-cast-controls >>> #scale', '500');
    expect(await words(lab, 'lab-cast-controls >>> #scale-fault')).toMatch(/expected a whole exponent, -126\.\.126/);
    expect(await codes(lab)).toEqual(before);
    expect(await hashIn(lab)).toBe('#numerics?a=e3m4');
    expect((await lab.look()).alerts).toEqual([]);
  });

  it('the number line is walked by keys and taken by a click', async () => {
    const lab = await explorer();
    const lane = await lab.find('lab-number-line >>> .lane.a');
    await lane.evaluate((element) => element instanceof SVGElement && element.focus());
    await lab.page.keyboard.press('ArrowRight');
    await lab.page.keyboard.press('PageUp');
    expect(await lane.evaluate((element) => element.getAttribute('aria-valuetext'))).toBe('0.21875, code 0x26');
    expect(await words(lab, 'lab-number-line >>> .readout .a')).toBe(
      'E4M3 0x26 0 0100 110 0.21875 normal, next is 0.015625 away',
    );
    await lab.page.keyboard.press('Enter');
    expect(await hashIn(lab)).toBe('#numerics?x=0.21875');
    expect(await codes(lab)).toEqual(['0x26', '0x33']);
    await (await lab.find('lab-number-line >>> svg')).click();
    expect(await hashIn(lab)).not.toContain('0.21875');
  });

  it('saves codes and pictures', async () => {
    const lab = await explorer('#numerics?b=bf16');
    const csv = await lab.saved('codes-csv');
    expect(csv.name).toBe('isoflop-e4m3-bf16.csv');
    expect(new TextDecoder().decode(csv.bytes).trim().split('\n')).toHaveLength(1 + 256 + 65536);
    const { bytes: json } = await lab.saved('codes-json');
    expect(JSON.parse(new TextDecoder().decode(json))).toMatchObject({
      formats: [{ cast: { outcomes: [{ code: '0x1d' }] } }, {}],
    });
    const svg = new TextDecoder().decode((await lab.saved('line-svg')).bytes);
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).not.toMatch(/var\(|class=|aria-/);
    const { bytes: png } = await lab.saved('line-png');
    expect(png.slice(0, 4)).toEqual(Uint8Array.of(0x89, 0x50, 0x4e, 0x47));
    expect(new DataView(png.buffer).getUint32(20), 'two pixels for each of the page').toBe(2 * (236 + 24));
  });
});

describe('axe finds nothing wrong', () => {
  it.each([
    ['light', 'wide', 1280, 900],
    ['dark', 'on a phone', 390, 844],
  ])(
    'in the %s Numerics page, %s: codes on marks and as density, with an error, with the table',
    async (theme, _name, width, height) => {
      const lab = await suite.blank();
      const { page } = lab;
      await page.setViewport({ width, height });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
      await page.goto(`${suite.build.url}#numerics?a=e3m4-fn&b=bf16&round=stochastic`);
      await lab.appears('lab-cast-panel');
      expect(await violations(page), 'marks and density').toEqual([]);
      await (await lab.find('lab-format-explorer >>> summary')).click();
      await lab.choose('lab-format-picker.a >>> #own', 'e0m7');
      await lab.choose('lab-format-picker.b >>> #format', 'mxfp4');
      await lab.choose('lab-cast-controls >>> #round', 'nearest');
      expect(await violations(page), 'an error and the tables').toEqual([]);
      const scrollWidth = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(scrollWidth, 'nothing sticks out to the side').toBeLessThanOrEqual(width);
    },
  );
});
