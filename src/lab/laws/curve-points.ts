import { curvePoints, type CurveRun } from '../../laws/index.ts';
import { recordTitle } from '../runs-view.ts';
import type { Curves } from '../store/curves.ts';
import { lowerBound } from '../series.ts';
import { countingWords, finishedOf, type CountedRun, type CountingChoice, type LawPoints, type PointRow } from './run-points.ts';
import type { RunRecord } from '../store/record.ts';

/** Points along the training curves of runs, for laws that read more than their ends. */

/** What a law reads of curves: losses at about 30 steps, at eight times as many, or at 30 with the learning rate of every step. */
export type CurveDetail = 'stops' | 'fine' | 'rates';

/** What is kept of a curve, of which whole ones would fill the memory. */
export interface CurveDigest {
  readonly stops: readonly Stop[];
  /** Of each step from 1 on; null where nobody asked for them. */
  readonly rates: Float32Array | null;
}

/** Digests of runs, by id; undefined for a run without a curve. */
export type DigestsById = (id: string) => CurveDigest | undefined;

const POINTS = 30;
const FINE = 8;
/** Curves begin here, as a share of the steps: before it the warm-up speaks. */
const BEGINS = 0.03;
const LEAST_STEP = 5;
/** Losses are means over this share of the steps on each side, or so many steps where that is more. */
const WINDOW = 0.06;
const LEAST_WINDOW = 3;

interface Stop {
  readonly step: number;
  readonly loss: number;
}

/** Smoothed training losses at about 30 steps, evenly spaced in their logarithm. */
export function stopsOf({ train: { steps, lossNats } }: Curves, points = POINTS): Stop[] {
  const last = steps.at(-1) ?? 0;
  const first = Math.max(LEAST_STEP, BEGINS * last);
  const stops: Stop[] = [];
  for (let i = 0; i < points; i++) {
    const wanted = first * (last / first) ** (i / (points - 1));
    const at = Math.min(steps.length - 1, lowerBound(steps, wanted - 0.5));
    const step = steps[at] ?? 0;
    if (!(step >= first) || step <= (stops.at(-1)?.step ?? 0)) continue;
    // As far to the right as to the left, so that a falling curve is not lifted.
    const half = Math.min(Math.max(LEAST_WINDOW, WINDOW * step), last - step + LEAST_WINDOW);
    const [from, to] = [lowerBound(steps, step - half), lowerBound(steps, step + half + 1)];
    const finite = lossNats.slice(from, to).filter(Number.isFinite);
    if (finite.length > 0) stops.push({ step, loss: finite.reduce((sum, loss) => sum + loss, 0) / finite.length });
  }
  return stops;
}

/** What is kept of a curve for laws that read so much of it. */
export function digested(curves: Curves, detail: CurveDetail): CurveDigest {
  return {
    stops: stopsOf(curves, detail === 'fine' ? FINE * POINTS : POINTS),
    rates: detail === 'rates' ? ratesOf(curves) : null,
  };
}

/** Points along the curves of finished runs: N, C, D, S, B and the smoothed training loss. For L(N, S) and the envelope of approach 1. */
export function curvePointsOf(runs: readonly RunRecord[], digestOf: DigestsById, counting: CountingChoice): LawPoints {
  const { counted, notes } = finishedOf(runs, counting);
  const all = counted.flatMap((run) => {
    return (digestOf(run.record.id)?.stops ?? []).map((stop) => ({ run, ...stop }));
  });
  const column = (of: (row: (typeof all)[number]) => number): Float64Array => Float64Array.from(all, of);
  const tokens = ({ run, step }: (typeof all)[number]): number => step * run.tokensPerStep;
  return {
    points: {
      columns: {
        N: column(({ run }) => run.N),
        D: column(tokens),
        C: column((row) => tokens(row) * row.run.flopsPerToken),
        S: column(({ step }) => step),
        B: column(({ run }) => run.tokensPerStep),
        loss: column(({ loss }) => loss),
      },
      ...named(all),
    },
    rows: all.map(rowOf),
    notes: [
      `${countingWords(counting)} Points lie along the training curves, whose losses are smoothed; under a learning rate that still falls they are above what a run of that length would reach.`,
      ...notes,
    ],
  };
}

