import { describe, expect, it, vi } from 'vitest';
import { endLossOf, newRecord } from '../../src/lab/store/record.ts';
import { expandSweep, runIdOf, type RunSpec } from '../../src/spec/index.ts';
import {
  alerts,
  allRuns,
  groupAt,
  kept,
  queueOf,
  sent,
  smallSweep,
  started,
  states,
  SweepSite,
  training,
  until,
  type SweepPage,
} from '../support/sweep-site.ts';

describe('SweepDesk, before training', () => {
  it('forecasts groups with memory, and time once something was measured, and keeps nothing', async () => {
    const page = await new SweepSite().page();
    const before = await page.desk.forecast(smallSweep());
    expect(before.groups.map(({ runs, state }) => [runs.length, state])).toEqual([
      [3, 'waiting'],
      [3, 'waiting'],
    ]);
    expect(before).toMatchObject({ runs: 6, runsDone: 0, flopsDone: 0, etaMs: null, record: { id: '', state: 'ready' } });
    expect(before.peakBytes).toBe(Math.max(...before.groups.map(({ bytes }) => bytes ?? 0)));
    page.worker.host.rated = true;
    const after = await page.desk.forecast(smallSweep({ axes: [{ path: 'optimizer.lr', values: [0.001, 0.01] }] }));
    expect(after.etaMs).toBeGreaterThan(0);
    expect(page.desk.sweeps).toEqual([]);
  });

  it('lets what is wrong with a sweep through in its own words', async () => {
    const page = await new SweepSite().page();
    const many = {
      ...smallSweep(),
      axes: [
        { path: 'optimizer.lr' as const, values: { log: [1e-5, 1] as const, count: 10_000 } },
        { path: 'seed.init' as const, values: [1, 2, 3] },
      ],
    };
    await expect(page.desk.forecast(many)).rejects.toThrow('too many runs');
    await expect(page.desk.keep(many)).rejects.toThrow('too many runs');
    expect(page.lab.messages.alerts).toEqual([]);
  });

  it('keeps the same runs once, newest sweep first, and remembers them in another visit', async () => {
    const { page, id, site } = await kept();
    expect(await page.desk.keep(smallSweep({ name: 'by another name' }))).toBe(id);
    site.browser.now += 1000;
    const other = await page.desk.keep(smallSweep({ axes: [{ path: 'seed.init', values: [1, 2] }] }));
    expect(page.desk.sweeps?.map((sweep) => sweep.id)).toEqual([other, id]);
    expect(sent(page, 'planSweep')).toHaveLength(2);
    await page.leave();
    const again = await site.page();
    expect(again.desk.sweeps).toHaveLength(2);
    await vi.waitFor(() => expect(states(again, id)).toEqual(['waiting', 'waiting']));
    expect(queueOf(again, id).record.sweep.name).toBe('small');
  });

  it('opens a sweep once, however many ask for it', async () => {
    const { page, id, site } = await kept();
    await page.leave();
    const again = await site.page();
    const read = again.store.some.bind(again.store);
    const some = vi.spyOn(again.store, 'some').mockImplementation(async (ids) => {
      if (ids.length === 6) await new Promise((resolve) => setTimeout(resolve, 200));
      return read(ids);
    });
    const reads = (): number => some.mock.calls.filter(([ids]) => ids.length === 6).length;
    expect(again.desk.queueOf(id)).toBeNull();
    const before = reads();
    await again.desk.start(id);
    await training(again, 1);
    expect(before).toBe(1);
    expect(reads()).toBe(1);
  });

  it('leaves records of a later build as they are', async () => {
    const { page, id, site } = await kept();
    await page.leave();
    const db = await new Promise<IDBDatabase>((resolve) => {
      const request = site.browser.indexedDB.open('isoflop-runs');
      request.addEventListener('success', () => resolve(request.result));
    });
    const later = { version: 2, id, news: true };
    db.transaction(['sweeps'], 'readwrite').objectStore('sweeps').put(later);
    db.close();
    const again = await site.page();
    expect(again.desk.sweeps).toEqual([]);
    expect(again.store.sweeps.unreadable).toBe(1);
    await again.desk.remove(id);
    await expect(again.desk.keep(smallSweep())).rejects.toThrow('a form that this build does not know');
  });
});

