import { SpecError } from '../base/errors.ts';
import { derivedInterval, resample, rowsByRun, type Shares } from './bootstrap.ts';
import { solve } from './dense.ts';
import type { FitOptions, FitProgress, FitReport } from './fit.ts';
import { columnOf, type Params, type Points } from './law.ts';
import { rowName } from './points.ts';
import { studentQuantile } from './student.ts';
import type { Work } from './slices.ts';
import { workAt, workOf } from './work.ts';

/** Approaches 1 and 2 of Chinchilla: the best size of each budget, then a power law through those. */

/** The best of one budget. FLOPs, parameters, tokens, nats. */
export interface Optimum {
  readonly C: number;
  readonly N: number;
  readonly D: number;
  readonly loss: number;
}

/** One budget's runs, and the parabola loss = c0 + c1 ln N + c2 (ln N)^2 through them. */
export interface Parabola extends Optimum {
  readonly coefficients: readonly [number, number, number];
  /** Where the minimum lies among the sizes that were run: 0 at the smallest, 1 at the largest, in ln N. */
  readonly place: number;
}

/** Budgets that differ by less than this are one. */
const SAME_BUDGET = 0.1;
/** Where among the sizes a minimum is well inside them. */
const CENTRE = [0.25, 0.75] as const;

/** Whether a parabola's minimum lies among the sizes that were run, so that it is measured and not guessed. */
export function isAmongSizes({ place }: Pick<Parabola, 'place'>): boolean {
  return place >= 0 && place <= 1;
}

/** Whether the minimum lies well inside the sizes that were run; nearer to an end, a parabola is biased. */
export function isCentred({ place }: Pick<Parabola, 'place'>): boolean {
  return place >= CENTRE[0] && place <= CENTRE[1];
}

/** Rows of each budget, from the smallest budget up; budgets within 10 % of their neighbour are one. */
export function budgetsOf(points: Points): number[][] {
  const compute = columnOf(points, 'C');
  const order = [...compute.keys()].toSorted((a, b) => (compute[a] ?? 0) - (compute[b] ?? 0));
  const groups: number[][] = [];
  let last = NaN;
  for (const row of order) {
    const value = compute[row] ?? NaN;
    if (value <= last * (1 + SAME_BUDGET)) groups.at(-1)?.push(row);
    else groups.push([row]);
    last = value;
  }
  return groups;
}

/** The parabola of one budget's rows; null where there are fewer than three sizes or it has no minimum. */
export function parabolaOf(points: Points, rows: readonly number[], weights?: Float64Array): Parabola | null {
  const [N, C, L] = [columnOf(points, 'N'), columnOf(points, 'C'), columnOf(points, 'loss')];
  const used = rows.filter((row) => (weights?.[row] ?? 1) > 0);
  const x = used.map((row) => Math.log(N[row] ?? NaN));
  if (new Set(x).size < 3) return null;
  const [least, most] = [Math.min(...x), Math.max(...x)];
  const middle = (least + most) / 2;
  // Centred, so that the normal equations keep their digits.
  const gram = new Float64Array(9);
  const right = new Float64Array(3);
  let [logC, total] = [0, 0];
  used.forEach((row, i) => {
    const weight = weights?.[row] ?? 1;
    const z = (x[i] ?? 0) - middle;
    const powers = [1, z, z * z];
    powers.forEach((a, p) => {
      right[p] = (right[p] ?? 0) + weight * a * (L[row] ?? NaN);
      powers.forEach((b, q) => (gram[3 * p + q] = (gram[3 * p + q] ?? 0) + weight * a * b));
    });
    logC += weight * Math.log(C[row] ?? NaN);
    total += weight;
  });
  if (!solve(gram, right, 3)) return null;
  const [c0 = NaN, c1 = NaN, c2 = NaN] = right;
  if (!(c2 > 0)) return null;
  const best = middle - c1 / (2 * c2);
  const budget = Math.exp(logC / total);
  const size = Math.exp(best);
  return {
    C: budget,
    N: size,
    D: budget / (workAt(points, rows, size) * size),
    loss: c0 - c1 ** 2 / (4 * c2),
    coefficients: [c0 - c1 * middle + c2 * middle ** 2, c1 - 2 * c2 * middle, c2],
    place: (best - least) / (most - least),
  };
}

/** Budgets of approach 1: evenly spaced in ln C, as many as Hoffmann et al. took. */
const ENVELOPE = 1500;

/**
 * The lower envelope of training curves: for each of 1,500 budgets the run of lowest loss there, losses straight in ln C between
 * the points of a run. Curves should be smoothed before, for noise looks like a lower loss.
 */
