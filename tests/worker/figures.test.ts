import { expect, it, vi } from 'vitest';
import type { AdapterReport } from '../../src/gpu/index.ts';
import { Figures } from '../../src/worker/figures.ts';
import { Vault } from '../../src/worker/storage.ts';
import { fakeTuning } from '../support/fake-measuring.ts';
import { MemoryFiles } from './memory-files.ts';

const ADAPTER: AdapterReport = {
  vendor: 'v',
  architecture: 'a',
  device: 'd',
  description: 'x',
  software: false,
  features: [],
  limits: { maxBufferSize: 1 },
};
const PASSED = { key: 'tiled f32[8,8]', path: 'matmul/tiled', ok: true, excess: 0.1, fused: false };
const FAILED = { ...PASSED, key: 'vec4 f32[8,8]', path: 'matmul/vec4', ok: false, excess: Infinity };
const FOUND = new Map([PASSED, FAILED].map((verdict) => [verdict.key, verdict]));

/** What a new page knows, which runs on the same storage. */
async function nextPage(files: MemoryFiles, adapter = ADAPTER, by = { build: 'b', browser: 'c' }): Promise<Figures> {
  const figures = new Figures(new Vault(files), () => 0, by);
  await figures.load(adapter);
  return figures;
}

it('promise 4: only what passed is believed by the next run and the next page; what failed is tried again', async () => {
  const files = new MemoryFiles();
  const first = await nextPage(files);
  await first.keepVerdicts(ADAPTER, FOUND);
  expect(first.verdicts(ADAPTER)).toEqual(FOUND);
  expect([...first.passed(ADAPTER).keys()]).toEqual([PASSED.key]);
  const second = await nextPage(files);
  expect([...second.verdicts(ADAPTER).keys()]).toEqual([PASSED.key]);
  await first.keepVerdicts(ADAPTER, new Map([[FAILED.key, { ...FAILED, ok: true, excess: 0 }]]));
  expect((await nextPage(files)).passed(ADAPTER).size).toBe(2);
});

it('promise 4: verdicts hold for one adapter with its features and limits, one build and one browser; the peak for the adapter', async () => {
  const files = new MemoryFiles();
  const first = await nextPage(files);
  await first.keepVerdicts(ADAPTER, FOUND);
  await first.keepPeak(ADAPTER, { matmulFlopsPerSecond: 5, kernel: 'k' });
  for (const adapter of [
    { ...ADAPTER, features: ['subgroups'] },
    { ...ADAPTER, limits: { maxBufferSize: 2 } },
  ]) {
    const next = await nextPage(files, adapter);
    expect(next.verdicts(adapter).size).toBe(0);
    expect(next.peak(adapter)?.matmulFlopsPerSecond).toBe(5);
    // Also where the adapter changes under the page.
    expect(first.verdicts(adapter).size).toBe(0);
  }
  for (const by of [
    { build: 'other', browser: 'c' },
    { build: 'b', browser: 'other' },
  ]) {
    expect((await nextPage(files, ADAPTER, by)).verdicts(ADAPTER).size).toBe(0);
  }
  const software = { ...ADAPTER, software: true };
  const next = await nextPage(files, software);
  expect([next.verdicts(software).size, next.peak(software)]).toEqual([0, null]);
});

it('promise 9: what the tuner chose holds for one adapter, build and browser; the last result of a shape counts, until it is cleared', async () => {
  const files = new MemoryFiles();
  const first = await nextPage(files);
  const [wide, tall] = fakeTuning();
  if (wide === undefined || tall === undefined) throw new Error('no rows');
  for (const tuned of [wide, tall, { ...wide, chosen: '4x4' }]) await first.tunings.add(ADAPTER, tuned);
  const chosen = new Map([
    [wide.signature, '4x4'],
    [tall.signature, 'split'],
  ]);
  expect(first.tunings.choices(ADAPTER)).toEqual(chosen);
  // Other figures that are kept meanwhile leave it alone.
  await first.keepPeak(ADAPTER, { matmulFlopsPerSecond: 5, kernel: 'k' });
  expect((await nextPage(files)).tunings.choices(ADAPTER)).toEqual(chosen);
  for (const by of [
    { build: 'other', browser: 'c' },
    { build: 'b', browser: 'other' },
  ])
    expect((await nextPage(files, ADAPTER, by)).tunings.choices(ADAPTER).size).toBe(0);
  const subgroups = { ...ADAPTER, features: ['subgroups'] };
  expect((await nextPage(files, subgroups)).tunings.choices(subgroups).size).toBe(0);
  await first.tunings.clear(ADAPTER);
  expect((await nextPage(files)).tunings.report(ADAPTER)).toEqual({ rows: [], tunedAt: null });
  expect((await nextPage(files)).peak(ADAPTER)?.kernel).toBe('k');
});

