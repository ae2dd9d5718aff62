import { calculator, type Law } from '../law.ts';
import { column, constants, D, N, OF_LOSS, verified, fromMemory } from './words.ts';

/** Laws of models that are not dense: mixtures of experts, pruned ones, and students of larger ones. */

const E = column('E', 'experts', 'of a layer');

const clark = calculator(
  {
    id: 'routed',
    title: 'Routed models (Clark)',
    formula: 'log10 L = a log10 N + b log10 F + c log10 N log10 F + d, 1/F = 1 / (E - 1 + 1/(1/E_s - 1/E_m)) + 1/E_m',
    tex: '\\log_{10} L = a \\log_{10} N + b \\log_{10} \\hat E + c \\log_{10} N \\log_{10} \\hat E + d',
    source: 'Clark et al., "Unified Scaling Laws for Routed Language Models", arXiv 2202.01169, eq. 11',
    parameters: constants('a b c d E_s E_m'),
    columns: [N, E],
    ...OF_LOSS,
    constants: [
      verified('S-BASE', { a: -0.082, b: -0.108, c: 0.009, d: 1.104, E_s: 1.847, E_m: 314.478 }),
      verified('RL-R', { a: -0.083, b: -0.126, c: 0.012, d: 1.111, E_s: 1.88, E_m: 469.982 }),
      verified('HASH', { a: -0.087, b: -0.136, c: 0.012, d: 1.157, E_s: 4.175, E_m: 477.741 }),
    ],
  },
  (p, at) => {
    const inverse = 1 / (at('E') - 1 + 1 / (1 / p('E_s') - 1 / p('E_m'))) + 1 / p('E_m');
    const [size, experts] = [Math.log10(at('N')), -Math.log10(inverse)];
    return 10 ** (p('a') * size + p('b') * experts + p('c') * size * experts + p('d'));
  },
);

const ludziejewski = calculator(
  {
    id: 'joint-moe',
    title: 'Mixture of experts in active parameters, tokens and experts (Ludziejewski)',
    formula:
      'L = a F^delta N^(alpha + gamma ln F) + b F^omega D^(beta + zeta ln F) + c, 1/F = 1 / (E - 1 + 1/(1/E_s - 1/E_m)) + 1/E_m',
    tex: 'L = a \\hat E^{\\delta} N^{\\alpha + \\gamma \\ln \\hat E} + b \\hat E^{\\omega} D^{\\beta + \\zeta \\ln \\hat E} + c',
    source: 'Ludziejewski et al., "Joint MoE Scaling Laws", arXiv 2502.05172',
    parameters: constants('a alpha delta gamma b beta omega zeta E_s E_m c'),
    columns: [N, D, E],
    ...OF_LOSS,
    constants: [
      verified('Ludziejewski et al.', {
        a: 35.91,
        alpha: -0.1889,
        delta: -0.2285,
        gamma: 0.0098,
        b: 35.98,
        beta: -0.1775,
        omega: 0.5529,
        zeta: -0.0259,
        E_s: 2.0732,
        E_m: 290.4521,
        c: 1.3637,
      }),
    ],
  },
  (p, at) => {
    const inverse = 1 / (at('E') - 1 + 1 / (1 / p('E_s') - 1 / p('E_m'))) + 1 / p('E_m');
    const log = -Math.log(inverse);
    const size = p('a') * Math.exp(p('delta') * log) * at('N') ** (p('alpha') + p('gamma') * log);
    const data = p('b') * Math.exp(p('omega') * log) * at('D') ** (p('beta') + p('zeta') * log);
    return size + data + p('c');
  },
);

const krajewski = calculator(
  {
    id: 'fine-grained-moe',
    title: 'Mixture of fine-grained experts (Krajewski)',
    formula: 'L = c + (g / G^gamma + a) / N^alpha + b / D^beta',
    tex: 'L = c + \\left(\\frac{g}{G^{\\gamma}} + a\\right) \\frac{1}{N^{\\alpha}} + \\frac{b}{D^{\\beta}}',
    source: 'Krajewski et al., "Scaling Laws for Fine-Grained Mixture of Experts", arXiv 2402.07871',
    parameters: constants('a alpha b beta g gamma c'),
    columns: [N, D, column('G', '', 'granularity')],
    ...OF_LOSS,
    constants: [verified('Krajewski et al.', { a: 18.1, alpha: 0.115, b: 30.8, beta: 0.147, g: 2.1, gamma: 0.58, c: 0.47 })],
  },
  (p, at) => p('c') + (p('g') / at('G') ** p('gamma') + p('a')) / at('N') ** p('alpha') + p('b') / at('D') ** p('beta'),
);

const SPARSITY = { ...column('S', '', 'share of parameters that are not active'), raw: true };

const abnar = calculator(
  {
    id: 'moe-sparsity',
    title: 'Loss against total size, tokens and sparsity (Abnar)',
    formula: 'L = a / N^alpha + b / D^beta + c / (1 - S)^lambda + d / ((1 - S)^delta N^gamma) + e',
    tex: 'L = \\frac{a}{N^\\alpha} + \\frac{b}{D^\\beta} + \\frac{c}{(1 - S)^\\lambda} + \\frac{d}{(1 - S)^\\delta N^\\gamma} + e',
    source: 'Abnar et al., "Parameters vs FLOPs: Scaling Laws for Optimal Sparsity", arXiv 2501.12370',
    parameters: constants('a b c d e alpha beta lambda delta gamma'),
    columns: [N, D, SPARSITY],
    ...OF_LOSS,
    constants: [
      verified('Abnar et al.', {
        a: 16612.5,
        b: 5455.67,
        c: 0.4598,
        d: 17.26,
        e: 0.94,
        alpha: 0.5962,
        beta: 0.3954,
        lambda: -0.1666,
        delta: 0.1603,
        gamma: 0.1595,
      }),
    ],
  },
  (p, at) => {
    const dense = 1 - at('S');
    const [size, data] = [p('a') / at('N') ** p('alpha'), p('b') / at('D') ** p('beta')];
    const both = p('d') / (dense ** p('delta') * at('N') ** p('gamma'));
    return size + data + p('c') / dense ** p('lambda') + both + p('e');
  },
);

