import { describe, expect, it } from 'vitest';
import { Gpu } from '../../src/gpu/index.ts';
import type { RunSpec } from '../../src/spec/index.ts';
import { isEvent, isReply } from '../../src/worker/event-check.ts';
import type { Command } from '../../src/worker/protocol.ts';
import { requestLoneDevice } from '../support/gpu.ts';
import { FakeTrainer, type FakeTrainerOptions } from './fake-trainer.ts';
import { Harness, tinySpec, tinyText } from './harness.ts';

type Compare = Omit<Extract<Command, { type: 'compare' }>, 'id'>;

function compare(changes: Partial<Compare> = {}): Compare {
  const arms = [
    { name: 'a', spec: tinySpec() },
    { name: 'b', spec: tinySpec() },
  ];
  return { type: 'compare', runId: 'c', arms, seeds: 2, probeEvery: 0, whatIf: [], ...changes };
}

/** A host whose comparisons train nothing, and the trainers it made. */
async function faked(
  options: (specs: readonly RunSpec[], index: number) => Omit<FakeTrainerOptions, 'specs'> = () => ({}),
  clock: { readonly now?: () => number } = {},
): Promise<{ h: Harness; trainers: FakeTrainer[] }> {
  const trainers: FakeTrainer[] = [];
  const h = new Harness({
    ...clock,
    createTrainer: ({ specs }) => {
      const trainer = new FakeTrainer({ specs, ...options(specs, trainers.length) });
      trainers.push(trainer);
      return Promise.resolve(trainer);
    },
  });
  await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
  return { h, trainers };
}

const states = (h: Harness): string[] => h.of('comparisonState').map(({ state }) => state);
const over = (h: Harness): Promise<void> => h.until(() => ['finished', 'stopped', 'failed'].includes(states(h).at(-1) ?? ''));

