import { opinions, type CurvePrior, type Opinion } from './posterior.ts';

/**
 * Micro-transformers. The means are over 69 complete runs of 8 to 48 channels, 100 to 1,000 steps, four schedules and learning rates of
 * 0.003 to 0.048, on a Markov source and on text, each fitted with priors several times as wide; the deviations were widened, and
 * {@link MISFIT} chosen, on up to 91 runs, these among them, until nine intervals of ten held the end at every mark.
 */
const PRIOR: CurvePrior = {
  floor: [0.72, 0.17],
  excess: [0.28, 0.18],
  gain: [0.045, 0.045],
  exponents: Array.from({ length: 25 }, (_, i) => 0.1 * 1.12 ** i),
  memories: [0, 0.05, 0.2, 1],
};
/** Error of the law itself, as a share of the change that it predicts from here. */
const MISFIT = 0.25;

/** Stretches whose means the law is fitted to, at most. */
const STRETCHES = 60;
/** Share of a run before which nothing is said of its end. */
const EARLIEST = 0.2;
/** Steps after warm-up that it takes at least. */
export const FEWEST_STEPS = 20;
/** Of the steps so far, left out at the beginning: no law of annealing describes the first fall. */
const FIRST_FALL = 0.1;
/** The end of a run is the mean loss of its last steps: this share of them, and this many at least. */
const WINDOW = 0.05;
const LEAST_WINDOW = 10;
/** Learning rates that a schedule is read as, at most. */
const MOST_RATES = 4096;
/** Chance that the end lies inside the interval. */
export const LEVEL = 0.9;

/** What is foretold of a run's end: the mean training loss of its last steps, in nats per token. */
export interface EndPrediction {
  /** Steps that it was made from. */
  readonly step: number;
  /** Of the run as it was planned then. */
  readonly totalSteps: number;
  readonly lossNats: number;
  readonly low: number;
  readonly high: number;
}

/** Why there is no prediction. `over`: the last step is done. */
export type Silence = 'early' | 'few steps' | 'not finite' | 'over';

export interface SeenRun {
  /** Training loss of each step from `firstStep` on. */
  readonly lossNats: ArrayLike<number>;
  readonly firstStep: number;
  readonly totalSteps: number;
  readonly warmupSteps: number;
  /** Learning rate of a step, counted from 1, as the schedule plans it. */
  readonly rateOf: (step: number) => number;
}

/** Steps `from..to` whose mean loss is the end of a run. */
export function endWindow(totalSteps: number): { readonly from: number; readonly to: number } {
  const length = Math.min(totalSteps, Math.max(LEAST_WINDOW, Math.ceil(WINDOW * totalSteps)));
  return { from: totalSteps - length + 1, to: totalSteps };
}

/** What a run came to, as {@link EndPrediction} means it; null where those steps are not all there, or not finite. */
export function endOf({
  lossNats,
  firstStep,
  totalSteps,
}: Pick<SeenRun, 'lossNats' | 'firstStep' | 'totalSteps'>): number | null {
  const { from, to } = endWindow(totalSteps);
  if (from < firstStep || to - firstStep >= lossNats.length) return null;
  const mean = meanOf(lossNats, from - firstStep, to - firstStep + 1);
  return Number.isFinite(mean) ? mean : null;
}

/** The last step that was seen, the one after which losses count, and the index of the first that counts. */
function spanOf({ lossNats, firstStep, warmupSteps }: SeenRun): {
  readonly step: number;
  readonly start: number;
  readonly first: number;
} {
  const step = firstStep + lossNats.length - 1;
  const start = Math.max(firstStep - 1, warmupSteps, Math.floor(FIRST_FALL * step));
  return { step, start, first: start + 1 - firstStep };
}

/** Why a run's end is not predicted; null: it can be. */
export function silenceOf(run: SeenRun): Silence | null {
  const { lossNats, totalSteps } = run;
  const { step, start, first } = spanOf(run);
  if (step >= totalSteps) return 'over';
  if (step < EARLIEST * totalSteps) return 'early';
  if (step - start < FEWEST_STEPS) return 'few steps';
  for (let i = first; i < lossNats.length; i++) if (!Number.isFinite(lossNats[i])) return 'not finite';
  return null;
}

/**
 * Predicts where a run ends, from the annealing law of a learning curve averaged over what it may be ({@link opinions}).
 *
 * The interval holds three errors: that of the law's parameters, for which residuals that hang together count as fewer; that of the law
 * itself, a share of the change that it predicts; and the noise of the last steps' mean.
 */
