import { pointLaw, type Law } from '../law.ts';
import { powerSum } from '../power-sum.ts';
import { C, coefficient, column, constants, D, exponent, floor, N, OF_LOSS, verified } from './words.ts';

/** Chinchilla's approach 3 and what follows it. */

const CHINCHILLA = 'Hoffmann et al., "Training Compute-Optimal Large Language Models", arXiv 2203.15556';

export const chinchilla = pointLaw(
  {
    id: 'chinchilla',
    title: 'Chinchilla, approach 3: parametric in N and D',
    formula: 'L = E + A / N^alpha + B / D^beta',
    tex: 'L = E + \\frac{A}{N^{\\alpha}} + \\frac{B}{D^{\\beta}}',
    source: `${CHINCHILLA}, eq. 2; Besiroglu et al., "Chinchilla Scaling: A replication attempt", arXiv 2404.10102`,
    parameters: [
      floor(),
      coefficient('A', 'loss that a model of one parameter adds', 'nats'),
      exponent('alpha', 'fall with size'),
      coefficient('B', 'loss that one token of training adds', 'nats'),
      exponent('beta', 'fall with data'),
    ],
    columns: [N, D],
    ...OF_LOSS,
    constants: [
      verified('Hoffmann et al., as printed', { E: 1.69, A: 406.4, alpha: 0.34, B: 410.7, beta: 0.28 }),
      verified('Hoffmann et al., unrounded', { E: 1.6934, A: 406.4, alpha: 0.33917, B: 410.7, beta: 0.28491 }),
      verified('Besiroglu et al.', { E: 1.8169, A: 482.01, alpha: 0.3478, B: 2085.43, beta: 0.3659 }),
    ],
    tie: ['alpha', 'beta'],
  },
  powerSum(5, [
    { coefficient: 0 },
    { coefficient: 1, factors: [{ column: 0, exponent: 2, times: -1 }] },
    { coefficient: 3, factors: [{ column: 1, exponent: 4, times: -1 }] },
  ]),
);

const M = column('M', 'tokens a parameter', 'D / N where the column is missing');

const gadre = pointLaw(
  {
    id: 'gadre',
    title: 'Over-training: loss in compute and tokens per parameter',
    formula: 'L = E + (a M^eta + b M^-eta) C^-eta',
    tex: 'L = E + \\left(a M^{\\eta} + b M^{-\\eta}\\right) C^{-\\eta}',
    source: 'Gadre et al., "Language models scale reliably with over-training and on downstream tasks", arXiv 2403.08540, eq. 4',
    parameters: [
      floor(),
      coefficient('a', 'weight of what size lacks', 'nats'),
      coefficient('b', 'weight of what data lack', 'nats'),
      exponent('eta', 'fall with compute', [0.02, 0.75]),
    ],
    columns: [C, M],
    ...OF_LOSS,
    constants: [verified('C4', { E: 1.5083, a: 141.28, b: 189.52, eta: 0.1212 })],
  },
  powerSum(4, [
    { coefficient: 0 },
    {
      coefficient: 1,
      factors: [
        { column: 1, exponent: 3, times: 1 },
        { column: 0, exponent: 3, times: -1 },
      ],
    },
    {
      coefficient: 2,
      factors: [
        { column: 1, exponent: 3, times: -1 },
        { column: 0, exponent: 3, times: -1 },
      ],
    },
  ]),
);

/** What approaches 1 and 2 end in; their fit is a procedure of its own. */
function allocationRow(id: string, title: string, published: Readonly<Record<string, number>>): Law {
  return {
    id,
    title,
    formula: 'N_opt = k_N C^a, D_opt = k_D C^b',
    tex: 'N_{opt} = k_N C^{a},\\quad D_{opt} = k_D C^{b}',
    source: CHINCHILLA,
    parameters: constants('k_N a k_D b'),
    columns: [N, C],
    ...OF_LOSS,
    constants: [verified('Hoffmann et al., exponents', published)],
    // Sizes, not losses, are predicted from a budget.
    predict: (params, at) => (params['k_N'] ?? NaN) * (at['C'] ?? NaN) ** (params['a'] ?? NaN),
    model: null,
  };
}

export const envelopeLaw = allocationRow('chinchilla-envelope', 'Chinchilla, approach 1: envelope of training curves', {
  a: 0.5,
  b: 0.5,
});
export const isoflopLaw = allocationRow('chinchilla-isoflop', 'Chinchilla, approach 2: isoFLOP parabolas', { a: 0.49, b: 0.51 });

export const chinchillaLaws: readonly Law[] = [chinchilla, envelopeLaw, isoflopLaw, gadre];
