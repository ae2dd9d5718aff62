import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LAWS, lawNamed, type Law } from '../../src/laws/index.ts';
import { internal } from '../../src/laws/law.ts';
import { predictCurve } from '../../src/laws/table/curves.ts';
import { criticalBatchSize } from '../../src/laws/table/batch.ts';
import { madeFor } from './made.ts';

const FITTED = LAWS.filter((law) => law.model !== null);

/** Largest error of the analytic gradient of ln L against central differences, relative to the largest entry of its point. */
function gradientError(law: Law, theta: Float64Array): number {
  const { points } = madeFor(law.id);
  const model = law.model?.(points);
  if (model === undefined) throw new Error(law.id);
  const p = law.parameters.length;
  const ones = new Float64Array(model.points).fill(1);
  const scratch = new Float64Array(model.points * p);
  const at = (variables: Float64Array, jacobian: Float64Array): Float64Array => {
    const logs = new Float64Array(model.points);
    model.evaluate(variables, logs, jacobian, ones);
    return logs;
  };
  const jacobian = new Float64Array(model.points * p);
  const logs = at(theta, jacobian);
  expect(logs.every(Number.isFinite)).toBe(true);
  let worst = 0;
  for (let j = 0; j < p; j++) {
    const step = 1e-5 * Math.max(1, Math.abs(theta[j] ?? 0));
    const moved = (by: number): Float64Array =>
      at(
        theta.map((value, i) => (i === j ? value + by : value)),
        scratch,
      );
    const [up, down] = [moved(step), moved(-step)];
    for (let i = 0; i < model.points; i++) {
      const row = jacobian.subarray(i * p, (i + 1) * p);
      const scale = row.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
      const difference = ((up[i] ?? NaN) - (down[i] ?? NaN)) / (2 * step);
      const error = Math.abs(difference - (row[j] ?? NaN)) / scale;
      worst = Number.isNaN(error) ? Infinity : Math.max(worst, error);
    }
  }
  return worst;
}

describe('the table of laws', () => {
  it('has one row a law, with names, a source and parameters that its constants use', () => {
    expect(new Set(LAWS.map(({ id }) => id)).size).toBe(LAWS.length);
    for (const law of LAWS) {
      expect(law.id).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect([law.title, law.formula, law.tex, law.source].every((text) => text.length > 4)).toBe(true);
      const names = law.parameters.map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const { params } of law.constants.filter(() => !law.id.startsWith('chinchilla-')))
        expect(Object.keys(params).toSorted()).toEqual(names.toSorted());
    }
    expect(() => lawNamed('chinchila')).toThrow(/^law: there is no such law: got chinchila, expected power-n, /);
  });

  it.each(FITTED.map((law) => [law.id, law] as const))('%s: the gradient is that of central differences', (_, law) => {
    const centre = internal(law, madeFor(law.id).params);
    const offset = fc.array(fc.double({ min: -0.1, max: 0.1, noNaN: true }), { minLength: 7, maxLength: 7 });
    fc.assert(
      fc.property(offset, (by) => {
        const theta = centre.map((value, j) => value + (by[j] ?? 0) * Math.min(1, Math.abs(value)));
        // Central differences of f64 with this step are good for about 1e-9; a kink of U_N within the step would cost more.
        expect(gradientError(law, theta)).toBeLessThan(1e-6);
      }),
      { numRuns: 20 },
    );
  });

  it.each(FITTED.filter(({ id }) => id !== 'multi-power').map((law) => [law.id, law] as const))(
    '%s: one prediction is the prediction of a row',
    (_, law) => {
      const { params, points } = madeFor(law.id);
      const row = Object.fromEntries(Object.entries(points.columns).map(([name, values]) => [name, values[3] ?? NaN]));
      const { N = NaN, D = NaN } = row;
      const at = { C: 6 * N * D, M: D / N, ...row };
      expect(law.predict(params, at)).toBeCloseTo(predictCurve(law, params, points)[3] ?? NaN, 10);
    },
  );
});

