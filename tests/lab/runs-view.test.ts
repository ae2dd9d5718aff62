import 'fake-indexeddb/auto';
import { describe, expect, it } from 'vitest';
import {
  browserPorts,
  RUNS_VIEW_START,
  RunsDesk,
  runsJson,
  runsQuery,
  RunStore,
  runsViewOf,
  shownColumns,
  shownRuns,
  type KeptRun,
  type RunRecord,
  type RunsView,
} from '../../src/lab/index.ts';
import { NO_CURVES } from '../../src/lab/store/curves.ts';
import { newRecord } from '../../src/lab/store/record.ts';
import { withDefaults } from '../../src/spec/index.ts';

describe('a link to the Runs page', () => {
  it('says nothing of what is as at the start, and reads back as it was written', () => {
    expect(runsQuery(RUNS_VIEW_START).size).toBe(0);
    expect(runsViewOf(new URLSearchParams())).toEqual(RUNS_VIEW_START);
    const view: RunsView = {
      sort: 'optimizer.lr',
      descending: false,
      text: 'wide & deep',
      state: 'failed',
      tag: 'a, b',
      group: ['model.width', 'optimizer.lr'],
      sweep: '0123456789abcdef',
      everything: true,
      hidden: true,
      split: 'both',
      unit: 'flops',
      xLog: true,
      yLog: true,
      smoothing: 0,
      zoom: [12.5, 3000],
      logAxes: ['optimizer.lr', 'validationNats'],
    };
    const query = runsQuery(view);
    expect([...query.keys()]).toHaveLength(15);
    expect(runsViewOf(new URLSearchParams(query.toString()))).toEqual(view);
  });

  it.each([
    ['sort=colour', 'the Runs page of this build cannot show the setting sort: got "colour", expected a column'],
    ['group=model.colour', 'setting group'],
    ['group=model.width,model.colour', 'setting group'],
    ['zoom=9..3', 'setting zoom: got "9..3", expected two numbers such as 100..2000'],
    ['zoom=3', 'setting zoom'],
    ['axes=colour', 'setting axes'],
    ['state=tired', 'setting state: got "tired"'],
    ['smoothing=1', 'setting smoothing: got "1", expected 0..0.999'],
    ['log=z', 'setting log'],
    ['color=red', 'setting setting'],
  ])('refuses %s in words', (query, words) => {
    expect(() => runsViewOf(new URLSearchParams(query))).toThrow(words);
  });
});

function made(id: string, change: Partial<RunRecord> = {}, width = 64): RunRecord {
  return { ...newRecord({ id, spec: withDefaults({ model: { width } }) }, 0), ...change };
}

const RUNS = [
  made('a', { name: 'Wide', createdAt: 3 }, 128),
  made('b', { tags: ['night', 'wide'], state: 'failed', createdAt: 2 }),
  made('c', { note: 'a widening', hidden: true, createdAt: 1 }),
  made('d', { createdAt: 4 }),
];
const ids = (change: Partial<RunsView>): string =>
  shownRuns(RUNS, { ...RUNS_VIEW_START, ...change })
    .map(({ id }) => id)
    .join('');

describe('what a view shows', () => {
  it('is the newest run first, without hidden ones', () => {
    expect(ids({})).toBe('dab');
    expect(ids({ hidden: true })).toBe('dabc');
    expect(ids({ descending: false })).toBe('bad');
  });

  it('is found by name, tag and note whatever their case, by state, and by a whole tag', () => {
    expect(ids({ text: ' WIDE ', hidden: true })).toBe('abc');
    expect(ids({ text: '64 on' })).toBe('db');
    expect(ids({ state: 'failed' })).toBe('b');
    expect([ids({ tag: 'night' }), ids({ tag: 'nigh' })]).toEqual(['b', '']);
  });

  it('has a column for what differs, or for everything', () => {
    expect(shownColumns(RUNS, null)).toContain('model.width');
    expect(shownColumns(RUNS, null)).not.toContain('optimizer.lr');
    expect(shownColumns(RUNS, ['optimizer.lr'])).toContain('optimizer.lr');
  });
});

describe('the desk of the Runs page', () => {
  function desk(): { readonly desk: RunsDesk; readonly said: string[]; readonly failed: string[] } {
    const [said, failed]: string[][] = [[], []];
    const store = new RunStore(browserPorts(null));
    const opened = new RunsDesk({
      store,
      notice: (text) => said?.push(text),
      report: (error) => failed?.push(error instanceof Error ? error.message : ''),
    });
    opened.open();
    return { desk: opened, said: said ?? [], failed: failed ?? [] };
  }
  const file = (...runs: readonly RunRecord[]): string =>
    [...runsJson(runs.map((record): KeptRun => ({ record: { ...record, state: 'finished' }, curves: NO_CURVES })))].join('');

  it('imports, tags, deletes and undoes, and keeps what is marked to what is there', async () => {
    const { desk: here, said, failed } = desk();
    await here.import(file(made('x', { tags: ['old', 'own'] }), made('y', { tags: ['old'] })), 'runs.json');
    await here.import(file(made('y', { tags: ['old'] })), 'again.json');
    expect(said).toEqual(['runs.json: 2 runs added.', 'again.json: 1 run already here.']);
    await here.read();
    const byId = (id: string): RunRecord | undefined => here.runs?.find((run) => run.id === id);

    await here.retag(here.runs ?? [], ['old'], ['new', 'own']);
    await here.read();
    expect([byId('x')?.tags, byId('y')?.tags]).toEqual([
      ['own', 'new'],
      ['new', 'own'],
    ]);

    here.choose(['x', 'y']);
    await here.remove(['x']);
    await here.read();
    expect({ undoable: here.undoable, chosen: [...here.chosen], removed: here.removed.map(({ id }) => id) }).toEqual({
      undoable: ['x'],
      chosen: ['y'],
      removed: ['x'],
    });
    await here.restore(here.undoable);
    await here.read();
    expect({ undoable: here.undoable, runs: here.runs?.length, removed: here.removed.length }).toEqual({
      undoable: [],
      runs: 2,
      removed: 0,
    });

    await here.import('{"format":"other"}', 'bad.json');
    expect(failed).toEqual([expect.stringContaining('bad.json')]);
    expect(here.runs).toHaveLength(2);

    await here.draw(['x']);
    expect(here.curvesOf('x')).toEqual(NO_CURVES);
    expect(here.curvesOf('y')).toBeUndefined();
    here.close();
    here.store.close();
  });
});
