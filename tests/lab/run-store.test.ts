import { IDBFactory, IDBObjectStore } from 'fake-indexeddb';
import * as fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { flopsOf, isRunnable, RESTORABLE_MS, tokensOf, type RunStore } from '../../src/lab/index.ts';
import { summaryOf } from '../../src/lab/store/append.ts';
import { UPGRADES } from '../../src/lab/store/database.ts';
import { FakeBrowser } from '../support/fake-browser.ts';
import { beginning, evaluated, steps } from '../support/made-curves.ts';

async function training(store: RunStore, id = 'a', last = 100): Promise<void> {
  await store.begin([beginning(id)]);
  await store.append([
    { id, change: { state: 'running', step: last }, added: { ...steps(1, last), validation: evaluated(0, 50).validation } },
  ]);
}

const stepsOf = async (store: RunStore, id: string): Promise<number[]> => [
  ...((await store.curves([id])).get(id)?.train.steps ?? []),
];

/** The storage has room for so many more writes. */
function room(writes: number): { left: number } {
  const disk = { left: writes };
  const put = IDBObjectStore.prototype.put;
  vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (this: IDBObjectStore, ...args: Parameters<typeof put>) {
    if (disk.left === 0) throw new DOMException('no room', 'QuotaExceededError');
    disk.left--;
    return put.apply(this, args);
  });
  return disk;
}

afterEach(() => void vi.restoreAllMocks());

