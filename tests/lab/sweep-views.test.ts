import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lossesAt, sweptAxes, sweptRecords, sweptRuns, type SweptRun } from '../../src/lab/sweep/axes.ts';
import { isoflopCurves } from '../../src/lab/sweep/isoflop-view.ts';
import { curvesCsv, heatCsv, isoflopCsv } from '../../src/lab/sweep/view-files.ts';
import { heatView, lossCurves, optimumOf, sweptPoints, type CurvePoint } from '../../src/lab/sweep/views.ts';
import { newRecord, type RunRecord } from '../../src/lab/store/record.ts';
import { NO_SUMMARY } from '../../src/lab/store/summary.ts';
import { countRun, defaultSpec, expandSweep, parseSweep, type Sweep, type SweepRun } from '../../src/spec/index.ts';

const LR_WIDTH = parseSweep({
  base: { model: { layers: 1, heads: 2 } },
  recipe: { kind: 'lr-width', lr: { log: [1e-3, 1e-1], count: 5 }, sizes: [32, 64], seeds: 2 },
});

/** A record of a run that ended at this loss; null: it diverged. */
function ended({ id, spec }: SweepRun, loss: number | null): RunRecord {
  const summary = loss === null ? { ...NO_SUMMARY, divergedStep: 7 } : { ...NO_SUMMARY, validationNats: loss };
  return { ...newRecord({ id, spec }, 0), state: loss === null ? 'failed' : 'finished', summary };
}

/** The runs of a sweep, each ended as `loss` says; undefined: not begun. */
function made(sweep: Sweep, loss: (run: SweepRun) => number | null | undefined): readonly SweptRun[] {
  const records = expandSweep(sweep).flatMap((run) => {
    const at = loss(run);
    return at === undefined ? [] : [ended(run, at)];
  });
  return sweptRuns(expandSweep(sweep), records);
}

/** Curves of loss against learning rate, one a width, of runs that ended as `loss` says. */
function curves(loss: (run: SweepRun) => number | null | undefined) {
  const runs = made(LR_WIDTH, loss);
  const axes = sweptAxes(runs);
  const [width, lr] = axes;
  if (width === undefined || lr === undefined) throw new Error('the sweep has two axes');
  return lossCurves(runs, axes, lr, width);
}

describe('the axes of a sweep', () => {
  it('are the fields that its runs differ in, those that change together as one, without seeds', () => {
    const axes = sweptAxes(made(LR_WIDTH, () => undefined));
    expect(axes.map(({ path, along, values }) => ({ path, along, values }))).toEqual([
      { path: 'model.width', along: ['model.heads'], values: [32, 64] },
      { path: 'optimizer.lr', along: [], values: [0.001, 0.00316228, 0.01, 0.0316228, 0.1] },
    ]);
    expect(axes.map(({ log }) => log)).toEqual([true, true]);
  });

  it.each<[string, Parameters<typeof parseSweep>[0], readonly string[]]>([
    ['isoFLOP', { recipe: { kind: 'isoflop', budgets: [1e10, 1e11], sizes: [16, 32, 48] } }, ['model.width', 'budget.flops']],
    ['a ladder', { recipe: { kind: 'size-ladder', sizes: [16, 32], tokensPerParameter: 1 } }, ['model.width']],
    ['batches', { recipe: { kind: 'batches', batches: [8, 16], lr: 'sqrt' } }, ['data.batch']],
    ['seeds', { recipe: { kind: 'seeds', seeds: 3 } }, []],
    ['recipes of precision', { recipe: { kind: 'precision', recipes: ['f32', 'bf16'] } }, ['precision.recipe']],
    ['rules', { recipe: { kind: 'fusion', rules: ['attention'] } }, ['fusion']],
    [
      'sizes whose heads are alike',
      { recipe: { kind: 'size-ladder', sizes: [8, 12, 16], tokensPerParameter: 1 } },
      ['model.width'],
    ],
    ['a warm-up alone', { axes: [{ path: 'schedule.warmupSteps', values: [0, 10] }] }, ['schedule.warmupSteps']],
  ])('of %s', (_, value, paths) => {
    expect(sweptAxes(made(parseSweep(value), () => undefined)).map(({ path }) => path)).toEqual(paths);
  });

  it('are read from records alone where the sweep itself is not here', () => {
    const records = expandSweep(LR_WIDTH).map((run): RunRecord => {
      const { 'optimizer.lr': lr = null, 'model.width': width = null } = run.values;
      return { ...ended(run, 2), sweep: { id: 'there', axes: { 'optimizer.lr': Number(lr), 'model.width': Number(width) } } };
    });
    const other = { ...newRecord({ id: 'other', spec: defaultSpec }, 0), sweep: { id: 'elsewhere', axes: {} } };
    const runs = sweptRecords('there', [...records, other]);
    expect(runs).toHaveLength(20);
    expect(sweptAxes(runs).map(({ path }) => path)).toEqual(['model.width', 'optimizer.lr']);
  });
});

