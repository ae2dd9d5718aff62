import { describe, expect, it, vi } from 'vitest';
import { prepareDataset, type Dataset } from '../../src/data/index.ts';
import { sweptRuns } from '../../src/lab/sweep/axes.ts';
import { onCounted, ownFiles } from '../../src/lab/sweep/own-file.ts';
import { isRunRecord, newRecord, type RunRecord } from '../../src/lab/store/record.ts';
import { expandSweep, parseSpec, type Sweep } from '../../src/spec/index.ts';
import { filesWords } from '../../src/ui/sweep-words.ts';
import { dataOf } from '../support/fake-reports.ts';
import {
  alerts,
  kept,
  queueOf,
  sent,
  smallSweep,
  states,
  SweepSite,
  training,
  until,
  type SweepPage,
} from '../support/sweep-site.ts';

/** Two groups of two runs each that read a file of the user's. */
function fileSweep(): Sweep {
  const { base } = smallSweep();
  return smallSweep({
    base: { ...base, data: { ...base.data, source: 'file' } },
    axes: [
      { path: 'model.width', values: [16, 32] },
      { path: 'optimizer.lr', values: [0.001, 0.003] },
    ],
  });
}

async function add(page: SweepPage, name: string): Promise<void> {
  await page.lab.addFile(name, new TextEncoder().encode(name).buffer);
}

/** Trains all groups that are left to their ends. */
async function trainAll(page: SweepPage, id: string, from = 0): Promise<void> {
  await page.desk.start(id);
  for (const count of [1, 2]) {
    await training(page, from + count);
    page.worker.host.train(20);
  }
  await until(page, id, ['done', 'done']);
  await vi.waitFor(() => expect(page.desk.busy).toBe(false));
}

/** A page whose sweep was trained on a.txt, as it is after a reload. */
async function reloaded(): Promise<{ site: SweepSite; page: SweepPage; id: string }> {
  const site = new SweepSite();
  const first = await site.page();
  await add(first, 'a.txt');
  const id = await first.desk.keep(fileSweep());
  await trainAll(first, id);
  await first.leave();
  const page = await site.page();
  await vi.waitFor(() => expect(states(page, id)).toEqual(['done', 'done']));
  return { site, page, id };
}

const recordsOf = async (page: SweepPage): Promise<readonly RunRecord[]> => [
  ...(await page.store.some(expandSweep(fileSweep()).map(({ id }) => id))).values(),
];

const notices = ({ lab }: SweepPage): string[] => lab.messages.notices.map(({ text }) => text);