describe('RunStore', () => {
  it('promise 7: keeps a run and its curves, bit for bit, for the next visit', async () => {
    const browser = new FakeBrowser();
    await training(browser.tab());
    const store = browser.tab();
    const [run] = await store.list();
    expect(run).toMatchObject({ id: 'a', name: 'a', step: 100, totalSteps: 2000, state: 'running', version: 1 });
    expect(run?.summary).toMatchObject({
      lossNats: Math.fround(1.4),
      validationNats: 1.1 + 4 / Math.sqrt(51),
      trainedMs: 640,
      divergedStep: null,
    });
    expect(run && [tokensOf(run), isRunnable(run)]).toEqual([100 * (run?.counts?.tokensPerStep ?? 0), true]);
    expect(run && flopsOf(run)).toBe(100 * (run?.counts?.tokensPerStep ?? 0) * (run?.counts?.flopsPerToken ?? 0));
    expect((await store.curves(['a'])).get('a')).toEqual({ ...steps(1, 100), validation: evaluated(0, 50).validation });
  });

  it('appends in pieces what it would have kept in one, in few chunks', async () => {
    const browser = new FakeBrowser();
    const store = browser.tab();
    await store.begin([beginning('a'), beginning('b')]);
    await store.append([{ id: 'b', change: {}, added: steps(1, 2500, 1200) }]);
    for (let step = 1; step <= 2500; step += 25)
      await store.append([{ id: 'a', change: {}, added: steps(step, step + 24, 1200) }]);
    const [a, b] = await Promise.all([store.get('a'), store.get('b')]);
    expect(a?.summary).toEqual(b?.summary);
    expect(a?.summary.divergedStep).toBe(1200);
    const curves = await store.curves(['a', 'b']);
    expect(curves.get('a')).toEqual(curves.get('b'));
    const chunks = await new Promise<number>((resolve) => {
      const opened = browser.indexedDB.open('isoflop-runs');
      opened.addEventListener('success', () => {
        const count = opened.result.transaction('chunks').objectStore('chunks').count();
        count.addEventListener('success', () => resolve(count.result));
      });
    });
    expect(chunks).toBe(4);
  });

  it('promise 7: a save that breaks off in the middle leaves what was there before', async () => {
    const browser = new FakeBrowser();
    const store = browser.tab();
    await training(store);
    const before = await store.kept(['a']);
    const put = IDBObjectStore.prototype.put;
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function (
      this: IDBObjectStore,
      ...args: Parameters<typeof put>
    ) {
      const request = put.apply(this, args);
      if (this.name === 'runs') this.transaction.abort();
      return request;
    });
    const advance = { id: 'a', change: { step: 150 }, added: steps(101, 150) };
    await expect(store.append([advance])).rejects.toThrow('run store: the browser could not store a run');
    vi.restoreAllMocks();
    expect(await store.kept(['a'])).toEqual(before);
    expect(await store.append([advance])).toEqual(['saved']);
    expect(await stepsOf(store, 'a')).toHaveLength(150);
  });

  it('promise 7: a run that goes on from its checkpoint drops what came after it, and keeps what its user said', async () => {
    const browser = new FakeBrowser();
    const first = browser.tab();
    await training(first);
    await first.append([{ id: 'a', change: {}, added: evaluated(75, 100) }]);
    await first.edit(['a'], { name: 'mine', tags: ['x'], note: 'good' });
    first.close();
    const store = browser.tab();
    await store.open();
    expect((await store.get('a'))?.state).toBe('interrupted');
    const [run] = await store.begin([beginning('a', 80)]);
    expect(run).toMatchObject({ name: 'mine', tags: ['x'], note: 'good', step: 80, state: 'preparing' });
    expect(run?.summary).toMatchObject({ trainedMs: 512, trainedSteps: 80, validationNats: 1.1 + 4 / Math.sqrt(76) });
    await store.append([{ id: 'a', change: { state: 'running', step: 90 }, added: steps(81, 90) }]);
    expect(await stepsOf(store, 'a')).toEqual(Array.from({ length: 90 }, (_, i) => i + 1));
    expect((await store.get('a'))?.state).toBe('running');
  });

  it('promise 7: whatever is appended, repeated and taken back, holds what came last', async () => {
    const pieces = fc.array(fc.tuple(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 1500 })), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(pieces, async (written) => {
        const store = new FakeBrowser().tab();
        await store.begin([beginning('a')]);
        let expected: number[] = [];
        for (const [first, count] of written) {
          expected = [...expected.filter((step) => step < first), ...steps(first, first + count - 1).train.steps];
          await store.append([
            { id: 'a', change: {}, added: { ...steps(first, first + count - 1), validation: evaluated(first).validation } },
          ]);
        }
        expect(await stepsOf(store, 'a')).toEqual(expected);
        const [run] = await store.kept(['a']);
        expect(run?.record.summary).toEqual(run && summaryOf(run.curves));
      }),
      { numRuns: 25 },
    );
  });

  it('steps that are repeated replace the first ones, even across chunks', async () => {
    const store = new FakeBrowser().tab();
    await store.begin([beginning('a')]);
    for (const from of [1, 1001, 2001]) await store.append([{ id: 'a', change: {}, added: steps(from, from + 999, from + 5) }]);
    await store.append([{ id: 'a', change: {}, added: steps(501, 520) }]);
    expect(await stepsOf(store, 'a')).toHaveLength(520);
    expect((await store.get('a'))?.summary).toMatchObject({ divergedStep: 6, trainedSteps: 520, trainedMs: 520 * 6.4 });
  });

  it('two tabs: one trains, the other looks on, edits, and may not train the same run', async () => {
    const browser = new FakeBrowser();
    const [one, two] = [browser.tab(), browser.tab()];
    await training(one);
    const heard: string[][] = [];
    two.watch((ids) => heard.push([...ids]));
    await expect(two.begin([beginning('b'), beginning('a', 50)])).rejects.toMatchObject({ kind: 'owned' });
    expect(two.trouble).toBeNull();
    expect(await two.get('b')).toBeNull();
    await Promise.all([
      two.edit(['a'], { name: 'renamed' }),
      one.append([{ id: 'a', change: { step: 120 }, added: steps(101, 120) }]),
    ]);
    expect(await one.get('a')).toMatchObject({ name: 'renamed', step: 120, state: 'running' });
    expect(await two.append([{ id: 'a', change: { step: 1 }, added: steps(1, 1) }])).toEqual(['taken']);
    expect(await stepsOf(two, 'a')).toHaveLength(120);
    await vi.waitFor(() => expect(heard).toContainEqual(['a']));
  });

  it('two tabs: a run whose tab is gone is taken over, and that tab, should it wake, appends nothing more', async () => {
    const browser = new FakeBrowser();
    const frozen = browser.tab({ channel: null });
    await training(frozen);
    const store = browser.tab();
    expect((await store.get('a'))?.state).toBe('running');
    browser.now += 1000;
    await store.begin([beginning('a', 100)]);
    await store.append([{ id: 'a', change: { state: 'finished', step: 110 }, added: steps(101, 110) }]);
    await store.release(['a']);
    expect(await frozen.append([{ id: 'a', change: { state: 'running', step: 105 }, added: steps(101, 105) }])).toEqual([
      'taken',
    ]);
    expect(await store.get('a')).toMatchObject({ state: 'finished', step: 110 });
  });

  it('a tab that is silent for long is gone even where tabs cannot tell each other anything', async () => {
    const browser = new FakeBrowser();
    const [one, two] = [browser.tab({ channel: null }), browser.tab({ channel: null })];
    await training(one);
    browser.now += 100_000;
    await one.beat();
    browser.now += 100_000;
    expect((await two.get('a'))?.state).toBe('running');
    browser.now += 100_000;
    expect((await two.get('a'))?.state).toBe('interrupted');
  });

  it('a removed run comes back to the bit, until its time is over', async () => {
    const browser = new FakeBrowser();
    const store = browser.tab();
    await training(store);
    await training(store, 'b');
    const before = await store.kept(['a', 'b']);
    expect(await store.remove(['a', 'b', 'nowhere'])).toEqual(['a', 'b']);
    expect(await store.list()).toEqual([]);
    expect(await store.list(true)).toHaveLength(2);
    await store.restore(['a', 'b']);
    expect(await store.kept(['a', 'b'])).toEqual(before);
    await store.remove(['b']);
    browser.now += RESTORABLE_MS;
    await browser.tab().open();
    expect((await store.list()).map(({ id }) => id)).toEqual(['a']);
    expect(await store.list(true)).toEqual([]);
    expect((await store.curves(['b'])).size).toBe(0);
  });

  it('a run that is removed in another tab while it trains here is not resurrected in pieces', async () => {
    const browser = new FakeBrowser();
    const [one, two] = [browser.tab(), browser.tab()];
    await training(one);
    await two.remove(['a']);
    const advance = { id: 'a', change: { step: 120 }, added: steps(101, 120) };
    expect(await one.append([advance])).toEqual(['removed']);
    await two.restore(['a']);
    expect(await one.append([advance])).toEqual(['saved']);
    await two.remove(['a']);
    await two.emptyTrash();
    expect(await one.append([{ ...advance, added: steps(121, 125) }])).toEqual(['removed']);
    expect(await one.get('a')).toBeNull();
  });

  it('one run at most is the baseline', async () => {
    const store = new FakeBrowser().tab();
    await store.begin(['a', 'b', 'c'].map((id) => beginning(id)));
    await store.edit(['a'], { baseline: true });
    await store.edit(['c'], { baseline: true });
    expect((await store.list()).filter(({ baseline }) => baseline).map(({ id }) => id)).toEqual(['c']);
  });
});

