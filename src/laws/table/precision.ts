import { calculator, type Law } from '../law.ts';
import { column, constants, D, N, OF_LOSS, verified } from './words.ts';

/** Laws of number formats. */

const KUMAR = 'Kumar et al., "Scaling Laws for Precision", arXiv 2411.04330';
const ZERO = (name: string, meaning: string): ReturnType<typeof column> & { raw: boolean } => ({
  ...column(name, 'bits', meaning),
  raw: true,
});

const kumar = calculator(
  {
    id: 'precision',
    title: 'Loss under training in few bits (Kumar)',
    formula: 'L = A / N_eff^alpha + B / D^beta + E, N_eff = N (1 - e^(-P_w/g_w)) (1 - e^(-P_a/g_a)) (1 - e^(-P_kv/g_kv))',
    tex: 'L = A N_{eff}^{-\\alpha} + B D^{-\\beta} + E,\\; N_{eff} = N \\prod_x \\left(1 - e^{-P_x / \\gamma_x}\\right)',
    source: `${KUMAR}; offsets of the exponents' arguments are left out`,
    parameters: constants('A B E alpha beta g_w g_a g_kv'),
    columns: [N, D, ZERO('P_w', 'of weights'), ZERO('P_a', 'of activations'), ZERO('P_kv', 'of the cache of keys and values')],
    ...OF_LOSS,
    constants: [
      verified('Kumar et al.', {
        A: 4.299e3,
        B: 1.806e4,
        E: 2.7648,
        alpha: 0.4965,
        beta: 0.4965,
        g_w: 2.6745,
        g_a: 2.2102,
        g_kv: 0.9578,
      }),
    ],
  },
  (p, at) => {
    const kept = ['w', 'a', 'kv'].reduce((share, x) => share * -Math.expm1(-at(`P_${x}`) / p(`g_${x}`)), 1);
    return p('A') * (at('N') * kept) ** -p('alpha') + p('B') * at('D') ** -p('beta') + p('E');
  },
);

const postTraining = calculator(
  {
    id: 'precision-post',
    title: 'Loss that quantization after training adds (Kumar)',
    formula: 'dL = C_T D^g_D / N^g_N e^(-P / g_post)',
    tex: '\\delta_{PTQ} = C_T \\frac{D^{\\gamma_D}}{N^{\\gamma_N}} e^{-P / \\gamma_{post}}',
    source: KUMAR,
    parameters: constants('C_T g_D g_N g_post'),
    columns: [N, D, ZERO('P', 'after training')],
    target: 'dL',
    unit: 'nats',
    constants: [verified('Kumar et al.', { C_T: 0.0598, g_D: 0.5068, g_N: 0.3439, g_post: 0.5907 })],
  },
  (p, at) => ((p('C_T') * at('D') ** p('g_D')) / at('N') ** p('g_N')) * Math.exp(-at('P') / p('g_post')),
);

const sun = calculator(
  {
    id: 'float-quantized',
    title: 'Loss under floating-point quantized training (Sun)',
    formula: 'L = n / N^alpha + d / D^beta + e + D^beta / N^alpha log2(B) / (gamma (E + 0.5)^delta (M + 0.5)^nu)',
    tex: 'L = \\frac{n}{N^\\alpha} + \\frac{d}{D^\\beta} + \\epsilon + \\frac{D^\\beta}{N^\\alpha} \\frac{\\log_2 B}{\\gamma (E + 0.5)^\\delta (M + 0.5)^\\nu}',
    source: 'Sun et al., "Scaling Laws for Floating Point Quantization Training", arXiv 2501.02423',
    parameters: constants('n alpha d beta e gamma delta nu'),
    columns: [N, D, column('B', 'elements', 'that share a scale'), ZERO('E', 'of the exponent'), ZERO('M', 'of the mantissa')],
    ...OF_LOSS,
    constants: [
      verified('Sun et al.', {
        n: 69.2343,
        alpha: 0.2368,
        d: 68973.0621,
        beta: 0.5162,
        e: 1.9061,
        gamma: 11334.5197,
        delta: 3.1926,
        nu: 2.9543,
      }),
    ],
  },
  (p, at) => {
    const [size, data] = [at('N') ** p('alpha'), at('D') ** p('beta')];
    const lost = Math.log2(at('B')) / (p('gamma') * (at('E') + 0.5) ** p('delta') * (at('M') + 0.5) ** p('nu'));
    return p('n') / size + p('d') / data + p('e') + (data / size) * lost;
  },
);

const ouyang = calculator(
  {
    id: 'quantization-degradation',
    title: 'Loss that low-bit quantization adds (Ouyang)',
    formula: 'dL = k D^b / (N^a P^g)',
    tex: '\\Delta_q L = k\\, \\frac{D^{\\beta}}{N^{\\alpha} P^{\\gamma}}',
    source: 'Ouyang et al., "Low-Bit Quantization Favors Undertrained LLMs", arXiv 2411.17691',
    parameters: constants('k b a g'),
    columns: [N, D, column('P', 'bits', 'of weights')],
    target: 'dL',
    unit: 'nats',
    constants: [verified('Ouyang et al.', { k: 0.017, b: 0.5251, a: 0.2261, g: 5.4967 })],
  },
  (p, at) => (p('k') * at('D') ** p('b')) / (at('N') ** p('a') * at('P') ** p('g')),
);

