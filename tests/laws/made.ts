import { RandomSequence, STREAM } from '../../src/base/random.ts';
import type { Law, Params, Points } from '../../src/laws/index.ts';
import { curvePoints, type CurveRun } from '../../src/laws/schedule.ts';
import { predictCurve } from '../../src/laws/table/curves.ts';

/** Points of every law that can be fitted, made from parameters that such a law might have. */

export interface Made {
  readonly params: Params;
  /** Columns without the target, or a schedule's points, of about 30 rows. */
  readonly points: Points;
}

const grid = (xs: readonly number[], ys: readonly number[]): [Float64Array, Float64Array] => [
  Float64Array.from(xs.flatMap((x) => ys.map(() => x))),
  Float64Array.from(xs.flatMap(() => ys)),
];

/** `count` numbers from `from` to `to`, evenly spaced in logarithms. */
export function spaced(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));
}

const EPOCHS = [1, 4, 16, 64, 2, 32];
const SIZES = spaced(1e4, 1e9, 6);
const TOKENS = spaced(1e6, 1e11, 6);

function twoColumns(a: string, b: string, xs: readonly number[], ys: readonly number[]): Points {
  const [x, y] = grid(xs, ys);
  return { columns: { [a]: x, [b]: y } };
}

function oneColumn(name: string, from: number, to: number): Points {
  return { columns: { [name]: Float64Array.from(spaced(from, to, 30)) } };
}

/** Warm-up, then a constant rate, a cosine, or a linear fall. */
export function ratesOf(kind: 'constant' | 'cosine' | 'linear' | 'steps', steps: number, peak = 1e-3): Float64Array {
  const warmup = Math.round(steps / 20);
  return Float64Array.from({ length: steps }, (_, i) => {
    if (i < warmup) return (peak * (i + 1)) / warmup;
    const done = (i - warmup) / (steps - warmup);
    if (kind === 'constant') return peak;
    if (kind === 'linear') return peak * (1 - 0.9 * done);
    if (kind === 'steps') return peak * (done < 0.4 ? 1 : done < 0.7 ? 0.3 : 0.1);
    return peak * (0.1 + 0.45 * (1 + Math.cos(Math.PI * done)));
  });
}

function curves(): Points {
  const runs = (['constant', 'cosine', 'linear', 'steps'] as const).map((kind, k): CurveRun => {
    const steps = 1000 * (k + 1);
    return {
      run: kind,
      rates: ratesOf(kind, steps),
      points: [0.1, 0.25, 0.45, 0.6, 0.75, 0.9, 1].map((share) => ({ step: Math.round(share * steps), loss: 1 })),
    };
  });
  const { columns, runs: names, drops } = curvePoints(runs);
  const { loss: _, ...rest } = columns;
  return { columns: rest, ...(names && { runs: names }), ...(drops && { drops }) };
}

export function madeFor(id: string): Made {
  const made = MADE[id];
  if (made === undefined) throw new Error(`no made points of ${id}`);
  return made();
}

const MADE: Readonly<Record<string, () => Made>> = {
  'power-n': () => ({ params: { A: 20, alpha: 0.1 }, points: oneColumn('N', 1e4, 1e9) }),
  'power-d': () => ({ params: { A: 30, alpha: 0.12 }, points: oneColumn('D', 1e5, 1e10) }),
  'power-c': () => ({ params: { A: 40, alpha: 0.06 }, points: oneColumn('C', 1e12, 1e20) }),
  'power-constant-n': () => ({ params: { E: 1.5, A: 60, alpha: 0.3 }, points: oneColumn('N', 1e3, 1e9) }),
  'power-constant-d': () => ({ params: { E: 1.7, A: 300, alpha: 0.35 }, points: oneColumn('D', 1e4, 1e10) }),
  'power-constant-c': () => ({ params: { E: 1.2, A: 900, alpha: 0.2 }, points: oneColumn('C', 1e12, 1e22) }),
  'kaplan-n': () => ({ params: { N_c: 8.8e13, alpha_N: 0.076 }, points: oneColumn('N', 1e4, 1e9) }),
  'kaplan-d': () => ({ params: { D_c: 5.4e13, alpha_D: 0.095 }, points: oneColumn('D', 1e5, 1e10) }),
  'kaplan-c': () => ({ params: { C_c: 1.4e27, alpha_C: 0.057 }, points: oneColumn('C', 1e12, 1e20) }),
  'kaplan-nd': () => ({
    params: { N_c: 6.4e13, alpha_N: 0.076, D_c: 1.8e13, alpha_D: 0.103 },
    points: twoColumns('N', 'D', SIZES, TOKENS),
  }),
  'kaplan-ns': () => ({
    params: { N_c: 6.5e13, alpha_N: 0.077, S_c: 2.1e3, alpha_S: 0.76 },
    points: twoColumns('N', 'S', SIZES, spaced(1e2, 1e6, 6)),
  }),
  chinchilla: () => ({
    params: { E: 1.7, A: 400, alpha: 0.35, B: 600, beta: 0.3 },
    points: twoColumns('N', 'D', SIZES, TOKENS),
  }),
  gadre: () => ({ params: { E: 1.5, a: 140, b: 190, eta: 0.14 }, points: twoColumns('N', 'D', SIZES, TOKENS) }),
  'data-constrained': () => {
    const points = twoColumns('N', 'D', spaced(1e7, 1e9, 4), spaced(1e8, 1e10, 6));
    const U = points.columns['D']?.map((tokens, i) => tokens / (EPOCHS[i % EPOCHS.length] ?? 1)) ?? new Float64Array(0);
    return {
      params: { E: 1.7, A: 400, alpha: 0.35, B: 1500, beta: 0.36, R_D: 12, R_N: 6 },
      points: { columns: { ...points.columns, U } },
    };
  },
  tissue: () => ({ params: { L0: 2, A: 0.6, alpha: 0.5, C: 0.6 }, points: curves() }),
  'multi-power': () => ({
    params: { L0: 2, A: 0.6, alpha: 0.5, B: 400, C: 2, beta: 0.6, gamma: 0.5 },
    points: curves(),
  }),
  'critical-batch': () => ({ params: { a: 2000, b: 5e6 }, points: oneColumn('B', 64, 16384) }),
  'step-law': () => ({ params: { c: 1.79, p: -0.713, q: 0.307 }, points: twoColumns('N', 'D', SIZES, TOKENS) }),
  'step-law-batch': () => ({ params: { c: 0.58, q: 0.571 }, points: oneColumn('D', 1e6, 1e11) }),
  'zhang-batch': () => ({ params: { c: 93.2, m: 0.468 }, points: oneColumn('N', 1e7, 1e10) }),
};

/** The points with what the law predicts for them, each off by a normal factor of `noise`. */
export function measured(law: Law, { params, points }: Made, noise: number, seed: number): Points {
  const draws = new RandomSequence(seed, STREAM.fit, 0x7e57);
  const target = predictCurve(law, params, points).map((value) => value * Math.exp(noise * draws.normal()));
  return { ...points, columns: { ...points.columns, [law.target]: target } };
}
