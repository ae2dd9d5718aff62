import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Checkpoint, Trainer } from '../../src/train/index.ts';
import { allFinite, Saver } from '../../src/worker/saver.ts';
import { Vault } from '../../src/worker/storage.ts';
import { tinySpec } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';

/** Milliseconds to the next snapshot of a run that moves on by a step each, where a snapshot takes `costMs`. */
async function msToNext(costMs: number): Promise<number> {
  let [now, step] = [0, 1];
  const saver = new Saver({
    runId: 'r',
    vault: new Vault(new MemoryFiles()),
    fileKey: null,
    from: null,
    diverged: new Set(),
    now: () => now,
    wallClock: () => 0,
    onSaved: () => undefined,
    notice: (text) => expect.fail(text),
  });
  const snapshot = (runId: string, targetStep: number, savedAt: number): Promise<Checkpoint> => {
    now += costMs;
    return Promise.resolve({
      runId,
      specs: [tinySpec()],
      step,
      targetStep,
      dataHash: '',
      vocab: 2,
      savedAt,
      lanes: [],
      choices: [],
    });
  };
  const trainer: Pick<Trainer, 'step' | 'snapshot'> = { step, snapshot };
  await saver.save(trainer as Trainer, 100);
  const startedAt = now - costMs;
  await new Promise((resolve) => setTimeout(resolve));
  step += 1;
  while (!saver.due(step)) now += 10;
  return now - startedAt;
}

it('promise 7: saves every five seconds, less often where that is dear, but every ten seconds at least', async () => {
  expect(await msToNext(50)).toBe(5000);
  expect(await msToNext(500)).toBe(7500);
  expect(await msToNext(900)).toBe(10_000);
  expect(await msToNext(4000)).toBe(10_000);
  expect(await msToNext(12_000)).toBe(12_000);
});

it('promise 7: a state counts as good exactly where every value is finite', () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    for (const at of [0, 3, 4])
      expect(allFinite(Float32Array.from({ length: 5 }, (_, i) => (i === at ? value : 3e38)))).toBe(false);
  }
  expect(allFinite(new Float32Array(0))).toBe(true);
  expect(allFinite(Float32Array.of(-0, 1e-45, -3.4e38, 3.4e38, 3.4e38))).toBe(true);
  fc.assert(
    fc.property(fc.float32Array(), (data) => {
      expect(allFinite(data)).toBe(data.every((value) => Number.isFinite(value)));
    }),
  );
});
