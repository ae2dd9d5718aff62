import { pointLaw } from '../law.ts';
import { coefficient, column, D, exponent, floor, N, OF_LOSS, shape, verified } from './words.ts';

/** Below this an exponent of the law could not be divided by. */
const LEAST = 1e-3;

const powers = (name: string, meaning: string): ReturnType<typeof exponent> => ({
  ...exponent(name, meaning, [0.05, 1.5]),
  bounds: [LEAST, 10],
});

/** How much more repetition gives: ln(1 + R (1 - e^(-q / R))) of q repetitions, and its derivatives by ln R and q. */
function decayed(q: number, logR: number): { log: number; byLogR: number; byQ: number } {
  const r = Math.exp(logR);
  const gone = -Math.expm1(-q / r);
  const whole = 1 + r * gone;
  return { log: Math.log(whole), byLogR: (r * gone - q * (1 - gone)) / whole, byQ: (1 - gone) / whole };
}

/** Parameters in their order: 0 ln E, 1 ln A, 2 alpha, 3 ln B, 4 beta, 5 ln R_D, 6 ln R_N. */
export const dataConstrained = pointLaw(
  {
    id: 'data-constrained',
    title: 'Data-constrained: repeated tokens and excess parameters',
    formula:
      "L = E + A / N'^alpha + B / D'^beta, D' = U + U R_D (1 - e^(-(D/U - 1) / R_D)), N' = U_N + U_N R_N (1 - e^(-(N/U_N - 1) / R_N)), U_N = min(N_opt(U), N)",
    tex: "L = E + \\frac{A}{N'^{\\alpha}} + \\frac{B}{D'^{\\beta}},\\; D' = U + U R_D^* \\left(1 - e^{-R_D / R_D^*}\\right),\\; N' = U_N + U_N R_N^* \\left(1 - e^{-R_N / R_N^*}\\right)",
    source: 'Muennighoff et al., "Scaling Data-Constrained Language Models", arXiv 2305.16264',
    parameters: [
      floor(),
      coefficient('A', 'loss that a model of one parameter adds', 'nats'),
      powers('alpha', 'fall with size'),
      coefficient('B', 'loss that one token of training adds', 'nats'),
      powers('beta', 'fall with data'),
      {
        ...shape('R_D', 'R_D*: repetitions after which most of the worth of data is gone', 'epochs', [0.5, 200]),
        bounds: [1e-3, 1e6],
      },
      { ...shape('R_N', 'R_N*: the same of parameters beyond what the data ask for', '', [0.5, 200]), bounds: [1e-3, 1e6] },
    ],
    columns: [N, D, { ...column('U', 'tokens', 'unique tokens'), mayBeConstant: true }],
    ...OF_LOSS,
    constants: [
      verified('Muennighoff et al.', {
        E: Math.exp(0.6254804),
        A: Math.exp(6.255414),
        alpha: 0.3526596,
        B: Math.exp(7.3049974),
        beta: 0.3526596,
        R_D: 15.39,
        R_N: 5.31,
      }),
    ],
    tie: ['alpha', 'beta'],
  },
  (theta, x, o, g, k) => {
    const [e, a, alpha, b, beta] = [theta[0] ?? NaN, theta[1] ?? NaN, theta[2] ?? NaN, theta[3] ?? NaN, theta[4] ?? NaN];
    const [logN, logD, logU] = [x[o] ?? NaN, x[o + 1] ?? NaN, x[o + 2] ?? NaN];
    const data = decayed(Math.max(0, Math.exp(logD - logU) - 1), theta[5] ?? NaN);
    // Tokens that are all seen once are as many as there are, whatever U says.
    const logData = Math.min(logU, logD) + data.log;
    // The size that is compute-optimal for U unique tokens: N_opt = G^(1 + beta / alpha) U^(beta / alpha).
    const sum = alpha + beta;
    const logG = (Math.log(alpha / beta) + a - b) / sum;
    const ratio = beta / alpha;
    const logOptimal = (1 + ratio) * logG + ratio * logU;
    const excess = logOptimal < logN;
    const logUnique = excess ? logOptimal : logN;
    const repeats = Math.expm1(logN - logUnique);
    const size = decayed(repeats, theta[6] ?? NaN);
    const logSize = logUnique + size.log;

    const [u, v] = [a - alpha * logSize, b - beta * logData];
    const largest = Math.max(e, u, v);
    const [te, tu, tv] = [Math.exp(e - largest), Math.exp(u - largest), Math.exp(v - largest)];
    const total = te + tu + tv;
    const [shareU, shareV] = [tu / total, tv / total];
    // d ln N' / d ln U_N, zero where U_N is N itself and so no matter of the parameters.
    const bySize = excess ? -alpha * shareU * (1 - size.byQ * (1 + repeats)) : 0;
    g[k] = te / total;
    g[k + 1] = shareU + (bySize * (1 + ratio)) / sum;
    g[k + 2] = -shareU * logSize + bySize * (((1 + ratio) * (1 / alpha - logG)) / sum - (ratio / alpha) * (logG + logU));
    g[k + 3] = shareV - (bySize * (1 + ratio)) / sum;
    g[k + 4] = -shareV * logData + bySize * (((1 + ratio) * (-1 / beta - logG)) / sum + (logG + logU) / alpha);
    g[k + 5] = -beta * shareV * data.byLogR;
    g[k + 6] = -alpha * shareU * size.byLogR;
    return largest + Math.log(total);
  },
);
