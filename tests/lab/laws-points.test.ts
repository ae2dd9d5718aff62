import { describe, expect, it } from 'vitest';
import { bestAmong, bestRuns } from '../../src/lab/laws/best-rates.ts';
import {
  curvePointsOf,
  digested,
  schedulePointsOf,
  stopsOf,
  targetPointsOf,
  type CurveDetail,
  type DigestsById,
} from '../../src/lab/laws/curve-points.ts';
import { pointsOf } from '../../src/lab/laws/run-points.ts';
import type { KeptRun } from '../../src/lab/store/kept-run.ts';
import type { RunRecord } from '../../src/lab/store/record.ts';
import { COUNT_ALL, type Counting } from '../../src/spec/index.ts';
import { ladder, LADDER_VOCAB, ladderRun } from '../support/made-ladder.ts';

const SIX_N: Counting = { ...COUNT_ALL, flops: '6N' };

/** By hand, of two layers of width C with MLP 4 C, a head of its own, RMSNorm, no biases, vocabulary V. */
const blocksOf = (C: number): number => 2 * (4 * C * C + 8 * C * C);
const normsOf = (C: number): number => 5 * C;

describe('points of runs', () => {
  const kept = ladderRun(32, 100);
  const { spec } = kept.record;
  const [C, T] = [32, 32];
  const one = (run: RunRecord, counting: Counting): Record<string, number> =>
    Object.fromEntries(
      Object.entries(pointsOf([run], counting).points.columns).map(([name, values]) => [name, values[0] ?? NaN]),
    );

  it('N, D, C, B and S are what a count by hand gives, for every choice of counting', () => {
    // The hand counts below are of this model.
    expect(spec.model).toMatchObject({
      layers: 2,
      width: 32,
      tied: false,
      norm: 'rmsnorm',
      bias: false,
      mlp: 'gelu',
      position: 'rope',
    });
    const blocks = blocksOf(C) + normsOf(C);
    const tokens = 100 * 4 * 32;
    expect(one(kept.record, SIX_N)).toMatchObject({
      N: blocks + 2 * LADDER_VOCAB * C,
      D: tokens,
      C: 6 * (blocks + 2 * LADDER_VOCAB * C) * tokens,
      B: 128,
      S: 100,
      lr: 3e-3,
      loss: kept.record.summary.validationNats,
    });
    expect(one(kept.record, { ...SIX_N, parameters: 'blocks' })).toMatchObject({ N: blocks, C: 6 * blocks * tokens });
    expect(one(kept.record, { ...SIX_N, parameters: 'non-embedding' })['N']).toBe(blocks + LADDER_VOCAB * C);
    const matmuls = blocksOf(C) + LADDER_VOCAB * C;
    const attention = (positions: number): number => 2 * 2 * positions * C;
    expect(one(kept.record, COUNT_ALL)['C']).toBe(6 * (matmuls + attention(T)) * tokens);
    expect(one(kept.record, { ...COUNT_ALL, attention: 'causal' })['C']).toBe(6 * (matmuls + attention((T + 1) / 2)) * tokens);
    expect(one(kept.record, { ...COUNT_ALL, attention: 'none', head: false })['C']).toBe(6 * blocksOf(C) * tokens);
  });

  it('what has not ended, has diverged, or is there twice is left out, and said', () => {
    const change = (run: KeptRun, other: Partial<RunRecord>): RunRecord => ({ ...run.record, ...other });
    const { points, notes, rows } = pointsOf(
      [
        kept.record,
        change(kept, { id: 'again' }),
        ladderRun(32, 100, 2).record,
        change(ladderRun(48, 100), { summary: { ...kept.record.summary, divergedStep: 7 } }),
        change(ladderRun(64, 100), { state: 'running' }),
        change(ladderRun(64, 200), { state: 'stopped' }),
        change(ladderRun(96, 200), { data: null }),
      ],
      SIX_N,
    );
    expect(rows.map(({ key }) => key)).toEqual(['32-100-1-0.003', '32-100-2-0.003']);
    expect(points.runs).toEqual(rows.map(({ runId }) => runId));
    expect(notes).toEqual([
      'N counts all parameters, C is 6 N D. The loss is the held-out one at the end.',
      '1 run still trains: points come as they end.',
      '1 run that diverged is left out.',
      '1 run that did not reach its end is left out.',
      '1 run that repeats another, seed and all, is left out.',
      '1 run whose spec this build cannot count is left out.',
    ]);
  });

  it('are counted once for a choice of counting, however often they are asked for', () => {
    const run = ladderRun(32, 100).record;
    let read = 0;
    const { model } = run.spec;
    const spied = {
      ...run,
      spec: {
        ...run.spec,
        get model(): typeof model {
          read += 1;
          return model;
        },
      },
    };
    const first = pointsOf([spied], SIX_N).points.columns;
    const once = read;
    expect(once).toBeGreaterThan(0);
    expect(pointsOf([spied], { ...SIX_N }).points.columns).toEqual(first);
    expect(read).toBe(once);
    expect(pointsOf([spied], { ...SIX_N, parameters: 'blocks' }).points.columns['N']).not.toEqual(first['N']);
  });

  it('know which runs differ in no more than rate, batch, length and seed', () => {
    const recipes = (...runs: KeptRun[]): number =>
      new Set(
        pointsOf(
          runs.map(({ record }) => record),
          SIX_N,
        ).rows.map(({ recipe }) => recipe),
      ).size;
    const one = ladderRun(32, 100);
    const { record } = one;
    const { optimizer, schedule } = record.spec;
    const decayed = { ...record, spec: { ...record.spec, optimizer: { ...optimizer, weightDecay: 0.3 } } };
    const warmed = { ...record, spec: { ...record.spec, schedule: { ...schedule, warmupSteps: 3 } } };
    expect(recipes(one, ladderRun(32, 200, 2, 1e-2), { ...one, record: warmed })).toBe(1);
    expect(recipes(one, { ...one, record: decayed })).toBe(2);
  });

  it('the training loss stands for all where one run has nothing held out', () => {
    const other = ladderRun(48, 100);
    const without = { ...other.record, summary: { ...other.record.summary, validationNats: null } };
    const { points, notes } = pointsOf([kept.record, without], SIX_N);
    expect([...(points.columns['loss'] ?? [])]).toEqual([kept.record.summary.smoothLossNats, without.summary.smoothLossNats]);
    expect(notes.join(' ')).toContain('the training loss stands for all');
  });

  it('runs on different data are told apart in a note, along curves too', () => {
    const other = ladderRun(48, 100).record;
    const two = [kept.record, { ...other, data: other.data === null ? null : { ...other.data, contentHash: 'another' } }];
    const says = 'These are runs on 2 different sets of data, and a law is of one: choose a sweep or a tag.';
    expect(pointsOf(two, SIX_N).notes).toContain(says);
    expect(curvePointsOf(two, () => digested(kept.curves, 'stops'), SIX_N).notes).toContain(says);
    expect(pointsOf([kept.record, other], SIX_N).notes).toHaveLength(1);
  });

  it('only the best learning rate of a size and its tokens, with all its seeds', () => {
    const runs = [1e-3, 3e-3, 9e-3].flatMap((lr) => [1, 2].map((seed) => ladderRun(32, 100, seed, lr).record));
    const best = bestAmong(pointsOf(runs, SIX_N), ['N', 'D'], 'lr');
    expect([...(best.points.columns['lr'] ?? [])]).toEqual([3e-3, 3e-3]);
    expect(best.rows).toHaveLength(2);
    expect(best.notes.at(-1)).toContain('4 points are left out');
  });

  it('the best learning rate of points along curves is that of the ends of their runs', () => {
    const runs = [1e-3, 3e-3, 9e-3].flatMap((lr) => [1, 2].map((seed) => ladderRun(32, 100, seed, lr).record));
    const { runs: best, notes } = bestRuns([...runs, ladderRun(64, 100).record], SIX_N);
    expect(best.map(({ id }) => id)).toEqual(['32-100-1-0.003', '32-100-2-0.003', '64-100-1-0.003']);
    expect(notes).toEqual([
      'Only curves of the best learning rate of each size, data and batch are used, by the loss at their end: 4 runs are left out.',
    ]);
    expect(bestRuns(best, SIX_N)).toEqual({ runs: best, notes: [] });
  });

  it('where points have no learning rate, none is the best, and a note says so', () => {
    const columns = { N: Float64Array.of(1, 2), D: Float64Array.of(1, 2), loss: Float64Array.of(2, 1) };
    const rows = ['a', 'b'].map((key) => ({ key, runId: null, label: key }));
    const { rows: kept, notes } = bestAmong({ points: { columns }, rows, notes: ['first'] }, ['N', 'D'], 'lr');
    expect(kept).toBe(rows);
    expect(notes).toEqual(['first', 'The best lr is not told: the points have no column lr.']);
  });
});