const downstream = calculator(
  {
    id: 'gadre-error',
    title: 'Top-1 error downstream against the loss (Gadre)',
    formula: 'Err = e - k e^(-gamma L)',
    tex: 'Err = \\epsilon - k\\, e^{-\\gamma L}',
    source: 'Gadre et al., arXiv 2403.08540, eq. 5',
    parameters: constants('e k gamma'),
    columns: [column('loss', 'nats', 'on held-out text')],
    target: 'error',
    unit: '',
    constants: [verified('C4', { e: 0.8497, k: 2.0789, gamma: 0.7561 })],
  },
  (p, at) => p('e') - p('k') * Math.exp(-p('gamma') * at('loss')),
);

const lossToLoss = calculator(
  {
    id: 'loss-to-loss',
    title: 'Loss on one distribution from that on another',
    formula: 'L_1 = K (L_0 - E_0)^kappa + E_1',
    tex: 'L_1 = K (L_0 - E_0)^{\\kappa} + E_1',
    source: 'Brandfonbrener et al., "Loss-to-Loss Prediction", arXiv 2411.12925; constants are of each pair',
    parameters: constants('K E_0 kappa E_1'),
    columns: [column('loss', 'nats', 'on the first')],
    target: 'loss_1',
    unit: 'nats',
    constants: [],
  },
  (p, at) => p('K') * (at('loss') - p('E_0')) ** p('kappa') + p('E_1'),
);

const mixing = calculator(
  {
    id: 'data-mixing',
    title: 'Loss on a domain against the shares of three (Ye)',
    formula: 'L = c + k e^(t_1 r_1 + t_2 r_2 + t_3 r_3)',
    tex: 'L_i = c_i + k_i \\exp\\left(\\sum_j t_{ij} r_j\\right)',
    source: 'Ye et al., "Data Mixing Laws", arXiv 2403.16952; constants are of each mixture',
    parameters: constants('c k t_1 t_2 t_3'),
    columns: [1, 2, 3].map((i) => ({ ...column(`r_${i}`, '', `share of domain ${i}`), raw: true })),
    ...OF_LOSS,
    constants: [],
  },
  (p, at) => p('c') + p('k') * Math.exp([1, 2, 3].reduce((sum, i) => sum + p(`t_${i}`) * at(`r_${i}`), 0)),
);

const averaging = calculator(
  {
    id: 'ema-rule',
    title: 'Decay of a moving average when the batch grows',
    formula: 'rho_new = rho^kappa',
    tex: '\\hat\\rho = \\rho^{\\kappa}',
    source: 'Busbridge et al., "How to Scale Your EMA", arXiv 2307.13813',
    parameters: [],
    columns: [column('rho', '', 'decay at the first batch size'), column('kappa', '', 'times the batch')],
    target: 'rho_new',
    unit: '',
    constants: [],
  },
  (_, at) => at('rho') ** at('kappa'),
);

const coverage = calculator(
  {
    id: 'repeated-sampling',
    title: 'Share of problems solved in k samples',
    formula: 'c = e^(a k^b)',
    tex: 'c \\approx \\exp\\left(a k^{b}\\right)',
    source: 'Brown et al., "Large Language Monkeys", arXiv 2407.21787; constants are of each task',
    parameters: constants('a b'),
    columns: [column('k', 'samples', 'drawn')],
    target: 'coverage',
    unit: '',
    constants: [],
  },
  (p, at) => Math.exp(p('a') * at('k') ** p('b')),
);

const passAtK = calculator(
  {
    id: 'pass-at-k',
    title: 'Chance that one of k samples is right, from n of which c were',
    formula: 'pass = 1 - binom(n - c, k) / binom(n, k)',
    tex: 'pass@k = 1 - \\binom{n - c}{k} / \\binom{n}{k}',
    source: 'Chen et al., "Evaluating Large Language Models Trained on Code", arXiv 2107.03374, eq. 1',
    parameters: [],
    columns: [column('n', 'samples', 'drawn'), column('c', 'samples', 'right'), column('k', 'samples', 'asked about')],
    target: 'pass',
    unit: '',
    constants: [],
  },
  (_, at) => {
    // binom(n - c, k) / binom(n, k) as the product of (1 - k / i) over i = n - c + 1 .. n, which does not overflow.
    let none = 1;
    for (let i = at('n') - at('c') + 1; i <= at('n'); i++) none *= Math.max(0, 1 - at('k') / i);
    return 1 - none;
  },
);

export const precisionLaws: readonly Law[] = [kumar, postTraining, sun, ouyang];
export const otherLaws: readonly Law[] = [downstream, lossToLoss, mixing, averaging, coverage, passAtK];