describe('storage that is full, refused or gone', () => {
  it('promise 7: makes room by checkpoints first, and then goes on', async () => {
    const disk = room(100);
    const makeRoom = vi.fn<() => Promise<boolean>>(() => {
      disk.left += 3;
      return Promise.resolve(true);
    });
    const store = new FakeBrowser().tab({ makeRoom });
    await training(store);
    disk.left = 0;
    expect(await store.append([{ id: 'a', change: { step: 150 }, added: steps(101, 150) }])).toEqual(['saved']);
    expect(makeRoom).toHaveBeenCalledTimes(1);
    expect(store.trouble).toBeNull();
  });

  it('promise 6: says once that it is full and what to do; nothing is lost, and saving goes on when there is room', async () => {
    const disk = room(100);
    const makeRoom = vi.fn<() => Promise<boolean>>(() => Promise.resolve(false));
    const store = new FakeBrowser().tab({ makeRoom });
    const told: (string | undefined)[] = [];
    store.on('trouble', () => told.push(store.trouble?.message));
    await training(store);
    disk.left = 0;
    for (let i = 0; i < 3; i++)
      await expect(store.append([{ id: 'a', change: {}, added: steps(101, 110) }])).rejects.toMatchObject({ kind: 'full' });
    expect(await stepsOf(store, 'a')).toHaveLength(100);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^run store: storage is full\. Export your runs first; then remove runs or checkpoints/);
    disk.left = 100;
    expect(await store.append([{ id: 'a', change: {}, added: steps(101, 110) }])).toEqual(['saved']);
    expect(told).toEqual([told[0], undefined]);
  });

  it('promise 6: a browser without a database, or one that refuses it, is said in words', async () => {
    await expect(new FakeBrowser().tab({ indexedDB: null }).list()).rejects.toMatchObject({ kind: 'none' });
    const refusing = new IDBFactory();
    refusing.open = () => {
      throw new DOMException('private', 'SecurityError');
    };
    const store = new FakeBrowser().tab({ indexedDB: refusing });
    await expect(store.begin([beginning('a')])).rejects.toThrow(
      /^run store: the browser does not let this page store anything\. .*export/,
    );
    expect(store.trouble?.kind).toBe('refused');
  });

  it('notices at the next visit that the browser has removed everything', async () => {
    const browser = new FakeBrowser();
    const store = browser.tab();
    await training(store);
    await training(store, 'b');
    await store.list();
    browser.indexedDB = new IDBFactory();
    const next = browser.tab();
    expect(await next.list()).toEqual([]);
    expect(next.evicted).toBe(2);
    expect(await browser.tab().list()).toEqual([]);
  });

  it('promise 7: everything that is removed under a running page is noticed, so that the run can begin anew', async () => {
    const browser = new FakeBrowser();
    const store = browser.tab();
    await training(store);
    await new Promise((resolve) => browser.indexedDB.deleteDatabase('isoflop-runs').addEventListener('success', resolve));
    expect(await store.append([{ id: 'a', change: {}, added: steps(101, 110) }])).toEqual(['gone']);
    await store.begin([beginning('a')]);
    expect(await store.append([{ id: 'a', change: {}, added: steps(1, 110) }])).toEqual(['saved']);
    expect(await stepsOf(store, 'a')).toHaveLength(110);
  });

  it('asks once to keep what is stored, and says how much there is', async () => {
    const persist = vi.fn<() => Promise<boolean>>(() => Promise.resolve(true));
    const manager = {
      persist,
      persisted: () => Promise.resolve(false),
      estimate: () => Promise.resolve({ usage: 5, quota: 10 }),
    };
    const store = new FakeBrowser().tab({ manager });
    await store.begin([beginning('a')]);
    await store.begin([beginning('b')]);
    expect(persist).toHaveBeenCalledTimes(1);
    expect(await store.room.estimate()).toEqual({ usedBytes: 5, quotaBytes: 10 });
    expect(await new FakeBrowser().tab().room.estimate()).toBeNull();
  });
});

