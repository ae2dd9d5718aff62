import { describe, expect, it } from 'vitest';
import { signatureOf } from '../../src/engine/signature.ts';
import { decodeCheckpoint, encodeCheckpoint, lanesOf } from '../../src/train/checkpoint.ts';
import type { RunSpec } from '../../src/spec/run-spec.ts';
import type { Trainer } from '../../src/train/trainer.ts';
import { tinySpec } from '../reference/specs.ts';
import { testDataset, testTrainer, trace } from '../support/train.ts';
import type { LaneTrace } from '../support/train.ts';

const STEPS = 24;
const spec = tinySpec({ data: { gradAccum: 2, order: 'shuffled' }, budget: { steps: STEPS }, loss: { zLoss: 1e-3 } });

async function bytesOf(trainer: Trainer): Promise<Uint8Array> {
  return new Uint8Array(encodeCheckpoint(await trainer.snapshot('run', STEPS, 0)));
}

async function train(specs: readonly RunSpec[], k: number): Promise<{ traces: readonly LaneTrace[]; bytes: Uint8Array }> {
  const trainer = await testTrainer(specs);
  try {
    return { traces: await trace(trainer, STEPS, k), bytes: await bytesOf(trainer) };
  } finally {
    trainer.destroy();
  }
}

describe('a run', () => {
  it('promise 1: gives the same bits again, for one step a submit and for sixteen', async () => {
    const once = await train([spec], 1);
    const again = await train([spec], 1);
    const many = await train([spec], 16);
    expect(again.traces).toEqual(once.traces);
    expect(many.traces).toEqual(once.traces);
    expect(again.bytes).toEqual(once.bytes);
    expect(many.bytes).toEqual(once.bytes);
  });

  it('promise 1: gives the same bits with evaluations and samples in between', async () => {
    const plain = await train([spec], 3);
    const trainer = await testTrainer([spec]);
    const losses: number[] = [];
    try {
      for (let done = 0; done < STEPS; done += 3) {
        losses.push(...((await trace(trainer, 3, 3))[0]?.losses ?? []));
        await trainer.evaluate('validation');
        await trainer.sample(new Uint8Array([0x61, 0x62]), { tokens: 5, temperature: 1, draw: done });
      }
      expect(losses).toEqual(plain.traces[0]?.losses);
      expect(await bytesOf(trainer)).toEqual(plain.bytes);
    } finally {
      trainer.destroy();
    }
  });

  it('promise 1: goes on with the variants of kernels that it began with, whatever has been measured since', async () => {
    const fresh = await testTrainer([spec]);
    const matmuls = fresh.plan.steps.filter(({ node }) => node.op === 'matmul').map(({ node }) => node);
    fresh.destroy();
    const choices = new Map(matmuls.map((node) => [signatureOf(node), 'plain']));
    const tuned = await testTrainer([spec], { plan: { choices } });
    await trace(tuned, 6, 3);
    const file = encodeCheckpoint(await tuned.snapshot('run', STEPS, 0));
    const rest = await trace(tuned, 6, 3);
    const variants = ({ plan }: Trainer): string[] => plan.steps.map(({ node, variant }) => `${node.name} ${variant}`);
    const begun = variants(tuned);
    tuned.destroy();
    const resumed = await testTrainer([spec], { checkpoint: decodeCheckpoint(file, 'file') });
    const other = await testTrainer([spec], { checkpoint: { ...decodeCheckpoint(file, 'file'), choices: [] } });
    try {
      expect(variants(resumed)).toEqual(begun);
      expect(variants(other)).not.toEqual(begun);
      expect(await trace(resumed, 6, 3)).toEqual(rest);
    } finally {
      resumed.destroy();
      other.destroy();
    }
  });

  it('promise 1: goes on to the same bits from a checkpoint, on a trainer of its own', async () => {
    const whole = await train([spec], 4);
    const first = await testTrainer([spec]);
    const head = await trace(first, 10, 5);
    const file = encodeCheckpoint(await first.snapshot('run', STEPS, 0));
    first.destroy();
    const second = await testTrainer([spec], { checkpoint: decodeCheckpoint(file, 'file') });
    try {
      const tail = await trace(second, STEPS - 10, 7);
      expect([...(head[0]?.losses ?? []), ...(tail[0]?.losses ?? [])]).toEqual(whole.traces[0]?.losses);
      expect(await bytesOf(second)).toEqual(whole.bytes);
    } finally {
      second.destroy();
    }
  });

  it('promise 2: gives the same bits alone and as a lane among four with other seeds and learning rates', async () => {
    const specs = [1, 2, 3, 4].map((i) => ({
      ...spec,
      seed: { init: i, data: 10 + i },
      optimizer: { ...spec.optimizer, lr: 0.004 * i, clip: i === 2 ? null : 0.5, weightDecay: 0.1 * i },
      loss: { zLoss: i === 3 ? 0 : 1e-3 },
    }));
    const together = await train(specs, 4);
    expect(new Set(together.traces.map((lane) => lane.losses.join())).size).toBe(4);
    for (const [lane, own] of specs.entries()) {
      const alone = await train([own], 5);
      expect(alone.traces[0]).toEqual(together.traces[lane]);
    }
  });

  it('promise 2: a lane that diverges leaves the others their bits', async () => {
    const wild = { ...spec, optimizer: { ...spec.optimizer, lr: 1e30 } };
    const together = await train([spec, wild], 4);
    const alone = await train([spec], 4);
    expect(together.traces[1]?.losses.at(-1)).toBeNaN();
    expect(together.traces[0]).toEqual(alone.traces[0]);
  });

  it('promise 2: some lanes of a checkpoint go on without the others, each to its own bits', async () => {
    const specs = [0.01, 0.003, 0.001].map((lr) => ({ ...spec, optimizer: { ...spec.optimizer, lr } }));
    const all = await train(specs, 4);
    const trainer = await testTrainer(specs);
    await trace(trainer, 10, 5);
    const checkpoint = await trainer.snapshot('run', STEPS, 0);
    trainer.destroy();
    const [first, , third] = specs;
    if (first === undefined || third === undefined) throw new Error('three lanes');
    const some = [{ ...third, name: 'named since' }, first];
    const resumed = await testTrainer(some, { checkpoint: lanesOf(checkpoint, some) });
    try {
      const traces = await trace(resumed, STEPS - 10, 5);
      for (const [i, lane] of [2, 0].entries()) expect(traces[i]?.losses).toEqual(all.traces[lane]?.losses.slice(10));
    } finally {
      resumed.destroy();
    }
    expect(lanesOf(checkpoint, [first, tinySpec()])).toBe(checkpoint);
  });

  it('samples from the model as it is: temperature 0 twice gives the same text', async () => {
    const trainer = await testTrainer([spec]);
    try {
      await trace(trainer, 8, 8);
      const options = { tokens: 12, temperature: 0, draw: 1 };
      const [a, b] = [
        await trainer.sample(new Uint8Array([0x63]), options),
        await trainer.sample(new Uint8Array([0x63]), options),
      ];
      expect(a).toHaveLength(12);
      expect(b).toEqual(a);
    } finally {
      trainer.destroy();
    }
  });

  it('refuses a checkpoint of another spec, of other data, or of another number of lanes', async () => {
    const dataset = await testDataset(spec);
    const trainer = await testTrainer([spec], { dataset });
    const checkpoint = await trainer.snapshot('run', STEPS, 0);
    trainer.destroy();
    const hotter = { ...spec, optimizer: { ...spec.optimizer, lr: 1 } };
    await expect(testTrainer([hotter], { dataset, checkpoint })).rejects.toThrow(
      'checkpoint: it is of another spec: optimizer.lr differs',
    );
    await expect(testTrainer([spec], { dataset: { ...dataset, contentHash: 'f00' }, checkpoint })).rejects.toThrow(
      'it was trained on other data',
    );
    await expect(testTrainer([spec, spec], { dataset, checkpoint })).rejects.toThrow('it has another number of lanes');
  });
});
