import { IDBFactory, IDBObjectStore } from 'fake-indexeddb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Lab, Run, RunRecorder, runsJson, type RunStore } from '../../src/lab/index.ts';
import { NO_CURVES } from '../../src/lab/store/curves.ts';
import { Followed } from '../../src/lab/store/followed.ts';
import { isRunRecord, newRecord } from '../../src/lab/store/record.ts';
import type { Leaving } from '../../src/lab/store/recorder.ts';
import { defaultSpec } from '../../src/spec/index.ts';
import type { CheckpointReport, MetricsEvent, RunState } from '../../src/worker/protocol.ts';
import { FakeBrowser } from '../support/fake-browser.ts';
import { dataOf, forecastOf } from '../support/fake-reports.ts';
import { FakeWorker } from '../support/fake-worker.ts';

const turn = (state: RunState, step: number): Parameters<Run['apply']>[0] => ({
  type: 'state',
  runId: 'a',
  state,
  step,
  totalSteps: 2000,
});

function measured(firstStep: number, count: number, lanes = 1): MetricsEvent {
  const each = (value: (step: number, lane: number) => number): Float32Array =>
    Float32Array.from({ length: count * lanes }, (_, i) => value(firstStep + Math.floor(i / lanes), i % lanes));
  return {
    type: 'metrics',
    runId: 'a',
    firstStep,
    lanes,
    lossNats: each((step, lane) => 1 + lane + 4 / Math.sqrt(step)),
    gradNorm: each((step) => 1 / step),
    learningRate: each((_, lane) => 1e-3 * (lane + 1)),
    epochs: Float32Array.from({ length: count }, (_, i) => (firstStep + i) / 900),
  };
}

interface Page {
  readonly store: RunStore;
  readonly recorder: RunRecorder;
  readonly run: Run;
  readonly notices: string[];
  readonly leave: (leaving: Leaving) => void;
}

function page(browser: FakeBrowser, startStep = 0, lanes: readonly string[] = ['a']): Page {
  const store = browser.tab();
  const notices: string[] = [];
  let leave: Page['leave'] = () => undefined;
  const recorder = new RunRecorder({
    store,
    device: () => null,
    notice: (text) => notices.push(text),
    whenLeaving: (listener) => {
      leave = listener;
      return () => undefined;
    },
  });
  const run = new Run('a', defaultSpec);
  recorder.follow(
    run,
    lanes.map((id) => ({ id, spec: defaultSpec })),
  );
  run.started({ ...forecastOf(defaultSpec), data: dataOf('sotu'), startStep, lanes: lanes.length, tunedKernels: 3, choices: [] });
  run.apply(turn('running', startStep), 0);
  return { store, recorder, run, notices, leave: (leaving) => leave(leaving) };
}

const stepsOf = async (store: RunStore, id = 'a'): Promise<number[]> => [
  ...((await store.curves([id])).get(id)?.train.steps ?? []),
];
const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

afterEach(() => void vi.restoreAllMocks());