const frantar = calculator(
  {
    id: 'sparse',
    title: 'Sparsely-connected models (Frantar)',
    formula: 'L = (a_S (1 - S)^b_S + c_S) N^-b_N + (a_D / D)^b_D + c',
    tex: 'L = \\left(a_S (1 - S)^{b_S} + c_S\\right) N^{-b_N} + \\left(\\frac{a_D}{D}\\right)^{b_D} + c',
    source: 'Frantar et al., "Scaling Laws for Sparsely-Connected Foundation Models", arXiv 2309.08520',
    parameters: constants('a_S b_S c_S b_N a_D b_D c'),
    columns: [column('N', 'parameters', 'that are not zero'), D, SPARSITY],
    ...OF_LOSS,
    constants: [],
  },
  (p, at) => {
    const size = (p('a_S') * (1 - at('S')) ** p('b_S') + p('c_S')) * at('N') ** -p('b_N');
    return size + (p('a_D') / at('D')) ** p('b_D') + p('c');
  },
);

const averageParameters = calculator(
  {
    id: 'average-parameters',
    title: 'Models pruned while they train: Chinchilla in the mean size',
    formula: 'L = E + A / N_mean^alpha + B / D^beta',
    tex: 'L = E + \\frac{A}{\\bar N^{\\alpha}} + \\frac{B}{D^{\\beta}}',
    source: 'Jin et al., "The Journey Matters: Average Parameter Count over Pre-training", arXiv 2501.12486',
    parameters: constants('E A alpha B beta'),
    columns: [column('N_mean', 'parameters', 'averaged over training'), D],
    ...OF_LOSS,
    constants: [],
  },
  (p, at) => p('E') + p('A') / at('N_mean') ** p('alpha') + p('B') / at('D') ** p('beta'),
);

const supervised = calculator(
  {
    id: 'distillation-supervised',
    title: 'Loss without a teacher, as the distillation law has it (Busbridge)',
    formula: 'L = E + (A / N^alpha + B / D^beta)^gamma',
    tex: '\\tilde L = E + \\left(\\frac{A}{N^{\\alpha}} + \\frac{B}{D^{\\beta}}\\right)^{\\gamma}',
    source: 'Busbridge et al., "Distillation Scaling Laws", arXiv 2502.08606',
    parameters: constants('E A alpha B beta gamma'),
    columns: [N, D],
    ...OF_LOSS,
    constants: [fromMemory('Busbridge et al.', { E: 1.22, A: 3355, alpha: 0.408, B: 18186, beta: 0.431, gamma: 0.452 })],
  },
  (p, at) => p('E') + (p('A') / at('N') ** p('alpha') + p('B') / at('D') ** p('beta')) ** p('gamma'),
);

const distillation = calculator(
  {
    id: 'distillation',
    title: 'Loss of a student (Busbridge)',
    formula: 'L_S = L_T + L_T^-c_0 (1 + (L_T / (L_sup d_1))^(1/f_1))^(-c_1 f_1) (A / N^alpha + B / D^beta)^gamma',
    tex: "L_S = L_T + \\frac{1}{L_T^{c_0}} \\left(1 + \\left(\\frac{L_T}{\\tilde L_S d_1}\\right)^{1/f_1}\\right)^{-c_1 f_1} \\left(\\frac{A'}{N_S^{\\alpha'}} + \\frac{B'}{D_S^{\\beta'}}\\right)^{\\gamma'}",
    source: 'Busbridge et al., "Distillation Scaling Laws", arXiv 2502.08606, eq. 8',
    parameters: constants('c_0 c_1 f_1 d_1 A alpha B beta gamma'),
    columns: [
      N,
      D,
      column('L_T', 'nats', 'loss of the teacher'),
      column('L_sup', 'nats', 'loss of the same student without a teacher: distillation-supervised'),
    ],
    ...OF_LOSS,
    constants: [
      fromMemory('Busbridge et al.', {
        c_0: 2.549,
        c_1: 522.61,
        f_1: 0.09,
        d_1: 1.315,
        A: 2243,
        alpha: 0.321,
        B: 24181,
        beta: 0.637,
        gamma: 0.764,
      }),
    ],
  },
  (p, at) => {
    const teacher = at('L_T');
    const ratio = (teacher / (at('L_sup') * p('d_1'))) ** (1 / p('f_1'));
    const own = (p('A') / at('N') ** p('alpha') + p('B') / at('D') ** p('beta')) ** p('gamma');
    return teacher + teacher ** -p('c_0') * (1 + ratio) ** (-p('c_1') * p('f_1')) * own;
  },
);

export const sparseLaws: readonly Law[] = [
  clark,
  ludziejewski,
  krajewski,
  abnar,
  frantar,
  averageParameters,
  supervised,
  distillation,
];