const lrOf = ({ spec }: SweepRun): number => spec.optimizer.lr;

describe('loss against learning rate', () => {
  it('joins seeds into mean and range, and finds the least between the rates that were run', () => {
    // Parabolas in ln x with known minima, and seeds that lie 0.1 above and below.
    const best = { 32: 0.02, 64: 0.006 } as const;
    const found = curves((run) => {
      const least = run.spec.model.width === 32 ? best[32] : best[64];
      const luck = run.spec.seed.init === LR_WIDTH.base.seed.init ? -0.1 : 0.1;
      return 2 + 0.05 * (Math.log(lrOf(run)) - Math.log(least)) ** 2 + luck;
    });
    expect(found.map(({ values }) => values)).toEqual([[32], [64]]);
    for (const { points, optimum, values, seedRange } of found) {
      expect(points).toHaveLength(5);
      for (const { low, mean, high, losses } of points) {
        expect(losses).toHaveLength(2);
        expect(high - mean).toBeCloseTo(0.1, 12);
        expect(mean - low).toBeCloseTo(0.1, 12);
      }
      const least = values[0] === 32 ? best[32] : best[64];
      expect(optimum?.kind).toBe('inside');
      expect((optimum?.x ?? 0) / least).toBeCloseTo(1, 9);
      expect(optimum?.loss).toBeCloseTo(2, 9);
      // Both seeds have their least at the same place.
      expect((seedRange?.[0] ?? 0) / (seedRange?.[1] ?? 1)).toBeCloseTo(1, 9);
    }
  });

  it('counts diverged runs at their place, and takes the mean over the others', () => {
    const [narrow] = curves((run) => (lrOf(run) === 0.1 ? null : lrOf(run) === 0.0316228 && run.spec.seed.init === 2 ? null : 2));
    expect(narrow?.points.map(({ losses, diverged, open }) => [losses.length, diverged, open])).toEqual([
      [2, 0, 0],
      [2, 0, 0],
      [2, 0, 0],
      [1, 1, 0],
      [0, 2, 0],
    ]);
  });

  it('says that an optimum is at the edge, and what lies beyond it', () => {
    const falling = (run: SweepRun): number => 3 - Math.log(lrOf(run));
    expect(curves(falling)[0]?.optimum).toMatchObject({ kind: 'edge', side: 'high', x: 0.1, beyond: 'nothing' });
    expect(curves((run) => -falling(run))[0]?.optimum).toMatchObject({ kind: 'edge', side: 'low', x: 0.001, beyond: 'nothing' });
    expect(curves((run) => (lrOf(run) > 0.05 ? null : falling(run)))[0]?.optimum).toMatchObject({
      kind: 'edge',
      side: 'high',
      x: 0.0316228,
      beyond: 'diverged',
    });
    expect(curves((run) => (lrOf(run) > 0.02 ? undefined : falling(run)))[0]?.optimum).toMatchObject({ x: 0.01, beyond: 'open' });
    expect(curves(() => undefined)[0]?.optimum).toBeNull();
  });

  it('has a curve for each combination of the other axes, or for each value of one', () => {
    const sweep = parseSweep({
      axes: [
        { path: 'optimizer.lr', values: [0.01, 0.02, 0.03] },
        { path: 'model.width', values: [32, 64] },
        { path: 'optimizer.weightDecay', values: [0, 0.1] },
      ],
    });
    const runs = made(sweep, () => 2);
    const axes = sweptAxes(runs);
    const lr = axes.find(({ path }) => path === 'optimizer.lr');
    const width = axes.find(({ path }) => path === 'model.width');
    if (lr === undefined || width === undefined) throw new Error('the sweep has both axes');
    expect(lossCurves(runs, axes, lr, null).map(({ values }) => values)).toEqual([
      [32, 0],
      [32, 0.1],
      [64, 0],
      [64, 0.1],
    ]);
    const joined = lossCurves(runs, axes, lr, width);
    expect(joined.map(({ points }) => points.map(({ losses }) => losses.length))).toEqual([
      [2, 2, 2],
      [2, 2, 2],
    ]);
  });

  it('says where its points, or the cells of a map, are means over different runs of the axes that they join', () => {
    const sweep = parseSweep({
      axes: [
        { path: 'optimizer.lr', values: [0.01, 0.02, 0.03] },
        { path: 'model.width', values: [32, 64] },
        { path: 'optimizer.weightDecay', values: [0, 0.1] },
        { path: 'seed.init', values: [1, 2] },
      ],
    });
    const unevenOf = (loss: (run: SweepRun) => number | null | undefined): readonly boolean[] => {
      const runs = made(sweep, loss);
      const axes = sweptAxes(runs);
      const [width, lr] = ['model.width', 'optimizer.lr'].map((path) => axes.find((axis) => axis.path === path));
      if (lr === undefined || width === undefined) throw new Error('the sweep has both axes');
      const curves = [...lossCurves(runs, axes, lr, width), ...lossCurves(runs, axes, lr, null)];
      return [...new Set(curves.map(({ uneven }) => uneven)), heatView(runs, axes, lr, width).uneven];
    };
    const decayed = ({ spec }: SweepRun): boolean => spec.optimizer.weightDecay > 0;
    expect(unevenOf(() => 2)).toEqual([false, false]);
    // Of one rate the runs with weight decay are to come, or diverged: joined curves are uneven, others are not.
    expect(unevenOf((run) => (decayed(run) && lrOf(run) === 0.02 ? undefined : 2))).toEqual([true, false, true]);
    expect(unevenOf((run) => (decayed(run) && lrOf(run) === 0.02 ? null : 2))).toEqual([true, false, true]);
    // Whole rates or seeds that are to come leave alike what is compared.
    expect(unevenOf((run) => (lrOf(run) === 0.02 ? undefined : 2))).toEqual([false, false]);
    expect(unevenOf((run) => (run.spec.seed.init === 2 && lrOf(run) === 0.02 ? undefined : 2))).toEqual([false, false]);
  });

  it('finds the minimum of any parabola in ln x from any three rates around it', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -6, max: 0, noNaN: true }),
        fc.double({ min: 0.05, max: 5, noNaN: true }),
        fc.tuple(fc.double({ min: 0.1, max: 3, noNaN: true }), fc.double({ min: 0.1, max: 3, noNaN: true })),
        fc.double({ min: -0.4, max: 0.4, noNaN: true }),
        (least, curvature, [left, right], off) => {
          const middle = least + off * Math.min(left, right);
          const point = (z: number): CurvePoint => ({
            x: Math.exp(z),
            ...lossesAt([]),
            mean: 1 + curvature * (z - least) ** 2,
          });
          const optimum = optimumOf([point(middle - left), point(middle), point(middle + right)]);
          expect(optimum?.kind).toBe('inside');
          expect(Math.log(optimum?.x ?? 0)).toBeCloseTo(least, 6);
          expect(optimum?.loss).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  it('is midway between two equal ones, at the edge where all are equal, and of x itself where an x is 0', () => {
    const point = (x: number, mean: number): CurvePoint => ({ x, ...lossesAt([]), mean });
    expect(optimumOf([point(1, 2), point(2, 2), point(3, 2)])).toMatchObject({ kind: 'edge', x: 1 });
    const midway = optimumOf([point(1, 2.5), point(2, 2), point(3, 2)]);
    expect(midway).toMatchObject({ kind: 'inside', log: true });
    expect(midway?.x).toBeCloseTo(Math.sqrt(6), 9);
    expect(optimumOf([point(0, 3), point(1, 2), point(2, 3)])).toEqual({ kind: 'inside', log: false, x: 1, loss: 2 });
  });
});

