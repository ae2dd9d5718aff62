import { afterAll, describe, expect, it } from 'vitest';
import { Gpu } from '../../src/gpu/device.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../src/train/index.ts';
import { requestLoneDevice } from '../support/gpu.ts';
import { Harness, tinySpec } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';

/** Weight decay of lr x 1 makes every weight -9 times as large from step to step. */
const DIVERGING = { optimizer: { lr: 10, weightDecay: 10, clip: null } };

/** The bits of a checkpoint that follow from training alone. */
function stateOf(bytes: ArrayBuffer): Uint8Array {
  return new Uint8Array(encodeCheckpoint({ ...decodeCheckpoint(bytes, 'test'), runId: '', savedAt: 0, targetStep: 0 }));
}

interface Outcome {
  readonly losses: Map<number, number>;
  readonly state: Uint8Array;
}

async function outcomeOf(h: Harness, runId = 'r'): Promise<Outcome> {
  await h.untilState('finished');
  return { losses: h.losses(), state: stateOf(await h.ask({ type: 'export', runId })) };
}

let straight: Promise<Outcome> | undefined;

/** Forty steps without any interruption. */
function uninterrupted(): Promise<Outcome> {
  straight ??= (async () => {
    const h = new Harness();
    await h.start();
    return outcomeOf(h);
  })();
  return straight;
}

async function expectSameBits({ losses, state }: Outcome): Promise<void> {
  const expected = await uninterrupted();
  expect(losses).toEqual(expected.losses);
  expect(state).toEqual(expected.state);
}