describe('a sweep on the user’s own file', () => {
  it('does not take what came of another file for what comes of the one at hand, and says so', async () => {
    const page = await new SweepSite().page();
    await add(page, 'a.txt');
    const id = await page.desk.keep(fileSweep());
    await trainAll(page, id);
    await add(page, 'b.txt');
    expect(queueOf(page, id)).toMatchObject({ runsDone: 0, runsOnAnotherFile: 4, state: 'paused' });
    expect(states(page, id)).toEqual(['waiting', 'waiting']);
    const swept = sweptRuns(expandSweep(fileSweep()), await recordsOf(page));
    expect(onCounted(swept, queueOf(page, id).files).map(({ record }) => record)).toEqual([null, null, null, null]);
    // The same bytes by another name are the same file.
    await page.lab.addFile('copy.txt', new TextEncoder().encode('a.txt').buffer);
    expect(queueOf(page, id)).toMatchObject({ runsDone: 4, runsOnAnotherFile: 0, state: 'done' });
    expect(onCounted(swept, queueOf(page, id).files)).toEqual(swept);
    await add(page, 'b.txt');
    await trainAll(page, id, 2);
    expect(notices(page)).toContainEqual(
      expect.stringMatching(
        /^The sweep "small" is trained on "b\.txt" \(SHA-256 \w{8}\) from here, another file than its runs have been trained on: "a\.txt" \(SHA-256 \w{8}\) \(4 runs\)\.$/,
      ),
    );
    expect((await recordsOf(page)).map(({ data }) => data?.name)).toEqual(Array(4).fill('b.txt'));
  });

  it('after a reload, is done on the file that its runs were trained on, and asks for none', async () => {
    const { site, page, id } = await reloaded();
    site.files.length = 0;
    expect(page.lab.file).toBeNull();
    expect(queueOf(page, id)).toMatchObject({ runsDone: 4, files: { counted: { name: 'a.txt' }, atHand: false, others: [] } });
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    expect(alerts(page)).toEqual([]);
    expect(sent(page, 'start')).toEqual([]);
  });

  it('after a reload, trains what is left on that very file, though another one was added since', async () => {
    const { site, page, id } = await reloaded();
    const other = await site.page();
    await add(other, 'b.txt');
    expect(site.files.map(({ name }) => name)).toEqual(['b.txt', 'a.txt']);
    await other.leave();
    await page.store.remove(
      expandSweep(fileSweep())
        .slice(0, 1)
        .map((run) => run.id),
    );
    await vi.waitFor(() => expect(states(page, id)).toEqual(['waiting', 'done']));
    await page.desk.start(id);
    await training(page, 1);
    expect(sent(page, 'start')[0]?.fileHash).toBe(site.files[1]?.hash);
    page.worker.host.train(20);
    await until(page, id, ['done', 'done']);
    expect((await recordsOf(page)).map(({ data }) => data?.name)).toEqual(Array(4).fill('a.txt'));
  });

  it('after a reload, goes on with the file that was trained on last, whatever was said since of a run on the one before', async () => {
    const { site, page, id } = await reloaded();
    site.browser.now += 1000;
    await add(page, 'b.txt');
    const second = queueOf(page, id).groups[1]?.id ?? '';
    await page.desk.skip(id, second, true);
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(20);
    await until(page, id, ['done', 'skipped']);
    await vi.waitFor(() => expect(page.desk.busy).toBe(false));
    await page.leave();
    site.browser.now += 1000;
    const later = await site.page();
    await vi.waitFor(() => expect(states(later, id)).toEqual(['done', 'skipped']));
    const change = { name: 'mine', tags: ['x'], hidden: true, note: 'good', baseline: true };
    expect(await later.store.edit([second], change)).toEqual([second]);
    await later.desk.skip(id, second, false);
    expect(queueOf(later, id)).toMatchObject({ runsDone: 2, files: { counted: { name: 'b.txt' } } });
    await later.desk.start(id);
    await training(later, 1);
    expect(sent(later, 'start')[0]?.fileHash).toBe(site.files.find(({ name }) => name === 'b.txt')?.hash);
  });

  it('asks for the file again where a run is left and the browser has it no more', async () => {
    const { site, page, id } = await reloaded();
    site.files.length = 0;
    await page.store.remove(
      expandSweep(fileSweep())
        .slice(0, 1)
        .map((run) => run.id),
    );
    await vi.waitFor(() => expect(states(page, id)).toEqual(['waiting', 'done']));
    await page.desk.start(id);
    expect(alerts(page)).toEqual([
      expect.stringMatching(
        /^sweep "small": the file that its runs were trained on is no longer kept: expected "a\.txt" \(SHA-256 \w{8}\)\. Open that file again/,
      ),
    ]);
    expect(page.desk.busy).toBe(false);
    expect(sent(page, 'start')).toEqual([]);
    await add(page, 'a.txt');
    await page.desk.start(id);
    await training(page, 1);
  });

  it('says that there is no file where none was ever given', async () => {
    const page = await new SweepSite().page();
    const id = await page.desk.keep(fileSweep());
    await page.desk.start(id);
    expect(alerts(page)).toEqual([
      'sweep "small": its runs read a file of yours, and there is none. Open one on the Train page, or drop it anywhere on the page.',
    ]);
    expect(queueOf(page, id).state).toBe('ready');
  });

  it('does not go on from the checkpoint of another file: it says so, goes on with that file, and only if asked begins anew', async () => {
    const page = await new SweepSite().page();
    await add(page, 'a.txt');
    const id = await page.desk.keep(fileSweep());
    await page.desk.start(id);
    await training(page, 1);
    page.worker.host.train(5);
    await page.desk.pause();
    await page.desk.giveWay('test');
    await add(page, 'b.txt');
    await page.desk.start(id);
    await vi.waitFor(() => expect(states(page, id)).toEqual(['failed', 'running']));
    const group = queueOf(page, id).groups[0];
    expect(group?.reason).toBe('checkpoint: it was trained on another file than the one at hand. Tried again, it begins anew.');
    await page.desk.pause();
    await page.desk.giveWay('test');
    // With the file that it was trained on it goes on.
    await add(page, 'a.txt');
    await page.desk.retry(id, group?.id ?? '');
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.run).toMatchObject({ state: 'running', step: 5 }));
    await page.desk.pause();
    await page.desk.giveWay('test');
    await add(page, 'b.txt');
    await page.desk.retry(id, group?.id ?? '');
    await page.desk.start(id);
    await vi.waitFor(() => expect(page.desk.run).toMatchObject({ state: 'running', step: 0 }));
    expect(notices(page).at(-1)).toBe('A group of 2 runs of the sweep begins anew: it could not go on from its checkpoint.');
  });
});