const ISOFLOP = parseSweep({
  base: { model: { layers: 2, heads: 2 }, data: { source: 'markov', context: 16, batch: 2 } },
  recipe: { kind: 'isoflop', budgets: [1e9, 1e10], sizes: [16, 24, 32, 48, 64], seeds: 2 },
});

describe('isoFLOP curves', () => {
  it('have the minimum of the parabola in ln N that the losses lie on, budget by budget', () => {
    const best = ({ values }: SweepRun): number => (values['budget.flops'] === 1e9 ? 15_000 : 30_000);
    const runs = made(ISOFLOP, (run) => 2 + 0.3 * Math.log(countRun(run.spec).parameters / best(run)) ** 2);
    const found = isoflopCurves(runs, 'all');
    expect(found).toHaveLength(2);
    expect(found.map(({ points }) => points.map(({ losses }) => losses.length))).toEqual([
      [2, 2, 2, 2, 2],
      [2, 2, 2, 2, 2],
    ]);
    expect(found.map(({ parabola }) => Math.round(parabola?.N ?? 0))).toEqual([15_000, 30_000]);
    expect((found[0]?.flops ?? 0) / 1e9).toBeCloseTo(1, 1);
    // Fewer parameters count without embeddings.
    expect(isoflopCurves(runs, 'blocks')[0]?.points[0]?.x).toBeLessThan(found[0]?.points[0]?.x ?? 0);
  });

  it('have no parabola before three sizes of a budget are done, and keep the places of those that are not', () => {
    const runs = made(ISOFLOP, ({ spec }) => (spec.model.width > 24 ? undefined : spec.model.width === 16 ? null : 2));
    const [first] = isoflopCurves(runs, 'all');
    expect(first?.parabola).toBeNull();
    expect(first?.points.map(({ losses, diverged, open }) => [losses.length, diverged, open])).toEqual([
      [0, 2, 0],
      [2, 0, 0],
      [0, 0, 2],
      [0, 0, 2],
      [0, 0, 2],
    ]);
  });

  it('are none where no budget has three sizes', () => {
    expect(
      isoflopCurves(
        made(LR_WIDTH, () => 2),
        'all',
      ),
    ).toEqual([]);
  });
});

