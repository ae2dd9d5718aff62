import { describe, expect, it } from 'vitest';
import { specFromHash, withDefaults } from '../../src/spec/index.ts';
import { hashOf, tiny, type LabPage } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite();

const POEM = 'the quick brown fox jumps over the lazy dog and then sleeps in the sun.\n'.repeat(60);
const SPEC = tiny(40);

const hashIn = (lab: LabPage): Promise<string> => lab.page.evaluate(() => location.hash);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Waits for the one alert, reads and dismisses it. */
async function theAlert(lab: LabPage): Promise<string> {
  const { alerts } = await lab.until('an error', (sight) => sight.alerts.length > 0);
  expect(alerts).toHaveLength(1);
  await lab.press('dismiss');
  return alerts[0] ?? '';
}

describe('a file of the user’s own', () => {
  it.each([
    ['dropped on the page', (lab: LabPage) => lab.drop('poem.txt', POEM)],
    ['opened through the file input', (lab: LabPage) => lab.upload('poem.txt', utf8(POEM))],
  ])('%s is what the next run trains on', async (_how, give) => {
    const lab = await suite.open(hashOf(SPEC));
    await give(lab);
    const taken = await lab.until('the file in the data card', ({ figures }) => figures['Source'] === 'poem.txt');
    expect(taken.notices[0]).toBe('poem.txt is ready: it is the data of the next run.');
    await lab.start();
    const done = await lab.reach('finished');
    expect(done.step).toBe(40);
    expect(done.figures['Vocabulary']).toBe('256');
    expect(Number(done.figures['Unigram entropy']?.replace(' nats', ''))).toBeLessThan(3.2);
  });

  it('that is no valid UTF-8 trains as the bytes it is', async () => {
    const lab = await suite.open(hashOf(SPEC));
    await lab.upload(
      'bytes.bin',
      Uint8Array.from({ length: 2000 }, (_, i) => 0xc0 + (i % 7)),
    );
    await lab.until('the file in the data card', ({ figures }) => figures['Source'] === 'bytes.bin');
    await lab.start();
    expect((await lab.reach('finished')).alerts).toEqual([]);
  });

  it('that is empty, one byte long or shorter than the context gives one clear error each, and the data stays what it was', async () => {
    const lab = await suite.open(hashOf(SPEC));
    await lab.upload('empty.txt', new Uint8Array());
    expect(await theAlert(lab)).toMatch(/empty\.txt.*(empty|0 bytes)/);
    await lab.upload('one.txt', utf8('x'));
    expect(await theAlert(lab)).toMatch(/one\.txt.*shorter.*got 1 token/);
    expect(await hashIn(lab)).toBe(hashOf(SPEC));

    // Long enough to be data, too short for a context of 16 in both parts.
    await lab.upload('short.txt', utf8('abcdefghij'));
    await lab.until('the file in the data card', ({ figures }) => figures['Source'] === 'short.txt');
    await lab.start();
    await lab.until('the run to be refused', ({ state }) => state === 'failed');
    expect(await theAlert(lab)).toMatch(/context/);

    await lab.choose('lab-field[data-path="data.source"] >>> #input', 'markov');
    await lab.start();
    expect((await lab.reach('finished')).step).toBe(40);
  });

  it('is still there after a reload', async () => {
    const lab = await suite.open(hashOf(SPEC));
    await lab.drop('poem.txt', POEM);
    await lab.until('the file in the data card', ({ figures }) => figures['Source'] === 'poem.txt');
    await lab.reload();
    await lab.start();
    const done = await lab.reach('finished');
    expect(done.figures['Source']).toBe('poem.txt');
  });
});

describe('a spec that cannot be', () => {
  it('is marked beside its field, and Start trains nothing until it is cured', async () => {
    const lab = await suite.open(hashOf(SPEC));
    await lab.choose('lab-field[data-path="model.heads"] >>> #input', '3');
    const fault = await lab.find('lab-field[data-path="model.heads"] >>> .error');
    expect(await fault.evaluate((element) => element.textContent)).toContain('heads do not divide width');
    await lab.press('start');
    expect((await lab.look()).state).toBe('idle');
    await lab.choose('lab-field[data-path="model.heads"] >>> #input', '4');
    await lab.start();
    expect((await lab.reach('finished')).step).toBe(40);
  });
});

describe('the spec in the URL', () => {
  it('follows the form, survives a reload and opens elsewhere as it was', async () => {
    const lab = await suite.open(hashOf(SPEC));
    await lab.choose('lab-field[data-path="model.width"] >>> #input', '24');
    await lab.choose('lab-field[data-path="optimizer.lr"] >>> #input', '0.0125');
    const hash = await hashIn(lab);
    const changed = withDefaults(tiny(40, { model: { width: 24 }, optimizer: { lr: 0.0125 } }));
    expect(specFromHash(hash)).toEqual(changed);
    await lab.reload();
    expect(await hashIn(lab)).toBe(hash);
    const other = await suite.open(hash);
    const width = await other.find('lab-field[data-path="model.width"] >>> #input');
    expect(await width.evaluate((element) => element instanceof HTMLInputElement && element.value)).toBe('24');
    await other.start();
    expect((await other.reach('finished')).step).toBe(40);
  });

  it.each([
    ['cut short', (hash: string) => hash.slice(0, -5)],
    ['with a letter changed', (hash: string) => `${hash.slice(0, 20)}${hash[20] === 'A' ? 'B' : 'A'}${hash.slice(21)}`],
    ['of something else', () => '#/runs?id=7'],
  ])('that is %s gives one clear error and the defaults', async (_how, mangle) => {
    const lab = await suite.open(mangle(hashOf(SPEC)));
    const alert = await theAlert(lab);
    expect(alert).toMatch(/^URL: .*Copy the whole link again\./);
    const width = await lab.find('lab-field[data-path="model.width"] >>> #input');
    expect(await width.evaluate((element) => element instanceof HTMLInputElement && element.value)).toBe('64');
  });
});
