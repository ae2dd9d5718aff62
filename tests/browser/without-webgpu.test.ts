import { describe, expect, it } from 'vitest';
import type { LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite({ adapter: 'none' });

const NO_GPU = 'No GPU to train on.';

const advice = async (lab: LabPage): Promise<string> =>
  (await lab.find('lab-unsupported')).evaluate(({ shadowRoot }) => shadowRoot?.querySelector('section')?.innerText ?? '');

describe('a browser that cannot train', () => {
  it('because it finds no adapter: the page says so and what to do, and the rest of it works', async () => {
    const lab = await suite.blank();
    await lab.page.goto(suite.build.url);
    const seen = await lab.until('words about the GPU', ({ words }) => words === NO_GPU);
    const words = await advice(lab);
    expect(words).toContain('The GPU could not be opened');
    expect(words).toContain('WebGPU: no adapter was found.');
    expect(words).toContain('Open chrome://gpu and read the WebGPU line: it says why.');
    expect(seen.actions).not.toContain('start');
    await lab.choose('lab-launch >>> #preset', 'names');
    expect(await lab.page.evaluate(() => location.hash)).toMatch(/^#spec1\./);
    await lab.press('retry-device');
    await lab.until('the same words again', ({ words: now, actions }) => now === NO_GPU && actions.includes('retry-device'));
  });

  it.each([
    [
      'an old Chrome',
      'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/109.0.0.0 Safari/537.36',
      'Update the browser: WebGPU needs version 113',
    ],
    [
      'Firefox',
      'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      'Firefox offers WebGPU on Windows from version 141',
    ],
    [
      'Safari',
      'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15',
      'Safari offers WebGPU from version 26',
    ],
  ])('because it knows no WebGPU: the page says what to do in %s', async (_browser, userAgent, cure) => {
    const lab = await suite.blank();
    await lab.page.setUserAgent({ userAgent });
    await lab.page.evaluateOnNewDocument(() => void Reflect.deleteProperty(Navigator.prototype, 'gpu'));
    await lab.page.goto(suite.build.url);
    await lab.until('words about the GPU', ({ words }) => words === NO_GPU);
    const words = await advice(lab);
    expect(words).toContain('This browser does not offer WebGPU');
    expect(words).toContain(cure);
  });
});
