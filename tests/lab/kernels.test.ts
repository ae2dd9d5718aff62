import { describe, expect, it, vi } from 'vitest';
import {
  ablationCsv,
  ablationMarkdown,
  kernelsCsv,
  kernelsFromJson,
  kernelsJson,
  kernelsMarkdown,
  Lab,
  lanesCsv,
  lanesMarkdown,
  timelineCsv,
  timelineMarkdown,
  type KernelsResults,
  type MeasureKind,
} from '../../src/lab/index.ts';
import { parseSpec, specToHash } from '../../src/spec/index.ts';
import { fakeAblation, fakeKernels, fakeLanes } from '../support/fake-measuring.ts';
import { FakeWorker } from '../support/fake-worker.ts';

const BASE = parseSpec({ name: 'nan', budget: { steps: 120 } });

async function opened(): Promise<{ lab: Lab; worker: FakeWorker }> {
  const worker = new FakeWorker();
  const lab = new Lab({ connect: () => worker, storage: null });
  await lab.open();
  lab.setSpec(BASE);
  lab.kernels.change({ lanes: [1, 2, 4, 8] });
  return { lab, worker };
}

/** Has everything of a kind measured. */
async function measured(lab: Lab, worker: FakeWorker, what: MeasureKind): Promise<void> {
  await lab.kernels.start(what);
  while (worker.host.measuring?.over === false) worker.host.measuring.next();
  await vi.waitFor(() => expect(lab.kernels.busy).toBe(false));
}

async function results(): Promise<{ lab: Lab; all: KernelsResults; worker: FakeWorker }> {
  const { lab, worker } = await opened();
  for (const what of ['kernels', 'ablation', 'lanes'] as const) await measured(lab, worker, what);
  return { lab, worker, all: lab.kernels.results };
}

function one<T>(value: T | null): T {
  if (value === null) throw new Error('no result');
  return value;
}

const lines = (text: string): string[] => text.trimEnd().split('\n');

describe('measurements on the page', () => {
  it('show how far they are and the rows as they come, and then the result with what measured it', async () => {
    const { lab, worker } = await opened();
    const { kernels } = lab;
    const [state, rows] = [vi.fn<() => void>(), vi.fn<() => void>()];
    kernels.on('state', state);
    kernels.on('results', rows);
    await kernels.start('ablation');
    expect(lab.busy).toBe(true);
    expect(kernels.measuring).toMatchObject({
      what: 'ablation',
      stopping: false,
      environment: { report: { tokensPerStep: 1024 } },
    });
    expect(kernels.ablationRows).toEqual([]);
    worker.host.measuring?.next();
    await vi.waitFor(() => expect(kernels.ablationRows).toEqual(fakeAblation().rows.slice(0, 1)));
    expect(kernels.measuring).toMatchObject({ done: 0, total: 4, part: 'all ' });
    expect(kernels.results.ablation).toBeNull();
    expect(kernels.environment('ablation')?.device.software).toBe(true);
    while (worker.host.measuring?.over === false) worker.host.measuring.next();
    await vi.waitFor(() => expect(kernels.busy).toBe(false));
    expect(lab.busy).toBe(false);
    expect(one(kernels.results.ablation)).toMatchObject({ value: fakeAblation(), stopped: false, failure: null });
    expect(one(kernels.results.ablation).environment).toMatchObject({
      device: lab.device,
      spec: BASE,
      specHash: specToHash(BASE),
      options: { rounds: 7 },
      report: { data: { vocab: 256 } },
    });
    expect(state).toHaveBeenCalled();
    expect(rows.mock.calls.length).toBeGreaterThanOrEqual(5);
  });

  it('keep what was measured of a kind until there is something newer, also where it was stopped', async () => {
    const { lab, worker } = await opened();
    const { kernels } = lab;
    await measured(lab, worker, 'lanes');
    expect(one(kernels.results.lanes).value).toEqual(fakeLanes());
    await kernels.start('lanes');
    await kernels.stop();
    // Nothing new was measured.
    expect(kernels.busy).toBe(false);
    expect(one(kernels.results.lanes)).toMatchObject({ value: fakeLanes(), stopped: false });
    await kernels.start('lanes');
    worker.host.measuring?.next();
    await vi.waitFor(() => expect(kernels.lanesRows).toHaveLength(1));
    await kernels.stop();
    expect(one(kernels.results.lanes)).toMatchObject({ stopped: true, value: { rows: fakeLanes([1]).rows } });
    expect(lanesMarkdown(one(kernels.results.lanes))).toContain('Stopped before its end');
    expect(lab.messages.alerts).toEqual([]);
  });

  it('are one at a time, and over with the worker', async () => {
    const { lab, worker } = await opened();
    await lab.kernels.start('ablation');
    await lab.kernels.start('lanes');
    expect(worker.host.received.filter(({ type }) => type === 'measure')).toHaveLength(1);
    worker.emit('error', { message: 'boom' });
    await vi.waitFor(() => expect(lab.kernels.busy).toBe(false));
    expect(lab.messages.alerts).toHaveLength(1);
  });

  it('promise 6: a failure is an alert, and the rows before it stay', async () => {
    const { lab, worker } = await opened();
    await lab.kernels.start('lanes');
    const runId = lab.kernels.measuring?.runId ?? '';
    const error = { name: 'DeviceError', where: 'GPU device', message: 'GPU device: it was lost.' };
    const result = { what: 'lanes', report: fakeLanes([1]) } as const;
    worker.emit('message', { data: { type: 'measureEnd', runId, result, stopped: false, error } });
    await vi.waitFor(() => expect(lab.kernels.busy).toBe(false));
    expect(lab.messages.alerts.map((alert) => alert.error)).toEqual([error]);
    expect(one(lab.kernels.results.lanes)).toMatchObject({ failure: error, stopped: false });
    expect(lanesMarkdown(one(lab.kernels.results.lanes))).toContain('Ended early: GPU device: it was lost.');
  });
});

