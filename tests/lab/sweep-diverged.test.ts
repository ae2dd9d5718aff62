import { describe, expect, it, vi } from 'vitest';
import type { RunSpec } from '../../src/spec/index.ts';
import { alerts, allRuns, groupAt, kept, sent, started, states, training } from '../support/sweep-site.ts';

describe('SweepDesk, where lanes diverge', () => {
  it('a lane that diverges is kept and marked, and the others go on', async () => {
    const { page, id } = await kept({ divergesAt: ({ optimizer }) => (optimizer.lr === 0.01 ? 4 : null) });
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(10);
    await vi.waitFor(() => expect(groupAt(page, id, 0).diverged).toHaveLength(1));
    page.worker.host.train(10);
    await training(page, 2);
    const { diverged, runs, state } = groupAt(page, id, 0);
    expect(state).toBe('done');
    expect(diverged).toEqual(runs.filter(({ spec }) => spec.optimizer.lr === 0.01).map((run) => run.id));
    const records = await allRuns(page);
    expect(records.get(diverged[0] ?? '')?.summary.divergedStep).toBe(4);
    expect(runs.map((run) => records.get(run.id)?.step)).toEqual([20, 20, 20]);
  });

  it('a lane whose companions have diverged goes on from a checkpoint without them, to its own curve', async () => {
    const { page, id } = await kept({ divergesAt: ({ optimizer }) => (optimizer.lr > 0.001 ? 4 : null) });
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(6);
    await vi.waitFor(() => expect(groupAt(page, id, 0).diverged).toHaveLength(2));
    // Nothing of it is stored yet: to leave the GPU would lose its steps.
    expect(started(page)).toHaveLength(1);
    page.worker.host.save();
    page.worker.host.train(2);
    await training(page, 2);
    expect(started(page)).toEqual([expect.stringMatching(/^16: .* .* .*$/), '16: 0.001']);
    expect(page.desk.run).toMatchObject({ state: 'running', step: 8 });
    expect(sent(page, 'start')[1]?.stored).toBe(true);
    page.worker.host.train(12);
    await training(page, 3);
    expect(groupAt(page, id, 0).state).toBe('done');
    expect(groupAt(page, id, 0).diverged).toHaveLength(2);
    expect(alerts(page)).toEqual([]);
    const records = await allRuns(page);
    const ends = groupAt(page, id, 0).runs.map((run) => records.get(run.id));
    expect(ends.filter((record) => record?.summary.divergedStep === 4)).toHaveLength(2);
    expect(ends.find((record) => record?.summary.divergedStep === null)).toMatchObject({ step: 20, state: 'finished' });
    const said = '2 of 3 runs that trained together have diverged; the others go on without them.';
    expect(page.lab.messages.notices.map(({ text }) => text)).toContain(said);
  });

  it('all lanes go on together where the worker does not part them, and stop when they are stopped later', async () => {
    let refusing = true;
    const divergesAt = ({ optimizer }: RunSpec): number | null => (optimizer.lr > 0.001 ? 4 : null);
    const { page, id } = await kept({ divergesAt, refusesStop: () => refusing });
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.save();
    for (const steps of [6, 2]) page.worker.host.train(steps);
    await vi.waitFor(() => expect(page.desk.run?.step).toBe(8));
    expect(sent(page, 'stop')).toHaveLength(1);
    refusing = false;
    await page.desk.skip(id, groupAt(page, id, 0).id, true);
    await training(page, 2);
    expect(sent(page, 'stop')).toHaveLength(2);
    expect(states(page, id)).toEqual(['skipped', 'running']);
  });

  it('a group whose lanes have all diverged ends early, is kept, and the queue goes on', async () => {
    const { page, id, site } = await kept({ divergesAt: ({ model }) => (model.width === 16 ? 3 : null) });
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(6);
    await training(page, 2);
    expect(groupAt(page, id, 0)).toMatchObject({ state: 'done', reason: null });
    expect(groupAt(page, id, 0).diverged).toHaveLength(3);
    expect(alerts(page)).toEqual([]);
    expect(page.lab.messages.notices.some(({ text }) => text.includes('diverged'))).toBe(true);
    await page.desk.pause();
    await page.leave();
    const again = await site.page();
    await vi.waitFor(() => expect(groupAt(again, id, 0)).toMatchObject({ state: 'done' }));
    expect(groupAt(again, id, 0).diverged).toHaveLength(3);
  });
});
