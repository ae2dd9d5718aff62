import { afterEach, describe, expect, it, vi } from 'vitest';
import {
  FitClient,
  KeptLaws,
  LAWS_VIEW_START,
  holdOf,
  holdText,
  LawsDesk,
  lawsQuery,
  lawsViewOf,
  sweepLawsView,
  type LawsView,
  type RunStore,
} from '../../src/lab/index.ts';
import { FakeBrowser } from '../support/fake-browser.ts';
import { FakeFits } from '../support/fake-fits.ts';
import { batchRun, ladder, ladderRun, TRUTH } from '../support/made-ladder.ts';

const QUICK: LawsView = { ...LAWS_VIEW_START, bootstrap: false };

interface Stage {
  readonly desk: LawsDesk;
  readonly store: RunStore;
  readonly workers: FakeFits[];
  readonly said: string[];
}

/** What a browser keeps of strings. */
function items(): ConstructorParameters<typeof KeptLaws>[0] {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => void kept.set(key, value),
    removeItem: (key) => void kept.delete(key),
  };
}

const open: LawsDesk[] = [];

function stage(view: LawsView = QUICK, store: RunStore = new FakeBrowser().tab(), kept = new KeptLaws(items())): Stage {
  const workers: FakeFits[] = [];
  const said: string[] = [];
  const fits = new FitClient(() => {
    const worker = new FakeFits();
    workers.push(worker);
    return worker;
  });
  const desk = new LawsDesk({
    store,
    fits,
    kept,
    report: (error) => void said.push(String(error)),
    notice: (text) => void said.push(text),
  });
  open.push(desk);
  desk.look(view);
  desk.open();
  return { desk, store, workers, said };
}

/** Until nothing is under way any more, of kept runs if so many are there. */
const settled = (desk: LawsDesk, runs = 0): Promise<void> =>
  vi.waitFor(() => expect(desk.stale || (desk.runs?.length ?? -1) < runs, 'still fitting').toBe(false), { timeout: 20_000 });

const CSV = [
  'N,D,loss',
  ...[1, 2, 4].flatMap((n) =>
    [1, 3, 9].map((d) => `${n}e6,${d}e7,${1.5 + 4 / n ** 0.4 + 3 / d ** 0.3 + 1e-3 * Math.sin(n * d)}`),
  ),
].join('\n');

afterEach(() => {
  for (const desk of open.splice(0)) desk.close();
});