describe('a run', { timeout: 120_000 }, () => {
  it('falls in loss, evaluates at exact steps, says its speed, samples, saves, and finishes', async () => {
    const h = new Harness();
    const report = await h.start();
    expect(report).toMatchObject({ totalSteps: 40, startStep: 0, lanes: 1, vocab: 256, data: { name: 'letters.txt' } });
    await h.untilState('finished');
    await h.until(() => h.of('saved').some(({ step }) => step === 40) && h.of('sample').some(({ step }) => step === 40));
    const losses = [...h.losses()];
    expect(losses.map(([step]) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(losses.at(-1)?.[1]).toBeLessThan(2);
    expect(h.of('eval').map(({ step }) => step)).toEqual([10, 20, 30, 40]);
    expect(h.of('eval').at(-1)?.lossNats[0]).toBeLessThan(h.of('eval')[0]?.lossNats[0] ?? 0);
    expect(h.of('speed').at(-1)).toMatchObject({ etaMs: 0, mfu: null });
    expect(h.of('sample').at(-1)?.text).toHaveLength(160);
    expect(h.of('state').map(({ state }) => state)).toEqual(['preparing', 'running', 'finished']);
    expect(h.of('fault')).toEqual([]);
  });

  it('promise 1: gives the same bits one step a submit and sixteen', async () => {
    const h = new Harness({ slots: 1 });
    await h.start({ silent: true });
    await expectSameBits(await outcomeOf(h));
    expect(h.of('sample'), 'of a silent run').toEqual([]);
  });

  it('promise 1: gives the same bits paused, stepped singly, resumed and lengthened', async () => {
    const h = new Harness();
    await h.start({ hold: true });
    expect(h.of('metrics')).toEqual([]);
    for (const expected of [1, 2, 3]) {
      await h.ask({ type: 'step', runId: 'r' });
      expect([...h.losses().keys()].at(-1)).toBe(expected);
      expect(h.of('state').at(-1)).toMatchObject({ state: 'paused', step: expected });
    }
    await h.ask({ type: 'resume', runId: 'r' });
    await h.until(() => h.losses().size >= 12);
    await h.ask({ type: 'pause', runId: 'r' });
    const { step } = h.of('state').at(-1) ?? { step: 0 };
    expect(h.losses().size).toBe(step);
    await h.until(() => h.of('saved').some((saved) => saved.step === step));
    expect(h.losses().size).toBe(step);
    await h.ask({ type: 'resume', runId: 'r' });
    const outcome = await outcomeOf(h);
    await expectSameBits(outcome);
    await h.ask({ type: 'extend', runId: 'r', steps: 5 });
    await h.until(() => h.losses().size === 45);
    await h.untilState('finished');
    expect(h.of('state').at(-1)).toMatchObject({ step: 45, totalSteps: 45 });
  });

  it('promises 1 and 7: a new worker goes on from what storage holds, and from an exported file, to the same bits', async () => {
    const files = new MemoryFiles();
    const first = new Harness({ files });
    await first.start();
    await first.until(() => first.losses().size >= 15);
    await first.ask({ type: 'stop', runId: 'r' });
    const { step } = first.of('saved').at(-1) ?? { step: 0 };
    expect(step).toBeGreaterThanOrEqual(15);
    expect(step).toBeLessThan(40);

    const second = new Harness({ files });
    expect(await second.ask({ type: 'stored' })).toMatchObject([{ runId: 'r', step, totalSteps: 40, spec: tinySpec() }]);
    const exported = await second.ask({ type: 'export', runId: 'r' });
    expect(await second.ask({ type: 'start', runId: 'r', specs: [tinySpec()], stored: true })).toMatchObject({ startStep: step });
    const { losses, state } = await outcomeOf(second);
    await expectSameBits({ losses: new Map([...first.losses(), ...losses]), state });

    const third = new Harness();
    expect(await third.ask({ type: 'inspect', bytes: exported.slice(0) })).toMatchObject({ runId: 'r', step, totalSteps: 40 });
    await third.start({ runId: 'q', checkpoint: exported });
    expect((await outcomeOf(third, 'q')).state).toEqual(state);

    await second.ask({ type: 'forget', runId: 'r' });
    expect(await second.ask({ type: 'stored' })).toEqual([]);
  });

  it('promise 6: a loss or gradient that is not finite stops the run in words and keeps the checkpoint from before', async () => {
    const h = new Harness();
    await h.start({ specs: [tinySpec(DIVERGING)], hold: true });
    await h.ask({ type: 'step', runId: 'r' });
    await h.until(() => h.of('saved').length === 1);
    await h.ask({ type: 'resume', runId: 'r' });
    await h.until(() => h.of('state').at(-1)?.state === 'failed' || h.of('state').at(-1)?.state === 'finished');
    expect(h.of('state').at(-1)?.state).toBe('failed');
    const [fault] = h.of('fault');
    expect(fault?.error.message).toMatch(
      /^step \d+: the (loss|gradient norm) is not finite: got (NaN|-?Infinity), expected a finite number\. (\S+ was not finite before step \d+: .+|\S+( \S+)* is the first tensor of step \d+ that is not finite|.*norm of .+|No tensor shows it when step \d+ is repeated unfused.+)\. Choose a smaller learning rate.* checkpoint of step \d+, which is kept\.$/,
    );
    expect(fault).toMatchObject({ runId: 'r', recovering: false });
    const kept = decodeCheckpoint(await h.ask({ type: 'export', runId: 'r' }), 'kept');
    const values = kept.lanes.flatMap(({ weights, m, v }) => [...weights, ...m, ...v].map(({ data }) => data));
    expect(values.every((data) => data.every((value) => Number.isFinite(value)))).toBe(true);
  });

  it('promise 2: a lane that diverges is marked, and the other goes on to the bits of its lone run', async () => {
    const h = new Harness();
    await h.start({ specs: [tinySpec(), tinySpec(DIVERGING)] });
    await h.untilState('finished');
    const expected = await uninterrupted();
    expect(h.losses(0)).toEqual(expected.losses);
    expect(h.of('fault')).toEqual([]);
    // A gradient fails before the loss that follows from it.
    const failures = h
      .of('metrics')
      .flatMap(({ firstStep, lanes, lossNats, gradNorm }) =>
        [...lossNats].flatMap((loss, i) =>
          i % lanes === 1 && !Number.isFinite(loss + (gradNorm[i] ?? NaN)) ? [firstStep + (i - 1) / lanes] : [],
        ),
      );
    expect(h.of('notice').map(({ text }) => text)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^Lane 1 diverged at step ${failures[0]}: its (loss|gradient norm) is (NaN|-?Infinity)\\. .*step ${failures[0]}.*\\. The other lanes`,
        ),
      ),
    ]);
  });
});

describe('a lost device', { timeout: 120_000 }, () => {
  const opened: Gpu[] = [];
  const openLone = async (): Promise<Gpu> => {
    const gpu = Gpu.adopt(await requestLoneDevice());
    opened.push(gpu);
    return gpu;
  };
  afterAll(() => {
    for (const gpu of opened) gpu.close();
  });

  it('promise 7: is replaced in mid-run, and the run ends with the same bits', async () => {
    const h = new Harness({ open: openLone });
    await h.start({ hold: true });
    for (let i = 0; i < 4; i++) await h.ask({ type: 'step', runId: 'r' });
    await h.until(() => h.of('saved').some(({ step }) => step === 4));
    await h.ask({ type: 'resume', runId: 'r' });
    await h.until(() => h.losses().size >= 12);
    await h.ask({ type: 'destroyDevice' });
    await h.until(() => h.of('state').some(({ state }) => state === 'recovering'));
    expect(h.of('fault').at(-1)).toMatchObject({ runId: 'r', recovering: true });
    expect(h.of('fault').at(-1)?.error.message).toContain('GPU device: it was lost');
    await expectSameBits(await outcomeOf(h));
    expect(h.of('fault')).toHaveLength(1);
  });

  it('leaves a paused run paused, and is replaced without a run as well', async () => {
    const h = new Harness({ open: openLone });
    await h.start({ hold: true });
    await h.ask({ type: 'step', runId: 'r' });
    await h.ask({ type: 'destroyDevice' });
    await h.until(() => h.of('state').some(({ state }) => state === 'recovering'));
    await h.until(() => h.of('state').at(-1)?.state === 'paused');
    await h.ask({ type: 'stop', runId: 'r' });
    await h.ask({ type: 'destroyDevice' });
    await h.until(() => h.of('fault').some(({ runId, recovering }) => runId === null && recovering));
    await h.until(() => h.of('recovered').length === 1);
    expect(await h.hello()).toMatchObject({ software: true });
  });

  it('ends the run in words where no other device can be had', async () => {
    let devices = 1;
    const h = new Harness({ open: () => (devices-- > 0 ? openLone() : Promise.reject(new Error('no adapter'))) });
    await h.start({ hold: true });
    await h.ask({ type: 'step', runId: 'r' });
    await h.until(() => h.of('saved').length === 1);
    await h.ask({ type: 'destroyDevice' });
    await h.until(() => h.of('state').at(-1)?.state === 'failed');
    expect(h.of('fault').at(-1)).toMatchObject({ runId: 'r', recovering: false });
    expect(h.of('fault').at(-1)?.error.message).toBe(
      'GPU device: it was lost 4 times within a minute: got no adapter. ' +
        'Close other programs that use the GPU or restart the browser, then continue from the last checkpoint.',
    );
    expect(decodeCheckpoint(await h.ask({ type: 'export', runId: 'r' }), 'kept').step).toBe(1);
  });
});
