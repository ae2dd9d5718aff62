import { pointLaw, type Evaluator, type Input, type Law } from '../law.ts';
import { C, D, exponent, N, OF_LOSS, PF_DAY, shape, STEPS, verified } from './words.ts';

const SOURCE = 'Kaplan et al., "Scaling Laws for Neural Language Models", arXiv 2001.08361';
const SCALE = [1e2, 1e18] as const;

/** (X_c / X)^alpha_X: ln of it and its derivatives by ln X_c and alpha_X. */
const ratio: Evaluator = (theta, x, o, g, k) => {
  const distance = (theta[0] ?? NaN) - (x[o] ?? NaN);
  const alpha = theta[1] ?? NaN;
  g[k] = alpha;
  g[k + 1] = distance;
  return alpha * distance;
};

function inOne(column: Input, title: string, published: Law['constants']): Law {
  const x = column.name;
  return pointLaw(
    {
      id: `kaplan-${x.toLowerCase()}`,
      title,
      formula: `L = (${x}_c / ${x})^alpha_${x}`,
      tex: `L = \\left(\\frac{${x}_c}{${x}}\\right)^{\\alpha_${x}}`,
      source: SOURCE,
      parameters: [
        shape(`${x}_c`, 'where the law would reach a loss of 1', column.unit, x === 'C' ? [1e12, 1e30] : SCALE),
        exponent(`alpha_${x}`, `fall of ln L with ln ${x}`, [0.02, 0.6]),
      ],
      columns: [column],
      ...OF_LOSS,
      constants: published,
    },
    ratio,
  );
}

const kaplanNd = pointLaw(
  {
    id: 'kaplan-nd',
    title: 'Kaplan: loss in non-embedding parameters and tokens',
    formula: 'L = ((N_c / N)^(alpha_N / alpha_D) + D_c / D)^alpha_D',
    tex: 'L = \\left[\\left(\\frac{N_c}{N}\\right)^{\\alpha_N / \\alpha_D} + \\frac{D_c}{D}\\right]^{\\alpha_D}',
    source: `${SOURCE}, eq. 1.5`,
    parameters: [
      shape('N_c', 'scale of sizes', 'parameters', SCALE),
      exponent('alpha_N', 'fall with size', [0.02, 0.6]),
      shape('D_c', 'scale of data', 'tokens', SCALE),
      exponent('alpha_D', 'fall with data', [0.02, 0.6]),
    ],
    columns: [N, D],
    ...OF_LOSS,
    constants: [verified('Kaplan et al.', { N_c: 6.4e13, alpha_N: 0.076, D_c: 1.8e13, alpha_D: 0.103 })],
  },
  // ln L = alpha_D ln(e^u + e^v), u = alpha_N / alpha_D (ln N_c - ln N), v = ln D_c - ln D.
  (theta, x, o, g, k) => {
    const [alphaN, alphaD] = [theta[1] ?? NaN, theta[3] ?? NaN];
    const distance = (theta[0] ?? NaN) - (x[o] ?? NaN);
    const u = (alphaN / alphaD) * distance;
    const v = (theta[2] ?? NaN) - (x[o + 1] ?? NaN);
    const largest = Math.max(u, v);
    const sum = Math.exp(u - largest) + Math.exp(v - largest);
    const lse = largest + Math.log(sum);
    const share = Math.exp(u - largest) / sum;
    g[k] = share * alphaN;
    g[k + 1] = share * distance;
    g[k + 2] = alphaD * (1 - share);
    g[k + 3] = lse - share * u;
    return alphaD * lse;
  },
);

const kaplanNs = pointLaw(
  {
    id: 'kaplan-ns',
    title: 'Kaplan: loss in non-embedding parameters and steps',
    formula: 'L = (N_c / N)^alpha_N + (S_c / S)^alpha_S',
    tex: 'L = \\left(\\frac{N_c}{N}\\right)^{\\alpha_N} + \\left(\\frac{S_c}{S_{min}}\\right)^{\\alpha_S}',
    source: `${SOURCE}, eq. 1.6; S is S_min, the steps that a large batch would need: see kaplan-s-min`,
    parameters: [
      shape('N_c', 'scale of sizes', 'parameters', SCALE),
      exponent('alpha_N', 'fall with size', [0.02, 0.6]),
      shape('S_c', 'scale of steps', 'steps', [1, 1e8]),
      exponent('alpha_S', 'fall with steps'),
    ],
    columns: [N, STEPS],
    ...OF_LOSS,
    constants: [verified('Kaplan et al.', { N_c: 6.5e13, alpha_N: 0.077, S_c: 2.1e3, alpha_S: 0.76 })],
  },
  (theta, x, o, g, k) => {
    const [alphaN, alphaS] = [theta[1] ?? NaN, theta[3] ?? NaN];
    const u = (theta[0] ?? NaN) - (x[o] ?? NaN);
    const v = (theta[2] ?? NaN) - (x[o + 1] ?? NaN);
    const largest = Math.max(alphaN * u, alphaS * v);
    const sum = Math.exp(alphaN * u - largest) + Math.exp(alphaS * v - largest);
    const share = Math.exp(alphaN * u - largest) / sum;
    g[k] = share * alphaN;
    g[k + 1] = share * u;
    g[k + 2] = (1 - share) * alphaS;
    g[k + 3] = (1 - share) * v;
    return largest + Math.log(sum);
  },
);

export const kaplanLaws: readonly Law[] = [
  inOne(N, 'Kaplan: loss in non-embedding parameters', [verified('Kaplan et al.', { N_c: 8.8e13, alpha_N: 0.076 })]),
  inOne(D, 'Kaplan: loss in tokens', [verified('Kaplan et al.', { D_c: 5.4e13, alpha_D: 0.095 })]),
  // Published in PF-days, 1.6e7 and 3.1e8 of them.
  inOne(C, 'Kaplan: loss in compute', [
    verified('Kaplan et al., L(C)', { C_c: 1.6e7 * PF_DAY, alpha_C: 0.057 }),
    verified('Kaplan et al., L(C_min)', { C_c: 3.1e8 * PF_DAY, alpha_C: 0.05 }),
  ]),
  kaplanNd,
  kaplanNs,
];
