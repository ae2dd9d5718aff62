import { internal, pointLaw, type Law, type Model, type Points } from '../law.ts';
import { SpecError } from '../../base/errors.ts';
import { coefficient, column, exponent, floor, gain, OF_LOSS, shape } from './words.ts';

/** Laws of a learning curve under its schedule. Their columns are made of learning rates by `curvePoints`. */

const S1 = column('S1', 'learning rate x steps', 'learning rates summed until the step');
const S2 = { ...column('S2', 'learning rate x steps', 'falls of the learning rate, with their memory'), raw: true };

const tissue = pointLaw(
  {
    id: 'tissue',
    title: 'Learning curve under annealing (Tissue)',
    formula: 'L = L0 + A S1^-alpha - C S2',
    tex: 'L = L_0 + A S_1^{-\\alpha} - C S_2',
    source: 'Tissue, Wang and Wang, "Scaling Law with Learning Rate Annealing", arXiv 2408.11029, eq. 1; lambda = 0.999',
    parameters: [
      floor('L0', 'loss after training without end'),
      coefficient('A', 'loss at S1 = 1 above it', 'nats'),
      exponent('alpha', 'fall with S1'),
      gain('C', 'gain from annealing', 'nats'),
    ],
    columns: [S1, S2],
    ...OF_LOSS,
    constants: [],
  },
  (theta, x, o, g, k) => {
    const [log1, s2] = [x[o] ?? NaN, x[o + 1] ?? NaN];
    const rest = Math.exp(theta[0] ?? NaN);
    const power = Math.exp((theta[1] ?? NaN) - (theta[2] ?? NaN) * log1);
    const annealed = Math.exp(theta[3] ?? NaN) * s2;
    const loss = rest + power - annealed;
    g[k] = rest / loss;
    g[k + 1] = power / loss;
    g[k + 2] = (-power * log1) / loss;
    g[k + 3] = -annealed / loss;
    return Math.log(loss);
  },
);

const PARAMETERS = [
  floor('L0', 'loss after training without end'),
  coefficient('A', 'loss at S1 = 1 above it', 'nats'),
  exponent('alpha', 'fall with S1'),
  gain('B', 'gain from a fall of the learning rate', 'nats'),
  shape('C', 'how soon a fall pays', '', [1e-2, 1e2]),
  exponent('beta', 'how the gain saturates'),
  exponent('gamma', 'how much sooner at small learning rates'),
];

/**
 * The falls are counted as gains: with eta falling, eta_(k-1) - eta_k is above 0 and the loss goes down, so the sum is taken away.
 * theta: 0 ln L0, 1 ln A, 2 alpha, 3 ln B, 4 ln C, 5 beta, 6 gamma.
 */
function multiPowerModel(points: Points): Model {
  const { drops } = points;
  const s1 = points.columns['S1'];
  if (drops === undefined || s1 === undefined)
    throw new SpecError({
      where: 'points',
      rule: 'learning rates are missing',
      expected: 'the columns step and lr',
      cure: 'Give each run the learning rate of its steps.',
    });
  const logs1 = s1.map(Math.log);
  // ln eta_k and ln S_k are the same in every evaluation.
  const falls = drops.map(({ fall, rate, sum }) => ({ fall, rate: rate.map(Math.log), sum: sum.map(Math.log) }));
  return {
    points: s1.length,
    evaluate: (theta, logs, jacobian, weights) => {
      const [alpha, logC, beta, gamma] = [theta[2] ?? NaN, theta[4] ?? NaN, theta[5] ?? NaN, theta[6] ?? NaN];
      const rest = Math.exp(theta[0] ?? NaN);
      const b = Math.exp(theta[3] ?? NaN);
      for (let i = 0; i < s1.length; i++) {
        const own = falls[i];
        if (weights[i] === 0 || own === undefined) continue;
        let [gain, byC, byBeta, byGamma] = [0, 0, 0, 0];
        for (let d = 0; d < own.fall.length; d++) {
          const fall = own.fall[d] ?? 0;
          const logRate = own.rate[d] ?? 0;
          // A rate of 0 makes eta^-gamma infinite: the whole gain is had.
          const inner = Math.exp(logC - gamma * logRate + (own.sum[d] ?? 0));
          if (!(inner > 0)) continue;
          const logBase = Math.log1p(inner);
          const left = Math.exp(-beta * logBase);
          gain += fall * (1 - left);
          byBeta += fall * left * (left === 0 ? 0 : logBase);
          const slope = inner === Infinity ? 0 : (fall * beta * left * inner) / (1 + inner);
          byC += slope;
          byGamma -= slope * (slope === 0 ? 0 : logRate);
        }
        const power = Math.exp((theta[1] ?? NaN) - alpha * (logs1[i] ?? NaN));
        const loss = rest + power - b * gain;
        const o = i * PARAMETERS.length;
        jacobian[o] = rest / loss;
        jacobian[o + 1] = power / loss;
        jacobian[o + 2] = (-power * (logs1[i] ?? NaN)) / loss;
        jacobian[o + 3] = (-b * gain) / loss;
        jacobian[o + 4] = (-b * byC) / loss;
        jacobian[o + 5] = (-b * byBeta) / loss;
        jacobian[o + 6] = (-b * byGamma) / loss;
        logs[i] = Math.log(loss);
      }
    },
  };
}

const MULTI_POWER = {
  id: 'multi-power',
  title: 'Learning curve under any schedule (multi-power)',
  formula: 'L = L0 + A S1^-alpha - B sum_k (eta_(k-1) - eta_k) (1 - (1 + C eta_k^-gamma S_k)^-beta)',
  tex: 'L = L_0 + A S_1^{-\\alpha} - B \\sum_k (\\eta_{k-1} - \\eta_k)\\left[1 - \\left(1 + C \\eta_k^{-\\gamma} S_k\\right)^{-\\beta}\\right]',
  source: 'Luo et al., "A Multi-Power Law for Loss Curve Prediction Across Learning Rate Schedules", arXiv 2503.12811',
  parameters: PARAMETERS,
  columns: [S1],
  ...OF_LOSS,
  constants: [],
} as const;

/** Predicts from S1 alone, as before any fall; a schedule is predicted by {@link predictCurve}. */
const multiPower: Law = {
  ...MULTI_POWER,
  predict: (params, at) =>
    predictCurve(multiPower, params, {
      columns: { S1: Float64Array.of(at['S1'] ?? NaN) },
      drops: [{ fall: new Float64Array(0), rate: new Float64Array(0), sum: new Float64Array(0) }],
    })[0] ?? NaN,
  model: multiPowerModel,
};

/** Predictions of a law at points of a schedule, one a row. */
export function predictCurve(law: Law, params: Law['constants'][number]['params'], points: Points): Float64Array {
  const model = law.model?.(points);
  if (model === undefined) throw new RangeError(`law ${law.id} is not fitted`);
  const logs = new Float64Array(model.points);
  const jacobian = new Float64Array(model.points * law.parameters.length);
  model.evaluate(internal(law, params), logs, jacobian, new Float64Array(model.points).fill(1));
  return logs.map(Math.exp);
}

export const curveLaws: readonly Law[] = [tissue, multiPower];