describe('versions of the database', () => {
  const LATER = [...UPGRADES, (db: IDBDatabase): void => void db.createObjectStore('more')];

  it('promise 7: a later build upgrades it with everything in it; tabs of the earlier build let go and say so', async () => {
    const browser = new FakeBrowser();
    const store = browser.tab();
    await training(store);
    const before = await store.kept(['a']);
    const later = browser.tab({ upgrades: LATER });
    expect(await later.kept(['a'])).toEqual(before);
    await expect(store.append([{ id: 'a', change: {}, added: steps(101, 110) }])).rejects.toThrow(
      /^run store: it was written by a later build\. Nothing in it was changed\. Reload the page/,
    );
    expect(await later.kept(['a'])).toEqual(before);
  });

  it('promise 6: an upgrade that another tab blocks is said, and goes on once that tab closes', async () => {
    const browser = new FakeBrowser();
    await training(browser.tab());
    // A tab of another page of this site, which does not let go.
    const stubborn = await new Promise<IDBDatabase>((resolve) => {
      const request = browser.indexedDB.open('isoflop-runs');
      request.addEventListener('success', () => resolve(request.result));
    });
    const later = browser.tab({ upgrades: LATER });
    const listed = later.list();
    await vi.waitFor(() => expect(later.trouble?.kind).toBe('blocked'));
    stubborn.close();
    expect(await listed).toHaveLength(1);
    expect(later.trouble).toBeNull();
  });
});

describe('500 runs of 2,000 steps', () => {
  it('are listed and loaded in one transaction each', async () => {
    const store = new FakeBrowser().tab();
    const ids = Array.from({ length: 500 }, (_, i) => `run-${i}`);
    await store.begin(ids.map((id) => beginning(id)));
    await store.append(ids.map((id) => ({ id, change: { step: 2000 }, added: steps(1, 2000) })));
    const transaction = vi.spyOn(await import('fake-indexeddb').then((module) => module.IDBDatabase.prototype), 'transaction');
    expect(await store.list()).toHaveLength(500);
    expect((await store.curves(ids)).size).toBe(500);
    expect(transaction).toHaveBeenCalledTimes(2);
  });
});