describe('SweepDesk, training', () => {
  it('trains group after group, each lane a run of the store, and forgets the checkpoints of groups that are done', async () => {
    const { page, id, site } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    expect(started(page)).toEqual(['16: 0.001 0.01 0.003']);
    expect(page.desk).toMatchObject({ runningId: id, busy: true });
    expect(page.lab.busy).toBe(true);
    page.worker.host.train(8);
    await vi.waitFor(() => expect(groupAt(page, id, 0)).toMatchObject({ state: 'running', step: 8, steps: 20 }));
    expect(queueOf(page, id).etaMs).toBeGreaterThan(0);
    page.worker.host.train(12);
    await training(page, 2);
    expect(states(page, id)).toEqual(['done', 'running']);
    page.worker.host.train(20);
    await until(page, id, ['done', 'done']);
    await vi.waitFor(() => expect(page.lab.busy).toBe(false));
    expect(queueOf(page, id)).toMatchObject({ runsDone: 6, etaMs: 0, record: { state: 'done' } });
    expect(queueOf(page, id).flopsDone).toBe(queueOf(page, id).flops);
    expect(page.desk.run).toBeNull();
    const records = await allRuns(page);
    expect(records.size).toBe(6);
    for (const run of expandSweep(smallSweep())) {
      const record = records.get(run.id);
      expect(record).toMatchObject({ state: 'finished', step: 20, sweep: { id, axes: run.values }, program: { lanes: 3 } });
      expect(runIdOf(run.spec)).toBe(run.id);
      expect(endLossOf(record ?? fail())).toBeGreaterThan(0);
    }
    expect([...site.checkpoints.keys()]).toEqual([]);
    expect(page.lab.messages.notices.at(-1)?.text).toBe('The sweep "small" is done: 6 of 6 runs have ended.');
    expect(alerts(page)).toEqual([]);
  });

  it('does not train again what has ended, whichever sweep trained it', async () => {
    const { page, id } = await kept();
    const one = await page.desk.keep(smallSweep({ axes: [{ path: 'model.width', values: [16, 32] }] }));
    await page.desk.start(one);
    await training(page, 1);
    page.worker.host.train(20);
    await training(page, 2);
    page.worker.host.train(20);
    await until(page, one, ['done', 'done']);
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    await page.desk.start(id);
    await training(page, 3);
    // The default learning rate was among them.
    expect(started(page).at(-1)).toBe('16: 0.001 0.01');
    page.worker.host.train(20);
    await training(page, 4);
    page.worker.host.train(20);
    await until(page, id, ['done', 'done']);
  });

  it('pauses within a group and goes on', async () => {
    const { page, id } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(5);
    await page.desk.pause();
    await until(page, id, ['paused', 'waiting']);
    expect(page.desk).toMatchObject({ runningId: null, busy: false });
    expect(queueOf(page, id).record.state).toBe('paused');
    await page.desk.start(id);
    await until(page, id, ['running', 'waiting']);
    // Nobody reads what a run of a sweep writes.
    expect(sent(page, 'start')).toMatchObject([{ silent: true }]);
    expect(sent(page, 'resume')).toHaveLength(1);
  });

  it('pauses while a group is prepared', async () => {
    const { page, id } = await kept();
    await page.desk.start(id);
    await page.desk.pause();
    await vi.waitFor(() => expect(page.desk.run === null || page.desk.run.state === 'paused').toBe(true));
    await page.desk.start(id);
    await training(page, 1);
    expect(page.desk.runningId).toBe(id);
  });

  it('a pause while the worker prepares a group holds its training', async () => {
    const { page, id } = await kept();
    const begun = new Promise<void>((resolve) => page.desk.on('sweeps', () => page.desk.run !== null && resolve()));
    await page.desk.start(id);
    await begun;
    expect(page.desk.run).toMatchObject({ state: 'preparing', report: null });
    await page.desk.pause();
    await vi.waitFor(() => expect(page.desk.run?.state).toBe('paused'));
    expect(page.worker.host.run?.state).toBe('paused');
    expect(states(page, id)).toEqual(['paused', 'waiting']);
  });

  it('two sweeps that are started at once: the later one trains, to its end', async () => {
    const { page, id } = await kept();
    const other = await page.desk.keep(smallSweep({ axes: [{ path: 'seed.init', values: [5, 6] }] }));
    const { sweeps } = page.store;
    const claim = sweeps.claim.bind(sweeps);
    vi.spyOn(sweeps, 'claim').mockImplementation(async (which) => {
      if (which === id) await new Promise((resolve) => setTimeout(resolve, 100));
      await claim(which);
    });
    await Promise.all([page.desk.start(id), page.desk.start(other)]);
    await vi.waitFor(() => expect(page.desk.run?.state).toBe('running'));
    expect(page.desk.runningId).toBe(other);
    page.worker.host.train(20);
    await until(page, other, ['done']);
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    expect(queueOf(page, id).record.state).toBe('paused');
    await page.desk.start(id);
    await vi.waitFor(() => expect(groupAt(page, id, 0).state).toBe('running'));
  });

  it('a sweep that is resumed while its pause still goes on stays this tab’s', async () => {
    const { page, id, site } = await kept();
    const { sweeps } = page.store;
    const release = sweeps.release.bind(sweeps);
    vi.spyOn(sweeps, 'release').mockImplementation(async (which) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await release(which);
    });
    await page.desk.start(id);
    await page.desk.pause();
    await vi.waitFor(() => expect(sweeps.release).toHaveBeenCalled());
    await page.desk.start(id);
    await training(page, 1);
    await new Promise((resolve) => setTimeout(resolve, 150));
    const other = await site.page();
    await expect(other.store.sweeps.claim(id)).rejects.toThrow('another tab trains this sweep');
  });

  it('does not train what has ended between its plan and its start', async () => {
    const page = await new SweepSite().page();
    const one = await page.desk.keep(smallSweep({ axes: [{ path: 'optimizer.lr', values: [0.001] }] }));
    const two = smallSweep({ axes: [{ path: 'optimizer.lr', values: [0.001, 0.003] }] });
    await page.desk.forecast(two);
    await page.desk.start(one);
    await training(page, 1);
    page.worker.host.train(20);
    await until(page, one, ['done']);
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    const id = await page.desk.keep(two);
    expect(queueOf(page, id).runsDone).toBe(1);
    await page.desk.start(id);
    await training(page, 2);
    expect(started(page).at(-1)).toMatch(/: 0\.003$/);
  });

  it('goes on past a group of which nothing is left', async () => {
    const { page, id } = await kept();
    const first = groupAt(page, id, 0).runs.map((run) => run.id);
    const some = page.store.some.bind(page.store);
    // Their records come late: the queue was made without them.
    vi.spyOn(page.store, 'some').mockImplementation(async (ids) => {
      const found = await some(ids);
      const spec = groupAt(page, id, 0).runs[0]?.spec ?? fail();
      const done = first.map((run) => [run, { ...newRecord({ id: run, spec }, 1), state: 'finished' as const }] as const);
      return new Map([...found, ...done.filter(([run]) => ids.includes(run))]);
    });
    await page.desk.start(id);
    await training(page, 1);
    expect(states(page, id)).toEqual(['done', 'running']);
    expect(alerts(page)).toEqual([]);
  });

  it('a sweep that was done and of which a run was removed can be resumed', async () => {
    const { page, id, site } = await kept();
    await page.desk.start(id);
    for (const count of [1, 2]) {
      await training(page, count);
      page.worker.host.train(20);
    }
    await vi.waitFor(() => expect(queueOf(page, id).state).toBe('done'));
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    await page.leave();
    const again = await site.page();
    await again.store.remove(
      groupAt(page, id, 0)
        .runs.slice(0, 1)
        .map((run) => run.id),
    );
    await vi.waitFor(() => expect(queueOf(again, id)).toMatchObject({ state: 'paused', record: { state: 'done' } }));
    await again.desk.start(id);
    await training(again, 1);
    expect(started(again)).toEqual(['16: 0.001']);
  });

  it('skips a group that trains: it is stopped, what it measured is kept, the queue goes on; unskipped it goes on', async () => {
    const { page, id } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(7);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(7));
    await page.desk.skip(id, groupAt(page, id, 0).id, true);
    await training(page, 2);
    expect(states(page, id)).toEqual(['skipped', 'running']);
    expect([...(await allRuns(page)).values()].filter(({ step }) => step === 7)).toHaveLength(3);
    page.worker.host.train(20);
    await until(page, id, ['skipped', 'done']);
    await vi.waitFor(() => expect(queueOf(page, id).record.state).toBe('done'));
    await page.desk.skip(id, groupAt(page, id, 0).id, false);
    expect(queueOf(page, id).record.state).toBe('paused');
    await page.desk.start(id);
    await training(page, 3);
    expect(sent(page, 'start').at(-1)).toMatchObject({ stored: true, runId: sent(page, 'start')[0]?.runId });
    expect(page.desk.run?.step).toBe(7);
  });

  it('skips a group that waits, and moves groups that wait; both are kept', async () => {
    const { page, id, site } = await kept();
    const [first, second] = [groupAt(page, id, 0).id, groupAt(page, id, 1).id];
    await page.desk.move(id, second, 0);
    expect(queueOf(page, id).groups.map((group) => group.id)).toEqual([second, first]);
    await page.desk.skip(id, first, true);
    await page.leave();
    const again = await site.page();
    await vi.waitFor(() => expect(states(again, id)).toEqual(['waiting', 'skipped']));
    expect(groupAt(again, id, 0).id).toBe(second);
    await again.desk.start(id);
    await training(again, 1);
    expect(started(again)).toEqual(['32: 0.001 0.01 0.003']);
    again.worker.host.train(20);
    await until(again, id, ['done', 'skipped']);
    await vi.waitFor(() => expect(again.desk.busy).toBe(false));
  });
});

