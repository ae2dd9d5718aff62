import { describe, expect, it } from 'vitest';
import { RUNS_VIEW_START, type Curves, type RunRecord, type RunsView } from '../../src/lab/index.ts';
import { NO_EVALS } from '../../src/lab/store/curves.ts';
import { newRecord } from '../../src/lab/store/record.ts';
import { withDefaults } from '../../src/spec/index.ts';
import { armStyle } from '../../src/ui/compare-frames.ts';
import { draw, nearestCurve, type Curve, type PlotFrame } from '../../src/ui/plot-data.ts';
import { placesOf, RunsFrames } from '../../src/ui/runs-frames.ts';
import { cellWords, differenceWords, spreadWords } from '../../src/ui/runs-words.ts';

const RAW: RunsView = { ...RUNS_VIEW_START, smoothing: 0 };
const COUNTS = { parameters: 10, nonEmbeddingParameters: 8, flopsPerToken: 60, tokensPerStep: 100 };

function made(id: string, width: number, createdAt: number): RunRecord {
  return { ...newRecord({ id, spec: withDefaults({ model: { width } }) }, createdAt), counts: COUNTS };
}

function curves(lossNats: readonly number[]): Curves {
  const steps = Float64Array.from(lossNats, (_, i) => i + 1);
  const none = Float32Array.from(lossNats, () => 0);
  const train = { steps, lossNats: Float32Array.from(lossNats), gradNorm: none, learningRate: none, epochs: none };
  const validation = { steps: Float64Array.of(2), lossNats: Float64Array.of(9) };
  return { train: { ...train, timeMs: steps.map((step) => step * 500) }, validation, ood: NO_EVALS };
}

const RUNS = [made('new', 64, 3), made('old', 64, 1), made('wide', 128, 2)];
const CURVES = new Map([
  ['new', curves([4, 2])],
  ['old', curves([6, 4, 3])],
  ['wide', curves([5, 1])],
]);
const frameOf = (view: RunsView): ReturnType<RunsFrames['frame']> => new RunsFrames().frame(RUNS, (id) => CURVES.get(id), view);
const points = ({ x, y }: Curve): number[][] => [Array.from(x), Array.from(y)];

describe('the chart of runs', () => {
  it('draws one curve a run in each unit, and says whose it is', () => {
    const { frame, owners } = frameOf(RAW);
    expect(frame.curves.map(points)[0]).toEqual([
      [1, 2],
      [4, 2],
    ]);
    expect(owners).toEqual([['new'], ['old'], ['wide']]);
    const x = (unit: RunsView['unit']): number[] => points(frameOf({ ...RAW, unit }).frame.curves[0] as Curve)[0] ?? [];
    expect([x('tokens'), x('flops'), x('time')]).toEqual([
      [100, 200],
      [6000, 12000],
      [0.5, 1],
    ]);
  });

  it('draws a group as the mean of its runs, with a band from the lowest to the highest', () => {
    const { frame, owners } = frameOf({ ...RAW, group: ['model.width'] });
    expect(frame.curves.map(points)).toEqual([
      [
        [1, 2, 3],
        [5, 3, 3],
      ],
      [
        [1, 2],
        [5, 1],
      ],
    ]);
    expect(frame.bands?.map(({ low, high }) => [Array.from(low), Array.from(high)])).toEqual([
      [
        [4, 2, 3],
        [6, 4, 3],
      ],
    ]);
    expect(owners).toEqual([['new', 'old'], ['wide']]);
  });

  it('draws validation losses beside those of training', () => {
    const { frame, owners } = frameOf({ ...RAW, split: 'both' });
    expect(owners).toEqual([['new'], ['new'], ['old'], ['old'], ['wide'], ['wide']]);
    expect(points(frame.curves[1] as Curve)).toEqual([[2], [9]]);
  });

  it('gives colours by age, so that sorting changes none, and 64 pairs of colour and dash', () => {
    expect([...placesOf(RUNS, RAW)]).toEqual([...placesOf([...RUNS].reverse(), RAW)]);
    expect(placesOf(RUNS, RAW).get('old')).toBe(0);
    const pairs = Array.from({ length: 64 }, (_, place) => JSON.stringify(armStyle(place)));
    expect(new Set(pairs).size).toBe(64);
  });
});

describe('a crowded plot', () => {
  const crowd = (count: number, n: number): PlotFrame => ({
    ...frameOf(RAW).frame,
    curves: Array.from({ length: count }, (_, c) => ({
      label: String(c),
      color: '--train',
      width: 1,
      alpha: 1,
      // No two curves have an x in common.
      x: Float64Array.from({ length: n }, (_unused, i) => i + 1 + c / (count + 1)),
      y: Float64Array.from({ length: n }, (_unused, i) => (i === n >> 1 ? 1000 : c)),
    })),
  });

  it('chooses no points: it is painted from all of them, and reaches to the spike of each', () => {
    const { data, x, y } = draw(crowd(200, 3000), 500, null, null);
    expect(data).toHaveLength(1);
    expect([data[0][0], data[0].at(-1)]).toEqual([...x]);
    expect(y[1]).toBeGreaterThan(1000);
    // In a zoom that leaves the spikes out it is as high as what is there.
    expect(draw(crowd(200, 3000), 500, [10, 500], null).y[1]).toBeLessThan(220);
  });

  it('finds the curve next to the pointer, between points too, and none far away', () => {
    const toPixels = { x: (value: number) => value * 10, y: (value: number) => value * 10 };
    const near = [
      { x: [0, 2], y: [0, 10] },
      { x: [0, 1, 2], y: [4, 4, Number.NaN] },
    ];
    const at = (left: number, top: number): number | null => nearestCurve(near, { left, top, x: left / 10 }, toPixels);
    expect(at(10, 42)).toBe(1);
    expect(at(15, 70)).toBe(0);
    expect(at(10, 200)).toBeNull();
  });
});

describe('words of the table', () => {
  it('are a dash for nothing, and NaN for a run that diverged', () => {
    expect([cellWords('trainNats', null), cellWords('trainNats', Number.NaN), cellWords('trainNats', 2)]).toEqual([
      '—',
      'NaN',
      '2.0000',
    ]);
    expect([cellWords('optimizer.lr', 0.00030000001), cellWords('tokens', 8_192_000), cellWords('hidden', true)]).toEqual([
      '0.0003',
      '8.19 M',
      'yes',
    ]);
  });

  it('say how a loss differs from that of the baseline', () => {
    const [run, base] = [made('a', 8, 0), made('b', 8, 0)];
    const of = (record: RunRecord, lossNats: number): RunRecord => ({ ...record, summary: { ...record.summary, lossNats } });
    expect(differenceWords('trainNats', of(run, 2), of(base, 2.5))).toBe('−0.5000');
    expect(differenceWords('trainNats', of(base, 2), of(base, 2))).toBe('');
    expect(differenceWords('tokens', of(run, 2), of(base, 2.5))).toBe('');
    expect(spreadWords({ mean: 2, standardDeviation: 0.1, broken: 1 })).toBe('2.0000 ± 0.1000, 1 diverged');
    expect(spreadWords({ mean: Number.NaN, standardDeviation: Number.NaN, broken: 0 })).toBe('—');
  });
});
