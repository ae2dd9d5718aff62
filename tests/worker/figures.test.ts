import { expect, it } from 'vitest';
import type { AdapterReport } from '../../src/gpu/index.ts';
import { Figures } from '../../src/worker/figures.ts';
import { Vault } from '../../src/worker/storage.ts';
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
