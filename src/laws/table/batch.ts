import { calculator, pointLaw, type Law, type Params } from '../law.ts';
import { powerSum } from '../power-sum.ts';
import { coefficient, column, constants, D, fromMemory, N, PF_DAY, signedExponent, STEPS, verified } from './words.ts';

/** Laws of batch size and learning rate. */

const KAPLAN = 'Kaplan et al., arXiv 2001.08361';
const MCCANDLISH = 'McCandlish et al., "An Empirical Model of Large-Batch Training", arXiv 1812.06162';
const STEP_LAW = 'Li et al., "Predictable Scale: Part I, Step Law", arXiv 2503.04715';
const DEEPSEEK = 'DeepSeek-AI, "DeepSeek LLM", arXiv 2401.02954';
const ZHANG = 'Zhang et al., "How Does Critical Batch Size Scale in Pre-training?", arXiv 2410.21676';
const B = column('B', 'of the critical batch', 'batch size, in whatever is counted');
const C = column('C', 'FLOPs', 'non-embedding, counted as in the paper');

const criticalBatch = pointLaw(
  {
    id: 'critical-batch',
    title: 'Steps to a target loss, against the batch size',
    formula: 'S = a + b / B',
    tex: 'S = a + \\frac{b}{B}',
    source: ZHANG,
    parameters: [
      coefficient('a', 'steps that no batch makes fewer', 'steps'),
      coefficient('b', 'samples that small batches need', 'steps x batch'),
    ],
    columns: [B],
    target: 'S',
    unit: 'steps',
    constants: [],
  },
  powerSum(2, [{ coefficient: 0 }, { coefficient: 1, factors: [{ column: 0, times: -1 }] }]),
);

const stepLaw = pointLaw(
  {
    id: 'step-law',
    title: 'Best learning rate against size and data (Step Law)',
    formula: 'lr = c N^p D^q',
    tex: '\\eta^* = c\\, N^{p} D^{q}',
    source: STEP_LAW,
    parameters: [
      coefficient('c', 'learning rate at N = D = 1'),
      signedExponent('p', 'with size'),
      signedExponent('q', 'with data'),
    ],
    columns: [
      { ...N, exponent: 'p' },
      { ...D, exponent: 'q' },
    ],
    target: 'lr',
    unit: '',
    constants: [verified('Step Law', { c: 1.79, p: -0.713, q: 0.307 })],
  },
  powerSum(3, [
    {
      coefficient: 0,
      factors: [
        { column: 0, exponent: 1, times: 1 },
        { column: 1, exponent: 2, times: 1 },
      ],
    },
  ]),
);

const stepLawBatch = pointLaw(
  {
    id: 'step-law-batch',
    title: 'Best batch size against data (Step Law)',
    formula: 'B = c D^q',
    tex: 'B^* = c\\, D^{q}',
    source: STEP_LAW,
    parameters: [coefficient('c', 'batch at D = 1', 'tokens'), signedExponent('q', 'with data')],
    columns: [{ ...D, exponent: 'q' }],
    target: 'B',
    unit: 'tokens',
    constants: [verified('Step Law', { c: 0.58, q: 0.571 })],
  },
  powerSum(2, [{ coefficient: 0, factors: [{ column: 0, exponent: 1, times: 1 }] }]),
);

const zhangBatch = pointLaw(
  {
    id: 'zhang-batch',
    title: 'Critical batch size against size',
    formula: 'B_crit = c (N / 1e6)^m',
    tex: 'B_{crit} = c \\left(\\frac{N}{10^6}\\right)^{m}',
    source: `${ZHANG}; measured as CBS = 1.2 B_0 + 0.2 b / a from fits of critical-batch`,
    parameters: [coefficient('c', 'critical batch at a million parameters', 'sequences'), signedExponent('m', 'with size')],
    columns: [N],
    target: 'B_crit',
    unit: 'sequences',
    constants: [verified('along Chinchilla', { c: 93.2, m: 0.468 }), verified('at fixed data', { c: 621.3, m: 0.087 })],
  },
  (theta, x, o, g, k) => {
    const millions = (x[o] ?? NaN) - Math.log(1e6);
    g[k] = 1;
    g[k + 1] = millions;
    return (theta[0] ?? NaN) + (theta[1] ?? NaN) * millions;
  },
);

/**
 * The batch size from which steps to the target fall 20 % short of halving with each doubling, counted from `reference`, a batch that is
 * small: where S(x) = 1.2 S(B_0) B_0 / x. Parameters of a fit of `critical-batch`; Zhang et al. take B_0 = 256 sequences.
 */