describe('files of measurements', () => {
  it('promise 9: tables carry adapter, spread and all that measured, and call a software adapter that', async () => {
    const { all } = await results();
    for (const text of [
      kernelsMarkdown(one(all.kernels)),
      timelineMarkdown(one(all.kernels)),
      ablationMarkdown(one(all.ablation)),
      lanesMarkdown(one(all.lanes)),
    ]) {
      expect(text).toContain('Adapter: SwiftShader Device (Subzero) (**software adapter**');
      expect(text).toContain(`\`#${specToHash(BASE)}\``);
      const tables = lines(text).filter((line) => line.startsWith('|'));
      const widths = new Set(tables.map((line) => line.split('|').length));
      expect(tables.length).toBeGreaterThan(2);
      expect(widths.size).toBe(1);
    }
    for (const text of [
      kernelsCsv(one(all.kernels)),
      timelineCsv(one(all.kernels)),
      ablationCsv(one(all.ablation)),
      lanesCsv(one(all.lanes)),
    ]) {
      const [head = '', ...rows] = lines(text);
      expect(head.split(',').slice(-10).join()).toBe(
        'adapter,software,vendor,architecture,browser,build,measuredAt,data,vocab,spec',
      );
      expect(rows.length).toBeGreaterThan(3);
      for (const row of rows)
        expect(row).toContain(',SwiftShader Device (Subzero),software adapter,google,swiftshader,test,test,');
    }
    expect(kernelsMarkdown(one(all.kernels))).toContain(
      '| matmul/tiled, 8x8 | 2 | 0.5 | 0.04 | 1 | 60.0 % | 100 | 4 | 25 | 50.0 % of arithmetic |',
    );
    expect(kernelsMarkdown(one(all.kernels))).toContain('copy 20 GB/s (19 to 21), f32 multiply-add 200 GFLOP/s (190 to 205)');
    expect(ablationMarkdown(one(all.ablation))).toContain(
      '| only matmul-bias | no rule | 6.03 | 6 | 1.005 (0.985 to 1.025) | no measurable difference',
    );
    expect(lanesMarkdown(one(all.lanes))).toContain('Full at 4 lanes');
    expect(lines(timelineCsv(one(all.kernels)))).toHaveLength(1 + 4 + 5);
  });

  it('bring everything back as it was, NaN with it', async () => {
    const { lab, all } = await results();
    const ablation = one(all.ablation);
    const [first, ...others] = ablation.value.rows;
    if (first === undefined) throw new Error('no row');
    const rows = [{ ...first, ratio: null, lossDifference: NaN }, ...others];
    const odd: KernelsResults = { ...all, ablation: { ...ablation, value: { ...ablation.value, rows } } };
    const text = kernelsJson(odd, 1_700_000_000_000);
    expect(JSON.parse(text)).toMatchObject({ format: 'isoflop-kernels', version: 1, savedAt: '2023-11-14T22:13:20.000Z' });
    expect(kernelsFromJson(text, 'kept.json')).toEqual(odd);
    expect(one(kernelsFromJson(text, 'kept.json').kernels).environment.spec.name).toBe('nan');
    lab.kernels.open(text, 'kept.json');
    expect(lab.kernels.opened).toEqual({ fileName: 'kept.json', results: odd });
    // One's own stay.
    expect(lab.kernels.results).toBe(all);
    lab.kernels.close();
    expect(lab.kernels.opened).toBeNull();
    expect(one(all.kernels).value).toEqual(fakeKernels());
    const lanesOnly = kernelsFromJson(kernelsJson({ ...all, kernels: null, ablation: null }, 0), 'lanes.json');
    expect(lanesOnly).toEqual({ kernels: null, ablation: null, lanes: all.lanes });
  });

  it('are refused in one message where they are anything else', async () => {
    const { lab, all } = await results();
    const refusal = (change: (content: Record<string, unknown>) => unknown): string => {
      const content: Record<string, unknown> = JSON.parse(kernelsJson(all, 0)) as Record<string, unknown>;
      try {
        kernelsFromJson(JSON.stringify(change(content)), 'odd.json');
      } catch (error) {
        return String(error);
      }
      return 'taken';
    };
    const cure = '. Choose a file that this page exported as JSON.';
    const changed = (path: string, value: unknown) => (content: Record<string, unknown>) => {
      let at: object = content;
      const keys = path.split('.');
      for (const key of keys.slice(0, -1)) at = Reflect.get(at, key) as object;
      Reflect.set(at, keys.at(-1) ?? '', value);
      return content;
    };
    expect(refusal((content) => content)).toBe('taken');
    expect(refusal(() => 7)).toBe(`SpecError: odd.json: it holds no measurement of kernels${cure}`);
    expect(refusal(changed('version', 2))).toBe(`SpecError: odd.json: it is of a version that this build does not read${cure}`);
    expect(refusal(changed('results', {}))).toBe(`SpecError: odd.json: there is no result in it${cure}`);
    expect(refusal(changed('results.lanes.value.rows.0.ms', 'slow'))).toBe(
      `SpecError: odd.json: its result of lanes is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.value.timeline.0.row', 3))).toBe(
      `SpecError: odd.json: its timeline is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.environment.device', null))).toBe(
      `SpecError: odd.json: its device is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.environment.measuredAt', 'once'))).toBe(
      `SpecError: odd.json: its date is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.environment.options', {}))).toBe(
      `SpecError: odd.json: its choice of options is mangled${cure}`,
    );
    expect(refusal(changed('results.ablation.failure', 'bad luck'))).toBe(`SpecError: odd.json: its failure is mangled${cure}`);
    expect(refusal(changed('results.ablation.environment.spec.model.heads', 0))).toContain('odd.json: spec model.heads');
    lab.kernels.open('{', 'broken.json');
    expect(lab.messages.alerts.map(({ error }) => error.message)).toEqual([`broken.json: it is not JSON${cure}`]);
    expect(lab.kernels.opened).toBeNull();
  });
});