describe('LawsDesk', () => {
  it('fits the runs that are kept, and again when one more ends; the last good fit stays meanwhile', async () => {
    const { desk, store } = stage();
    const runs = ladder();
    await store.import(runs.slice(0, -1));
    await settled(desk, 19);
    const before = desk.fit;
    expect(before?.outcome).toMatchObject({ lawId: 'chinchilla', points: runs.length - 1 });
    expect(before?.outcome.params['E']).toBeCloseTo(TRUTH.E, 1);
    expect(desk.points?.notes[0]).toContain('N counts all parameters');

    let shownMeanwhile: unknown = null;
    const end = desk.on('progress', () => (shownMeanwhile ??= desk.fit));
    await store.import(runs.slice(-1));
    await vi.waitFor(() => expect(desk.fit?.outcome.points).toBe(runs.length), { timeout: 20_000 });
    end();
    expect(shownMeanwhile).toBe(before);
    await settled(desk);
    expect(desk.frontiers['chinchilla-envelope']?.optima?.length).toBeGreaterThan(10);
  });

  it('a point that is left out is left out of the fit, of this source only, until it is taken in again', async () => {
    const { desk, store } = stage();
    await store.import([...ladder(), { ...ladderRun(48, 400, 9), record: { ...ladderRun(48, 400, 9).record, tags: ['odd'] } }]);
    await settled(desk, 21);
    const [first] = desk.points?.rows ?? [];
    desk.toggle(first?.key ?? '');
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(20);
    expect([...(desk.fit?.excluded ?? [])]).toEqual([0]);
    expect(desk.fit?.outcome.warnings[0]).toBe('1 point is left out by hand.');
    desk.look({ ...QUICK, sweep: 'ladder' });
    await settled(desk);
    expect(desk.excluded.size).toBe(0);
    expect(desk.fit?.outcome.points).toBe(21);
    desk.look(QUICK);
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(20);
    desk.includeAll();
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(21);
  });

  it('fits a file of points; what is no point is named, and the runs come back', async () => {
    const { desk, store, said } = stage();
    await store.import(ladder());
    await settled(desk, 20);
    desk.import(`\uFEFF${CSV}\n0,1,2\n`, 'p.csv');
    await settled(desk);
    expect(desk.fit?.outcome).toMatchObject({ points: 9 });
    expect(said).toEqual(['p.csv: 9 points; 1 row is left out.']);
    expect(desk.points?.notes).toEqual(['p.csv line 11, column N: it is not above 0: got 0.']);
    desk.toggle(desk.points?.rows[2]?.key ?? '');
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(8);
    desk.import('x,y\n1,2\n', 'bad.csv');
    expect(said.at(-1)).toContain('bad.csv: no column is one that a law reads');
    expect(desk.file?.name).toBe('p.csv');
    desk.useFile(false);
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(20);
  });

  it('rows of a file that lack what a law does not read are fitted, others are counted in a note', async () => {
    const { desk } = stage();
    const [head, ...lines] = CSV.split('\n');
    const text = [`${head},steps`, ...lines.map((line, i) => `${line},${i < 4 ? '' : 100}`), '1e6,,3,7', '2e6,,3,7'].join('\n');
    desk.import(text, 'p.csv');
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(9);
    expect(desk.points?.notes).toEqual(['2 rows have not all that this law reads (N, D, loss), and are left out.']);
    desk.look({ ...QUICK, law: 'power-n' });
    await settled(desk);
    expect([desk.fit?.outcome.points, desk.points?.notes]).toEqual([11, []]);
  });

  it.each([
    ['three points for five parameters', 'N,D,loss\n1,2,3\n2,3,2\n4,5,1\n', 'law chinchilla has 5 free parameters: got 3 points'],
    [
      'all points at one size',
      `N,D,loss\n${[1, 2, 3, 4, 5, 6, 7].map((d) => `1e6,${d}e6,${5 - d / 10}`).join('\n')}`,
      'column N: all points have the same value',
    ],
    [
      'a column that is missing',
      'N,loss\n1,2\n3,4\n',
      'column D is missing: got N, loss, expected N, D, loss for law chinchilla',
    ],
  ])('promise 6: %s is answered in words, in place', async (_, text, says) => {
    const { desk } = stage();
    desk.import(text, 'p.csv');
    await vi.waitFor(() => expect(desk.error).toContain(says), { timeout: 10_000 });
    expect(desk.fit).toBeNull();
    desk.import(CSV, 'good.csv');
    await settled(desk);
    expect([desk.error, desk.fit?.outcome.points]).toEqual([null, 9]);
  });

  it('what only the drawing minds is not fitted again; a crash of the worker is an error in place, and the next fit goes on', async () => {
    const { desk, store, workers } = stage();
    await store.import(ladder());
    await settled(desk, 20);
    const asked = workers[0]?.received.length;
    desk.look({ ...QUICK, x: 'D', reach: 100, published: [0] });
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(workers[0]?.received.length).toBe(asked);
    desk.look({ ...QUICK, tied: true });
    await vi.waitFor(() => expect(desk.progress).not.toBeNull());
    workers[0]?.emit('error', { message: 'gone' });
    await vi.waitFor(() => expect(desk.error).toContain('fit worker: it stopped: gone'));
    desk.look({ ...QUICK, loss: 'ls-log' });
    await settled(desk);
    expect(desk.fit?.outcome.loss).toBe('ls-log');
    expect(desk.error).toBeNull();
  });

  it('law, loss, counting, ties, fixed parameters and what is held out are those of the choice', async () => {
    const { desk, store } = stage({ ...QUICK, loss: 'ls', tied: true, fixed: { E: 1.4 }, hold: 3e10 });
    await store.import(ladder());
    await settled(desk, 20);
    const { params, heldOut, loss } = desk.fit?.outcome ?? {};
    expect([loss, params?.['E'], params?.['alpha']]).toEqual(['ls', 1.4, params?.['beta']]);
    expect(heldOut?.held.length).toBeGreaterThan(0);
    expect(heldOut?.error).toBeLessThan(0.05);
    desk.look({ ...QUICK, law: 'kaplan-ns' });
    await settled(desk);
    expect(desk.fit?.outcome.points).toBeGreaterThan(100);
  });
});

