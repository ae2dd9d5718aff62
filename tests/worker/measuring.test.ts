import { describe, expect, it, vi } from 'vitest';
import { Gpu } from '../../src/gpu/index.ts';
import { isEvent, isReply } from '../../src/worker/event-check.ts';
import type { Measurers } from '../../src/worker/measuring.ts';
import type { Command, Event, MeasureOptions, Tuned } from '../../src/worker/protocol.ts';
import { fakeAblation, fakeKernels, fakeLanes, fakeTuning } from '../support/fake-measuring.ts';
import { requestLoneDevice } from '../support/gpu.ts';
import { signatureOf } from '../../src/engine/signature.ts';
import { testGpu } from '../support/run-graph.ts';
import { Figures } from '../../src/worker/figures.ts';
import { Vault } from '../../src/worker/storage.ts';
import { Tunings } from '../../src/worker/tunings.ts';
import { decodeCheckpoint, planTraining } from '../../src/train/index.ts';
import { FakeTrainer } from './fake-trainer.ts';
import { Harness, tinySpec, tinyText, type HarnessOptions } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';

type Measure = Omit<Extract<Command, { type: 'measure' }>, 'id'>;

const OPTIONS: MeasureOptions = { rounds: 3, windowMs: 1, lanes: [1, 2], unfused: true };

function measure(changes: Partial<Measure> = {}): Measure {
  return { type: 'measure', runId: 'm', what: 'ablation', spec: tinySpec(), options: OPTIONS, ...changes };
}

function aborted(signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) resolve();
    signal?.addEventListener('abort', () => resolve());
  });
}

/** Says one row where it has rows, and then waits to be stopped; lanes are done at once. */
const patient: Measurers = {
  ablate: async ({ onRow, onProgress, signal, rounds = 0, lossSteps = 0 }) => {
    onProgress?.(0, 4, 'all rules');
    const rows = fakeAblation().rows.slice(0, 1);
    for (const row of rows) onRow?.(row);
    await aborted(signal);
    return { rows, idle: ['cast-store'], lossSteps, rounds };
  },
  laneThroughput: () => Promise.resolve(fakeLanes()),
  measureKernels: async (_gpu, _spec, _dataset, options) => {
    await aborted(options?.signal);
    options?.signal?.throwIfAborted();
    return fakeKernels();
  },
  tuneStep: async (_gpu, _spec, _dataset, options) => {
    const rows = fakeTuning().slice(0, 1);
    for (const row of rows) options?.onRow?.(row);
    await aborted(options?.signal);
    options?.signal?.throwIfAborted();
    return { rows };
  },
};

async function withData(options: HarnessOptions = { measurers: patient }): Promise<Harness> {
  const h = new Harness(options);
  await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
  return h;
}

/** A product of the step, with a variant that it would have anyway. */
async function realRow(spec: ReturnType<typeof tinySpec>, vocab: number): Promise<Tuned> {
  const { steps } = planTraining([spec], vocab, { caps: (await testGpu()).caps });
  const product = steps.find(({ node, variant }) => node.op === 'matmul' && variant !== 'plain');
  const [row] = fakeTuning();
  if (product === undefined || row === undefined) throw new Error('no product');
  const { node, variant: chosen } = product;
  return { ...row, signature: signatureOf(node), chosen, candidates: [{ variant: chosen, ms: 1, spreadMs: 0 }] };
}

async function ended(h: Harness): Promise<Extract<Event, { type: 'measureEnd' }>> {
  await h.until(() => h.of('measureEnd').length > 0);
  const end = h.of('measureEnd')[0];
  if (end === undefined) throw new Error('no end');
  return end;
}

