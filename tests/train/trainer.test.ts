import { describe, expect, it, vi } from 'vitest';
import { tinySpec } from '../reference/specs.ts';
import { testGpu } from '../support/run-graph.ts';
import { testDataset, testTrainer, trace } from '../support/train.ts';

describe('a trainer', () => {
  it('cuts a step of many micro-batches into several submits once it knows how long they take, with the same bits', async () => {
    const gpu = await testGpu();
    const spec = tinySpec({ data: { gradAccum: 40 } });
    const slow = await testTrainer([spec]);
    const submit = vi.spyOn(gpu.device.queue, 'submit');
    // A machine on which everything takes a millisecond, however busy this one is.
    let nowMs = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => nowMs++);
    const counts: number[] = [];
    const losses: number[] = [];
    for (let i = 0; i < 3; i++) {
      const before = submit.mock.calls.length;
      losses.push(...((await trace(slow, 1))[0]?.losses ?? []));
      counts.push(submit.mock.calls.length - before);
    }
    clock.mockRestore();
    submit.mockRestore();
    slow.destroy();
    // One micro-batch a submit at first; more as they prove short.
    expect(counts[0]).toBe(40);
    expect(counts.at(-1)).toBeLessThan(40);
    const again = await testTrainer([spec]);
    expect((await trace(again, 3, 3))[0]?.losses).toEqual(losses);
    again.destroy();
  });

  it('evaluates many batches in submits that start small', async () => {
    const gpu = await testGpu();
    const trainer = await testTrainer([tinySpec({ eval: { everySteps: 1, batches: 40 } })]);
    await trainer.evaluate('validation');
    const submit = vi.spyOn(gpu.device.queue, 'submit');
    const fresh = await testTrainer([tinySpec({ eval: { everySteps: 1, batches: 40 } })]);
    const loss = await fresh.evaluate('validation');
    expect(submit.mock.calls.length).toBeGreaterThan(3);
    submit.mockRestore();
    expect(loss).toEqual(await trainer.evaluate('validation'));
    trainer.destroy();
    fresh.destroy();
  });

  it('evaluates on batches spread over the whole held-out part, not on its beginning', async () => {
    const spec = tinySpec({ eval: { everySteps: 1, batches: 2 } });
    const dataset = await testDataset(spec);
    const { context, batch } = spec.data;
    const { validation } = dataset;
    if (validation === null) throw new Error('no held-out part');
    const lossOn = async (from: number, to: number): Promise<number> => {
      const trainer = await testTrainer([spec], { dataset: { ...dataset, validation: validation.slice(from, to) } });
      const loss = (await trainer.evaluate('validation'))?.[0] ?? NaN;
      trainer.destroy();
      return loss;
    };
    // A part of one batch is evaluated whole.
    const one = batch * context;
    const middle = one * Math.floor(Math.floor((validation.length - 1) / one) / 2);
    const apart = [await lossOn(0, one + 1), await lossOn(middle, middle + one + 1)];
    expect(middle).toBeGreaterThan(one);
    expect(await lossOn(0, validation.length)).toBeCloseTo(
      apart.reduce((sum, loss) => sum + loss / 2, 0),
      6,
    );
  });

  it('samples whatever the context, and gives just what was asked for', async () => {
    for (const context of [6, 1100]) {
      const spec = tinySpec({ data: { context, batch: 1 }, model: { width: 8, heads: 1 } });
      const trainer = await testTrainer([spec], { dataset: { ...(await testDataset(tinySpec())), validation: null } });
      expect(await trainer.sample(new Uint8Array(), { tokens: 5, temperature: 1, draw: 0 })).toHaveLength(5);
      trainer.destroy();
    }
  });

  it('tries again to make a program that could not be made', async () => {
    const gpu = await testGpu();
    const trainer = await testTrainer([tinySpec()]);
    const layout = vi.spyOn(gpu.device, 'createBindGroup').mockImplementationOnce(() => {
      throw new Error('not now');
    });
    await expect(trainer.evaluate('validation')).rejects.toThrow('not now');
    layout.mockRestore();
    expect(await trainer.evaluate('validation')).not.toBeNull();
    trainer.destroy();
  });

  it('promise 9: allocates no more GPU memory than its plan told, evaluation, sampling and snapshot included', async () => {
    const gpu = await testGpu();
    const create = vi.spyOn(gpu.device, 'createBuffer');
    const trainer = await testTrainer([tinySpec({ data: { context: 32, batch: 8 }, model: { width: 32, layers: 2 } })]);
    await trace(trainer, 2);
    await trainer.evaluate('validation');
    await trainer.sample(new Uint8Array(), { tokens: 4, temperature: 1, draw: 0 });
    await trainer.snapshot('run', 2, 0);
    const allocated = create.mock.calls.reduce((sum, [{ size }]) => sum + size, 0);
    create.mockRestore();
    expect(allocated).toBeLessThanOrEqual(trainer.plan.peakBytes);
    expect(allocated).toBeGreaterThan(0.9 * trainer.plan.peakBytes);
    trainer.destroy();
  });
});