describe('SweepDesk, when things go wrong', () => {
  it('promise 6: a group that is refused or fails says why, the queue goes on, and it can be tried again', async () => {
    let full = true;
    const refuses = ([spec]: readonly { readonly model: { readonly width: number } }[]): string | null =>
      full && spec?.model.width === 16 ? 'device: out of memory.' : null;
    const { page, id, site } = await kept({ refuses });
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.run?.state).toBe('running'));
    expect(groupAt(page, id, 0)).toMatchObject({ state: 'failed', reason: 'device: out of memory.' });
    page.worker.host.train(4);
    page.worker.host.fail({ name: 'DeviceError', where: 'device', message: 'device: a kernel hung.' });
    await until(page, id, ['failed', 'failed']);
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    expect(groupAt(page, id, 1).reason).toBe('device: a kernel hung.');
    full = false;
    await page.leave();
    const again = await site.page();
    await vi.waitFor(() => expect(states(again, id)).toEqual(['failed', 'failed']));
    await again.desk.retry(id, groupAt(again, id, 0).id);
    expect(states(again, id)).toEqual(['waiting', 'failed']);
    await again.desk.start(id);
    await training(again, 1);
    again.worker.host.train(20);
    await until(again, id, ['done', 'failed']);
  });

  it('does not train what no lane of fits, and says why', async () => {
    const memory = (specs: readonly { readonly model: { readonly width: number } }[]): number => {
      if (specs[0]?.model.width === 32) throw new Error('it needs 3 GiB, and there is 1 GiB.');
      return specs.length;
    };
    const { page, id } = await kept({ memory });
    // Each for itself: there is no program that they could share.
    expect(states(page, id)).toEqual(['waiting', 'refused', 'refused', 'refused']);
    expect(groupAt(page, id, 1).reason).toBe('it needs 3 GiB, and there is 1 GiB.');
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(20);
    await until(page, id, ['done', 'refused', 'refused', 'refused']);
    await vi.waitFor(() => expect(queueOf(page, id).record.state).toBe('done'));
  });

  it('waits while a lost device is replaced, and says when it is back', async () => {
    const { page, id } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(5);
    await page.lab.destroyDevice();
    await vi.waitFor(() => expect(page.desk.run?.state).toBe('recovering'));
    expect(page.lab.messages.alerts[0]?.recovering).toBe(true);
    await vi.waitFor(() => expect(page.desk.run?.state).toBe('running'), 3000);
    expect(page.lab.messages.alerts).toEqual([]);
    expect(page.lab.messages.notices.at(-1)?.text).toContain('Recovered');
    expect(states(page, id)).toEqual(['running', 'waiting']);
    page.worker.host.train(20);
    await training(page, 2);
  });

  it('promise 7: a crashed worker pauses the sweep; started again it goes on from the checkpoint', async () => {
    const { page, id, site } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(9);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(9));
    const [runId = ''] = sent(page, 'start').map((start) => start.runId);
    const specs = sent(page, 'start')[0]?.specs ?? [];
    site.checkpoints.set(runId, { specs, step: 6 });
    page.worker.emit('error', { message: 'boom' });
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    await vi.waitFor(() => expect(queueOf(page, id).record.state).toBe('paused'));
    expect(states(page, id)).toEqual(['paused', 'waiting']);
    await page.lab.open();
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.run).toMatchObject({ state: 'running', step: 6 }));
  });

  it('promise 7: a reload pauses the sweep, and it goes on where its checkpoint is, to the same curves', async () => {
    const whole = await kept();
    await whole.page.desk.start(whole.id);
    await training(whole.page, 1);
    whole.page.worker.host.train(20);
    await training(whole.page, 2);
    const { page, id, site } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(12);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(12));
    await page.lab.recorder?.save();
    const start = sent(page, 'start')[0];
    site.checkpoints.set(start?.runId ?? '', { specs: start?.specs ?? [], step: 10 });
    await page.leave(true);
    const again = await site.page();
    await vi.waitFor(() => expect(again.desk.sweeps?.[0]?.state).toBe('paused'), 2000);
    await vi.waitFor(() => expect(states(again, id)).toEqual(['paused', 'waiting']));
    await again.desk.start(id);
    await training(again, 1);
    expect(sent(again, 'start')[0]).toMatchObject({ runId: start?.runId, stored: true });
    again.worker.host.train(10);
    await training(again, 2);
    const ids = groupAt(again, id, 0).runs.map((run) => run.id);
    const [resumed, alone] = [await again.store.curves(ids), await whole.page.store.curves(ids)];
    for (const run of ids) expect(resumed.get(run)?.train.lossNats).toEqual(alone.get(run)?.train.lossNats);
  });

  /** A sweep whose first group has a checkpoint at step 10, in another visit. */
  async function again(
    options: Parameters<SweepSite['page']>[0] = {},
  ): Promise<{ page: SweepPage; id: string; site: SweepSite }> {
    const { page, id, site } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(10);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(10));
    await page.desk.pause();
    await page.lab.recorder?.save();
    await page.leave();
    const next = await site.page(options);
    await vi.waitFor(() => expect(states(next, id)).toEqual(['paused', 'waiting']));
    return { page: next, id, site };
  }

  it('promise 7: a group that is refused for want of memory keeps its checkpoint, and goes on from it when it is tried again', async () => {
    let full = true;
    const { page, id } = await again({ refuses: () => (full ? 'device: out of memory.' : null) });
    await page.desk.start(id);
    await until(page, id, ['failed', 'failed']);
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    expect(groupAt(page, id, 0).reason).toBe('device: out of memory.');
    full = false;
    await page.desk.retry(id, groupAt(page, id, 0).id);
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.run).toMatchObject({ state: 'running', step: 10 }));
    expect(sent(page, 'forget')).toEqual([]);
  });

  it('a group whose checkpoint is of other runs fails and says so; tried again it begins anew, which is said too', async () => {
    // It does not say of which, as one of an earlier build.
    const { page, id, site } = await again({ namesLanes: false });
    const other = (spec: RunSpec): RunSpec => ({ ...spec, seed: { ...spec.seed, init: 7 } });
    for (const [runId, { specs, step }] of site.checkpoints) site.checkpoints.set(runId, { specs: specs.map(other), step });
    await page.desk.start(id);
    await training(page, 2);
    expect(groupAt(page, id, 0)).toMatchObject({
      state: 'failed',
      reason: 'checkpoint: it is of other runs. Tried again, it begins anew.',
    });
    await page.desk.pause();
    await page.desk.retry(id, groupAt(page, id, 0).id);
    await page.desk.skip(id, groupAt(page, id, 1).id, true);
    await vi.waitFor(() => expect(page.desk.run).toBeNull());
    await page.desk.start(id);
    await training(page, 3);
    expect(page.desk.run).toMatchObject({ state: 'running', step: 0 });
    const said = 'A group of 3 runs of the sweep begins anew: it could not go on from its checkpoint.';
    expect(page.lab.messages.notices.map(({ text }) => text)).toContain(said);
  });

  it('a group goes on with the lanes that its checkpoint names, in their order', async () => {
    const { page, id, site } = await again();
    for (const [runId, { specs, step }] of site.checkpoints) site.checkpoints.set(runId, { specs: specs.toReversed(), step });
    await page.desk.start(id);
    await training(page, 1);
    expect(started(page)).toEqual(['16: 0.003 0.01 0.001']);
    expect(page.desk.run).toMatchObject({ state: 'running', step: 10 });
  });

  it('promise 7: a group that was begun again without the run that had diverged goes on from its checkpoint', async () => {
    const options = { divergesAt: ({ optimizer }: RunSpec): number | null => (optimizer.lr === 0.01 ? 4 : null) };
    const { page, id, site } = await kept(options);
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(6);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(6));
    await page.desk.pause();
    await page.leave();
    site.checkpoints.clear();
    const second = await site.page(options);
    await vi.waitFor(() => expect(states(second, id)).toEqual(['paused', 'waiting']));
    await second.desk.start(id);
    await training(second, 1);
    expect(started(second)).toEqual(['16: 0.001 0.003']);
    second.worker.host.train(12);
    await vi.waitFor(() => expect(second.desk.run?.step).toBe(12));
    await second.desk.pause();
    await second.leave();
    const third = await site.page(options);
    await vi.waitFor(() => expect(states(third, id)).toEqual(['paused', 'waiting']));
    await third.desk.start(id);
    await training(third, 1);
    expect(third.desk.run?.step).toBe(12);
    expect(sent(third, 'forget')).toEqual([]);
  });

  it('begins a group anew whose checkpoint is gone, or is of other lanes', async () => {
    const { page, id, site } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(5);
    await page.desk.pause();
    await page.lab.recorder?.save();
    await page.leave();
    site.checkpoints.clear();
    const again = await site.page();
    await vi.waitFor(() => expect(states(again, id)).toEqual(['paused', 'waiting']));
    await again.desk.start(id);
    await training(again, 1);
    expect(sent(again, 'start')[0]?.stored).toBeUndefined();
    expect(again.desk.run?.step).toBe(0);
  });
});

function fail(): never {
  throw new Error('there is no such run');
}
