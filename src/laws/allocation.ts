import { SpecError } from '../base/errors.ts';
import type { Params } from './law.ts';

/** How a Chinchilla law spends compute. Parameters: E, A, alpha, B, beta; C = 6 N D FLOPs. */

/** N_opt = G (C / 6)^a, D_opt = (C / 6)^b / G. */
export interface Allocation {
  readonly G: number;
  readonly a: number;
  readonly b: number;
}

export interface Plan {
  readonly N: number;
  readonly D: number;
  /** FLOPs of training. */
  readonly C: number;
  readonly loss: number;
}

/** G, a and b of Hoffmann et al., eq. 4. Rounded exponents move the answer by half: give them as they were fitted. */
export function allocationOf(params: Params): Allocation {
  const { A, alpha, B, beta } = read(params);
  return { G: ((alpha * A) / (beta * B)) ** (1 / (alpha + beta)), a: beta / (alpha + beta), b: alpha / (alpha + beta) };
}

/** The size and the tokens that reach the lowest loss for `C` FLOPs of training. */
export function computeOptimal(params: Params, C: number): Plan {
  const { G, a, b } = allocationOf(params);
  const N = G * (C / 6) ** a;
  const D = (C / 6) ** b / G;
  return { N, D, C, loss: lossOf(params, N, D) };
}

/**
 * The size and the tokens that reach `loss` for the least compute of training and of `inferenceTokens` together, 6 N D + 2 N D_inf
 * (Sardana et al., "Beyond Chinchilla-Optimal", arXiv 2401.00448, eq. 3): where alpha A N^-alpha / (beta B D^-beta) = 1 + D_inf / 3 D.
 *
 * @throws SpecError when the loss is out of the law's reach.
 */
export function inferenceOptimal(params: Params, loss: number, inferenceTokens: number): Plan {
  const { E, A, alpha, B, beta } = read(params);
  if (!(loss > E))
    throw new SpecError({ where: 'loss', rule: 'no size reaches it', got: String(loss), expected: `above ${E}, the law's E` });
  const dataFor = (logN: number): number => ((loss - E - A * Math.exp(-alpha * logN)) / B) ** (-1 / beta);
  // Falls with N throughout: what size still lacks shrinks, and fewer tokens are needed.
  const excess = (logN: number): number => {
    const D = dataFor(logN);
    return (alpha * A * Math.exp(-alpha * logN)) / (beta * B * D ** -beta) - 1 - inferenceTokens / (3 * D);
  };
  // Just larger than the size that would need endless data.
  const least = Math.log(A / (loss - E)) / alpha;
  let [low, high] = [0, 1];
  while (excess(least + high) > 0) [low, high] = [high, 2 * high];
  for (let i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    const middle = 0.5 * (low + high);
    if (excess(least + middle) > 0) low = middle;
    else high = middle;
  }
  const N = Math.exp(least + high);
  const D = dataFor(least + high);
  return { N, D, C: 6 * N * D, loss };
}

/** The same for a budget of FLOPs, training and inference together: the lowest loss that it buys. */
export function inferenceOptimalFor(params: Params, budget: number, inferenceTokens: number): Plan {
  const { E } = read(params);
  const cost = ({ N, C }: Plan): number => C + 2 * N * inferenceTokens;
  // ln(loss - E): costs fall with it.
  let high = 0;
  while (cost(inferenceOptimal(params, E + Math.exp(high), inferenceTokens)) > budget) high += 1;
  let low = high - 1;
  while (low > -60 && cost(inferenceOptimal(params, E + Math.exp(low), inferenceTokens)) <= budget) [low, high] = [low - 1, low];
  for (let i = 0; i < 100; i++) {
    const middle = 0.5 * (low + high);
    if (cost(inferenceOptimal(params, E + Math.exp(middle), inferenceTokens)) > budget) low = middle;
    else high = middle;
  }
  return inferenceOptimal(params, E + Math.exp(high), inferenceTokens);
}

function lossOf(params: Params, N: number, D: number): number {
  const { E, A, alpha, B, beta } = read(params);
  return E + A * N ** -alpha + B * D ** -beta;
}

function read(params: Params): { E: number; A: number; alpha: number; B: number; beta: number } {
  const of = (name: string): number => {
    const value = params[name];
    if (value !== undefined) return value;
    throw new SpecError({ where: 'law chinchilla', rule: `${name} is missing`, got: Object.keys(params).join(', ') });
  };
  return { E: of('E'), A: of('A'), alpha: of('alpha'), B: of('B'), beta: of('beta') };
}