export function criticalBatchSize({ a = NaN, b = NaN }: Params, reference: number): number {
  return 1.2 * reference + (0.2 * b) / a;
}

/** y = c x^m, as a calculator. */
function powerOf(
  id: string,
  title: string,
  [y, unit]: readonly [string, string],
  x: ReturnType<typeof column>,
  source: string,
  published: Law['constants'],
  per = 1,
): Law {
  return calculator(
    {
      id,
      title,
      formula: `${y} = c ${per === 1 ? x.name : `(${x.name} / ${per})`}^m`,
      tex: `${y} = c\\, ${x.name}^{m}`,
      source,
      parameters: constants('c m'),
      columns: [x],
      target: y,
      unit,
      constants: published,
    },
    (p, at) => p('c') * (at(x.name) / per) ** p('m'),
  );
}

/** What Kaplan et al. spend compute on; their compute is in PF-days. */
function ofCompute(id: string, what: string, y: readonly [string, string], c: number, m: number): Law {
  const title = `Kaplan: ${what} against compute`;
  return powerOf(id, title, y, C, `${KAPLAN}, section 6; C is in PF-days there`, [verified('Kaplan et al.', { c, m })], PF_DAY);
}

const kaplanBatch = calculator(
  {
    id: 'kaplan-batch',
    title: 'Kaplan: critical batch size against the loss',
    formula: 'B_crit = B_star / L^(1 / alpha_B)',
    tex: 'B_{crit} = \\frac{B_*}{L^{1/\\alpha_B}}',
    source: `${KAPLAN}, eq. 1.4; its body says 2e8`,
    parameters: constants('B_star alpha_B'),
    columns: [column('loss', 'nats', 'reached')],
    target: 'B_crit',
    unit: 'tokens',
    constants: [verified('Kaplan et al.', { B_star: 2.1e8, alpha_B: 0.21 })],
  },
  (p, at) => p('B_star') / at('loss') ** (1 / p('alpha_B')),
);

const tradeColumns = [column('B', 'tokens', 'batch size'), column('B_crit', 'tokens', 'critical batch size')];
const tradeOff = { parameters: [], source: `${MCCANDLISH}; ${KAPLAN}, eq. 5.4 and 5.5`, constants: [] };

const sMin = calculator(
  {
    id: 'kaplan-s-min',
    title: 'Steps that a very large batch would have needed',
    formula: 'S_min = S / (1 + B_crit / B)',
    tex: 'S_{min} = \\frac{S}{1 + B_{crit} / B}',
    columns: [STEPS, ...tradeColumns],
    target: 'S_min',
    unit: 'steps',
    ...tradeOff,
  },
  (_, at) => at('S') / (1 + at('B_crit') / at('B')),
);

const cMin = calculator(
  {
    id: 'kaplan-c-min',
    title: 'Compute that a very small batch would have needed',
    formula: 'C_min = C / (1 + B / B_crit)',
    tex: 'C_{min} = \\frac{C}{1 + B / B_{crit}}',
    columns: [C, ...tradeColumns],
    target: 'C_min',
    unit: 'FLOPs',
    ...tradeOff,
  },
  (_, at) => at('C') / (1 + at('B') / at('B_crit')),
);

const noiseRate = calculator(
  {
    id: 'mccandlish-rate',
    title: 'Learning rate against the batch size, from the gradient noise scale',
    formula: 'lr = lr_max / (1 + B_noise / B)',
    tex: '\\epsilon(B) = \\frac{\\epsilon_{max}}{1 + B_{noise} / B}',
    source: `${MCCANDLISH}, eq. 2.7`,
    parameters: constants('lr_max'),
    columns: [column('B', 'samples', 'batch size'), column('B_noise', 'samples', 'gradient noise scale')],
    target: 'lr',
    unit: '',
    constants: [],
  },
  (p, at) => p('lr_max') / (1 + at('B_noise') / at('B')),
);