it('what the tuner chose is used and cleared where storage refuses all', async () => {
  const files = new MemoryFiles();
  const figures = await nextPage(files);
  files.exclusive = () => Promise.reject(new Error('refused'));
  files.read = () => Promise.reject(new Error('refused'));
  for (const tuned of fakeTuning()) await figures.tunings.add(ADAPTER, tuned);
  expect(figures.tunings.choices(ADAPTER).size).toBe(2);
  await figures.tunings.clear(ADAPTER);
  expect(figures.tunings.choices(ADAPTER).size).toBe(0);
});

it('what the tuner chose is read from storage also after it was asked for before', async () => {
  const files = new MemoryFiles();
  for (const tuned of fakeTuning()) await (await nextPage(files)).tunings.add(ADAPTER, tuned);
  const figures = new Figures(new Vault(files), () => 0, { build: 'b', browser: 'c' });
  expect(figures.tunings.choices(ADAPTER).size).toBe(0);
  await figures.load(ADAPTER);
  expect(figures.tunings.choices(ADAPTER).size).toBe(2);
});

it('what two tabs find at the same moment is kept, all of it', async () => {
  const files = new MemoryFiles();
  const [first, second] = [await nextPage(files), await nextPage(files)];
  const [wide, tall] = fakeTuning();
  if (wide === undefined || tall === undefined) throw new RangeError('two shapes');
  await Promise.all([first.tunings.add(ADAPTER, wide), second.tunings.add(ADAPTER, tall)]);
  expect((await nextPage(files)).tunings.report(ADAPTER).rows).toEqual([wide, tall]);
});

it('what one tab cleared does not come back with what another finds, and what another found stays', async () => {
  const files = new MemoryFiles();
  const [wide, tall] = fakeTuning();
  if (wide === undefined || tall === undefined) throw new Error('no rows');
  const first = await nextPage(files);
  await first.tunings.add(ADAPTER, wide);
  const second = await nextPage(files);
  await first.tunings.clear(ADAPTER);
  await second.tunings.add(ADAPTER, tall);
  expect((await nextPage(files)).tunings.report(ADAPTER).rows).toEqual([tall]);
  await first.tunings.add(ADAPTER, wide);
  expect((await nextPage(files)).tunings.report(ADAPTER).rows).toEqual([tall, wide]);
});

it('what the tuner finds while storage is written goes into the next write together, and of very many shapes the last are kept', async () => {
  const files = new MemoryFiles();
  const vault = new Vault(files);
  const put = vi.spyOn(vault, 'update');
  const { tunings } = new Figures(vault, () => 0, { build: 'b', browser: 'c' });
  const [row] = fakeTuning();
  if (row === undefined) throw new Error('no row');
  const named = (i: number) => ({ ...row, signature: `shape ${i}` });
  for (let i = 0; i < 2000; i++) void tunings.add(ADAPTER, named(i));
  void tunings.add(ADAPTER, named(0));
  void tunings.add(ADAPTER, named(2000));
  await tunings.settled(ADAPTER);
  expect(put).toHaveBeenCalledTimes(1);
  const { rows } = (await nextPage(files)).tunings.report(ADAPTER);
  expect(rows).toEqual(tunings.report(ADAPTER).rows);
  expect(rows).toHaveLength(2000);
  expect([rows[0], ...rows.slice(-2)].map((each) => each?.signature)).toEqual(['shape 2', 'shape 0', 'shape 2000']);
});