describe('RunRecorder', () => {
  it('stores a run when it begins, what is new every two seconds at most, and its end at once', async () => {
    const { store, run, recorder } = page(new FakeBrowser());
    const append = vi.spyOn(store, 'append');
    await vi.waitFor(async () => expect((await store.get('a'))?.state).toBe('running'));
    const before = append.mock.calls.length;
    for (let step = 1; step <= 200; step += 10) run.apply(measured(step, 10), step);
    expect(append.mock.calls.length).toBe(before);
    expect(recorder.unsaved).toBe(true);
    await vi.waitFor(async () => expect(await stepsOf(store)).toEqual(upTo(200)), 4000);
    expect(append.mock.calls.length).toBe(before + 1);
    run.apply(turn('finished', 200), 0);
    await vi.waitFor(async () => expect((await store.get('a'))?.state).toBe('finished'), 1000);
    expect(recorder.unsaved).toBe(false);
    expect((await store.get('a'))?.counts?.parameters).toBe(forecastOf(defaultSpec).parameters);
    recorder.close();
  });

  it('keeps which variants the tuner had chosen, and reads records that do not say so', async () => {
    const run = new Run('a', defaultSpec);
    const lab = new Lab({ connect: () => new FakeWorker(), storage: null });
    await lab.open();
    const report = { ...forecastOf(defaultSpec), data: dataOf('sotu'), startStep: 0, lanes: 1, tunedKernels: 1 };
    const choices = [['matmul [8,8] [8,8]', 'tiled-16']] as const;
    const [beginning] = new Followed(run, [{ id: 'a', spec: defaultSpec }]).beginnings({ ...report, choices }, lab.device);
    const environment = beginning?.facts.environment ?? null;
    expect(environment?.choices).toEqual({ 'matmul [8,8] [8,8]': 'tiled-16' });
    const record = { ...newRecord({ id: 'a', spec: defaultSpec }, 1), environment };
    expect(isRunRecord(record)).toBe(true);
    const before = Object.fromEntries(Object.entries(environment ?? {}).filter(([part]) => part !== 'choices'));
    expect(isRunRecord({ ...record, environment: before })).toBe(true);
    expect(isRunRecord({ ...record, environment: { ...environment, choices: { a: 3 } } })).toBe(false);
  });

  it('promise 2: stores each lane as a run of its own, with its own evaluations', async () => {
    const { store, run, recorder } = page(new FakeBrowser(), 0, ['a', 'b']);
    run.apply(measured(1, 5, 2), 0);
    run.apply({ type: 'eval', runId: 'a', step: 5, split: 'validation', lossNats: Float64Array.of(3, 4) }, 0);
    await recorder.save();
    await recorder.save();
    const curves = await store.curves(['a', 'b']);
    expect(curves.get('b')?.train.lossNats).toEqual(run.lanes[1] && Float32Array.from(run.lanes[1].lossNats.view()));
    expect(['a', 'b'].map((id) => curves.get(id)?.validation.lossNats[0])).toEqual([3, 4]);
    expect((await store.get('b'))?.summary.validationNats).toBe(4);
    recorder.close();
  });

  it('stores an end at once, and what is foretold at marks that were left when it is there', async () => {
    const { store, run, recorder } = page(new FakeBrowser(), 0, ['a', 'b', 'c']);
    run.apply(measured(1, 2000, 3), 0);
    await recorder.save();
    await recorder.save();
    const append = vi.spyOn(store, 'append');
    run.apply(turn('finished', 2000), 0);
    const last = append.mock.calls[0]?.[0].find(({ id }) => id === 'c');
    expect(last?.ends?.marks).toEqual([]);
    expect(last?.ends?.cameNats).toBeGreaterThan(0);
    await vi.waitFor(() => expect(run.catchingUp).toBe(false), 4000);
    await vi.waitFor(async () => {
      const kept = await store.list();
      expect(kept.map(({ predictions }) => predictions?.marks.length)).toEqual([3, 3, 3]);
    }, 4000);
    recorder.close();
  });

  it('keeps what was foretold of each lane’s end, over a reload, and what came', async () => {
    const browser = new FakeBrowser();
    const first = page(browser, 0, ['a', 'b']);
    for (let step = 1; step <= 1100; step += 100) first.run.apply(measured(step, 100, 2), step * 100);
    first.run.apply(turn('paused', 1100), 0);
    await first.recorder.save();
    await first.recorder.save();
    first.leave('gone');
    first.recorder.close();
    await vi.waitFor(async () => expect((await browser.tab().get('a'))?.state).toBe('interrupted'));
    const marked = (await browser.tab().get('b'))?.predictions?.marks ?? [];
    expect(marked.map(({ share, step }) => [share, step])).toEqual([
      [0.25, 500],
      [0.5, 1000],
    ]);
    const second = page(browser, 1100, ['a', 'b']);
    second.run.apply(measured(1101, 900, 2), 0);
    second.run.apply(turn('finished', 2000), 0);
    await second.recorder.save();
    await second.recorder.save();
    const kept = (await second.store.get('b'))?.predictions;
    expect(kept?.marks.slice(0, 2)).toEqual(marked);
    expect(kept?.marks.map(({ share }) => share)).toEqual([0.25, 0.5, 0.75]);
    // Lane b is 2 + 4 / sqrt(step), and its last hundred steps are the end.
    expect(kept?.cameNats).toBeCloseTo(2.0905, 3);
    expect(kept?.marks[1]?.lossNats).toBeCloseTo(2.09, 1);
    second.recorder.close();
  });

  it('promise 7: what a lost device made the run repeat is stored once, evaluations too', async () => {
    const { store, run, recorder } = page(new FakeBrowser());
    run.apply(measured(1, 100), 0);
    for (const step of [50, 100])
      run.apply({ type: 'eval', runId: 'a', step, split: 'validation', lossNats: Float64Array.of(step) }, 0);
    await recorder.save();
    run.apply(turn('recovering', 100), 0);
    run.apply(measured(61, 20), 0);
    await recorder.save();
    await recorder.save();
    expect(await stepsOf(store)).toEqual(upTo(80));
    expect([...((await store.curves(['a'])).get('a')?.validation.steps ?? [])]).toEqual([50]);
    recorder.close();
  });

  it('promise 7: a page that goes away stores the rest and lets go; the next visit goes on from the checkpoint', async () => {
    const browser = new FakeBrowser();
    const first = page(browser);
    first.run.apply(measured(1, 50), 0);
    await first.recorder.save();
    first.run.apply(measured(51, 50), 320);
    first.leave('gone');
    first.recorder.close();
    const store = browser.tab();
    await vi.waitFor(async () => expect(await stepsOf(store)).toEqual(upTo(100)));
    expect((await store.get('a'))?.state).toBe('interrupted');
    const trained = (await store.curves(['a'])).get('a')?.train.timeMs[79] ?? 0;
    const second = page(browser, 80);
    second.run.apply(measured(81, 5), 0);
    await second.recorder.save();
    await second.recorder.save();
    expect(await stepsOf(second.store)).toEqual(upTo(85));
    expect((await second.store.get('a'))?.summary.trainedMs).toBe(trained);
    expect(second.notices).toEqual([]);
    second.recorder.close();
  });

  it('a second tab that continues the same run is told so, and harms nothing', async () => {
    const browser = new FakeBrowser();
    const first = page(browser);
    first.run.apply(measured(1, 50), 0);
    await first.recorder.save();
    const second = page(browser, 20);
    await second.recorder.save();
    expect(second.notices).toEqual([
      expect.stringMatching(/^Nothing of .* is stored from here\. run store: another tab trains this run/),
    ]);
    expect(await stepsOf(first.store)).toEqual(upTo(50));
    for (const { recorder } of [first, second]) recorder.close();
  });

  it('a run that is removed while it trains is said once, and whole again when it is restored', async () => {
    const browser = new FakeBrowser();
    const { store, run, recorder, notices } = page(browser);
    run.apply(measured(1, 50), 0);
    await recorder.save();
    await recorder.save();
    const other = browser.tab();
    await other.remove(['a']);
    for (const first of [51, 61]) {
      run.apply(measured(first, 10), 0);
      await recorder.save();
    }
    run.apply(turn('finished', 70), 0);
    await recorder.save();
    expect(notices).toEqual([expect.stringContaining('was removed while it trains')]);
    expect(await stepsOf(store)).toEqual(upTo(50));
    await other.restore(['a']);
    await vi.waitFor(async () => expect(await stepsOf(store)).toEqual(upTo(70)), 4000);
    expect((await store.get('a'))?.state).toBe('finished');
    expect(notices).toHaveLength(2);
    recorder.close();
  });

  it('a lane that is removed takes nothing from the others, and comes back whole, its end too', async () => {
    const browser = new FakeBrowser();
    const { store, run, recorder, notices } = page(browser, 0, ['a', 'b']);
    run.apply(measured(1, 50, 2), 0);
    await recorder.save();
    await recorder.save();
    const other = browser.tab();
    await other.remove(['b']);
    run.apply(measured(51, 10, 2), 0);
    await recorder.save();
    run.apply(measured(61, 10, 2), 0);
    run.apply(turn('finished', 70), 0);
    await recorder.save();
    await recorder.save();
    expect([await stepsOf(store), await stepsOf(store, 'b')]).toEqual([upTo(70), upTo(50)]);
    expect(await store.get('a')).toMatchObject({ state: 'finished', step: 70 });
    expect(recorder.unsaved).toBe(false);
    await other.restore(['b']);
    await vi.waitFor(async () => expect(await stepsOf(store, 'b')).toEqual(upTo(70)), 4000);
    expect(await store.get('b')).toMatchObject({ state: 'finished', step: 70 });
    expect(notices).toEqual([
      expect.stringMatching(/^1 of the 2 runs that train with .* was removed while it trains: the others are still stored\.$/),
      expect.stringMatching(/^1 of the 2 runs that train with .* was restored/),
    ]);
    recorder.close();
  });

  it('promise 7: a disk that is full for a while costs nothing that was measured', async () => {
    const { store, run, recorder } = page(new FakeBrowser());
    run.apply(measured(1, 50), 0);
    await recorder.save();
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('no room', 'QuotaExceededError');
    });
    run.apply(measured(51, 50), 0);
    await recorder.save();
    run.apply(turn('finished', 100), 0);
    await recorder.save();
    expect(store.trouble?.kind).toBe('full');
    expect(recorder.unsaved).toBe(true);
    vi.restoreAllMocks();
    await recorder.save();
    expect(await stepsOf(store)).toEqual(upTo(100));
    expect(await store.get('a')).toMatchObject({ state: 'finished' });
    expect(store.trouble).toBeNull();
    recorder.close();
  });

  it('promise 7: a browser that removes everything under a running page gets it all again', async () => {
    const browser = new FakeBrowser();
    const { store, run, recorder, notices } = page(browser);
    run.apply(measured(1, 50), 0);
    await recorder.save();
    await recorder.save();
    await new Promise((resolve) => browser.indexedDB.deleteDatabase('isoflop-runs').addEventListener('success', resolve));
    run.apply(measured(51, 50), 0);
    await recorder.save();
    await vi.waitFor(async () => expect(await stepsOf(store)).toEqual(upTo(100)));
    expect(notices).toEqual([expect.stringContaining('is stored anew')]);
    recorder.close();
  });
});

