import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bandOf,
  cellOf,
  columnLabel,
  differing,
  filterRuns,
  groupRuns,
  isColumnId,
  sortRuns,
  spreadOf,
  type RunRecord,
} from '../../src/lab/index.ts';
import { RUN_COLUMN_IDS, SHOWN_PATHS } from '../../src/lab/index.ts';
import { spread } from '../../src/lab/store/groups.ts';
import { newRecord } from '../../src/lab/store/record.ts';
import { withDefaults } from '../../src/spec/index.ts';

function made(id: string, width: number, seed: number, lossNats: number | null): RunRecord {
  const spec = withDefaults({ model: { width }, seed: { init: seed } });
  const record = newRecord({ id, spec }, 0);
  return { ...record, name: id, summary: { ...record.summary, lossNats } };
}

const RUNS = [
  made('a', 64, 1, 3),
  made('b', 128, 1, 2),
  made('c', 64, 2, 4),
  made('d', 128, 2, Number.NaN),
  made('e', 256, 1, null),
];
const ids = (runs: readonly RunRecord[]): string => runs.map(({ id }) => id).join('');

describe('a table of runs', () => {
  it('has a column for everything that a record says and for every field of a spec', () => {
    const [run] = RUNS;
    for (const id of [...RUN_COLUMN_IDS, ...SHOWN_PATHS]) {
      expect(isColumnId(id)).toBe(true);
      expect(columnLabel(id)).not.toBe('');
      expect(run && ['number', 'string', 'boolean', 'object']).toContain(typeof (run && cellOf(run, id)));
    }
    expect(isColumnId('model.colour')).toBe(false);
  });

  it('shows what differs', () => {
    expect(differing(RUNS)).toEqual(['seed.init', 'model.width']);
    expect(differing(RUNS.slice(0, 1))).toEqual([]);
    expect(differing([])).toEqual([]);
  });

  it('sorts; a run that diverged or has no loss yet is no best one, whichever way', () => {
    expect(ids(sortRuns(RUNS, 'trainNats'))).toBe('bacde');
    expect(ids(sortRuns(RUNS, 'trainNats', true))).toBe('cabde');
    expect(ids(sortRuns(RUNS, 'model.width'))).toBe('acbde');
    expect(ids(sortRuns([made('run 10', 8, 1, 1), made('run 9', 8, 1, 1)], 'name'))).toBe('run 9run 10');
  });

  it('filters by every condition at once', () => {
    expect(
      ids(
        filterRuns(RUNS, [
          { column: 'model.width', is: 'among', values: [64, 256] },
          { column: 'seed.init', is: 'to', value: 1 },
        ]),
      ),
    ).toBe('ae');
    expect(
      ids(
        filterRuns(RUNS, [
          { column: 'trainNats', is: 'finite' },
          { column: 'trainNats', is: 'from', value: 3 },
        ]),
      ),
    ).toBe('ac');
    expect(ids(filterRuns(RUNS, [{ column: 'name', is: 'containing', text: 'B' }]))).toBe('b');
    expect(ids(filterRuns(RUNS, [{ column: 'id', is: 'notAmong', values: ['a', 'b'] }]))).toBe('cde');
  });

  it('groups by any field, with mean and band over seeds', () => {
    const groups = groupRuns(RUNS, ['model.width']);
    expect(groups.map(({ values, runs }) => [values[0], ids(runs)])).toEqual([
      [64, 'ac'],
      [128, 'bd'],
      [256, 'e'],
    ]);
    expect(groups.map(({ runs }) => spreadOf(runs, 'trainNats'))).toEqual([
      { count: 2, broken: 0, mean: 3.5, standardDeviation: Math.SQRT1_2, low: 3, high: 4 },
      { count: 1, broken: 1, mean: 2, standardDeviation: Number.NaN, low: 2, high: 2 },
      { count: 0, broken: 0, mean: Number.NaN, standardDeviation: Number.NaN, low: Number.NaN, high: Number.NaN },
    ]);
  });

  it('the mean lies in the band, whatever the values', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1 }), (values) => {
        const { low, mean, high, count } = spread(values);
        expect(low <= mean && mean <= high && count === values.length).toBe(true);
      }),
    );
  });

  it('a band is over the curves that have the step', () => {
    const curve = (steps: number[], losses: number[]): Parameters<typeof bandOf>[0][number] => ({
      steps: Float64Array.from(steps),
      lossNats: Float32Array.from(losses),
    });
    const band = bandOf([curve([1, 2, 3], [4, 3, 2]), curve([2, 3, 4], [5, Number.NaN, 1])]);
    expect([...band.steps]).toEqual([1, 2, 3, 4]);
    expect([...band.mean]).toEqual([4, 4, 2, 1]);
    expect([...band.count]).toEqual([1, 2, 1, 1]);
    expect([[...band.low], [...band.high]]).toEqual([
      [4, 3, 2, 1],
      [4, 5, 2, 1],
    ]);
  });
});