/** Values worked out by hand from formula and constants, in decimal arithmetic of their own. */
const BY_HAND: readonly (readonly [string, number, Readonly<Record<string, number>>, number])[] = [
  ['chinchilla', 0, { N: 1e10, D: 1e10 }, 1.69 + 406.4 * 10 ** -3.4 + 410.7 * 10 ** -2.8],
  ['kaplan-n', 0, { N: 8.8e13 / 1024 }, 2 ** 0.76],
  ['kaplan-d', 0, { D: 5.4e13 / 1024 }, 2 ** 0.95],
  ['kaplan-c', 0, { C: (1.6e7 * 8.64e19) / 1024 }, 2 ** 0.57],
  ['kaplan-c', 1, { C: (3.1e8 * 8.64e19) / 1024 }, 2 ** 0.5],
  // (0 + 1)^0.103 where N is endless: here both ratios are 1, so 2^0.103.
  ['kaplan-nd', 0, { N: 6.4e13, D: 1.8e13 }, 2 ** 0.103],
  ['kaplan-ns', 0, { N: 6.5e13, S: 2.1e3 }, 2],
  ['kaplan-batch', 0, { loss: 2 ** 0.21 }, 1.05e8],
  ['kaplan-model', 0, { C: 8.64e19 * 10 }, 1.3e9 * 10 ** 0.73],
  ['kaplan-model-naive', 0, { C: 8.64e19 * 10 }, 1.6e9 * 10 ** 0.88],
  ['kaplan-batch-of-compute', 0, { C: 8.64e19 }, 2e6],
  ['kaplan-steps-of-compute', 0, { C: 8.64e19 }, 5.4e3],
  ['kaplan-data-of-compute', 0, { C: 8.64e19 }, 2e10],
  ['kaplan-overfitting', 0, { N: 1e8 }, 5e3 * 10 ** 5.92],
  // M = 1: (141.28 + 189.52) C^-0.1212 with C = 1e20 gives 330.8 x 10^-2.424.
  ['gadre', 0, { C: 1e20, M: 1 }, 1.5083 + 330.8 * 10 ** -2.424],
  ['gadre-error', 0, { loss: Math.LN2 / 0.7561 }, 0.8497 - 1.03945],
  ['step-law', 0, { N: 1e9, D: 1e10 }, 1.79 * 10 ** (-6.417 + 3.07)],
  ['step-law-batch', 0, { D: 1e10 }, 0.58 * 10 ** 5.71],
  ['zhang-batch', 0, { N: 1e8 }, 93.2 * 10 ** 0.936],
  ['zhang-batch', 1, { N: 1e8 }, 621.3 * 10 ** 0.174],
  ['bjorck', 0, { N: 1e9, D: 1e10 }, 1.3192e-5 * 10 ** (-2.07 - 3.2)],
  ['power-lines-batch', 0, { D: 1e10, D_0: 1e9, B_0: 100 }, 100 * 10 ** 0.462],
  ['deepseek-rate', 0, { C: 1e20 }, 0.3118 * 10 ** -2.5],
  ['deepseek-batch', 0, { C: 1e20 }, 0.292 * 10 ** 6.542],
  ['deepseek-model', 0, { C: 1e20 }, 0.1715 * 10 ** 10.486],
  ['deepseek-data', 0, { C: 1e20 }, 5.8316 * 10 ** 9.514],
  // P = gamma ln 2 halves N_eff once for each of the three.
  [
    'precision',
    0,
    { N: 8e8, D: 1e10, P_w: 2.6745 * Math.LN2, P_a: 2.2102 * Math.LN2, P_kv: 0.9578 * Math.LN2 },
    4299 * 10 ** (-8 * 0.4965) + 18060 * 10 ** -4.965 + 2.7648,
  ],
  ['precision-post', 0, { N: 1e8, D: 1e10, P: 0.5907 * Math.LN10 }, 0.00598 * 10 ** (5.068 - 2.7512)],
  // E = M = 0.5 makes both powers of the format 1, B = 2 makes log2 B 1.
  [
    'float-quantized',
    0,
    { N: 1e8, D: 1e10, B: 2, E: 0.5, M: 0.5 },
    69.2343 * 10 ** -1.8944 + 68973.0621 * 10 ** -5.162 + 1.9061 + 10 ** (5.162 - 1.8944) / 11334.5197,
  ],
  ['quantization-degradation', 0, { N: 1e8, D: 1e10, P: 10 }, 0.017 * 10 ** (5.251 - 1.8088 - 5.4967)],
  // One expert: 1 / F = 1/E_s - 1/E_m + 1/E_m, so F = E_s; N = 10 makes log10 N 1.
  ['routed', 0, { N: 10, E: 1 }, 10 ** (-0.082 + 1.104 + (-0.108 + 0.009) * Math.log10(1.847))],
  ['routed', 2, { N: 10, E: 1 }, 10 ** (-0.087 + 1.157 + (-0.136 + 0.012) * Math.log10(4.175))],
  // N = D = 1: only the experts' factors are left.
  ['joint-moe', 0, { N: 1, D: 1, E: 1 }, 35.91 * 2.0732 ** -0.2285 + 35.98 * 2.0732 ** 0.5529 + 1.3637],
  ['fine-grained-moe', 0, { N: 1e10, D: 1e10, G: 1 }, 0.47 + 20.2 * 10 ** -1.15 + 30.8 * 10 ** -1.47],
  [
    'moe-sparsity',
    0,
    { N: 1e10, D: 1e10, S: 0.9 },
    16612.5 * 10 ** -5.962 + 5455.67 * 10 ** -3.954 + 0.4598 * 10 ** -0.1666 + 17.26 * 10 ** (0.1603 - 1.595) + 0.94,
  ],
  ['distillation-supervised', 0, { N: 1e10, D: 1e10 }, 1.22 + (3355 * 10 ** -4.08 + 18186 * 10 ** -4.31) ** 0.452],
];

