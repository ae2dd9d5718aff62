import { Smoother, type Lab, type Run } from '../lab/index.ts';
import { UNITS, type ChartView, type CurveId } from './chart-view.ts';
import { expectedX } from './expected.ts';
import { count, nats } from './format.ts';
import type { Curve, PlotFrame, ReferenceLine, Whisker } from './plot-data.ts';

/** Earlier runs that are drawn for comparison. */
const MAX_EARLIER = 4;

/** Makes the frames of the loss chart; it keeps the moving average of each run up to date. */
export class LossFrames {
  readonly #smoothers = new WeakMap<Run, Smoother>();

  frame(lab: Lab, view: ChartView, hidden: ReadonlySet<CurveId>): PlotFrame {
    const { run } = lab;
    const earlier = hidden.has('earlier') ? [] : lab.earlier.slice(-MAX_EARLIER);
    return {
      xLabel: UNITS[view.unit],
      xLog: view.xLog,
      yLabel: 'loss, nats per token',
      yLog: view.yLog,
      emptyX: expectedX(lab, view.unit),
      curves: [
        ...earlier.map((before, i): Curve => {
          const y = this.#smooth(before, view.smoothing);
          return { label: `earlier ${i}`, color: '--reference', width: 1.25, alpha: 0.8, x: before.xs(view.unit), y };
        }),
        ...(run === null || hidden.has('train') ? [] : this.#trainCurves(run, view)),
        ...(run === null ? [] : evalCurves(run, view, hidden)),
      ],
      lines: referenceLines(lab),
      whiskers: run === null || hidden.has('train') ? [] : ends(run, view),
      marks: run === null ? [] : run.broken.map(({ step, value }) => ({ x: run.xOf(step, view.unit), label: nats(value) })),
    };
  }

  #trainCurves(run: Run, { unit, smoothing }: ChartView): Curve[] {
    const raw = { color: '--train', x: run.xs(unit), y: run.lane0.lossNats.view() };
    if (smoothing === 0) return [{ ...raw, label: 'train', width: 1.25, alpha: 1 }];
    return [
      { ...raw, label: 'train, raw', width: 1, alpha: 0.35 },
      { ...raw, label: 'train', width: 2, alpha: 1, y: this.#smooth(run, smoothing) },
    ];
  }

  #smooth(run: Run, weight: number): Float64Array {
    const smoother = this.#smoothers.get(run) ?? new Smoother(run.lane0.lossNats, weight);
    this.#smoothers.set(run, smoother);
    smoother.weight = weight;
    return smoother.values();
  }
}

function evalCurves(run: Run, { unit }: ChartView, hidden: ReadonlySet<CurveId>): Curve[] {
  const curves: Curve[] = [];
  for (const split of ['validation', 'ood'] as const) {
    const { steps, lossNats } = run.evals[split];
    if (steps.length === 0 || hidden.has(split)) continue;
    const x = steps.view().map((step) => run.xOf(step, unit));
    const dash = split === 'validation' ? [7, 4] : [2, 3];
    curves.push({ label: split, color: `--${split}`, width: 2, alpha: 1, dash, dots: steps.length < 40, x, y: lossNats.view() });
  }
  return curves;
}

/** Where the run is to end; once it has, what was foretold at half time. */
function ends(run: Run, { unit }: ChartView): Whisker[] {
  const { latest, kept } = run.ends.of(0);
  const half = kept.marks.find(({ share }) => share === 0.5) ?? kept.marks.at(-1);
  const end = latest === 'over' ? half : latest;
  if (end === null || end === undefined || typeof end === 'string') return [];
  const x = unit === 'time' ? (run.xOf(run.step, unit) * end.totalSteps) / Math.max(1, run.step) : run.xOf(end.totalSteps, unit);
  return [{ x, y: end.lossNats, low: end.low, high: end.high, color: '--accent' }];
}

/** What a model reaches that knows nothing, that knows how often each token comes, and that knows the source. */
function referenceLines({ run, forecast }: Lab): ReferenceLine[] {
  const data = run?.report?.data ?? forecast?.data ?? null;
  if (data === null) return [];
  const lines = [
    { label: `ln(${count(data.vocab)}) = ${data.uniformNats.toFixed(3)}: knows nothing`, y: data.uniformNats },
    { label: `unigram entropy ${data.unigramNats.toFixed(3)}`, y: data.unigramNats },
  ];
  const rate = data.entropyRateNats;
  return rate === null ? lines : [...lines, { label: `entropy rate ${rate.toFixed(3)}: the floor`, y: rate }];
}
