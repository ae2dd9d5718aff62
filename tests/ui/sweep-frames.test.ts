import { describe, expect, it } from 'vitest';
import { isoflopCurves, lossCurves, sweptAxes, sweptRuns, type LossCurve, type SweptAxis } from '../../src/lab/index.ts';
import { newRecord } from '../../src/lab/store/record.ts';
import { NO_SUMMARY } from '../../src/lab/store/summary.ts';
import { countRun, expandSweep, parseSweep, type Sweep, type SweepRun } from '../../src/spec/index.ts';
import { plotSvg } from '../../src/ui/plot-svg.ts';
import { curvesFrame, isoflopFrame } from '../../src/ui/sweep-frames.ts';
import { lossReach, lossScale } from '../../src/ui/sweep-heat.ts';
import { groupWords, namesOf, optimumWords, spelledValues, sweepTitle, valueWords } from '../../src/ui/sweep-words.ts';

const SWEEP = parseSweep({
  recipe: { kind: 'lr-width', lr: [0.001, 0.01, 0.1, 1], sizes: [32, 64], seeds: 2 },
});

/** The runs of a sweep, ended as `loss` says; null: diverged. */
function made(sweep: Sweep, loss: (run: SweepRun) => number | null) {
  const runs = expandSweep(sweep);
  const records = runs.map((run) => {
    const at = loss(run);
    const summary = at === null ? { ...NO_SUMMARY, divergedStep: 3 } : { ...NO_SUMMARY, validationNats: at };
    return { ...newRecord(run, 0), state: 'finished' as const, summary };
  });
  return sweptRuns(runs, records);
}

function drawn(loss: (run: SweepRun) => number | null): { curves: readonly LossCurve[]; lr: SweptAxis; width: SweptAxis } {
  const runs = made(SWEEP, loss);
  const axes = sweptAxes(runs);
  const [width, lr] = axes;
  if (width === undefined || lr === undefined) throw new Error('the sweep has two axes');
  return { curves: lossCurves(runs, axes, lr, null), lr, width };
}

const valley = ({ spec }: SweepRun): number | null =>
  spec.optimizer.lr === 1 ? null : 2 + (Math.log10(spec.optimizer.lr) + 2) ** 2 + 0.01 * spec.seed.init;

describe('the picture of loss against learning rate', () => {
  it('has means with bands, a dot where each is least, and a mark where runs diverged', () => {
    const { curves, lr, width } = drawn(valley);
    const { frame, owners } = curvesFrame(curves, lr, [width], new Set());
    expect(frame.curves.map(({ label }) => label)).toEqual(['Width 32', 'Width 32, least', 'Width 64', 'Width 64, least']);
    expect(owners).toEqual([0, 0, 1, 1]);
    expect(frame.bands).toHaveLength(2);
    expect(Array.from(frame.curves[0]?.x ?? [])).toEqual([0.001, 0.01, 0.1]);
    expect(frame.curves[1]?.x[0]).toBeCloseTo(0.01, 12);
    expect(frame.marks).toEqual([{ x: 1, label: 'diverged: Width 32; Width 64' }]);
    expect(frame.leastX?.[1]).toBeGreaterThan(1);
    expect(frame.xLog).toBe(true);
    // No least of means over different runs.
    const uneven = curves.map((curve) => ({ ...curve, uneven: true }));
    expect(curvesFrame(uneven, lr, [width], new Set()).frame.curves.map(({ label }) => label)).toEqual(['Width 32', 'Width 64']);
  });

  it('leaves hidden curves out, and says of some diverged runs how many they are', () => {
    const { curves, lr, width } = drawn((run) =>
      run.spec.seed.init === 2 && run.spec.optimizer.lr === 0.1 ? null : valley(run),
    );
    const { frame, owners } = curvesFrame(curves, lr, [width], new Set(['Width 32']));
    expect([...new Set(owners)]).toEqual([1]);
    expect(frame.marks.map(({ label }) => label)).toEqual(['diverged: Width 64, 1 of 2', 'diverged: Width 64']);
  });

  it('keeps its marks and dots in a file', () => {
    const { curves, lr, width } = drawn(valley);
    const svg = plotSvg(curvesFrame(curves, lr, [width], new Set()).frame, [], (name) => name);
    expect(svg).toContain('diverged: Width 32; Width 64');
    expect(svg.match(/<circle/g)).toHaveLength(8);
  });

  it('reaches no further than asked for', () => {
    const { curves, lr, width } = drawn(valley);
    const { limitY } = curvesFrame(curves, lr, [width], new Set(), 2.5).frame;
    expect(limitY?.[1]).toBe(2.5);
    expect(limitY?.[0]).toBeGreaterThan(1.9);
    expect(limitY?.[0]).toBeLessThan(2.01);
  });
});

