import { describe, expect, it, vi } from 'vitest';
import { StoreError } from '../../src/lab/store/trouble.ts';
import { shownState } from '../../src/ui/sweep-words.ts';
import { alerts, allRuns, groupAt, kept, queueOf, sent, smallSweep, started, states, training } from '../support/sweep-site.ts';

describe('SweepDesk, beside others', () => {
  it('does not start while a run trains, and runs and comparisons do not while it does; a paused one gives way', async () => {
    const { page, id } = await kept();
    await page.lab.start();
    await vi.waitFor(() => expect(page.lab.run?.state).toBe('running'));
    await page.desk.start(id);
    expect(alerts(page).at(-1)).toBe(
      'sweep "small": a run is running, and the GPU does one thing at a time. Stop that first, then start the sweep.',
    );
    expect(page.desk.busy).toBe(false);
    await page.lab.stop();
    await vi.waitFor(() => expect(page.lab.run?.state).toBe('stopped'));
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.run?.state).toBe('running'));
    page.worker.host.train(6);
    await page.lab.start();
    expect(alerts(page).at(-1)).toContain(
      'start: the sweep "small" trains, and the GPU does one thing at a time. Pause the sweep first.',
    );
    expect(page.lab.run?.state).toBe('stopped');
    await page.lab.comparisons.start();
    expect(alerts(page).at(-1)).toContain('compare: the sweep "small" trains');
    await page.desk.pause();
    await page.lab.start();
    await vi.waitFor(() => expect(page.lab.run?.state).toBe('running'));
    expect(page.desk.run).toBeNull();
    expect(states(page, id)).toEqual(['paused', 'waiting']);
    await page.lab.stop();
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.run).toMatchObject({ state: 'running', step: 6 }));
  });

  it('does not offer the checkpoints of a sweep among those of runs, and forgets those of sweeps that are no more', async () => {
    const { page, id, site } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(5);
    await page.desk.pause();
    site.checkpoints.set('sweep-gone-1', { specs: [], step: 1 });
    const specs = sent(page, 'start')[0]?.specs ?? [];
    site.checkpoints.set('sweep-0123456789abcdef-1', { specs, step: 1 });
    expect(site.checkpoints.size).toBe(3);
    await page.lab.listStored();
    expect(page.lab.stored).toEqual([]);
    const again = await site.page();
    await vi.waitFor(() => expect(site.checkpoints.has('sweep-0123456789abcdef-1')).toBe(false));
    expect([...site.checkpoints.keys()].some((runId) => runId.startsWith(`sweep-${id}-`))).toBe(true);
    await again.leave();
  });

  it('two tabs: one trains, the other sees it, may not train it, and may skip and take over once that tab is gone', async () => {
    const { page, id, site } = await kept();
    const other = await site.page();
    await page.desk.start(id);
    await training(page, 1);
    await vi.waitFor(() => expect(other.desk.sweeps?.[0]?.state).toBe('running'));
    expect(other.desk.runningId).toBeNull();
    await other.desk.start(id);
    expect(alerts(other).at(-1)).toContain('another tab trains this sweep: got "small"');
    expect(sent(other, 'start')).toEqual([]);
    expect(other.desk.sweeps?.[0]?.state).toBe('running');
    expect([other, page].map(({ desk }) => desk.trainsElsewhere(id))).toEqual([true, false]);
    expect([other, page].map(({ desk }) => shownState(desk, id, 'running'))).toEqual(['elsewhere', 'running']);
    await vi.waitFor(() => expect(other.desk.queueOf(id)).not.toBeNull());
    page.worker.host.train(3);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(3));
    await other.desk.skip(id, groupAt(other, id, 0).id, true);
    await training(page, 2);
    expect(states(page, id)).toEqual(['skipped', 'running']);
    await page.leave();
    await vi.waitFor(() => expect(other.desk.sweeps?.[0]?.state).toBe('paused'));
    await other.desk.start(id);
    await training(other, 1);
    expect(started(other)).toEqual(['32: 0.001 0.01 0.003']);
  });

  it('two tabs: a sweep goes on where another that is wanted in its place trains elsewhere', async () => {
    const { page, id, site } = await kept();
    const other = await site.page();
    const mine = await other.desk.keep(smallSweep({ axes: [{ path: 'seed.init', values: [5, 6] }] }));
    await page.desk.start(id);
    await training(page, 1);
    await other.desk.start(mine);
    await training(other, 1);
    await other.desk.start(id);
    expect(alerts(other).at(-1)).toContain('another tab trains this sweep');
    expect(other.desk).toMatchObject({ runningId: mine, run: { state: 'running' } });
    expect(other.desk.sweeps?.map(({ state }) => state)).toEqual(['running', 'running']);
  });

  it('two tabs: a page that comes back as it was has its sweep again, unless another tab has gone on with it', async () => {
    const { page, id, site } = await kept();
    const other = await site.page();
    await page.desk.start(id);
    await training(page, 1);
    page.tell('gone');
    await vi.waitFor(() => expect(other.desk.sweeps?.[0]?.state).toBe('paused'));
    page.tell('back');
    await vi.waitFor(() => expect(other.desk.trainsElsewhere(id)).toBe(true), 2000);
    await other.desk.start(id);
    expect(alerts(other).at(-1)).toContain('another tab trains this sweep');
    page.tell('gone');
    await vi.waitFor(() => expect(other.desk.sweeps?.[0]?.state).toBe('paused'));
    site.browser.now += 1000;
    await other.store.sweeps.claim(id);
    page.tell('back');
    await vi.waitFor(() => expect(page.desk.run).toBeNull(), 4000);
    expect(alerts(page).at(-1)).toContain('another tab trains this sweep');
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect((await other.store.sweeps.list())[0]?.state).toBe('running');
  });

  it('two tabs: two sweeps that share a run do not train it at the same time', async () => {
    const { page, id, site } = await kept();
    const other = await site.page();
    const one = await other.desk.keep(smallSweep({ axes: [{ path: 'model.width', values: [16] }] }));
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(3);
    await page.lab.recorder?.save();
    await other.desk.start(one);
    await vi.waitFor(() => expect(groupAt(other, one, 0)).toMatchObject({ state: 'failed' }), 2000);
    expect(groupAt(other, one, 0).reason).toContain('Another tab trains a run of this group');
  });

  it('two tabs: keeps the checkpoint of a group of which nothing was stored, because another tab had a run of it', async () => {
    const { page, id, site } = await kept();
    const other = await site.page();
    const one = await other.desk.keep(smallSweep({ axes: [{ path: 'model.width', values: [16] }] }));
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(3);
    await page.lab.recorder?.save();
    vi.spyOn(other.store, 'trainedElsewhere').mockResolvedValue(false);
    await other.desk.start(one);
    await training(other, 1);
    other.worker.host.train(20);
    await vi.waitFor(() => expect(other.desk.busy).toBe(false), 2000);
    expect(sent(other, 'start').every(({ runId }) => site.checkpoints.has(runId))).toBe(true);
    expect(other.lab.messages.notices.some(({ text }) => text.startsWith('Nothing of'))).toBe(true);
  });

  it('promise 7: goes on, in another visit, from the checkpoint of a group of which nothing was stored as another tab had it', async () => {
    const { page, id, site } = await kept();
    const other = await site.page();
    const one = await other.desk.keep(smallSweep({ axes: [{ path: 'model.width', values: [16] }] }));
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(3);
    await page.lab.recorder?.save();
    vi.spyOn(other.store, 'trainedElsewhere').mockResolvedValue(false);
    vi.spyOn(other.store, 'begin').mockRejectedValue(
      new StoreError('owned', { rule: 'another tab trains this run', cure: 'Look at it there.' }),
    );
    await other.desk.start(one);
    await training(other, 1);
    other.worker.host.train(8);
    await vi.waitFor(() => expect(other.desk.run?.step).toBe(8));
    await other.desk.pause();
    await Promise.all([other.leave(), page.leave()]);
    const next = await site.page();
    await vi.waitFor(() => expect(next.desk.queueOf(one)).not.toBeNull());
    await next.desk.start(one);
    await training(next, 1);
    expect(sent(next, 'start')[0]?.stored).toBe(true);
    expect(sent(next, 'forget')).toEqual([]);
    expect(next.desk.run?.step).toBe(8);
    expect(next.lab.messages.notices.map(({ text }) => text)).toContain(
      'A run of the sweep goes on from its checkpoint at step 8; not all that was measured up to there is stored.',
    );
    next.worker.host.train(12);
    await vi.waitFor(() => expect(queueOf(next, one).runsDone).toBe(1));
    const run = groupAt(next, one, 0).runs[0]?.id ?? '';
    const curves = (await next.store.curves([run])).get(run);
    // What the other tab stored, and what was measured here.
    expect([...(curves?.train.steps ?? [])]).toEqual([1, 2, 3, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    await vi.waitFor(() => expect([...site.checkpoints.keys()].filter((name) => name.startsWith(`sweep-${one}-`))).toEqual([]));
  });

  it('removes a sweep, also one that trains, keeps its runs, and restores it', async () => {
    const { page, id } = await kept();
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(4);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(4));
    await page.desk.remove(id);
    expect(page.desk).toMatchObject({ sweeps: [], busy: false, run: null });
    expect((await allRuns(page)).size).toBe(3);
    await page.desk.restore(id);
    expect(page.desk.sweeps?.map((sweep) => sweep.state)).toEqual(['paused']);
    expect(states(page, id)).toEqual(['paused', 'waiting']);
  });

  it('starting another sweep pauses the one that trains', async () => {
    const { page, id } = await kept();
    const other = await page.desk.keep(smallSweep({ axes: [{ path: 'seed.init', values: [5, 6] }] }));
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(4);
    await page.desk.start(other);
    await training(page, 2);
    expect(page.desk.runningId).toBe(other);
    expect(states(page, id)).toEqual(['paused', 'waiting']);
    expect(queueOf(page, id).record.state).toBe('paused');
  });
});
