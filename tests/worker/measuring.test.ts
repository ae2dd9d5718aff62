import { describe, expect, it } from 'vitest';
import { Gpu } from '../../src/gpu/index.ts';
import { isEvent, isReply } from '../../src/worker/event-check.ts';
import type { Measurers } from '../../src/worker/measuring.ts';
import type { Command, Event, MeasureOptions } from '../../src/worker/protocol.ts';
import { fakeAblation, fakeKernels, fakeLanes } from '../support/fake-measuring.ts';
import { requestLoneDevice } from '../support/gpu.ts';
import { FakeTrainer } from './fake-trainer.ts';
import { Harness, tinySpec, tinyText, type HarnessOptions } from './harness.ts';

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
};

async function withData(options: HarnessOptions = { measurers: patient }): Promise<Harness> {
  const h = new Harness(options);
  await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
  return h;
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
      error: { message: expect.stringContaining('got luck, expected kernels, ablation, lanes') as string },
    });
    expect(h.of('measureProgress')).toEqual([]);
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
  });
});
