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
  tuningCsv,
  tuningMarkdown,
  type KernelsResults,
  type MeasureKind,
} from '../../src/lab/index.ts';
import { KernelsDesk } from '../../src/lab/kernels-desk.ts';
import { rememberedTuning } from '../../src/lab/kernels-results.ts';
import { parseSpec, specToHash } from '../../src/spec/index.ts';
import { fakeAblation, fakeKernels, fakeLanes, fakeTuning } from '../support/fake-measuring.ts';
import { FakeWorker, type FakeOptions } from '../support/fake-worker.ts';

const BASE = parseSpec({ name: 'nan', budget: { steps: 120 } });

async function opened(options: FakeOptions = {}): Promise<{ lab: Lab; worker: FakeWorker }> {
  const worker = new FakeWorker(options);
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
  for (const what of ['kernels', 'ablation', 'lanes', 'tuning'] as const) await measured(lab, worker, what);
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

describe('everything', () => {
  const asked = (worker: FakeWorker): unknown[] =>
    worker.host.received.flatMap((command) => (command.type === 'measure' ? [command.what] : []));

  it('is measured one after another, of one spec, and nothing else meanwhile', async () => {
    const { lab, worker } = await opened();
    await lab.kernels.startAll();
    await lab.kernels.startAll();
    lab.setSpec(parseSpec({ name: 'other' }));
    while (lab.kernels.busy) {
      worker.host.measuring?.next();
      expect(lab.busy).toBe(lab.kernels.busy);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    expect(asked(worker)).toEqual(['kernels', 'ablation', 'lanes']);
    const { kernels, ablation, lanes, tuning } = lab.kernels.results;
    for (const result of [kernels, ablation, lanes])
      expect(one<{ environment: object }>(result).environment).toMatchObject({ spec: BASE });
    expect(tuning).toBeNull();
    expect(lab.messages.alerts).toEqual([]);
  });

  it('stops at one click, with what it has', async () => {
    const { lab, worker } = await opened();
    await lab.kernels.startAll();
    worker.host.measuring?.next();
    await vi.waitFor(() => expect(lab.kernels.measuring).toMatchObject({ what: 'ablation', environment: { report: {} } }), 5000);
    worker.host.measuring?.next();
    await vi.waitFor(() => expect(lab.kernels.ablationRows).toHaveLength(1), 5000);
    const stopped = lab.kernels.stop();
    // Until it is over, it is everything that stops.
    expect(lab.kernels).toMatchObject({ queue: { kinds: [] }, measuring: { stopping: true } });
    await stopped;
    expect([lab.kernels.busy, lab.kernels.queue]).toEqual([false, null]);
    expect(one(lab.kernels.results.ablation).stopped).toBe(true);
    expect(asked(worker)).toEqual(['kernels', 'ablation']);
  });

  it('goes on where the worker refuses to stop it, and waits for nothing where there is nothing that measures', async () => {
    const { lab } = await opened();
    let device = lab.device;
    const desk = new KernelsDesk({
      base: () => BASE,
      device: () => device,
      request: ({ type }) => (type === 'measureStop' ? Promise.reject(new Error('no')) : new Promise(() => undefined)),
      report: () => undefined,
      newRunId: () => 'm',
      now: () => 0,
    });
    void desk.startAll();
    await desk.stop();
    expect(desk).toMatchObject({ measuring: { stopping: false }, queue: { kinds: ['ablation', 'lanes'] } });
    const { queue } = desk;
    desk.crashed();
    expect([desk.busy, desk.queue]).toEqual([false, null]);
    // Also between two of them.
    desk.queue = queue;
    desk.crashed();
    expect(desk.queue).toBeNull();
    device = null;
    await desk.startAll();
    expect([desk.busy, desk.queue]).toEqual([false, null]);
  });

  it('promise 6: goes on after a part that fails, which is an alert, and is over with the worker', async () => {
    const { lab, worker } = await opened();
    await lab.kernels.startAll();
    const error = { name: 'DeviceError', where: 'timer', message: 'timer: it has no resolution.' };
    const runId = lab.kernels.measuring?.runId ?? '';
    worker.emit('message', { data: { type: 'measureEnd', runId, result: null, stopped: false, error } });
    await vi.waitFor(() => expect(lab.kernels.measuring?.what).toBe('ablation'));
    expect(lab.messages.alerts.map((alert) => alert.error)).toEqual([error]);
    worker.emit('error', { message: 'boom' });
    await vi.waitFor(() => expect(lab.kernels.busy).toBe(false));
    expect(lab.kernels.queue).toBeNull();
  });
});

describe('what the tuner found', () => {
  const shapes = (lab: Lab): unknown[] => (lab.kernels.tuning?.value.rows ?? []).map(({ shape }) => shape);
  const [wide, tall] = fakeTuning();
  if (wide === undefined || tall === undefined) throw new Error('no rows');

  it('is there at the next visit, of no one spec, with what is found now before it', async () => {
    const { lab, worker } = await opened({ tuned: [{ ...wide, signature: 'earlier', shape: 'earlier' }] });
    expect(shapes(lab)).toEqual(['earlier']);
    expect(one(lab.kernels.tuning).environment).toMatchObject({
      device: lab.device,
      spec: null,
      specHash: '',
      measuredAt: '2023-11-14T22:13:20.000Z',
    });
    expect(tuningMarkdown(one(lab.kernels.tuning))).toContain('Shapes of all settings that were tuned on this adapter');
    await lab.kernels.start('tuning');
    worker.host.measuring?.next();
    await vi.waitFor(() => expect(shapes(lab)).toEqual([wide.shape, 'earlier']));
    await lab.kernels.stop();
    expect(shapes(lab)).toEqual([wide.shape, 'earlier']);
    // Of rows of several days no one date and no one model is said.
    expect(one(lab.kernels.results.tuning)).toMatchObject({ stopped: true, environment: { spec: null, report: null } });
    const date = one(lab.kernels.results.tuning).environment.measuredAt ?? '';
    expect(tuningMarkdown(one(lab.kernels.results.tuning))).toContain(`build test, the last of it ${date}`);
    expect(tuningCsv(one(lab.kernels.results.tuning))).not.toContain(date);
    const text = kernelsJson(lab.kernels.results, 0);
    expect(kernelsFromJson(text, 'kept.json')).toEqual(lab.kernels.results);
    // The same shapes again take the place of what was known.
    await measured(lab, worker, 'tuning');
    expect(shapes(lab)).toEqual([wide.shape, tall.shape, 'earlier']);
  });

  it('of which nobody knows when it was found, has no date, also as a file', async () => {
    const { lab, all } = await results();
    const tuning = rememberedTuning(one(lab.device), { rows: [wide], tunedAt: null }, lab.kernels.settings);
    expect(one(tuning).environment.measuredAt).toBeNull();
    expect(tuningMarkdown(one(tuning))).toContain('build test, measured earlier');
    expect(kernelsFromJson(kernelsJson({ ...all, tuning }, 0), 'kept.json').tuning).toEqual(tuning);
  });

  it('is forgotten at one click, by the worker too', async () => {
    const { lab, worker } = await opened();
    await measured(lab, worker, 'tuning');
    expect(one(lab.kernels.tuning).environment).toMatchObject({ spec: BASE, specHash: specToHash(BASE) });
    expect(await lab.kernels.forgetTuning()).toBe(true);
    expect(lab.kernels.tuning).toBeNull();
    expect(worker.host.tuned).toEqual([]);
    worker.terminate();
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
      tuningMarkdown(one(all.tuning)),
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
      tuningCsv(one(all.tuning)),
    ]) {
      const [head = '', ...rows] = lines(text);
      expect(head.split(',').slice(-11).join()).toBe(
        'adapter,software,vendor,architecture,browser,build,measuredAt,data,vocab,spec,tunedKernels',
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
    const tuned = tuningMarkdown(one(all.tuning));
    expect(tuned).toContain('1 of 2 shapes are computed by another variant than the first guess');
    expect(tuned).toContain('| matmul M 64 N 128 K 128 | 8x8 | 0.5 | 0.01 | 1.00 |  | first guess |');
    expect(tuned).toContain('| matmul M 64 N 128 K 128 | split | 0.25 | 0.005 | 0.50 | yes |  |');
    expect(tuned).toContain('| matmul M 64 N 128 K 128 | 4x4 | 1.9 | — | 3.80 |  | slower by far, timed once |');
    expect(tuned).toContain('| matmul M 64 N 128 K 128 | subgroup | — | — | — |  | failed its check, or did not run |');
    expect(lines(tuningCsv(one(all.tuning)))[3]).toMatch(/^matmul M 64 N 128 K 128,8x8,0\.5,0\.02,1,yes,,timestamps,/);
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
    expect(JSON.parse(text)).toMatchObject({ format: 'isoflop-kernels', version: 2, savedAt: '2023-11-14T22:13:20.000Z' });
    expect(kernelsFromJson(text, 'kept.json')).toEqual(odd);
    expect(one(kernelsFromJson(text, 'kept.json').kernels).environment.spec?.name).toBe('nan');
    lab.kernels.open(text, 'kept.json');
    expect(lab.kernels.opened).toEqual({ fileName: 'kept.json', results: odd });
    // One's own stay.
    expect(lab.kernels.results).toBe(all);
    lab.kernels.close();
    expect(lab.kernels.opened).toBeNull();
    expect(one(all.kernels).value).toEqual(fakeKernels());
    const lanesOnly = kernelsFromJson(kernelsJson({ ...all, kernels: null, ablation: null, tuning: null }, 0), 'lanes.json');
    expect(lanesOnly).toEqual({ kernels: null, ablation: null, lanes: all.lanes, tuning: null });
  });

  it('of before WGSL had a table still open, with what they have', async () => {
    const { all } = await results();
    const { sources, unfused, rows, ...rest } = fakeKernels();
    const old = rows.map(({ variants, ...row }) => {
      const [own, ...others] = variants;
      return { ...row, others: others.map(({ variant }) => variant), wgsl: sources[own?.kernels[0]?.source ?? ''] };
    });
    const content = JSON.parse(kernelsJson({ ...all, kernels: null }, 0)) as { results: Record<string, unknown> };
    const { tunedShapes, ...form } = one(fakeAblation().rows[0] ?? null);
    const ablation = { ...one(all.ablation), value: { ...fakeAblation(), rows: [form] } };
    const { report, ...environment } = one(all.kernels).environment;
    const { tunedKernels, ...said } = one(report);
    expect([tunedKernels, unfused?.rows.length]).toEqual([0, 4]);
    const kernels = {
      ...one(all.kernels),
      value: { ...rest, rows: old, unfused: null },
      environment: { ...environment, report: said },
    };
    const text = JSON.stringify({ ...content, version: 1, results: { ...content.results, kernels, ablation } });
    const read = one(kernelsFromJson(text, 'old.json').kernels);
    expect(tunedShapes).toEqual([3, 2]);
    expect(one(kernelsFromJson(text, 'old.json').ablation).value.rows).toEqual([{ ...form, tunedShapes: null }]);
    expect(read.environment.report?.tunedKernels).toBe(0);
    const { 'matmul/tiled': tiled, 'optimizer/adamw-update': adamw, 'norm/norm-forward': norm } = sources;
    expect(read.value.sources).toEqual({ 'matmul/tiled': tiled, 'optimizer/adamw-update': adamw, 'norm/norm-forward': norm });
    expect(read.value.rows[0]?.variants).toEqual([
      { variant: '8x8', kernels: [{ kernel: 'matmul/tiled', source: 'matmul/tiled', overrides: null }] },
      { variant: 'split', kernels: [] },
    ]);
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
    expect(refusal(changed('version', 3))).toBe(`SpecError: odd.json: it is of a version that this build does not read${cure}`);
    expect(refusal(changed('results', {}))).toBe(`SpecError: odd.json: there is no result in it${cure}`);
    expect(refusal(changed('results.lanes.value.rows.0.ms', 'slow'))).toBe(
      `SpecError: odd.json: its result of lanes is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.value.timeline.0.row', 3))).toBe(
      `SpecError: odd.json: its timeline is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.value.sources', { 'matmul/tiled': '' }))).toBe(
      `SpecError: odd.json: its table of WGSL is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.value.sources.matmul/tiled', 7))).toBe(
      `SpecError: odd.json: its result of kernels is mangled${cure}`,
    );
    expect(refusal(changed('results.tuning.value.rows.0.chosen', 'luck'))).toBe(
      `SpecError: odd.json: its result of tuning is mangled${cure}`,
    );
    expect(refusal(changed('results.tuning.value.rows.1.candidates.1.ms', 0))).toBe(
      `SpecError: odd.json: its result of tuning is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.value.rows.0.variant', 'split'))).toBe(
      `SpecError: odd.json: its list of variants is mangled${cure}`,
    );
    expect(refusal(changed('results.lanes.environment.measuredAt', null))).toBe(
      `SpecError: odd.json: its date is mangled${cure}`,
    );
    expect(refusal(changed('results.kernels.environment.spec', null))).toContain('odd.json: spec');
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