describe('runs on two files', () => {
  const [one, two, three] = expandSweep(fileSweep());
  const made = (run: typeof one, name: string, updatedAt: number): RunRecord => {
    if (run === undefined) throw new Error('no run');
    const { trainTokens, vocab, bytesPerToken, contentHash } = dataOf('file');
    const data = { name, contentHash, fileHash: `of ${name}`, vocab, bytesPerToken, trainTokens, entropyRateNats: null };
    return { ...newRecord(run, 0), state: 'finished', updatedAt, data };
  };
  const records = [made(one, 'a.txt', 3), made(two, 'b.txt', 5), made(three, 'a.txt', 4)];

  it('count where they are of the file at hand, or of the one that was trained on last', () => {
    const latest = ownFiles(records, null);
    expect(latest).toMatchObject({ counted: { name: 'b.txt' }, atHand: false, others: [{ name: 'a.txt', runs: 2 }] });
    expect(records.map(latest.isOther)).toEqual([true, false, true]);
    expect(filesWords(latest)).toBe(
      'Of the runs on “b.txt”, the file that was trained on last. 2 runs on “a.txt” are left out: open that file to see those instead.',
    );
    const chosen = ownFiles(records, dataOf('file', { name: 'a.txt', hash: 'of a.txt' }));
    expect(records.map(chosen.isOther)).toEqual([false, true, false]);
    expect(filesWords(chosen)).toBe('Of the runs on “a.txt”, your file of now. 1 run on “b.txt” is left out.');
    expect(filesWords(ownFiles(records.slice(0, 1), null))).toBeNull();
    expect(
      ownFiles(
        [made(one, 'a.txt', 1)].map((record) => ({ ...record, data: null })),
        null,
      ).counted,
    ).toBeNull();
  });

  it('say nothing of runs on other data', () => {
    const spec = parseSpec({});
    const other = { ...made(one, 'a.txt', 9), spec };
    expect(ownFiles([other], null)).toMatchObject({ counted: null, others: [] });
    expect(ownFiles(records, null).isOther(other)).toBe(false);
  });

  it('that an earlier build stored, without the hash of their file, are told apart where their split is the same', async () => {
    const bytes = Uint8Array.from({ length: 4000 }, (_, i) => 97 + (i % 23));
    const read = (context: number, order: 'shuffled' | 'sequential' = 'shuffled'): Promise<Dataset> =>
      prepareDataset({ kind: 'file', name: 'a', bytes }, { tokenizer: 'byte', merges: 0, context, order });
    const { contentHash, fileHash = '', train, validation } = await read(1);
    const sizes = { trainTokens: train.length, validationTokens: validation?.length ?? 0 };
    const file = { ...dataOf('file'), contentHash, fileHash, ...sizes };
    for (const context of [4, 16, 24, 64, 256, 1024])
      for (const order of ['shuffled', 'sequential'] as const) {
        const spec = parseSpec({ data: { source: 'file', context, order } });
        const old = (hash: string): RunRecord => {
          const { data, ...record } = { ...made(one, 'a', 1), spec };
          if (data === null) throw new Error('no data');
          const { fileHash: _, ...earlier } = data;
          return { ...record, data: { ...earlier, contentHash: hash } };
        };
        const same = old((await read(context, order)).contentHash);
        expect(isRunRecord(same)).toBe(true);
        expect(ownFiles([same], file).isOther(same), `${context} ${order}`).toBe(false);
        expect(ownFiles([same], null).isOther(same)).toBe(false);
        expect(ownFiles([], file).isOther(old('other')), `other, ${context} ${order}`).toBe(
          context <= 24 && order === 'shuffled',
        );
      }
  });
});

describe('the data of a sweep that reads no file', () => {
  it('are nobody’s file, whatever file is at hand', async () => {
    const { page, id } = await kept();
    await add(page, 'a.txt');
    await page.desk.start(id);
    await training(page, 1);
    expect(sent(page, 'start')[0]).not.toHaveProperty('fileHash');
    expect(sent(page, 'files')).toEqual([]);
    page.worker.host.train(20);
    await vi.waitFor(() => expect(states(page, id)[0]).toBe('done'));
  });
});