describe('LawsDesk from visit to visit', () => {
  it('points that are left out stay out after a reload, of their source', async () => {
    const storage = items();
    const browser = new FakeBrowser();
    const first = stage(QUICK, browser.tab(), new KeptLaws(storage));
    await first.store.import(ladder());
    await settled(first.desk, 20);
    const key = first.desk.points?.rows[3]?.key ?? '';
    first.desk.toggle(key);
    expect(first.desk.linked).toEqual({ file: '', out: [key] });
    first.desk.close();

    const { desk } = stage(QUICK, browser.tab(), new KeptLaws(storage));
    await settled(desk, 20);
    expect(desk.linked.out).toEqual([key]);
    expect(desk.fit?.outcome.points).toBe(19);
    desk.includeAll();
    expect(new KeptLaws(storage).excluded('sweep  tag ').size).toBe(0);
  });

  it('a link says which points are left out, and one that says nothing leaves those of this browser', async () => {
    const browser = new FakeBrowser();
    await browser.tab().import(ladder());
    const [a = '', b = ''] = ladder().map(({ record }) => record.id);
    const { desk } = stage({ ...QUICK, sweep: 'ladder', out: [a, b] }, browser.tab());
    await settled(desk, 20);
    expect(desk.fit?.outcome.points).toBe(18);
    desk.look({ ...QUICK, sweep: 'ladder', loss: 'ls' });
    await settled(desk);
    expect([...desk.excluded]).toEqual([a, b]);
    desk.look({ ...QUICK, sweep: 'ladder', loss: 'ls', out: [b] });
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(19);
  });

  it('a link of another source, or one that is looked at, overwrites nothing that is remembered', async () => {
    const browser = new FakeBrowser();
    await browser.tab().import(ladder());
    const [a = '', b = '', c = ''] = ladder().map(({ record }) => record.id);
    const kept = new KeptLaws(items());
    kept.exclude('sweep  tag ', new Set([a]));
    const { desk, said } = stage({ ...QUICK, file: 'friend.csv', out: ['row 3', 'row 4'] }, browser.tab(), kept);
    expect(said.join()).toContain('"friend.csv" is not kept in this browser');
    expect([...desk.excluded]).toEqual([a]);
    desk.look({ ...QUICK, out: [b] });
    expect([...desk.excluded]).toEqual([b]);
    expect([...kept.excluded('sweep  tag ')]).toEqual([a]);
    desk.toggle(c);
    expect([...kept.excluded('sweep  tag ')]).toEqual([b, c]);
    await settled(desk, 20);
    expect(desk.fit?.outcome.points).toBe(18);
  });

  it('a file of the same name with other rows has none of the other’s left out, and the first has them again', async () => {
    const { desk } = stage();
    desk.import(CSV, 'p.csv');
    await settled(desk);
    desk.toggle(desk.points?.rows[2]?.key ?? '');
    await settled(desk);
    const [head, ...rows] = CSV.split('\n');
    desk.import([head, ...rows.toReversed()].join('\n'), 'p.csv');
    expect(desk.excluded.size).toBe(0);
    await settled(desk);
    desk.import(CSV, 'p.csv');
    await settled(desk);
    expect(desk.fit?.outcome.points).toBe(8);
  });

  it('a file of points is there after a reload, and fitted where the link names it', async () => {
    const storage = items();
    const first = stage(QUICK, new FakeBrowser().tab(), new KeptLaws(storage));
    first.desk.import(CSV, 'p.csv');
    await settled(first.desk);
    const { file } = first.desk.linked;
    expect(file).toMatch(/^p\.csv-\w+$/);

    const other = stage(QUICK, new FakeBrowser().tab(), new KeptLaws(storage));
    await settled(other.desk, 0);
    expect([other.desk.file?.name, other.desk.fromFile]).toEqual(['p.csv', false]);
    const { desk, said } = stage({ ...QUICK, file }, new FakeBrowser().tab(), new KeptLaws(storage));
    await settled(desk, 0);
    expect([desk.fromFile, desk.fit?.outcome.points, said]).toEqual([true, 9, []]);
    desk.look(QUICK);
    await settled(desk, 0);
    expect([desk.fromFile, desk.points?.rows.length]).toEqual([false, 0]);
  });

  it('promise 6: a file that is not kept here is asked for in words, and one too long to keep is told', async () => {
    const { desk, said } = stage({ ...QUICK, file: 'mine.csv' });
    expect(said).toEqual(['SpecError: URL: the file of points "mine.csv" is not kept in this browser. Import it again.']);
    expect(desk.linked).toEqual({ file: '', out: [] });
    desk.import(`${CSV}\n${'#'.repeat(1_000_001)}`, 'long.csv');
    expect(said.at(-1)).toContain('it is kept only until this page closes');
    await settled(desk);
  });
});