export function predictEnd(run: SeenRun): EndPrediction | Silence {
  const silence = silenceOf(run);
  if (silence !== null) return silence;
  const { lossNats, totalSteps, rateOf } = run;
  const { step, start, first } = spanOf(run);
  const seen = step - start;
  const count = Math.min(STRETCHES, seen);
  const edges = Array.from({ length: count + 1 }, (_, k) => Math.floor((k * seen) / count));
  const stretches = edges.slice(1).map((to, k) => [edges[k] ?? 0, to] as const);
  const window = endWindow(totalSteps);
  const plan = planOf(rateOf, totalSteps);
  const curve = {
    steps: stretches.map(([from, to]) => plan.at(start + Math.floor((from + 1 + to) / 2))),
    losses: stretches.map(([from, to]) => meanOf(lossNats, first + from, first + to)),
  };
  const ofStep = varianceOfSteps(lossNats, first);
  const noise = (ofStep * count) / seen;
  const ahead = { from: plan.at(window.from), to: plan.at(window.to) };
  const rough = opinions({ ...curve, variance: noise }, plan.rates, ahead, PRIOR);
  const found = opinions({ ...curve, variance: Math.max(noise, togetherVariance(rough)) }, plan.rates, ahead, PRIOR);
  const now = (curve.losses.at(-1) ?? Number.NaN) - mixed(found, ({ residuals }) => residuals.at(-1) ?? 0);
  const change = now - mixed(found, ({ mean }) => mean);
  const extra = ofStep / (window.to - window.from + 1) + (MISFIT * change) ** 2;
  const [low, middle, high] = [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2].map((share) => quantileOf(found, extra, share));
  if (low === undefined || middle === undefined || high === undefined || !Number.isFinite(low + high)) return 'not finite';
  return { step, totalSteps, lossNats: middle, low, high };
}

/** The learning rates of a run, of every step or of every few: the law knows steps only by their rates, and its memory by shares of the run. */
function planOf(rateOf: (step: number) => number, totalSteps: number): { rates: Float64Array; at: (step: number) => number } {
  const every = Math.ceil(totalSteps / MOST_RATES);
  const length = Math.ceil(totalSteps / every);
  return {
    rates: Float64Array.from({ length }, (_, i) => rateOf(Math.min(totalSteps, (i + 1) * every))),
    at: (step) => Math.ceil(step / every),
  };
}

function mixed(found: readonly Opinion[], of: (opinion: Opinion) => number): number {
  return found.reduce((sum, opinion) => sum + opinion.weight * of(opinion), 0);
}

function meanOf(values: ArrayLike<number>, from: number, to: number): number {
  let sum = 0;
  for (let i = from; i < to; i++) sum += values[i] ?? Number.NaN;
  return sum / (to - from);
}

/** Variance of single steps about a smooth curve, from what neighbours differ by; never 0, so that a perfect curve can be weighed. */
function varianceOfSteps(values: ArrayLike<number>, from: number): number {
  let sum = 0;
  for (let i = from + 1; i < values.length; i++) sum += ((values[i] ?? Number.NaN) - (values[i - 1] ?? Number.NaN)) ** 2 / 2;
  return Math.max(1e-12, sum / Math.max(1, values.length - from - 1));
}

/** Variance of the likeliest form's residuals, times how many of them say the same: (1 + r) / (1 - r) of their autocorrelation r. */
function togetherVariance(found: readonly Opinion[]): number {
  const likeliest = found.reduce<Opinion | null>((best, one) => (best === null || one.weight > best.weight ? one : best), null);
  const residuals = likeliest?.residuals ?? [];
  const variance = residuals.reduce((sum, r) => sum + r * r, 0) / residuals.length;
  const lagged = residuals.slice(1).reduce((sum, r, i) => sum + r * (residuals[i] ?? 0), 0) / residuals.length;
  const r = Math.min(0.95, Math.max(0, lagged / variance || 0));
  return (variance * (1 + r)) / (1 - r);
}

/** The value below which `share` of a mixture of normals lies; `extra` is added to each of their variances. */
function quantileOf(found: readonly Opinion[], extra: number, share: number): number {
  const parts = found.map(({ weight, mean, variance }) => ({ weight, mean, deviation: Math.sqrt(variance + extra) }));
  let low = Math.min(...parts.map(({ mean, deviation }) => mean - 8 * deviation));
  let high = Math.max(...parts.map(({ mean, deviation }) => mean + 8 * deviation));
  for (let i = 0; i < 40; i++) {
    const middle = 0.5 * (low + high);
    const below = parts.reduce((sum, { weight, mean, deviation }) => sum + weight * normalBelow((middle - mean) / deviation), 0);
    if (below < share) low = middle;
    else high = middle;
  }
  return 0.5 * (low + high);
}

/** P(Z < z) to 1e-7: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26. */
function normalBelow(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const rest = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return 0.5 * (1 + Math.sign(z) * (1 - rest * Math.exp(-x * x)));
}