/** From digests with `rates`, points along the curves with the learning rate of every step, for laws of learning curves. */
export function schedulePointsOf(runs: readonly RunRecord[], digestOf: DigestsById, counting: CountingChoice): LawPoints {
  const { counted, notes } = finishedOf(runs, counting);
  const all = counted.flatMap((run): { run: CountedRun; curve: CurveRun }[] => {
    const { stops, rates = null } = digestOf(run.record.id) ?? {};
    if (stops === undefined || rates === null || rates.length === 0) return [];
    return [{ run, curve: { run: run.record.id, rates, points: stops } }];
  });
  const rows = all.flatMap(({ run, curve }) => curve.points.map((point) => ({ run, ...point })));
  return {
    points: { ...curvePoints(all.map(({ curve }) => curve)), ...named(rows) },
    rows: rows.map(rowOf),
    notes: ['Points lie along the training curves, whose losses are smoothed.', ...notes],
  };
}

/**
 * From `fine` digests, the steps that each batch size takes to one loss: the highest of the lowest losses that the runs reached, so that
 * all have reached it. For `critical-batch`.
 */
export function targetPointsOf(
  runs: readonly RunRecord[],
  digestOf: DigestsById,
  counting: CountingChoice,
): LawPoints & { readonly targetNats: number } {
  const { counted, notes } = finishedOf(runs, counting);
  const curves = counted.flatMap((run) => {
    const stops = digestOf(run.record.id)?.stops ?? [];
    return stops.length === 0 ? [] : [{ run, stops }];
  });
  const target = Math.max(...curves.map(({ stops }) => Math.min(...stops.map(({ loss }) => loss))));
  const all = curves.flatMap(({ run, stops }) => {
    const found = stops.findIndex(({ loss }) => loss <= target);
    const [before, at] = [stops[found - 1], stops[found]];
    if (at === undefined) return [];
    const share = before === undefined ? 1 : (before.loss - target) / (before.loss - at.loss);
    return [{ run, step: before === undefined ? at.step : before.step + share * (at.step - before.step) }];
  });
  return {
    targetNats: target,
    points: {
      columns: {
        B: Float64Array.from(all, ({ run }) => run.tokensPerStep),
        S: Float64Array.from(all, ({ step }) => step),
        N: Float64Array.from(all, ({ run }) => run.N),
      },
      ...named(all),
    },
    rows: all.map(rowOf),
    notes: [
      ...(all.length === 0
        ? []
        : [
            `S is the steps to a smoothed training loss of ${target.toPrecision(4)} nats, the lowest that all runs reached; B is in tokens.`,
          ]),
      ...notes,
    ],
  };
}

function rowOf({ run: { record }, step }: { readonly run: CountedRun; readonly step: number }): PointRow {
  return { key: record.id, runId: record.id, label: `${recordTitle(record)}, step ${Math.round(step)}` };
}

function named(all: readonly { readonly run: CountedRun; readonly step: number }[]): {
  readonly runs: readonly string[];
  readonly rowNames: readonly string[];
} {
  return { runs: all.map(({ run }) => run.record.id), rowNames: all.map((row) => `run ${rowOf(row).label}`) };
}

/** The learning rate of each step from 1 on; steps that were lost have those of their neighbours. */
function ratesOf({ train: { steps, learningRate } }: Curves): Float32Array {
  const rates = new Float32Array(steps.at(-1) ?? 0);
  let at = 0;
  for (let step = 1; step <= rates.length; step++) {
    while (at < steps.length - 1 && (steps[at] ?? 0) < step) at++;
    rates[step - 1] = learningRate[at] ?? 0;
  }
  return rates;
}