describe('LawsDesk and what own sweeps found best', () => {
  it('best learning rates are points of Step Law, interpolated, and the planner has them whatever law is chosen', async () => {
    const { desk, store } = stage();
    const rates = [1e-3, 2e-3, 4e-3, 8e-3];
    await store.import(
      [32, 48, 64].flatMap((width) => [200, 400].flatMap((steps) => rates.map((lr) => ladderRun(width, steps, 1, lr)))),
    );
    await settled(desk, 24);
    expect(desk.own.rates?.rows).toHaveLength(6);
    const best = [...(desk.own.rates?.points.columns['lr'] ?? [])];
    for (const lr of best) expect(lr > 2e-3 && lr < 4e-3).toBe(true);
    desk.look({ ...QUICK, law: 'step-law' });
    await settled(desk);
    expect([desk.error, desk.fit?.outcome.points]).toEqual([null, 6]);
    expect(desk.points?.notes.join(' ')).toContain('Points are the best learning rate of each size and number of tokens');
    desk.toggle(desk.points?.rows[1]?.key ?? '');
    await settled(desk);
    expect([desk.fit?.outcome.points, desk.points?.rows.length, desk.own.rates?.rows.length]).toEqual([5, 6, 5]);
  });

  it('runs of one model with several batches give its critical batch', async () => {
    const { desk, store } = stage({ ...QUICK, bootstrap: true });
    await store.import([2, 4, 8, 16].map((batch) => batchRun(batch)));
    await settled(desk, 4);
    const [critical] = desk.own.critical;
    expect(critical?.batches).toBe(4);
    // Steps to a loss are a + b / B with b / a = 512 tokens: 1.2 B_0 + 0.2 b / a, B_0 = 2 x 32.
    expect((critical?.tokens ?? NaN) / (1.2 * 64 + 0.2 * 512)).toBeCloseTo(1, 1);
    const [low = NaN, high = NaN] = critical?.interval ?? [];
    expect(low <= high).toBe(true);
  });
});

describe('LawsDesk and curves', () => {
  it('curves that cannot be read cost the envelope, not the fit', async () => {
    const store = new FakeBrowser().tab();
    store.curves = () => Promise.reject(new Error('the disk is gone'));
    const { desk, said } = stage(QUICK, store);
    await store.import(ladder());
    await settled(desk, 20);
    expect([desk.error, desk.fit?.outcome.points]).toEqual([null, 20]);
    expect(desk.frontiers['chinchilla-envelope']).toBeNull();
    expect(said).toContain('Error: the disk is gone');
  });

  it('frontiers are of the runs and the counting of now, whatever law is fitted', async () => {
    const { desk, store } = stage({ ...QUICK, law: 'step-law' });
    await store.import(ladder());
    await settled(desk, 20);
    const before = desk.frontiers['chinchilla-envelope'];
    expect(before?.counting?.parameters).toBe('all');
    desk.look({ ...QUICK, law: 'step-law', counting: { ...QUICK.counting, parameters: 'non-embedding' } });
    await settled(desk);
    const after = desk.frontiers['chinchilla-envelope'];
    expect(after?.counting?.parameters).toBe('non-embedding');
    expect(after?.optima?.[0]?.N).toBeLessThan(before?.optima?.[0]?.N ?? 0);
  });

  it('runs that have not changed stay the records that they were when another ends', async () => {
    const { desk, store } = stage({ ...QUICK, law: 'power-n' });
    await store.import(ladder().slice(0, 6));
    await settled(desk, 6);
    const before = new Set(desk.runs);
    await store.import(ladder().slice(6, 7));
    await settled(desk, 7);
    expect(desk.runs?.filter((run) => before.has(run))).toHaveLength(6);
    const [first] = desk.runs ?? [];
    await store.edit([first?.id ?? ''], { note: 'odd' });
    await vi.waitFor(() => expect(desk.runs?.[0]?.note).toBe('odd'));
  });

  it('whole curves are read a few at a time and once for all that read as much of them', async () => {
    const store = new FakeBrowser().tab();
    const read = store.curves.bind(store);
    const asked: number[] = [];
    store.curves = (ids) => {
      asked.push(ids.length);
      return read(ids);
    };
    await store.import(ladder([1, 2, 3]).slice(0, 45));
    const { desk } = stage({ ...QUICK, law: 'power-n' }, store);
    await settled(desk, 45);
    expect(asked).toEqual([20, 20, 5]);
    desk.look({ ...QUICK, law: 'chinchilla-envelope' });
    await settled(desk);
    expect(asked).toHaveLength(3);
    desk.look({ ...QUICK, law: 'critical-batch' });
    await settled(desk);
    expect(asked).toHaveLength(6);
    expect(desk.points?.rows).toHaveLength(45);
  });

  it('only the best learning rates hold for points along curves too', async () => {
    const { desk, store } = stage({ ...QUICK, law: 'kaplan-ns', best: true });
    await store.import([...ladder(), ladderRun(48, 400, 1, 1e-2)]);
    await settled(desk, 21);
    expect(new Set(desk.points?.rows.map(({ runId }) => runId)).size).toBe(20);
    expect(desk.points?.notes.at(-1)).toContain('1 run is left out');
  });
});