describe('points along curves', () => {
  const runs = ladder();
  const digestsOf = (detail: CurveDetail): DigestsById => {
    const digests = new Map(runs.map(({ record, curves }) => [record.id, digested(curves, detail)]));
    return (id) => digests.get(id);
  };
  const records = runs.map(({ record }) => record);

  it('are smoothed losses that stay near the curve, evenly spaced, and end at the last step', () => {
    const { curves } = ladderRun(64, 800);
    const stops = stopsOf(curves);
    expect(stops.length).toBeGreaterThan(24);
    expect(stops.at(-1)?.step).toBe(800);
    for (const { step, loss } of stops) expect(loss / (curves.train.lossNats[step - 1] ?? NaN)).toBeCloseTo(1, 2);
    const noisy = {
      ...curves,
      train: { ...curves.train, lossNats: curves.train.lossNats.map((loss, i) => (i % 9 === 0 ? NaN : loss)) },
    };
    expect(stopsOf(noisy).every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  it('have the size of their run and the tokens until then; rows of a run are one run', () => {
    const { points, rows } = curvePointsOf(records, digestsOf('stops'), SIX_N);
    expect(new Set(points.runs).size).toBe(runs.length);
    const { N, D, C, S } = points.columns;
    rows.forEach((_, row) => {
      expect(D?.[row]).toBe(128 * (S?.[row] ?? NaN));
      expect(C?.[row]).toBe(6 * (N?.[row] ?? NaN) * (D?.[row] ?? NaN));
    });
  });

  it('with their schedules have the learning rates summed until then', () => {
    const { points } = schedulePointsOf(records.slice(0, 1), digestsOf('rates'), SIX_N);
    const [run] = runs;
    const rates = run?.curves.train.learningRate ?? [];
    const last = points.columns['S1']?.at(-1) ?? NaN;
    expect(last).toBeCloseTo(
      Array.from(rates).reduce((sum, rate) => sum + rate, 0),
      9,
    );
    expect(points.drops).toHaveLength(points.columns['loss']?.length ?? -1);
  });

  it('say how many steps each batch takes to a loss that all reached', () => {
    const { points, notes } = targetPointsOf(records, digestsOf('fine'), SIX_N);
    expect(points.columns['S']).toHaveLength(runs.length);
    expect(notes[0]).toContain('the lowest that all runs reached');
    const slowest = Math.max(...(points.columns['S'] ?? []));
    expect(slowest).toBeLessThanOrEqual(800);
  });
});
