import { describe, expect, it } from 'vitest';
import { newRecord, type RunRecord } from '../../src/lab/store/record.ts';
import { NO_SUMMARY } from '../../src/lab/store/summary.ts';
import { withDefaults } from '../../src/spec/index.ts';
import { parallelAxes } from '../../src/ui/parallel.ts';

function made(id: string, lr: number, source: 'sotu' | 'names', validationNats: number | null): RunRecord {
  const spec = withDefaults({ optimizer: { lr }, data: { source } });
  return { ...newRecord({ id, spec }, 0), summary: { ...NO_SUMMARY, validationNats } };
}

const RUNS = [
  made('a', 0.001, 'sotu', 3),
  made('b', 0.01, 'names', 2),
  made('c', 0.1, 'sotu', null),
  made('d', 0.1, 'names', NaN),
];
const axisOf = (column: string, logs: Parameters<typeof parallelAxes>[1] = []): ReturnType<typeof parallelAxes>[number] => {
  const axis = parallelAxes(RUNS, logs).find((each) => each.column === column);
  if (axis === undefined) throw new Error(`no axis of ${column}`);
  return axis;
};
const places = (axis: ReturnType<typeof axisOf>): (number | null)[] => RUNS.map((run) => axis.placeOf(run));

describe('the axes of parallel coordinates', () => {
  it('are the settings in which runs differ, then what they came to; what is the same in all has none', () => {
    expect(parallelAxes(RUNS, []).map(({ column }) => column)).toEqual(['data.source', 'optimizer.lr', 'validationNats']);
    expect(parallelAxes(RUNS.slice(0, 1), [])).toEqual([]);
  });

  it('spread numbers from the least to the most, straight or by their logarithms', () => {
    expect(places(axisOf('optimizer.lr'))).toEqual([0, expect.closeTo(1 / 11, 12), 1, 1]);
    expect(places(axisOf('optimizer.lr', ['optimizer.lr']))).toEqual([0, expect.closeTo(0.5, 12), 1, 1]);
    expect(axisOf('optimizer.lr', ['optimizer.lr']).ticks.map(({ words }) => words)).toEqual(['0.001', '0.01', '0.1']);
  });

  it('leave out what a run has not, and what is not finite', () => {
    expect(places(axisOf('validationNats'))).toEqual([1, 0, null, null]);
  });

  it('give each word a place of its own, and no logarithm', () => {
    const axis = axisOf('data.source', ['data.source']);
    expect(places(axis)).toEqual([1, 0, 1, 0]);
    expect([axis.canLog, axis.log]).toEqual([false, false]);
  });

  it('offer no logarithm where a value is 0', () => {
    const runs = [0, 0.1].map((dropout, i) => ({
      ...newRecord({ id: String(i), spec: withDefaults({ optimizer: { weightDecay: dropout } }) }, 0),
    }));
    expect(parallelAxes(runs, ['optimizer.weightDecay'])).toMatchObject([{ canLog: false, log: false }]);
  });
});