const noiseScale = calculator(
  {
    id: 'noise-scale',
    title: 'Simple gradient noise scale from two batch sizes',
    formula: 'B_simple = ((G2_s - G2_b) / (1/B_s - 1/B_b)) / ((B_b G2_b - B_s G2_s) / (B_b - B_s))',
    tex: 'B_{simple} = \\frac{(|G_s|^2 - |G_b|^2) / (1/B_s - 1/B_b)}{(B_b |G_b|^2 - B_s |G_s|^2) / (B_b - B_s)}',
    source: `${MCCANDLISH}, appendix A.1; numerator and denominator are averaged over steps apart, then divided`,
    parameters: [],
    columns: [
      column('B_s', 'samples', 'small batch'),
      column('B_b', 'samples', 'big batch'),
      column('G2_s', '', 'squared norm of the gradient of the small batch'),
      column('G2_b', '', 'squared norm of the gradient of the big batch'),
    ],
    target: 'B_simple',
    unit: 'samples',
    constants: [],
  },
  (_, at) => {
    const trace = (at('G2_s') - at('G2_b')) / (1 / at('B_s') - 1 / at('B_b'));
    return trace / ((at('B_b') * at('G2_b') - at('B_s') * at('G2_s')) / (at('B_b') - at('B_s')));
  },
);

const bjorck = calculator(
  {
    id: 'bjorck',
    title: 'Best learning rate against size and token horizon (Bjorck)',
    formula: 'lr = c N^-p D^-q',
    tex: '\\eta^* = c\\, N^{-p} D^{-q}',
    source: 'Bjorck et al., "Scaling Optimal LR Across Token Horizons", arXiv 2409.19913; the unit of N and D is not clear there',
    parameters: constants('c p q'),
    columns: [N, D],
    target: 'lr',
    unit: '',
    constants: [verified('Bjorck et al.', { c: 1.3192e-5, p: 0.23, q: 0.32 })],
  },
  (p, at) => p('c') * at('N') ** -p('p') * at('D') ** -p('q'),
);

const powerLines = calculator(
  {
    id: 'power-lines-batch',
    title: 'Batch size against data, from one that is known (Bergsma)',
    formula: 'B = B_0 (D / D_0)^m',
    tex: 'B = B_0 \\left(\\frac{D}{D_0}\\right)^{m}',
    source: 'Bergsma et al., "Power Lines: Scaling Laws for Weight Decay and Batch Size in LLM Pre-training", arXiv 2505.13738',
    parameters: constants('m'),
    columns: [D, column('D_0', 'tokens', 'of the known run'), column('B_0', 'tokens', 'its batch')],
    target: 'B',
    unit: 'tokens',
    constants: [fromMemory('critical batch', { m: 0.462 }), fromMemory('best batch', { m: 0.383 })],
  },
  (p, at) => at('B_0') * (at('D') / at('D_0')) ** p('m'),
);

export const batchLaws: readonly Law[] = [
  criticalBatch,
  stepLaw,
  stepLawBatch,
  kaplanBatch,
  sMin,
  cMin,
  noiseRate,
  noiseScale,
  bjorck,
  powerLines,
  zhangBatch,
  powerOf('deepseek-rate', 'Best learning rate against compute (DeepSeek)', ['lr', ''], C, DEEPSEEK, [
    verified('DeepSeek LLM', { c: 0.3118, m: -0.125 }),
  ]),
  powerOf('deepseek-batch', 'Best batch size against compute (DeepSeek)', ['B', 'tokens'], C, DEEPSEEK, [
    verified('DeepSeek LLM', { c: 0.292, m: 0.3271 }),
  ]),
  powerOf('deepseek-model', 'Non-embedding FLOPs per token against compute (DeepSeek)', ['M', 'FLOPs per token'], C, DEEPSEEK, [
    verified('DeepSeek LLM', { c: 0.1715, m: 0.5243 }),
  ]),
  powerOf('deepseek-data', 'Tokens against compute (DeepSeek)', ['D', 'tokens'], C, DEEPSEEK, [
    verified('DeepSeek LLM', { c: 5.8316, m: 0.4757 }),
  ]),
  ofCompute('kaplan-model', 'parameters', ['N', 'parameters'], 1.3e9, 0.73),
  ofCompute('kaplan-model-naive', 'parameters, without the correction for batches,', ['N', 'parameters'], 1.6e9, 0.88),
  ofCompute('kaplan-batch-of-compute', 'batch size', ['B', 'tokens'], 2e6, 0.24),
  ofCompute('kaplan-steps-of-compute', 'steps', ['S', 'steps'], 5.4e3, 0.03),
  ofCompute('kaplan-data-of-compute', 'tokens', ['D', 'tokens'], 2e10, 0.27),
  powerOf('kaplan-overfitting', 'Kaplan: tokens below which a model overfits', ['D', 'tokens'], N, `${KAPLAN}, eq. 4.4`, [
    verified('Kaplan et al.', { c: 5e3, m: 0.74 }),
  ]),
];