describe('a run that goes on', () => {
  it('beyond its end is stored as the same run, and is alive while it is paused', async () => {
    const browser = new FakeBrowser();
    const { store, run, recorder } = page(browser);
    run.apply(measured(1, 50), 0);
    run.apply(turn('finished', 50), 0);
    await recorder.save();
    await recorder.save();
    run.apply(turn('running', 50), 0);
    run.apply(measured(51, 10), 0);
    run.apply(turn('paused', 60), 0);
    await recorder.save();
    await recorder.save();
    for (let minute = 0; minute < 5; minute++) {
      browser.now += 60_000;
      await recorder.save();
    }
    expect((await browser.tab({ channel: null }).get('a'))?.state).toBe('paused');
    expect(await stepsOf(store)).toEqual(upTo(60));
    recorder.close();
  });
});

describe('Lab with a store', () => {
  it('keeps its runs, their device and their losses; a run that goes on from storage is the same run', async () => {
    const browser = new FakeBrowser();
    const worker = new FakeWorker();
    const lab = new Lab({ connect: () => worker, storage: null, store: browser.tab() });
    await lab.open();
    await lab.start();
    worker.host.train(400);
    await vi.waitFor(() => expect(lab.run?.step).toBe(400));
    await lab.pause();
    await vi.waitFor(() => expect(lab.run?.state).toBe('paused'));
    await lab.recorder?.save();
    await lab.recorder?.save();
    const id = lab.run?.runId ?? '';
    const run = await lab.store?.get(id);
    expect(run).toMatchObject({
      state: 'paused',
      step: 400,
      environment: { software: true, build: 'test' },
      data: { contentHash: '5f1d0c3a' },
    });
    expect(run?.summary.lossNats).toBe(lab.run?.lossNats);
    expect(lab.messages.alerts).toEqual([]);
    lab.recorder?.close();
  });

  it('keeps the runs of a file that is dropped on the page, and takes any other JSON for data to train on', async () => {
    const worker = new FakeWorker();
    const lab = new Lab({ connect: () => worker, storage: null, store: new FakeBrowser().tab() });
    await lab.open();
    const bytesOf = (text: string): ArrayBuffer => new TextEncoder().encode(text).buffer;
    const file = [...runsJson([{ record: newRecord({ id: 'a', spec: defaultSpec }, 1), curves: NO_CURVES }])].join('');
    await lab.addFile('runs.json', bytesOf(file));
    expect((await lab.store?.list())?.map(({ id }) => id)).toEqual(['a']);
    expect(lab.file).toBeNull();
    await lab.addFile('runs.json', bytesOf(file.slice(0, -9)));
    expect(lab.messages.alerts.map(({ error }) => error.message)).toEqual([expect.stringContaining('runs.json: it is not JSON')]);
    await lab.addFile('notes.json', bytesOf('{"format":"notes"}'));
    expect(lab.file).not.toBeNull();
    lab.recorder?.close();
  });

  it('promise 6: a browser without a database trains all the same, and says so once', async () => {
    const worker = new FakeWorker();
    const lab = new Lab({ connect: () => worker, storage: null, store: new FakeBrowser().tab({ indexedDB: null }) });
    await lab.open();
    await lab.start();
    worker.host.train(50);
    await vi.waitFor(() => expect(lab.run?.step).toBe(50));
    await lab.recorder?.save();
    await lab.recorder?.save();
    expect(lab.messages.alerts.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('this browser has no database'),
    ]);
    lab.recorder?.close();
    const bare = new Lab({ connect: () => new FakeWorker(), storage: null });
    await bare.open();
    await bare.start();
    await bare.start();
    expect(bare.messages.notices.map(({ text }) => text)).toEqual([expect.stringContaining('Runs are not stored')]);
  });

  it('promise 7: makes room by the oldest checkpoint, never by that of a run that goes on', async () => {
    const checkpoint = (runId: string, savedAt: number): CheckpointReport => ({
      runId,
      spec: defaultSpec,
      step: 400,
      totalSteps: 2000,
      sizeBytes: 1e6,
      savedAt,
    });
    const stored = [checkpoint('new', 3), checkpoint('goes on', 1), checkpoint('old', 2)];
    const worker = new FakeWorker({ stored });
    const lab = new Lab({ connect: () => worker, storage: null, store: new FakeBrowser().tab() });
    expect(await lab.makeRoom()).toBe(false);
    await lab.open();
    await lab.continueStored(checkpoint('goes on', 1));
    expect(await lab.makeRoom()).toBe(true);
    expect(worker.host.received.filter(({ type }) => type === 'forget')).toMatchObject([{ runId: 'old' }]);
    expect(lab.messages.notices.at(-1)?.text).toContain('What was measured is kept.');
    lab.recorder?.close();
  });

  it('says what the browser has removed between visits', async () => {
    const browser = new FakeBrowser();
    browser.items.set('isoflop.runs', '7');
    browser.indexedDB = new IDBFactory();
    const lab = new Lab({ connect: () => new FakeWorker(), storage: null, store: browser.tab() });
    await vi.waitFor(() => expect(lab.messages.notices[0]?.text).toMatch(/^The browser has removed the 7 runs/));
  });
});
