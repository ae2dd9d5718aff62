import { describe, expect, it, vi } from 'vitest';
import { Lab } from '../../src/lab/index.ts';
import {
  expandSweep,
  GROUP_BYTES,
  parseSweep,
  planSweep,
  runFlopsPerStep,
  type RunSpec,
  type Sweep,
} from '../../src/spec/index.ts';
import { planTraining } from '../../src/train/index.ts';
import type { WorkerPort } from '../../src/worker/client.ts';
import { TrainingHost } from '../../src/worker/training-host.ts';
import { FakeBrowser } from '../support/fake-browser.ts';
import { testGpu } from '../support/run-graph.ts';
import { Harness, tinySpec, tinyText } from './harness.ts';
import { MemoryFiles } from './memory-files.ts';

const BASE = tinySpec({ budget: { steps: 12 }, eval: { everySteps: 6, batches: 1 } });

function tinySweep(values: readonly number[] = [0.01, 0.03]): Sweep {
  return parseSweep({
    base: BASE,
    axes: [
      { path: 'model.width', values: [8, 16] },
      { path: 'optimizer.lr', values },
    ],
  });
}

/** A worker that is no thread, with everything it keeps in memory. */
function hostPort(): WorkerPort {
  let hear: (event: unknown) => void = () => undefined;
  const host = new TrainingHost({
    post: (event, transfer) => {
      const data: unknown = structuredClone(event, { transfer });
      queueMicrotask(() => hear({ data }));
    },
    open: testGpu,
    files: new MemoryFiles(),
    now: () => performance.now(),
    wallClock: () => Date.now(),
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, Math.min(ms, 100))),
    userAgent: 'test',
    build: 'test',
    plan: { slots: 4 },
  });
  return {
    postMessage: (message, transfer) => void host.receive(structuredClone(message, { transfer })),
    addEventListener: (type, listener) => {
      if (type === 'message') hear = listener;
    },
    terminate: () => undefined,
  };
}

/** The losses of a run that trains alone. */
async function alone(spec: RunSpec): Promise<number[]> {
  const h = new Harness({ slots: 4 });
  await h.start({ specs: [spec] });
  await h.untilState('finished');
  return [...h.losses().values()];
}

describe('planSweep', { timeout: 120_000 }, () => {
  it('replies the peak of the very plan that each group trains with, in the groups of the planner', async () => {
    const runs = expandSweep(tinySweep());
    const h = new Harness();
    const specs = runs.map(({ spec }) => spec);
    const { groups } = await h.ask({ type: 'planSweep', runs: specs, paths: ['model.width', 'optimizer.lr'] });
    const { caps } = await testGpu();
    const peak = (lanes: readonly RunSpec[]): number => planTraining(lanes, 256, { caps, slots: 16 }).peakBytes;
    expect(groups.map((group) => group.runs.map((i) => runs[i]?.id))).toEqual(
      planSweep(runs, { fullLanes: 1 }).groups.map((group) => group.runs.map(({ id }) => id)),
    );
    for (const group of groups) {
      const lanes = group.runs.map((i) => specs[i] ?? BASE);
      expect(group).toMatchObject({ bytes: peak(lanes), refusal: null, ms: null, steps: 12 });
      expect(group.flopsPerStep).toBe(lanes.reduce((sum, spec) => sum + runFlopsPerStep(spec), 0));
      expect(group.bytes).toBeLessThan(GROUP_BYTES);
    }
  });

  it('prices groups that are made already, and says of one that does not fit why, beside the others', async () => {
    const h = new Harness();
    const huge = tinySpec({
      model: { layers: 1, width: 1024, heads: 8 },
      data: { source: 'file', context: 1024, batch: 64 },
    });
    const { groups } = await h.ask({ type: 'planSweep', runs: [BASE, huge, BASE], paths: [], groups: [[1], [0, 2]] });
    expect(groups.map(({ runs }) => runs)).toEqual([[1], [0, 2]]);
    expect(groups[0]?.refusal).toMatch(/MiB|bytes/);
    expect(groups[1]).toMatchObject({ refusal: null });
  });

  it('refuses places that are none', async () => {
    const h = new Harness();
    await expect(h.ask({ type: 'planSweep', runs: [BASE], paths: [], groups: [[1]] })).rejects.toThrow(
      'groups has an unknown form',
    );
  });
});

describe('a sweep on the page', { timeout: 240_000 }, () => {
  it('promise 2: trained as groups of lanes, every run has the losses that it has alone', async () => {
    const store = new FakeBrowser().tab();
    const lab = new Lab({ connect: hostPort, storage: null, store });
    await lab.open();
    await lab.addFile('letters.txt', tinyText());
    const desk = lab.sweeps;
    if (desk === null) throw new Error('there is no desk');
    const sweep = tinySweep();
    const id = await desk.keep(sweep);
    expect(desk.queueOf(id)?.groups.map(({ runs }) => runs.length)).toEqual([2, 2]);
    await desk.start(id);
    await vi.waitFor(() => expect(desk.sweeps?.[0]?.state).toBe('done'), { timeout: 120_000, interval: 200 });
    expect(lab.messages.alerts.map(({ error }) => error.message)).toEqual([]);
    expect(desk.queueOf(id)).toMatchObject({ runsDone: 4, etaMs: 0 });
    const runs = expandSweep(sweep);
    const curves = await store.curves(runs.map((run) => run.id));
    for (const run of runs) {
      const { train, validation } = curves.get(run.id) ?? { train: null, validation: null };
      expect([...(train?.lossNats ?? [])]).toEqual(await alone(run.spec));
      expect([...(validation?.steps ?? [])].at(-1)).toBe(12);
    }
    lab.recorder?.close();
  });
});