describe('a comparison', { timeout: 120_000 }, () => {
  it('promise 2: trains its arms to the same bits as runs alone, each seed a lane', async () => {
    const h = new Harness();
    await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    const short = { budget: { steps: 12 } };
    const arms = [
      { name: 'a', spec: tinySpec(short) },
      { name: 'faster', spec: tinySpec({ ...short, optimizer: { lr: 0.02 } }) },
    ];
    const report = await h.ask(compare({ arms, seeds: 2 }));
    expect(isReply('compare', report)).toBe(true);
    expect(report).toMatchObject({ totalSteps: 12, tokensPerStep: 64, lanes: 2, data: { name: 'letters.txt' } });
    expect(report.arms.map(({ name, probes }) => [name, probes])).toEqual(
      arms.map(({ name }) => [name, expect.any(Boolean)] as const),
    );
    for (const arm of report.arms) expect(arm.peakBytes).toBeGreaterThan(10_000);
    await over(h);
    expect(states(h)).toEqual(['preparing', 'running', 'finished']);
    const lossesOf = (arm: number, lane: number): number[] =>
      h
        .of('armMetrics')
        .filter((event) => event.arm === arm)
        .flatMap(({ lossNats, lanes }) => [...lossNats].filter((_, i) => i % lanes === lane));
    const held = h.of('armEval').map(({ arm, split, lossNats }) => [arm, split, lossNats.length]);
    expect(held).toContainEqual([0, 'validation', 2]);
    expect(held).toContainEqual([1, 'validation', 2]);
    expect(h.of('armState').at(-1)).toMatchObject({ state: 'done', step: 12, diverged: [] });
    for (const event of h.events) expect(isEvent(event)).toBe(true);

    await h.ask({
      type: 'start',
      runId: 'r',
      specs: [tinySpec({ ...short, optimizer: { lr: 0.02 }, seed: { init: 2, data: 2 } })],
    });
    await h.untilState('finished');
    expect([...h.losses().values()]).toEqual(lossesOf(1, 1));
    expect(lossesOf(0, 1)).toHaveLength(12);
    expect(lossesOf(0, 1)[0]).toBe(lossesOf(1, 1)[0]);
    expect(lossesOf(0, 1)[11]).not.toBe(lossesOf(1, 1)[11]);
  });

  it('advances the arms in turn, so that their curves grow together, and times both under the same load', async () => {
    let nowMs = 0;
    const spend = (ms: number): void => void (nowMs += ms);
    const { h, trainers } = await faked((_, index) => ({ stepMs: index === 0 ? 1 : 4, spend }), { now: () => nowMs });
    await h.ask(compare({ arms: compare().arms.map((arm) => ({ ...arm, spec: tinySpec({ budget: { steps: 600 } }) })) }));
    let lead = 0;
    await h.until(() => {
      const [a = 0, b = 0] = trainers.map(({ step }) => step);
      lead = Math.max(lead, Math.abs(a - b));
      return states(h).at(-1) === 'finished';
    });
    // A turn is a tenth of a second: a hundred of the quicker arm's steps, and a few on their way.
    expect(lead).toBeGreaterThan(20);
    expect(lead).toBeLessThan(120);
    const [quick, slow] = [0, 1].map((arm) => h.of('armCost').findLast((event) => event.arm === arm));
    expect(quick?.msPerStep).toBeCloseTo(1, 6);
    expect(slow?.msPerStep).toBeCloseTo(4, 6);
    for (const cost of [quick, slow]) expect(cost?.highMs).toBeGreaterThanOrEqual(cost?.lowMs ?? Infinity);
  });

  it('looks into the tensors before the first step, every so many steps at exactly those, and after the last', async () => {
    const { h, trainers } = await faked(() => ({ probing: true }));
    const report = await h.ask(compare({ probeEvery: 15, whatIf: ['e5m2'] }));
    expect(report.arms[0]).toMatchObject({ probes: true, peakBytes: 2000, keptBytes: 300 });
    await over(h);
    for (const [arm, { diary }] of trainers.entries()) {
      expect(diary.filter((line) => line.startsWith('probe'))).toEqual(['probe 0', 'probe 15', 'probe 30', 'probe 40']);
      expect(diary.slice(-4)).toEqual(['probe 40', 'evaluate validation', 'evaluate ood', 'destroy']);
      const probes = h.of('armProbe').filter((event) => event.arm === arm);
      expect(probes.map((event) => event.probes.map(({ lane, step }) => [lane, step]))[1]).toEqual([
        [0, 15],
        [1, 15],
      ]);
      expect(probes[0]?.probes[0]?.tensors[0]?.whatIf[0]?.format).toBe('e5m2');
    }
    for (const event of h.events) expect(isEvent(event)).toBe(true);
  });

  it('marks a lane that diverges and goes on; an arm without any other lane ends, and the other arms do not', async () => {
    const { h, trainers } = await faked((_, index) => ({
      loss: (lane, step) => (index === 0 && ((lane === 1 && step >= 5) || step >= 9) ? NaN : 2),
    }));
    await h.ask(compare());
    await over(h);
    expect(states(h).at(-1)).toBe('finished');
    const [first, second] = [0, 1].map((arm) => h.of('armState').findLast((event) => event.arm === arm));
    const diverged = [
      { lane: 1, step: 5, origin: null },
      { lane: 0, step: 9, origin: null },
    ];
    expect(first).toMatchObject({ state: 'diverged', diverged });
    expect(second).toMatchObject({ state: 'done', step: 40, diverged: [] });
    expect(trainers.map(({ diary }) => diary.includes('evaluate validation'))).toEqual([false, true]);
    expect(trainers.every(({ diary }) => diary.filter((line) => line === 'destroy').length === 1)).toBe(true);
    expect(h.of('comparisonState').at(-1)?.step).toBe(40);
  });

  it('promise 6: names the tensor in which a lane of an arm diverged, and the step', async () => {
    const h = new Harness();
    await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    // The residual stream grows beyond fp16; unfused, as the repetition is.
    const wild = tinySpec({
      budget: { steps: 12 },
      optimizer: { lr: 10, clip: null },
      precision: { overrides: { residual: 'fp16' } },
      fusion: 'none',
    });
    const arms = [
      { name: 'a', spec: tinySpec({ budget: { steps: 12 } }) },
      { name: 'wild', spec: wild },
    ];
    await h.ask(compare({ arms, seeds: 2 }));
    await over(h);
    const [calm, lost] = [0, 1].map((arm) => h.of('armState').findLast((event) => event.arm === arm));
    expect(calm).toMatchObject({ state: 'done', diverged: [] });
    expect(lost?.state).toBe('diverged');
    expect(lost?.diverged.map(({ lane }) => lane).toSorted()).toEqual([0, 1]);
    for (const { step, origin } of lost?.diverged ?? [])
      expect(origin).toMatch(
        new RegExp(`^\\S+ \\S+ is the first tensor of step ${step} that is not finite\\.$|step ${step} .* norm of`),
      );
    for (const event of h.events) expect(isEvent(event)).toBe(true);
  });

  it('pauses and stops at once, and answers what is illegal', async () => {
    const { h, trainers } = await faked(() => ({ stepMs: 2 }));
    const long = { name: 'a', spec: tinySpec({ budget: { steps: 5000 } }) };
    await h.ask(compare({ arms: [long, { ...long, name: 'b' }] }));
    await h.until(() => h.of('armMetrics').length > 3);
    await h.ask({ type: 'comparePause', runId: 'c' });
    const paused = trainers.map(({ step }) => step);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(trainers.map(({ step }) => step)).toEqual(paused);
    await expect(h.ask({ type: 'comparePause', runId: 'c' })).rejects.toThrow(
      'comparison c: "comparePause" is not possible while it is paused: expected compareResume, compareStop.',
    );
    await expect(h.ask({ type: 'comparePause', runId: 'd' })).rejects.toThrow('comparison d: the worker has no such comparison.');
    await h.ask({ type: 'compareResume', runId: 'c' });
    await h.until(() => trainers.some(({ step }, i) => step > (paused[i] ?? 0)));
    await h.ask({ type: 'compareStop', runId: 'c' });
    expect(states(h)).toEqual(['preparing', 'running', 'paused', 'running', 'stopped']);
    expect(trainers.every(({ diary }) => diary.at(-1) === 'destroy')).toBe(true);
    expect(trainers.every(({ diary }) => !diary.includes('evaluate validation'))).toBe(true);
    await expect(h.ask({ type: 'compareResume', runId: 'c' })).rejects.toThrow(
      'is not possible while it is stopped. Start a new one.',
    );
  });

  it('is refused while a run goes on, and a run while it does', async () => {
    const { h } = await faked(() => ({ stepMs: 2 }));
    await h.start({ hold: true });
    await expect(h.ask(compare())).rejects.toThrow(
      'comparison c: it is not possible while run r is paused, as the GPU does one thing at a time. Stop that run first.',
    );
    await h.ask({ type: 'stop', runId: 'r' });
    await h.ask(compare());
    const refusal =
      /^ProtocolError: .+: a comparison is running, and the GPU does one thing at a time\. Stop the comparison first\.$/;
    await expect(h.ask({ type: 'start', runId: 'q', specs: [tinySpec()] })).rejects.toThrow(refusal);
    await expect(h.ask({ type: 'measurePeak' })).rejects.toThrow(refusal);
    await expect(h.ask(compare({ runId: 'd' }))).rejects.toThrow(refusal);
    await h.ask({ type: 'compareStop', runId: 'c' });
  });

  it('promise 6: a failure names arm and step, and a lost device ends it with all that was measured said', async () => {
    const broken = await faked((_, index) => ({
      loss: (_lane, step) => {
        if (index === 1 && step > 8) throw new Error('out of luck');
        return 2;
      },
    }));
    await broken.h.ask(compare());
    await over(broken.h);
    expect(states(broken.h).at(-1)).toBe('failed');
    expect(broken.h.of('fault')[0]).toMatchObject({
      runId: 'c',
      recovering: false,
      error: { where: expect.stringMatching(/^arm b, step \d+$/) as string },
    });
    expect(broken.h.of('fault')[0]?.error.message).toMatch(/^arm b, step \d+: out of luck\.$/);
    expect(broken.trainers.every(({ diary }) => diary.at(-1) === 'destroy')).toBe(true);

    const opened: Gpu[] = [];
    const h = new Harness({
      open: async () => {
        const gpu = Gpu.adopt(await requestLoneDevice());
        opened.push(gpu);
        return gpu;
      },
      createTrainer: ({ specs }) => Promise.resolve(new FakeTrainer({ specs, stepMs: 2 })),
    });
    await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    await h.ask(compare({ arms: compare().arms.map((arm) => ({ ...arm, spec: tinySpec({ budget: { steps: 5000 } }) })) }));
    await h.until(() => h.of('armMetrics').length > 3);
    opened[0]?.simulateLoss();
    await over(h);
    expect(states(h).at(-1)).toBe('failed');
    expect(h.of('fault')).toHaveLength(1);
    expect(h.of('fault')[0]).toMatchObject({ runId: 'c', recovering: false, error: { name: 'DeviceError' } });
    await h.until(() => opened.length === 2);
  });

  it('refuses arms that are no pairs, and formats that are none, before anything is built', async () => {
    const { h, trainers } = await faked();
    const [a] = compare().arms;
    if (a === undefined) throw new Error('no arm');
    const refused = (changes: Partial<Compare>): Promise<unknown> => h.ask(compare(changes));
    await expect(refused({ arms: [a] })).rejects.toThrow('SpecError: comparison: number of arms: got 1, expected 2..8.');
    await expect(refused({ arms: [a, a] })).rejects.toThrow('arm a: two arms have this name. Name them apart.');
    await expect(
      refused({ arms: [a, { name: 'b', spec: tinySpec({ data: { source: 'file', context: 16, batch: 8 } }) }] }),
    ).rejects.toThrow('arm b: data.batch is not that of arm a, so their runs would not be pairs.');
    await expect(refused({ arms: [a, { name: 'b', spec: tinySpec({ budget: { tokens: 2560 } }) }] })).rejects.toThrow(
      'arm b: budget.steps is not that of arm a',
    );
    await expect(refused({ whatIf: ['e4m3', 'e9m9'] })).rejects.toThrow('comparison whatIf: is no format: got "e9m9"');
    await expect(refused({ seeds: 0 })).rejects.toThrow(
      'command compare: seeds has an unknown form: got 0, expected a whole number, 1..16.',
    );
    expect(trainers).toEqual([]);
    // What was refused is not in the way of what is not.
    await h.ask(compare());
    await over(h);
  });

  it('can be stopped while its arms are built', async () => {
    const trainers: FakeTrainer[] = [];
    const h = new Harness({
      createTrainer: async ({ specs }) => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        const trainer = new FakeTrainer({ specs });
        trainers.push(trainer);
        return trainer;
      },
    });
    await h.ask({ type: 'addFile', name: 'letters.txt', bytes: tinyText() });
    const asked = h.ask(compare()).catch((error: unknown) => String(error));
    await h.until(() => states(h).length > 0);
    await h.ask({ type: 'compareStop', runId: 'c' });
    expect(await asked).toContain('comparison c: it was stopped before its first step.');
    expect(states(h).at(-1)).toBe('stopped');
    expect(trainers.every(({ diary }) => diary.at(-1) === 'destroy')).toBe(true);
  });
});