export function envelopeOf(points: Points, weights?: Float64Array): Optimum[] {
  const [N, C, L] = [columnOf(points, 'N'), columnOf(points, 'C'), columnOf(points, 'loss')];
  const curves = rowsByRun(points.runs, C.length)
    .filter(([row = 0]) => (weights?.[row] ?? 1) > 0)
    .map((rows) => rows.toSorted((a, b) => (C[a] ?? 0) - (C[b] ?? 0)))
    .filter((rows) => rows.length > 1);
  const work = workOf(points);
  const logs = C.map(Math.log);
  const ends = curves.flatMap((rows) => [logs[rows[0] ?? 0] ?? NaN, logs[rows.at(-1) ?? 0] ?? NaN]);
  const [from, to] = [Math.min(...ends), Math.max(...ends)];
  const cursors = curves.map(() => 0);
  return Array.from({ length: ENVELOPE }, (_, i) => from + ((to - from) * i) / (ENVELOPE - 1)).flatMap((log) => {
    let best: Optimum | null = null;
    curves.forEach((rows, c) => {
      let k = cursors[c] ?? 0;
      while (k + 2 < rows.length && (logs[rows[k + 1] ?? 0] ?? NaN) < log) k += 1;
      cursors[c] = k;
      const [a, b] = [rows[k] ?? 0, rows[k + 1] ?? 0];
      const share = (log - (logs[a] ?? NaN)) / ((logs[b] ?? NaN) - (logs[a] ?? NaN));
      if (!(share >= 0 && share <= 1)) return;
      const loss = (L[a] ?? NaN) + share * ((L[b] ?? NaN) - (L[a] ?? NaN));
      const size = N[a] ?? NaN;
      if (best === null || loss < best.loss) best = { C: Math.exp(log), N: size, D: Math.exp(log) / (work(a) * size), loss };
    });
    return best === null ? [] : [best];
  });
}

interface PowerLaw {
  readonly k: number;
  readonly exponent: number;
  /** Sum of squares of the logarithm about it, and the standard error of the exponent. */
  readonly objective: number;
  readonly error: number;
}

/** ln y = ln k + m ln C by least squares; null with fewer than two budgets. */
function powerOf(optima: readonly Optimum[], of: (optimum: Optimum) => number): PowerLaw | null {
  const x = optima.map(({ C }) => Math.log(C));
  const y = optima.map((optimum) => Math.log(of(optimum)));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  const spread = x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
  if (!(spread > 0)) return null;
  const exponent = x.reduce((sum, value, i) => sum + (value - mx) * ((y[i] ?? 0) - my), 0) / spread;
  const log = my - exponent * mx;
  const objective = x.reduce((sum, value, i) => sum + ((y[i] ?? 0) - log - exponent * value) ** 2, 0);
  const error = Math.sqrt(objective / Math.max(1, optima.length - 2) / spread);
  return { k: Math.exp(log), exponent, objective, error };
}

interface PowerLaws {
  readonly params: Params;
  readonly objective: number;
  /** Standard errors of the exponents. */
  readonly errors: Params;
}

/** N_opt = k_N C^a and D_opt = k_D C^b; where C = 6 N D, a + b = 1. The objective is that of N_opt. */
function powersThrough(optima: readonly Optimum[]): PowerLaws | null {
  const [size, data] = [powerOf(optima, ({ N }) => N), powerOf(optima, ({ D }) => D)];
  if (size === null || data === null) return null;
  return {
    params: { k_N: size.k, a: size.exponent, k_D: data.k, b: data.exponent },
    objective: size.objective,
    errors: { a: size.error, b: data.error },
  };
}

export interface AllocationFit extends FitReport {
  readonly level: number;
  readonly optima: readonly Optimum[];
  /** Of ln N_opt, over the optima. */
  readonly r2: number;
  /** Power laws through the optima of resamples. */
  readonly replicates: readonly Params[];
  /** Of those, below the ends of the intervals. */
  readonly shares: Shares;
}

/**
 * Approach 1 (`chinchilla-envelope`) or 2 (`chinchilla-isoflop`) as a piece of {@link Work}. The objective is the sum of squares of ln N_opt
 * about the power law. Intervals are percentiles over resampled runs; without a bootstrap, Student's of the line for exponents of at
 * least three budgets of approach 2, and none otherwise.
 *
 * @throws SpecError where the points do not give two optima.
 */