describe('a measurement', { timeout: 120_000 }, () => {
  it('says each row as it comes, and all of them at its end', async () => {
    const h = await withData({});
    const report = await h.ask(measure({ what: 'lanes' }));
    expect(isReply('measure', report)).toBe(true);
    expect(report).toMatchObject({ data: { name: 'letters.txt' }, tokensPerStep: 64 });
    const { result, stopped, error } = await ended(h);
    expect([stopped, error]).toEqual([false, null]);
    const said = h.of('measureRow').map(({ row }) => row);
    expect(said.map((row) => 'lanes' in row && row.lanes)).toEqual([1, 2]);
    expect(result).toMatchObject({ what: 'lanes', report: { rows: said, stoppedBy: null } });
    expect(h.of('measureProgress').map(({ what, done, total }) => [what, done, total])).toEqual([
      ['data', 0, 0],
      ['1 lane', 0, 2],
      ['2 lanes', 1, 2],
    ]);
    for (const event of h.events) expect(isEvent(event)).toBe(true);
  });

  it('hands what it was asked for to what measures kernels, and its report back', async () => {
    const asked: unknown[] = [];
    const h = await withData({
      measurers: {
        ...patient,
        measureKernels: (gpu, spec, _, options) => {
          asked.push([gpu.alive, spec, options?.unfused, options?.signal?.aborted]);
          options?.onProgress?.(0, 1, 'limits');
          return Promise.resolve(fakeKernels());
        },
      },
    });
    await h.ask(measure({ what: 'kernels' }));
    expect(await ended(h)).toMatchObject({ result: { what: 'kernels', report: fakeKernels() }, stopped: false, error: null });
    expect(asked).toEqual([[true, tinySpec(), true, false]]);
    for (const event of h.events) expect(isEvent(event)).toBe(true);
  });

  it('of kernels is no error where it is stopped, and has no result then', async () => {
    const h = await withData();
    await h.ask(measure({ what: 'kernels' }));
    await h.ask({ type: 'measureStop', runId: 'm' });
    expect(h.of('measureEnd')).toMatchObject([{ result: null, stopped: true, error: null }]);
  });

  it('ends with what it has where it is stopped, and leaves the GPU to the next', async () => {
    const h = await withData();
    await h.ask(measure());
    await h.until(() => h.of('measureRow').length === 1);
    await h.ask({ type: 'measureStop', runId: 'm' });
    const rows = fakeAblation().rows.slice(0, 1);
    // Its last word came before the reply.
    expect(h.of('measureEnd')).toEqual([
      {
        type: 'measureEnd',
        runId: 'm',
        result: { what: 'ablation', ablation: { rows, idle: ['cast-store'], lossSteps: 20, rounds: 3 } },
        stopped: true,
        error: null,
      },
    ]);
    await expect(h.ask({ type: 'measureStop', runId: 'm' })).rejects.toThrow('measurement of ablation: it is over already.');
    await expect(h.ask({ type: 'measureStop', runId: 'n' })).rejects.toThrow('measurement n: the worker has no such measurement');
    await h.ask(measure({ what: 'lanes', runId: 'n' }));
    await h.until(() => h.of('measureEnd').length === 2);
    expect(h.of('measureEnd')[1]).toMatchObject({ runId: 'n', result: { what: 'lanes' }, stopped: false });
  });

  it('has no result where it was stopped before the first row, and no end where it had not begun', async () => {
    const none: Measurers = {
      ...patient,
      ablate: async (options) => ({ ...(await patient.ablate({ ...options, onRow: () => undefined })), rows: [] }),
    };
    const h = await withData({ measurers: none });
    await h.ask(measure());
    await h.ask({ type: 'measureStop', runId: 'm' });
    expect(h.of('measureEnd')).toMatchObject([{ result: null, stopped: true, error: null }]);

    const early = await withData();
    const asked = early.ask(measure()).catch((error: unknown) => String(error));
    await early.ask({ type: 'measureStop', runId: 'm' });
    expect(await asked).toContain('measurement of ablation: it was stopped before it began.');
    expect(early.of('measureEnd')).toEqual([]);
    // What was stopped is not in the way.
    await early.ask(measure({ what: 'lanes' }));
    await ended(early);
  });

  it('is refused while a run or comparison goes on, and these while it does', async () => {
    const h = await withData({
      measurers: patient,
      createTrainer: ({ specs }) => Promise.resolve(new FakeTrainer({ specs, stepMs: 2 })),
    });
    await h.start({ hold: true });
    await expect(h.ask(measure())).rejects.toThrow(
      'measurement of ablation: it is not possible while run r is paused, as the GPU does one thing at a time. Stop that run first.',
    );
    await h.ask({ type: 'stop', runId: 'r' });
    const arms = ['a', 'b'].map((name) => ({ name, spec: tinySpec({ budget: { steps: 5000 } }) }));
    const compare = { type: 'compare', runId: 'c', arms, seeds: 1, probeEvery: 0, whatIf: [] } as const;
    await h.ask(compare);
    await expect(h.ask(measure())).rejects.toThrow(/a comparison is running.+Stop the comparison first\.$/);
    await h.ask({ type: 'compareStop', runId: 'c' });
    await h.ask(measure());
    const refusal = /: fusions are being measured, and the GPU does one thing at a time\. Stop that measurement first\.$/;
    await expect(h.ask({ type: 'start', runId: 'q', specs: [tinySpec()] })).rejects.toThrow(refusal);
    await expect(h.ask(compare)).rejects.toThrow(refusal);
    await expect(h.ask({ type: 'measurePeak' })).rejects.toThrow(refusal);
    await expect(h.ask(measure({ runId: 'n' }))).rejects.toThrow(refusal);
    await h.ask({ type: 'measureStop', runId: 'm' });
  });

  it('promise 6: a lost device or a failure ends it, named, with the rows that it has', async () => {
    const opened: Gpu[] = [];
    const h = await withData({
      measurers: patient,
      open: async () => {
        const gpu = Gpu.adopt(await requestLoneDevice());
        opened.push(gpu);
        return gpu;
      },
    });
    await h.ask(measure());
    await h.until(() => h.of('measureRow').length === 1);
    opened[0]?.simulateLoss();
    const end = await ended(h);
    expect(end).toMatchObject({ stopped: false, error: { name: 'DeviceError' } });
    expect(end.result).toMatchObject({ what: 'ablation', ablation: { rows: fakeAblation().rows.slice(0, 1), lossSteps: 20 } });
    expect(h.of('fault')).toEqual([]);
    await h.until(() => opened.length === 2);

    const failing: Measurers = {
      ...patient,
      laneThroughput: ({ onRow }) => {
        for (const row of fakeLanes().rows) onRow?.(row);
        return Promise.reject(new Error('out of luck'));
      },
    };
    const broken = await withData({ measurers: failing });
    await broken.ask(measure({ what: 'lanes' }));
    expect(await ended(broken)).toMatchObject({
      result: { what: 'lanes', report: { rows: fakeLanes().rows, fullAt: 4 } },
      stopped: false,
      error: { message: 'out of luck', where: 'measurement of lanes' },
    });
  });

  it('refuses what makes no sense in one message, before anything is loaded', async () => {
    const h = await withData();
    const refused = (changes: Partial<MeasureOptions>): Promise<unknown> =>
      h.ask(measure({ options: { ...OPTIONS, ...changes } }));
    await expect(refused({ rounds: 2 })).rejects.toThrow(
      'command measure options: rounds has an unknown form: got 2, expected a whole number, 3..100.',
    );
    await expect(refused({ windowMs: 0 })).rejects.toThrow('windowMs has an unknown form: got 0');
    await expect(refused({ lanes: [] })).rejects.toThrow('lanes has an unknown form: got a list, expected a list of one or more');
    await expect(refused({ lanes: [1, 257] })).rejects.toThrow(
      'lanes has an unknown form: got 257, expected a whole number, 1..256',
    );
    await expect(refused({ lanes: [2, 2] })).rejects.toThrow('lanes has an unknown form: got a list, expected an ascending list');
    await h.receive({ ...measure(), id: 99, what: 'luck' });
    expect(h.of('reply').at(-1)).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('got luck, expected kernels, ablation, lanes, tuning') as string },
    });
    expect(h.of('measureProgress')).toEqual([]);
  });
});