describe('the map of two axes', () => {
  it('has the mean of each pair, how many of its runs diverged or are open, and nothing where the sweep has no run', () => {
    const runs = made(LR_WIDTH, (run) => (lrOf(run) === 0.1 ? null : lrOf(run) === 0.01 ? undefined : 2 + lrOf(run)));
    const [width, lr] = sweptAxes(runs);
    if (width === undefined || lr === undefined) throw new Error('the sweep has two axes');
    const { rows, columns, cells, low, high } = heatView(runs, [width, lr], lr, width);
    expect([rows.length, columns]).toEqual([5, [32, 64]]);
    expect(cells[0]?.[0]).toMatchObject({ mean: 2.001, diverged: 0, open: 0 });
    expect(cells[2]?.[0]).toMatchObject({ diverged: 0, open: 2, losses: [] });
    expect(cells[4]?.[1]).toMatchObject({ diverged: 2, open: 0, losses: [] });
    expect([low, high]).toEqual([2.001, 2.0316228]);

    const ladder = parseSweep({
      axes: [
        {
          zip: [
            { path: 'model.width', values: [32, 64, 64] },
            { path: 'model.layers', values: [1, 1, 2] },
          ],
        },
      ],
    });
    const few = made(ladder, () => 2);
    const [first, second] = sweptAxes(few);
    if (first === undefined || second === undefined) throw new Error('the ladder has two axes');
    expect(
      heatView(few, [first, second], first, second).cells.map((row) => row.map((cell) => cell?.runs.length ?? null)),
    ).toEqual([
      [1, null],
      [1, 1],
    ]);
  });
});

describe('files of the views', () => {
  it('have a row a point, with the axes by their paths, and nothing where no run is done', () => {
    const runs = made(LR_WIDTH, (run) => (lrOf(run) === 0.1 ? null : lrOf(run) === 0.01 ? undefined : 2));
    const axes = sweptAxes(runs);
    const [width, lr] = axes;
    if (width === undefined || lr === undefined) throw new Error('the sweep has two axes');
    const [head, first, , third, , fifth] = curvesCsv(lossCurves(runs, axes, lr, width), lr, [width]).split('\n');
    expect(head).toBe('model.width,optimizer.lr,meanNats,lowNats,highNats,done,diverged,open');
    expect([first, third, fifth]).toEqual(['32,0.001,2,2,2,2,0,0', '32,0.01,,,,0,0,2', '32,0.1,,,,0,2,0']);
    expect(heatCsv(heatView(runs, [width, lr], lr, width), lr, width).split('\n')[1]).toBe('0.001,32,2,2,2,2,0,0');
    const flops = isoflopCsv(
      isoflopCurves(
        made(ISOFLOP, () => 2),
        'all',
      ),
    )
      .trim()
      .split('\n');
    expect([flops[0], flops.length]).toEqual(['flops,parameters,meanNats,lowNats,highNats,done,diverged,open', 11]);
  });

  it('tell the best point first, and the deviation of its seeds', () => {
    const runs = made(LR_WIDTH, (run) => (lrOf(run) === 0.1 ? null : 2 + lrOf(run) + 0.1 * run.spec.seed.init));
    const points = sweptPoints(runs, sweptAxes(runs));
    expect(points).toHaveLength(10);
    expect(points[0]?.values).toEqual([32, 0.001]);
    expect(points[0]?.deviation).toBeCloseTo(0.1 / Math.SQRT2, 12);
    expect(points.at(-1)?.deviation).toBeNaN();
  });
});
