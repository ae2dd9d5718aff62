import { afterEach, describe, expect, it, vi } from 'vitest';
import { Lab, SpecDraft, webgpuAdvice } from '../../src/lab/index.ts';
import { defaultSpec, parseSpec } from '../../src/spec/index.ts';
import type { CheckpointReport, CommandType } from '../../src/worker/protocol.ts';
import { FakeWorker, type FakeOptions } from '../support/fake-worker.ts';

function memory(): Storage {
  const items = new Map<string, string>();
  return {
    get length() {
      return items.size;
    },
    clear: () => items.clear(),
    key: (index) => [...items.keys()][index] ?? null,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}

async function opened(options: FakeOptions = {}, storage = memory()): Promise<{ lab: Lab; workers: FakeWorker[] }> {
  const workers: FakeWorker[] = [];
  const connect = (): FakeWorker => {
    const worker = new FakeWorker(options);
    workers.push(worker);
    return worker;
  };
  const lab = new Lab({ connect, storage });
  await lab.open();
  return { lab, workers };
}

const sent = (worker: FakeWorker | undefined, type: CommandType): number =>
  worker?.host.received.filter((command) => command.type === type).length ?? 0;

/** What the worker says, in the page. */
async function say(worker: FakeWorker | undefined, ...events: object[]): Promise<void> {
  for (const data of events) worker?.emit('message', { data });
  await new Promise((resolve) => setTimeout(resolve, 20));
}

const LOST = { name: 'DeviceError', where: 'GPU device', message: 'GPU device: it was lost.' };

afterEach(() => void vi.useRealTimers());

describe('Lab', () => {
  it('opens the device and forecasts the default run', async () => {
    const { lab } = await opened();
    expect(lab.deviceState).toBe('ready');
    await vi.waitFor(() => expect(lab.forecast?.totalSteps).toBe(2000));
  });

  it('trains, pauses, steps once, resumes, goes on beyond the end and stops', async () => {
    const { lab, workers } = await opened();
    await lab.start();
    await vi.waitFor(() => expect(lab.run?.state).toBe('running'));
    await lab.pause();
    await vi.waitFor(() => expect(lab.run?.state).toBe('paused'));
    await lab.step();
    await vi.waitFor(() => expect(lab.run?.steps.length).toBe(1));
    await lab.resume();
    await lab.extend(500);
    workers[0]?.host.train(2499);
    await vi.waitFor(() => expect(lab.run).toMatchObject({ state: 'finished', step: 2500, totalSteps: 2500 }));
    await lab.stop();
    await vi.waitFor(() => expect(lab.run?.state).toBe('stopped'));
  });

  it('single-steps a run that has not begun: it is held before its first step', async () => {
    const { lab } = await opened();
    await lab.step();
    await vi.waitFor(() => expect(lab.run?.steps.length).toBe(1));
    expect(lab.run?.state).toBe('paused');
  });

  it('asks for one forecast when many fields change at once, and none of a faulty spec', async () => {
    const { lab, workers } = await opened();
    await vi.waitFor(() => expect(sent(workers[0], 'forecast')).toBe(1));
    for (const width of [32, 48, 96]) lab.setField('model.width', width);
    lab.setField('model.heads', 7);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(sent(workers[0], 'forecast')).toBe(1);
    lab.setField('model.heads', 8);
    await vi.waitFor(() => expect(sent(workers[0], 'forecast')).toBe(2));
    expect(lab.forecast?.parameters).toBeGreaterThan(0);
  });

  it('asks for a forecast again when its data, which took their time, are there', async () => {
    const { lab, workers } = await opened();
    await vi.waitFor(() => expect(lab.forecast).not.toBeNull());
    const before = sent(workers[0], 'forecast');
    await say(workers[0], { type: 'dataAtHand' });
    expect(sent(workers[0], 'forecast')).toBe(before + 1);
  });

  it('promise 6: a refused start leaves the run failed and says why', async () => {
    const { lab, workers } = await opened();
    const host = workers[0]?.host;
    if (host !== undefined)
      vi.spyOn(host, 'receive').mockImplementation((command) => {
        const error = {
          name: 'DeviceError',
          where: 'start',
          message: 'start: the model does not fit: got 3.1 GiB, expected 1 GiB at most.',
        };
        workers[0]?.emit('message', { data: { type: 'reply', id: command.id, ok: false, error } });
      });
    await lab.start();
    expect(lab.run?.state).toBe('failed');
    expect(lab.messages.alerts.map((alert) => alert.error.message)).toEqual([
      'start: the model does not fit: got 3.1 GiB, expected 1 GiB at most.',
    ]);
  });

  it('promise 6: a crashed worker is said, and opening again starts a new one', async () => {
    const { lab, workers } = await opened();
    await lab.start();
    workers[0]?.emit('error', { message: 'boom' });
    await vi.waitFor(() => expect(lab.deviceState).toBe('crashed'));
    expect(lab.run?.state).toBe('failed');
    expect(lab.messages.alerts).toHaveLength(1);
    await lab.open();
    expect(lab.deviceState).toBe('ready');
    expect(workers).toHaveLength(2);
  });

  it('promise 7: a lost device is announced as recovering, and the announcement goes when the run does', async () => {
    const { lab } = await opened();
    await lab.start();
    await vi.waitFor(() => expect(lab.run?.state).toBe('running'));
    await lab.destroyDevice();
    await vi.waitFor(() => expect(lab.run?.state).toBe('recovering'));
    expect(lab.messages.alerts[0]?.recovering).toBe(true);
    await vi.waitFor(() => expect(lab.run?.state).toBe('running'), 3000);
    expect(lab.messages.alerts).toEqual([]);
    expect(lab.messages.notices.at(-1)?.text).toContain('goes on from step');
  });

  it.each([
    ['paused', 'is paused at step 3 as before'],
    ['finished', 'is finished as before'],
  ] as const)('promise 6: the announcement of a lost device goes when a run is back %s', async (state, words) => {
    const { lab, workers } = await opened();
    await lab.step();
    await vi.waitFor(() => expect(lab.run?.steps.length).toBe(1));
    const runId = lab.run?.runId ?? '';
    const at = (now: string): object => ({ type: 'state', runId, state: now, step: 3, totalSteps: 9 });
    await say(workers[0], at(state), { type: 'fault', runId, error: LOST, recovering: true }, at('recovering'));
    expect(lab.messages.alerts).toHaveLength(1);
    await say(workers[0], at(state));
    expect(lab.messages.alerts).toEqual([]);
    expect(lab.messages.notices.at(-1)?.text).toContain(words);
  });

  it('promise 6: that announcement goes as well when the run is stopped meanwhile or the repair fails, and nothing is called recovered', async () => {
    const { lab, workers } = await opened();
    await lab.step();
    await vi.waitFor(() => expect(lab.run?.steps.length).toBe(1));
    const runId = lab.run?.runId ?? '';
    const lost = { type: 'fault', runId, error: LOST, recovering: true };
    await say(workers[0], lost, { type: 'state', runId, state: 'stopped', step: 3, totalSteps: 9 });
    expect(lab.messages.alerts).toEqual([]);
    const error = { ...LOST, message: 'GPU device: it was lost 4 times within a minute.' };
    await say(workers[0], lost, { type: 'fault', runId, error, recovering: false });
    expect(lab.messages.alerts.map(({ recovering }) => recovering)).toEqual([false]);
    expect(lab.messages.notices.some(({ text }) => text.startsWith('Recovered'))).toBe(false);
  });

  it('promise 6: the announcement of a lost device that no run held goes when there is another', async () => {
    const { lab, workers } = await opened();
    await say(workers[0], { type: 'recovered' });
    expect(lab.messages.notices).toEqual([]);
    await say(workers[0], { type: 'fault', runId: null, error: LOST, recovering: true });
    expect(lab.messages.alerts).toHaveLength(1);
    await say(workers[0], { type: 'recovered' });
    expect(lab.messages.alerts).toEqual([]);
    expect(lab.messages.notices.at(-1)?.text).toBe('Recovered: the GPU is there again.');
  });

  it('promise 7: an interrupted run is listed first after a reload and resumes from its checkpoint', async () => {
    const storage = memory();
    const before = await opened({}, storage);
    await before.lab.start();
    const runId = before.lab.run?.runId ?? '';
    const report = (id: string, savedAt: number): CheckpointReport => ({
      runId: id,
      spec: defaultSpec,
      step: 400,
      totalSteps: 2000,
      sizeBytes: 1e6,
      savedAt,
    });
    const { lab, workers } = await opened({ stored: [report('newer', 2), report(runId, 1)] }, storage);
    expect(lab.stored.map((each) => each.runId)).toEqual([runId, 'newer']);
    const [first] = lab.stored;
    if (first !== undefined) await lab.continueStored(first);
    expect(workers[0]?.host.received.find((command) => command.type === 'start')).toMatchObject({ runId, stored: true });
    expect(lab.run?.step).toBe(400);
  });

  it('does not offer a checkpoint whose spec this build cannot read', async () => {
    const foreign = { ...defaultSpec, model: { ...defaultSpec.model, layers: -1 } };
    const { lab } = await opened({ stored: [{ runId: 'x', spec: foreign, step: 1, totalSteps: 2, sizeBytes: 3, savedAt: 4 }] });
    expect(lab.stored).toEqual([]);
  });

  it('takes a dropped file as the data of the next run, and refuses one of a byte in words', async () => {
    const { lab } = await opened();
    await lab.addFile('notes.txt', new TextEncoder().encode('some text').buffer);
    expect(lab.form.spec.data.source).toBe('file');
    expect(lab.file?.name).toBe('notes.txt');
    await lab.addFile('empty.txt', new ArrayBuffer(0));
    expect(lab.messages.alerts[0]?.error.message).toContain('empty.txt is too short');
    expect(lab.file?.name).toBe('notes.txt');
  });

  it('refuses a foreign checkpoint file and keeps everything that was there', async () => {
    const { lab } = await opened();
    await lab.addFile('model.safetensors', new ArrayBuffer(12));
    expect(lab.imported).toBeNull();
    expect(lab.messages.alerts[0]?.error.message).toContain('truncated');
    expect(lab.form.spec).toEqual(defaultSpec);
  });
});

describe('SpecDraft', () => {
  it('keeps the last valid spec while a field is faulty, with the fault beside its field', () => {
    const form = new SpecDraft();
    form.change('model.heads', 7);
    expect(form.faultOf('model.heads')?.rule).toContain('divide');
    expect(form.spec.model.heads).toBe(4);
    form.change('model.heads', 8);
    expect(form.valid).toBe(true);
    expect(form.spec.model.heads).toBe(8);
  });

  it('quotes text that is no number', () => {
    const form = new SpecDraft();
    form.change('data.context', '6x');
    expect(form.faultOf('data.context')?.got).toBe('"6x"');
  });

  it('brings a switched-off value back as it was', () => {
    const form = new SpecDraft();
    form.change('optimizer.clip', 0.7);
    form.toggle('optimizer.clip', false);
    expect(form.spec.optimizer.clip).toBeNull();
    form.toggle('optimizer.clip', true);
    expect(form.spec.optimizer.clip).toBe(0.7);
  });

  it('says the same length in another unit', () => {
    const form = new SpecDraft();
    form.budgetIn('tokens');
    expect(form.spec.budget).toEqual({ tokens: 2000 * 1024 });
    form.budgetIn('steps');
    expect(form.spec).toEqual(parseSpec({}));
  });
});

describe('webgpuAdvice', () => {
  const facts = { hasGpu: false, secureContext: true };
  it.each([
    ['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36', '--enable-unsafe-webgpu'],
    ['Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0', 'graphics acceleration'],
    ['Mozilla/5.0 (Windows NT 10.0; rv:130.0) Gecko/20100101 Firefox/130.0', '141'],
    ['Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/17.0 Safari/605.1.15', 'version 26'],
  ])('tells %s what to do', (userAgent, word) => {
    expect(webgpuAdvice({ ...facts, userAgent }, null).steps.join(' ')).toContain(word);
  });

  it('blames the insecure page first', () => {
    const advice = webgpuAdvice({ userAgent: 'Chrome/140.0', hasGpu: false, secureContext: false }, null);
    expect(advice.reason).toContain('https');
  });

  it('repeats what the worker said when WebGPU is there and did not open', () => {
    expect(webgpuAdvice({ userAgent: 'Chrome/140.0', hasGpu: true, secureContext: true }, 'adapter: none found.').reason).toBe(
      'adapter: none found.',
    );
  });
});