describe('tuning', { timeout: 120_000 }, () => {
  it('says each shape as it is found, and keeps it also where it is stopped: for the next page of this build and browser', async () => {
    const files = new MemoryFiles();
    const h = await withData({ measurers: patient, files });
    expect(await h.ask({ type: 'tuned' })).toEqual({ rows: [], tunedAt: null });
    await h.ask(measure({ what: 'tuning' }));
    await h.until(() => h.of('measureRow').length === 1);
    await expect(h.ask({ type: 'start', runId: 'q', specs: [tinySpec()] })).rejects.toThrow(
      /: kernels are being tuned, and the GPU does one thing at a time\. Stop that measurement first\.$/,
    );
    await expect(h.ask({ type: 'forgetTuned' })).rejects.toThrow('tuner: kernels are being tuned');
    await h.ask({ type: 'measureStop', runId: 'm' });
    const rows = fakeTuning().slice(0, 1);
    expect(h.of('measureEnd')).toMatchObject([{ result: { what: 'tuning', report: { rows } }, stopped: true, error: null }]);
    for (const event of h.events) expect(isEvent(event)).toBe(true);
    const known = await h.ask({ type: 'tuned' });
    expect(known.rows).toEqual(rows);
    expect(known.tunedAt).toBeGreaterThan(1_700_000_000_000);
    expect(await new Harness({ files }).ask({ type: 'tuned' })).toEqual(known);
    expect(await new Harness({ files, build: 'other' }).ask({ type: 'tuned' })).toEqual({ rows: [], tunedAt: null });
    expect(await h.ask({ type: 'forgetTuned' })).toBeNull();
    for (const page of [h, new Harness({ files })])
      expect(await page.ask({ type: 'tuned' })).toEqual({ rows: [], tunedAt: null });
  });

  it('promise 1: a run keeps the kernels that it began with, through clearing, checkpoint and resuming; the next has its own', async () => {
    const files = new MemoryFiles();
    const h = await withData({ files });
    await h.ask(measure({ what: 'tuning', options: { ...OPTIONS, unfused: false } }));
    const { result } = await ended(h);
    const found = result?.what === 'tuning' ? result.report.rows : [];
    expect(found.length).toBeGreaterThan(1);
    for (const { candidates, chosen, software } of found) {
      expect(candidates.length).toBeGreaterThan(1);
      expect(candidates.find(({ variant }) => variant === chosen)?.ms).toBeGreaterThan(0);
      expect(software).toBe(true);
    }
    const tuned = await h.start({ hold: true });
    expect(tuned.tunedKernels).toBe(found.length);
    await h.ask({ type: 'forgetTuned' });
    await h.ask({ type: 'step', runId: 'r' });
    const bytes = await h.ask({ type: 'export', runId: 'r' });
    expect(decodeCheckpoint(bytes.slice(0), 'test').choices).toEqual(tuned.choices);
    expect(tuned.choices.map(([signature]) => signature)).toEqual(found.map(({ signature }) => signature).toSorted());
    await h.ask({ type: 'stop', runId: 'r' });
    expect((await h.start({ runId: 'n', hold: true })).tunedKernels).toBe(0);
    await h.ask({ type: 'stop', runId: 'n' });
    expect((await h.start({ runId: 'c', hold: true, checkpoint: bytes })).tunedKernels).toBe(found.length);
    await h.ask({ type: 'stop', runId: 'c' });
  });

  it('promises 1 and 7: a run that comes back after a lost device has the kernels that it began with, also before its first checkpoint', async () => {
    const opened: Gpu[] = [];
    const h = await withData({
      measurers: {
        ...patient,
        tuneStep: async (gpu, spec, { vocab }, options) => {
          // The choice that the plan has anyway, so that nothing need be timed.
          const { steps } = planTraining([spec], vocab, { caps: gpu.caps });
          const product = steps.find(({ node }) => node.op === 'matmul');
          if (product === undefined) throw new Error('no product');
          const { node, variant: chosen } = product;
          const [row] = fakeTuning();
          if (row === undefined) throw new Error('no row');
          options?.onRow?.({
            ...row,
            signature: signatureOf(node),
            chosen,
            candidates: [{ variant: chosen, ms: 1, spreadMs: 0 }],
          });
          return { rows: [] };
        },
      },
      open: async () => {
        const gpu = Gpu.adopt(await requestLoneDevice());
        opened.push(gpu);
        return gpu;
      },
    });
    await h.ask(measure({ what: 'tuning' }));
    await ended(h);
    expect((await h.start({ hold: true })).tunedKernels).toBe(1);
    await h.ask({ type: 'forgetTuned' });
    opened[0]?.simulateLoss();
    await h.until(() => h.of('state').at(-1)?.state === 'paused' && opened.length === 2);
    const { choices } = decodeCheckpoint(await h.ask({ type: 'export', runId: 'r' }), 'test');
    expect(choices).toHaveLength(1);
    await h.ask({ type: 'stop', runId: 'r' });
  });

  it('is what later measurements are made with, and says in how many shapes', async () => {
    const asked: unknown[] = [];
    const found: unknown[] = [];
    const note = (choices: ReadonlyMap<string, string> | undefined): void => void asked.push([...(choices ?? [])]);
    const h = await withData({
      measurers: {
        ablate: (options) => (note(options.choices), Promise.resolve(fakeAblation())),
        laneThroughput: (options) => (note(options.choices), Promise.resolve(fakeLanes())),
        measureKernels: (_gpu, _spec, _dataset, options) => (note(options?.choices), Promise.resolve(fakeKernels())),
        tuneStep: async (_gpu, spec, { vocab }, options) => {
          const rows = [await realRow(spec, vocab), ...fakeTuning()];
          for (const row of rows) {
            found.push([row.signature, row.chosen]);
            options?.onRow?.(row);
          }
          return { rows };
        },
      },
    });
    const kinds = ['tuning', 'kernels', 'ablation', 'lanes'] as const;
    for (const [i, what] of kinds.entries()) {
      // One of these shapes is one of the step's; the tuner itself uses none.
      expect(await h.ask(measure({ what, runId: what }))).toMatchObject({ tunedKernels: what === 'tuning' ? 0 : 1 });
      await h.until(() => h.of('measureEnd').length === i + 1);
    }
    expect(asked).toEqual([found, found, found]);
  });

  it('promise 4: counts no shape whose variant has failed its check here', async () => {
    const h = await withData({
      measurers: {
        ...patient,
        tuneStep: async (_gpu, spec, { vocab }, options) => {
          const row = await realRow(spec, vocab);
          options?.onRow?.(row);
          const path = `matmul/${row.chosen}`;
          options?.verdicts?.set(path, { key: path, path, ok: false, excess: Infinity, fused: false });
          return { rows: [row] };
        },
      },
    });
    await h.ask(measure({ what: 'tuning' }));
    await ended(h);
    expect(await h.ask(measure({ what: 'lanes', runId: 'n' }))).toMatchObject({ tunedKernels: 0 });
  });

  it('keeps nothing of a shape of which no variant ran, and all else before its last word', async () => {
    const [row] = fakeTuning();
    if (row === undefined) throw new Error('no row');
    const failed = { ...row, signature: 'f', candidates: row.candidates.map((each) => ({ ...each, ms: null, spreadMs: null })) };
    const files = new MemoryFiles();
    const put = vi.spyOn(Vault.prototype, 'update');
    const h = await withData({
      files,
      measurers: {
        ...patient,
        tuneStep: (_gpu, _spec, _dataset, options) => {
          for (const each of [failed, row]) options?.onRow?.(each);
          return Promise.resolve({ rows: [failed, row] });
        },
      },
    });
    await h.ask(measure({ what: 'tuning' }));
    expect(await ended(h)).toMatchObject({ result: { report: { rows: [failed, row] } } });
    const written = put.mock.calls.filter(([key]) => key.startsWith('tuned/'));
    put.mockRestore();
    expect(written).toHaveLength(1);
    for (const event of h.events) expect(isEvent(event)).toBe(true);
    expect((await new Harness({ files }).ask({ type: 'tuned' })).rows).toEqual([row]);
  });

  it('says where there is nothing to choose', async () => {
    const h = await withData({ measurers: { ...patient, tuneStep: () => Promise.resolve({ rows: [] }) } });
    await h.ask(measure({ what: 'tuning' }));
    expect(await ended(h)).toMatchObject({ result: { what: 'tuning', report: { rows: [] } }, stopped: false, error: null });
  });

  it('promise 1: all arms of a comparison have the same choices, whatever is cleared while they are built', async () => {
    const planned: unknown[] = [];
    const h: Harness = await withData({
      measurers: {
        ...patient,
        tuneStep: (_gpu, _spec, _dataset, options) => {
          for (const row of fakeTuning()) options?.onRow?.(row);
          return Promise.resolve({ rows: fakeTuning() });
        },
      },
      createTrainer: async ({ specs, plan }) => {
        planned.push(plan?.choices?.size);
        await h.ask({ type: 'forgetTuned' });
        return new FakeTrainer({ specs, stepMs: 2 });
      },
    });
    await h.ask(measure({ what: 'tuning' }));
    await ended(h);
    const arms = ['a', 'b'].map((name) => ({ name, spec: tinySpec({ budget: { steps: 5000 } }) }));
    await h.ask({ type: 'compare', runId: 'c', arms, seeds: 1, probeEvery: 0, whatIf: [] });
    expect(planned).toEqual([2, 2]);
    await h.ask({ type: 'compareStop', runId: 'c' });
  });

  it('is part of a forecast, also of the first of a page', async () => {
    const files = new MemoryFiles();
    const { report } = await testGpu();
    const [row] = fakeTuning();
    if (row === undefined) throw new Error('no row');
    await new Figures(new Vault(files), () => 0, { build: 'test', browser: 'test' }).tunings.add(report, row);
    const choices = vi.spyOn(Tunings.prototype, 'choices');
    await new Harness({ files }).ask({ type: 'forecast', spec: tinySpec() });
    const used = choices.mock.results.map(({ value }) => value as unknown);
    choices.mockRestore();
    expect(used).toEqual([new Map([[row.signature, row.chosen]])]);
  });
});

