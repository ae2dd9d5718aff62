import { describe, expect, it } from 'vitest';
import { hashOf, tiny } from '../support/lab-page.ts';
import { labSuite } from '../support/lab-suite.ts';

const suite = labSuite({ firstVisit: true });

/** Long enough to be met while it trains, on any machine. */
const ENDLESS = 1_000_000;

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a run in the page', () => {
  it('trains at one click, and its loss falls', async () => {
    const lab = await suite.open(hashOf(tiny(120, { eval: { everySteps: 60, batches: 2 } })));
    await lab.start();
    const done = await lab.reach('finished');
    expect(done).toMatchObject({ step: 120, totalSteps: 120 });
    expect(done.words).toContain('after 120 steps');
    const losses = [...(await lab.losses()).values()].map(Number);
    expect(losses).toHaveLength(120);
    expect(mean(losses.slice(-20))).toBeLessThan(0.9 * mean(losses.slice(0, 5)));
    expect(Number(done.figures['Train loss'])).toBeCloseTo(losses.at(-1) ?? NaN, 3);
    expect(Number(done.figures['Val loss'])).toBeLessThan(losses[0] ?? NaN);
  });

  it('is ready without any setting: the first click trains on the State of the Union addresses', async () => {
    const lab = await suite.open();
    await lab.start();
    const seen = await lab.until('three steps', ({ state, step }) => state === 'failed' || (state === 'running' && step >= 3));
    // A byte-level model that knows nothing yet: about ln(256) nats.
    expect(Number(seen.figures['Train loss'])).toBeGreaterThan(2);
    expect(Number(seen.figures['Train loss'])).toBeLessThan(7);
    expect(seen.alerts).toEqual([]);
    const training = Number(seen.figures['Training tokens']?.replaceAll(/[^\d.]/g, ''));
    expect(training).toBeGreaterThan(1);
    await lab.press('stop');
    await lab.reach('stopped');
  });

  it('pauses, takes exactly one step, resumes, goes on beyond its end, and stops', async () => {
    const lab = await suite.open(hashOf(tiny(600)));
    await lab.start();
    await lab.until('some steps', ({ state, step }) => state === 'running' && step > 5);
    await lab.press('pause');
    const paused = await lab.reach('paused');
    expect(paused.step).toBeLessThan(600);
    await lab.press('step');
    const stepped = await lab.until('another step', ({ step }) => step !== paused.step);
    expect(stepped).toMatchObject({ state: 'paused', step: paused.step + 1 });
    await lab.press('resume');
    await lab.reach('finished');

    await lab.choose('input[aria-label="Steps to add"]', '50');
    await lab.press('extend');
    const longer = await lab.until('the longer end', ({ state, step }) => state === 'finished' && step > 600);
    expect(longer).toMatchObject({ step: 650, totalSteps: 650 });
    const losses = await lab.losses();
    expect([...losses.keys()]).toEqual(Array.from({ length: 650 }, (_, i) => i + 1));

    await lab.choose('input[aria-label="Steps to add"]', String(ENDLESS));
    await lab.press('extend');
    await lab.until('more steps', ({ state, step }) => state === 'running' && step > 650);
    await lab.press('stop');
    const stopped = await lab.reach('stopped');
    expect(stopped.step).toBeGreaterThan(650);
    expect(stopped.step).toBeLessThan(ENDLESS);
  });

  it('begins with one step where that is what is asked for', async () => {
    const lab = await suite.open(hashOf(tiny(50)));
    await lab.press('step');
    const first = await lab.until('the first step', ({ step, state }) => state === 'paused' && step > 0);
    expect(first.step).toBe(1);
    await lab.press('resume');
    expect((await lab.reach('finished')).step).toBe(50);
  });

  it('writes text while it learns, from a prompt of the user’s own', async () => {
    const lab = await suite.open(hashOf(tiny(ENDLESS, { data: { source: 'names', batch: 2, context: 16 } })));
    await lab.choose('lab-sample >>> #prompt', 'Ma');
    await lab.start();
    const first = await lab.until('a sample', ({ sample }) => sample.startsWith('Ma') && sample.length > 10);
    const next = await lab.until('another sample', ({ sample }) => sample.startsWith('Ma') && sample !== first.sample);
    expect(next.alerts).toEqual([]);
    await lab.press('stop');
    await lab.reach('stopped');
  });
});

describe('presets', () => {
  it.each([
    ['names', 'First names'],
    ['markov', 'Markov chain of known entropy'],
  ])('the preset %s fills the form, says its cost and trains', async (id, source) => {
    const lab = await suite.open();
    await lab.choose('lab-launch >>> #preset', id);
    await lab.until(`a forecast for ${source}`, ({ figures }) => figures['Source'] === source);
    await lab.start();
    await lab.until('some steps', ({ state, step }) => state === 'failed' || (state === 'running' && step >= 3));
    await lab.press('stop');
    expect((await lab.reach('stopped')).totalSteps).toBe(1500);
  });

  it('trains a BPE in the page with progress, remembers it, and then trains on it', async () => {
    const spec = tiny(20, { data: { source: 'names', tokenizer: 'bpe', merges: 512, batch: 2, context: 16 } });
    const lab = await suite.open(hashOf(spec));
    await lab.start();
    await lab.until('the progress of the tokenizer', ({ words }) => /Training the tokenizer, \d+ of 100/.test(words));
    const done = await lab.reach('finished');
    expect(done.figures['Vocabulary']).toBe('768');
    expect(Number(done.figures['Bytes per token'])).toBeGreaterThan(1.3);
    const losses = await lab.losses();

    await lab.reload();
    await lab.start();
    const seen = new Set<string>();
    await lab.until('the end', ({ state, words }) => {
      seen.add(words);
      return state === 'finished';
    });
    expect([...seen].filter((words) => /Training the tokenizer, \d+ of 100/.test(words))).toEqual([]);
    expect(await lab.losses()).toEqual(losses);
  });
});