describe('the view of the Laws page', () => {
  it('goes through a link and back, and a link says only what differs', () => {
    expect(lawsQuery(LAWS_VIEW_START).toString()).toBe('');
    const view: LawsView = {
      sweep: 'abc',
      tag: 'odd, one',
      law: 'data-constrained',
      loss: 'huber:0.01',
      counting: { parameters: 'blocks', flops: 'exact', attention: 'causal', head: false },
      tied: true,
      fixed: { E: 1.69, R_D: 15.39 },
      projected: true,
      best: true,
      bootstrap: false,
      hold: 3e15,
      x: 'D',
      reach: 100,
      published: [0],
      frontiers: [0, 3],
      file: 'my points, 2.csv',
      out: ['run, one', 'b'],
      plan: {
        unit: 'minutes',
        flops: 1e12,
        minutes: 2.5,
        law: 'besiroglu-et-al',
        rates: 'own',
        inference: true,
        inferenceTokens: 123456789,
      },
    };
    expect(lawsViewOf(new URLSearchParams(lawsQuery(view).toString()))).toEqual(view);
  });

  it('FLOPs above which points are held out are shown as they were typed, and what is no number is refused', () => {
    for (const text of ['1.25e13', '123456789', '900', '']) expect(holdOf(holdText(holdOf(text)))).toBe(Number(text));
    expect(holdText(holdOf('1.25e13'))).toBe('1.25e13');
    expect(holdText(holdOf('12.5T'))).toBe('1.25e13');
    expect(() => holdOf('1,5e13')).toThrow(
      'FLOPs above which points are held out: it is no number: got "1,5e13", expected one as in 1,000, 3e-4 or 2.5M.',
    );
    for (const text of ['many', '1e999', '-1']) expect(() => holdOf(text)).toThrow('FLOPs above which points are held out');
  });

  it('of a sweep with budgets of FLOPs counts C as the budgets do', () => {
    const lengths = [{ spec: { budget: { steps: 100 } } }];
    expect(lawsQuery(sweepLawsView('abc', lengths)).toString()).toBe('sweep=abc');
    expect(lawsQuery(sweepLawsView('abc', [{ spec: { budget: { flops: 1e12 } } }])).toString()).toBe('sweep=abc&flops=exact');
  });

  it.each([
    'law=astrology',
    'loss=hope',
    'hold=-1',
    'published=9',
    'fix=Q=1',
    'count=some',
    'colour=red',
    'frontiers=4',
    'budget=much',
    'budget=0',
    'budget=-3min',
    'by=luck',
    'rates=high',
    'inference=none',
    'out=%25',
  ])('promise 6: %s is refused in words', (query) => {
    expect(() => lawsViewOf(new URLSearchParams(query))).toThrow(/got/);
  });
});