describe('what a measurement says', () => {
  it('is known by its form', () => {
    const [row] = fakeAblation().rows;
    const said = { type: 'measureRow', runId: 'm', what: 'ablation', row };
    expect(isEvent(said)).toBe(true);
    expect(isEvent({ ...said, what: 'lanes' })).toBe(false);
    expect(isEvent({ ...said, what: 'luck' })).toBe(false);
    const end = {
      type: 'measureEnd',
      runId: 'm',
      result: { what: 'kernels', report: fakeKernels() },
      stopped: false,
      error: null,
    };
    expect(isEvent(end)).toBe(true);
    expect(isEvent({ ...end, result: { what: 'kernels', report: { ...fakeKernels(), clock: 'sundial' } } })).toBe(false);
    expect(isEvent({ ...end, result: { what: 'lanes', report: fakeKernels() } })).toBe(false);
    const [row0] = fakeKernels().rows;
    const unnamed = {
      ...row0,
      variants: [{ variant: 'plain', kernels: [{ kernel: 'k', source: 'k', overrides: { TILE: '8' } }] }],
    };
    expect(isEvent({ ...end, result: { what: 'kernels', report: { ...fakeKernels(), rows: [unnamed] } } })).toBe(false);
    const [tuned] = fakeTuning();
    const found = { type: 'measureRow', runId: 'm', what: 'tuning', row: tuned };
    expect(isEvent(found)).toBe(true);
    expect(isEvent({ ...found, row: { ...tuned, candidates: [] } })).toBe(false);
    expect(isEvent({ ...end, result: { what: 'tuning', report: { rows: fakeTuning() } } })).toBe(true);
    expect(isReply('tuned', { rows: fakeTuning(), tunedAt: null })).toBe(true);
    expect(isReply('tuned', { rows: [{ ...tuned, timedBy: 'sundial' }], tunedAt: 1 })).toBe(false);
  });
});