/** The same for laws that come without constants. */
const WITH_PARAMETERS: readonly (readonly [
  string,
  Readonly<Record<string, number>>,
  Readonly<Record<string, number>>,
  number,
])[] = [
  ['kaplan-s-min', {}, { S: 1000, B: 2, B_crit: 6 }, 250],
  ['kaplan-c-min', {}, { C: 1000, B: 6, B_crit: 2 }, 250],
  ['mccandlish-rate', { lr_max: 0.01 }, { B: 10, B_noise: 30 }, 0.0025],
  // |G|^2 = 4 and trace 100: at B = 10, 14; at B = 100, 5.
  ['noise-scale', {}, { B_s: 10, B_b: 100, G2_s: 14, G2_b: 5 }, 25],
  ['loss-to-loss', { K: 2, E_0: 1, kappa: 0.5, E_1: 3 }, { loss: 5 }, 7],
  ['data-mixing', { c: 1, k: 2, t_1: Math.LN2, t_2: 0, t_3: 0 }, { r_1: 1, r_2: 0, r_3: 0 }, 5],
  ['ema-rule', {}, { rho: 0.9, kappa: 2 }, 0.81],
  ['repeated-sampling', { a: -2, b: -0.5 }, { k: 4 }, Math.exp(-1)],
  // binom(3, 2) / binom(5, 2) = 3 / 10.
  ['pass-at-k', {}, { n: 5, c: 2, k: 2 }, 0.7],
  ['pass-at-k', {}, { n: 5, c: 4, k: 2 }, 1],
  ['sparse', { a_S: 2, b_S: 1, c_S: 3, b_N: 0.5, a_D: 100, b_D: 0.5, c: 1 }, { N: 100, D: 400, S: 0.5 }, 0.4 + 0.5 + 1],
  ['average-parameters', { E: 1, A: 10, alpha: 0.5, B: 20, beta: 0.5 }, { N_mean: 100, D: 400 }, 3],
  // Student as good as teacher / d_1: the ratio is 1, so 2^(-c_1 f_1); N = D = 1 leaves (A + B)^gamma.
  [
    'distillation',
    { c_0: 1, c_1: 2, f_1: 0.5, d_1: 1, A: 3, alpha: 0.3, B: 1, beta: 0.3, gamma: 0.5 },
    { N: 1, D: 1, L_T: 2, L_sup: 2 },
    2 + 0.5 * 0.5 * 2,
  ],
  ['chinchilla-isoflop', { k_N: 2, a: 0.5, k_D: 1, b: 0.5 }, { C: 100 }, 20],
  // G = 1 and N_opt(U) = U = N; D - U = U R_D ln 2, so half of R_D counts: D' = 4 U. Then four times the size, by the same halves.
  [
    'data-constrained',
    { E: 1, A: 10, alpha: 0.5, B: 10, beta: 0.5, R_D: 6, R_N: 6 },
    { N: 100, U: 100, D: 100 * (1 + 6 * Math.LN2) },
    1 + 1 + 0.5,
  ],
  [
    'data-constrained',
    { E: 1, A: 10, alpha: 0.5, B: 10, beta: 0.5, R_D: 6, R_N: 6 },
    { N: 100 * (1 + 6 * Math.LN2), U: 100, D: 100 },
    1 + 0.5 + 1,
  ],
  ['tissue', { L0: 2, A: 3, alpha: 0.5, C: 0.1 }, { S1: 9, S2: 2 }, 2.8],
  ['power-constant-n', { E: 1, A: 10, alpha: 0.5 }, { N: 25 }, 3],
  ['critical-batch', { a: 100, b: 6400 }, { B: 64 }, 200],
];

describe('predictions', () => {
  it.each(BY_HAND)('%s with its constants %i at %o', (id, which, at, expected) => {
    const law = lawNamed(id);
    expect(law.predict(law.constants[which]?.params ?? {}, at) / expected).toBeCloseTo(1, 6);
  });

  it.each(WITH_PARAMETERS)('%s with %o at %o', (id, params, at, expected) => {
    expect(lawNamed(id).predict(params, at)).toBeCloseTo(expected, 10);
  });

  it('every law is in these lists or fitted', () => {
    const checked = new Set([...BY_HAND, ...WITH_PARAMETERS].map(([id]) => id));
    expect(LAWS.filter((law) => law.model === null && !checked.has(law.id)).map(({ id }) => id)).toEqual(['chinchilla-envelope']);
  });

  it('names what is missing', () => {
    expect(() => lawNamed('chinchilla').predict({ E: 1 }, { N: 1, D: 1 })).toThrow('law chinchilla: A is missing: got E.');
    expect(() => lawNamed('bjorck').predict({ c: 1, p: 1, q: 1 }, { N: 1 })).toThrow('law bjorck: D is missing: got N.');
  });

  it('the critical batch follows from steps to a target', () => {
    // S(x) = a + b / x meets 1.2 S(B_0) B_0 / x there.
    const [a, b, reference] = [100, 64000, 256];
    const x = criticalBatchSize({ a, b }, reference);
    expect(a + b / x).toBeCloseTo((1.2 * (a + b / reference) * reference) / x, 10);
  });
});