export function* allocating(
  id: 'chinchilla-envelope' | 'chinchilla-isoflop',
  points: Points,
  { bootstrap = 0, seed = 0, level = 0.9 }: Pick<FitOptions, 'bootstrap' | 'seed' | 'level'> = {},
): Work<FitProgress, AllocationFit> {
  const budgets = id === 'chinchilla-isoflop' ? budgetsOf(points) : [];
  checkPositive(points);
  const parabolas = budgets.map((rows) => parabolaOf(points, rows));
  // All points decide which budgets have a best size; their resamples have it wherever it lies, or intervals would be too narrow.
  const measured = budgets.filter((_, i) => isAmongSizes(parabolas[i] ?? { place: NaN }));
  const optimaOf = (weights?: Float64Array): Optimum[] =>
    id === 'chinchilla-envelope'
      ? envelopeOf(points, weights)
      : measured.flatMap((rows) => parabolaOf(points, rows, weights) ?? []);
  const optima = optimaOf();
  const whole = powersThrough(optima);
  if (whole === null) {
    const beyond = parabolas.filter((one) => one !== null && !isAmongSizes(one)).length;
    throw new SpecError({
      where: 'points',
      rule: `law ${id} found no two budgets with a best size`,
      got:
        id === 'chinchilla-isoflop'
          ? `${optima.length} of ${budgets.length}${beyond === 0 ? '' : `, and ${beyond} whose minimum lies beyond the sizes that were run`}`
          : `${optima.length} of all`,
      expected:
        id === 'chinchilla-isoflop'
          ? 'two budgets or more, each with three sizes around the best'
          : 'two runs or more, each with a curve',
    });
  }
  const runs = id === 'chinchilla-envelope' ? rowsByRun(points.runs, columnOf(points, 'C').length) : [];
  const weights = new Float64Array(columnOf(points, 'C').length);
  const replicates: Params[] = [];
  for (let i = 0; i < bootstrap; i++) {
    // Budgets keep their runs apart: those of one are drawn among themselves.
    if (id === 'chinchilla-envelope') resample(runs, seed, i, weights);
    else resampleWithin(budgets, seed, i, weights);
    const found = powersThrough(optimaOf(weights));
    if (found !== null) replicates.push(found.params);
    yield { stage: 'bootstrap', done: i + 1, total: bootstrap };
  }
  const shares: Shares = [(1 - level) / 2, (1 + level) / 2];
  const intervals = Object.fromEntries(
    Object.entries(whole.params).map(([name, value]) => {
      const half = studentQuantile((1 + level) / 2, Math.max(1, optima.length - 2)) * (whole.errors[name] ?? NaN);
      const straight = id === 'chinchilla-isoflop' && optima.length > 2 && name in whole.errors;
      if (replicates.length > 0) return [name, derivedInterval({ shares, replicates }, (params) => params[name] ?? NaN)];
      return [name, straight ? ([value - half, value + half] as const) : ([null, null] as const)];
    }),
  );
  return {
    law: id,
    loss: 'ls-log',
    objective: whole.objective,
    params: whole.params,
    intervals,
    level,
    starts: { total: 1, agree: 1 },
    points: columnOf(points, 'C').length,
    warnings: id === 'chinchilla-isoflop' ? parabolaWarnings(parabolas, bootstrap) : [],
    optima,
    r2: explained(optima, whole.objective),
    replicates,
    shares,
  };
}

function explained(optima: readonly Optimum[], objective: number): number {
  const logs = optima.map(({ N }) => Math.log(N));
  const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  return 1 - objective / logs.reduce((sum, value) => sum + (value - mean) ** 2, 0);
}

function resampleWithin(groups: readonly (readonly number[])[], seed: number, index: number, weights: Float64Array): void {
  const own = new Float64Array(weights.length);
  weights.fill(0);
  groups.forEach((rows, g) => {
    resample(
      rows.map((row) => [row]),
      seed,
      index * groups.length + g,
      own,
    );
    for (const row of rows) weights[row] = own[row] ?? 0;
  });
}

function parabolaWarnings(parabolas: readonly (Parabola | null)[], bootstrap: number): string[] {
  const found = parabolas.flatMap((parabola) => parabola ?? []);
  const lost = parabolas.length - found.length;
  const among = found.filter(isAmongSizes);
  const beyond = found.filter((parabola) => !isAmongSizes(parabola));
  const off = among.filter((parabola) => !isCentred(parabola));
  const those = (some: readonly Parabola[]): string =>
    `${some.length} of ${parabolas.length} budgets (${some.map(({ C }) => C.toPrecision(2)).join(', ')} FLOPs)`;
  return [
    ...(lost > 0 ? [`${lost} of ${parabolas.length} budgets have no parabola with a minimum, and are left out.`] : []),
    ...(beyond.length > 0
      ? [`The minimum lies beyond the sizes that were run in ${those(beyond)}, which are left out: add sizes there.`]
      : []),
    ...(off.length > 0
      ? [
          `The minimum is off-centre among the sizes of ${those(off)}, which biases a parabola: add sizes, or fit chinchilla by variable projection.`,
        ]
      : []),
    ...(among.length === 2 && bootstrap === 0 ? ['Two budgets only: the exponents have no interval.'] : []),
  ];
}

function checkPositive(points: Points): void {
  for (const name of ['N', 'C', 'loss'])
    columnOf(points, name).forEach((value, row) => {
      if (value > 0 && value < Infinity) return;
      throw new SpecError({
        where: `${rowName(points, row)}, column ${name}`,
        rule: 'it is not a number above 0',
        got: String(value),
      });
    });
}