it('the picture of isoFLOP curves draws each parabola among its sizes, and no minimum beyond them', () => {
  const sweep = parseSweep({ recipe: { kind: 'isoflop', budgets: [1e10, 1e12], sizes: [32, 48, 64, 96] } });
  const runs = made(sweep, (run) => {
    const best = run.values['budget.flops'] === 1e10 ? 60_000 : 1e9;
    return 2 + 0.1 * Math.log(countRun(run.spec).parameters / best) ** 2;
  });
  const { frame, owners } = isoflopFrame(isoflopCurves(runs, 'all'), new Set());
  expect(owners).toEqual([0, 0, 0, 1, 1]);
  expect(frame.curves[2]?.x[0]).toBeCloseTo(60_000, -2);
  expect(frame.curves.map(({ lineless }) => lineless === true)).toEqual([true, false, true, true, false]);
});

describe('colours of a map of losses', () => {
  it('are laid out over what is near the best, and share the last one beyond', () => {
    expect(lossReach([2, 2.1, 2.2, 2.3, 9])).toBeCloseTo(2.6, 12);
    expect(lossReach([2, 2.5, 3])).toBe(3);
    expect(lossReach([2])).toBe(2);
    expect(lossReach([])).toBeNaN();
    const cell = (mean: number) => ({ runs: [], losses: [mean], mean, low: mean, high: mean, diverged: 0, open: 0 });
    const { level, capped } = lossScale({
      rows: [1],
      columns: [1, 2, 3, 4, 5],
      cells: [[cell(2), cell(2.1), cell(2.2), cell(2.3), cell(9)]],
      low: 2,
      high: 9,
      uneven: false,
    });
    expect([2, 2.3, 2.6, 9, Number.NaN].map(level)).toEqual([0, 4, 8, 8, -1]);
    expect(capped).toBe(true);
  });
});

describe('words of sweeps', () => {
  it('name curves, values, groups and sweeps', () => {
    const { width, lr } = drawn(valley);
    expect(namesOf([width, lr], [32, 0.01])).toBe('Width 32, Learning rate 0.01');
    expect(namesOf([], [])).toBe('All runs');
    expect([
      valueWords('fusion', '{"attention":false}'),
      valueWords('optimizer.clip', null),
      valueWords('model.tied', true),
    ]).toEqual(['attention off', 'off', 'on']);
    const runs = expandSweep(SWEEP);
    expect(groupWords(runs.slice(0, 8), [width, lr], true)).toBe('Width 32, 4 values of learning rate, 2 seeds');
    expect(groupWords(runs.slice(0, 1), [width, lr], true)).toBe('Width 32, Learning rate 0.001, seed 1');
    expect(sweepTitle(SWEEP)).toBe('Learning rate against width');
    expect(sweepTitle(parseSweep({ axes: [{ path: 'optimizer.lr', values: [0.1] }] }))).toBe('Learning rate');
    expect(spelledValues({ runs }, 'optimizer.lr', true)).toBe('4 values: 0.001, 0.01, 0.1, 1.');
  });

  it('say how sure an optimum is', () => {
    const words = (optimum: LossCurve['optimum']): string => optimumWords({ optimum, uneven: false }, 'Learning rate');
    expect(words(null)).toBe('Too few runs are done');
    const edge = { kind: 'edge', side: 'high', x: 1, loss: 2 } as const;
    expect(words({ ...edge, beyond: 'nothing' })).toMatch(/highest learning rate .* was run: sweep higher$/);
    expect(words({ ...edge, beyond: 'diverged' })).toMatch(/everything beyond it diverged$/);
  });
});
