import { SpecError } from '../base/errors.ts';
import type { Points } from './law.ts';

/** How a learning rate fell until a step. Falls of many steps are pooled into {@link POOLS} at most, each with its mean rate and sum. */
export interface Drops {
  /** eta_(k-1) - eta_k; below 0 where the rate rose. */
  readonly fall: Float64Array;
  /** eta_k. */
  readonly rate: Float64Array;
  /** Sum of the learning rates from step k on, until the point's own. */
  readonly sum: Float64Array;
}

/** A run with the learning rate of each of its steps, and the losses that a law is fitted to. */
export interface CurveRun {
  readonly run: string;
  /** `rates[i]` of step i + 1. */
  readonly rates: ArrayLike<number>;
  readonly points: readonly { readonly step: number; readonly loss: number }[];
}

/** Falls of a point: more would cost time, and move no loss of a smooth schedule by 1e-4. */
const POOLS = 128;
/** Memory of a fall, of Tissue et al. */
export const MEMORY = 0.999;

/**
 * Points of learning curves, with the columns step, loss, S1 (the learning rates summed until then) and S2 (the falls of the rate, summed
 * with a memory of lambda = 0.999 a step, and summed again), and the falls themselves. Falls count from the highest rate on, so that
 * warm-up is none; S1 counts every step.
 *
 * @throws SpecError for a step that has no learning rate.
 */
export function curvePoints(runs: readonly CurveRun[], memory = MEMORY): Points {
  const rows = runs.flatMap(({ run, rates, points }) => {
    const sums = annealingSums(rates, memory);
    return points.map(({ step, loss }) => {
      if (!(Number.isInteger(step) && step >= 1 && step <= rates.length))
        throw new SpecError({
          where: `run ${run} step ${step}`,
          rule: 'the step has no learning rate',
          expected: `1..${rates.length}`,
        });
      const [s1, s2] = [sums.s1[step - 1] ?? NaN, sums.s2[step - 1] ?? NaN];
      return { run, step, loss, s1, s2, drops: dropsUntil(rates, step, sums.s1, sums.peak) };
    });
  });
  const column = (of: (row: (typeof rows)[number]) => number): Float64Array => Float64Array.from(rows, of);
  return {
    columns: {
      step: column(({ step }) => step),
      loss: column(({ loss }) => loss),
      S1: column(({ s1 }) => s1),
      S2: column(({ s2 }) => s2),
    },
    runs: rows.map(({ run }) => run),
    drops: rows.map(({ drops }) => drops),
  };
}

/** S_1 and S_2 of Tissue et al. after each step, and the index of the highest learning rate. */
export function annealingSums(rates: ArrayLike<number>, memory = MEMORY): { s1: Float64Array; s2: Float64Array; peak: number } {
  const s1 = new Float64Array(rates.length);
  const s2 = new Float64Array(rates.length);
  let peak = 0;
  for (let i = 1; i < rates.length; i++) if ((rates[i] ?? 0) > (rates[peak] ?? 0)) peak = i;
  let [area, momentum, annealed] = [0, 0, 0];
  for (let i = 0; i < rates.length; i++) {
    area += rates[i] ?? 0;
    momentum = i > peak ? memory * momentum + (rates[i - 1] ?? 0) - (rates[i] ?? 0) : 0;
    annealed += momentum;
    s1[i] = area;
    s2[i] = annealed;
  }
  return { s1, s2, peak };
}

/** Falls of the rate after `peak`, seen from a step (counted from 1). */
function dropsUntil(rates: ArrayLike<number>, step: number, s1: Float64Array, peak: number): Drops {
  const steps: number[] = [];
  for (let k = peak + 1; k < step; k++) if (rates[k] !== rates[k - 1]) steps.push(k);
  const pools = Math.min(POOLS, steps.length);
  const [fall, rate, sum] = [new Float64Array(pools), new Float64Array(pools), new Float64Array(pools)];
  for (let pool = 0; pool < pools; pool++) {
    const first = Math.floor((pool * steps.length) / pools);
    const end = Math.floor(((pool + 1) * steps.length) / pools);
    for (let i = first; i < end; i++) {
      const k = steps[i] ?? 0;
      fall[pool] = (fall[pool] ?? 0) + (rates[k - 1] ?? 0) - (rates[k] ?? 0);
      rate[pool] = (rate[pool] ?? 0) + (rates[k] ?? 0) / (end - first);
      sum[pool] = (sum[pool] ?? 0) + ((s1[step - 1] ?? 0) - (s1[k - 1] ?? 0)) / (end - first);
    }
  }
  return { fall, rate, sum };
}
