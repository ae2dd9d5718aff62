import { computeOptimal, inferenceOptimalFor, type Plan } from './allocation.ts';
import type { Params } from './law.ts';

/** How a law, once fitted, spends a budget of FLOPs. */
export interface Allocator {
  /** Size and tokens of the lowest loss for `C` FLOPs of training; the loss is NaN where the law foretells none. */
  readonly optimal: (params: Params, C: number) => Plan;
  /** The same where the budget pays for tokens of inference too; null for a law that knows best sizes alone, and no loss beside them. */
  readonly serving: ((params: Params, budget: number, inferenceTokens: number) => Plan) | null;
  /** Whether parameters, those of resamples above all, give any size: a fit may end at a bound, where a term is gone. */
  readonly usable: (params: Params) => boolean;
}

/** A law whose optimum is that of a Chinchilla law: which, and the loss for what that one foretells. */
interface Likeness {
  readonly params: (own: Params) => Params;
  readonly loss: (own: Params, foretold: number) => number;
}

const of = (params: Params, name: string): number => params[name] ?? NaN;
const asForetold = (_: Params, foretold: number): number => foretold;

const LIKE: Readonly<Record<string, Likeness>> = {
  chinchilla: { params: (own) => own, loss: asForetold },
  // With C = 6 N D and M = D / N: a M^eta C^-eta = a 6^-eta N^-2eta, and b M^-eta C^-eta = b 6^-eta D^-2eta.
  gadre: {
    params: (own) => {
      const eta = of(own, 'eta');
      const shared = 6 ** -eta;
      return { E: of(own, 'E'), A: of(own, 'a') * shared, alpha: 2 * eta, B: of(own, 'b') * shared, beta: 2 * eta };
    },
    loss: asForetold,
  },
  // L^(1 / alpha_D) = (N_c / N)^(alpha_N / alpha_D) + D_c / D rises with L: both are lowest at one place.
  'kaplan-nd': {
    params: (own) => {
      const alpha = of(own, 'alpha_N') / of(own, 'alpha_D');
      return { E: 0, A: of(own, 'N_c') ** alpha, alpha, B: of(own, 'D_c'), beta: 1 };
    },
    loss: (own, foretold) => foretold ** of(own, 'alpha_D'),
  },
};

function parametric({ params: like, loss }: Likeness): Allocator {
  const told = (own: Params, plan: Plan): Plan => ({ ...plan, loss: loss(own, plan.loss) });
  return {
    optimal: (own, C) => told(own, computeOptimal(like(own), C)),
    serving: (own, budget, tokens) => told(own, inferenceOptimalFor(like(own), budget, tokens)),
    usable: (own) => {
      const { A = 0, B = 0, alpha = 0, beta = 0 } = like(own);
      return [A, B].every((each) => each > 0 && each < Infinity) && alpha > 1e-3 && beta > 1e-3;
    },
  };
}

/** N_opt = k_N C^a, D_opt = k_D C^b: what approaches 1 and 2 end in. */
const LINES: Allocator = {
  optimal: (params, C) => ({
    N: of(params, 'k_N') * C ** of(params, 'a'),
    D: of(params, 'k_D') * C ** of(params, 'b'),
    C,
    loss: NaN,
  }),
  serving: null,
  usable: (params) =>
    ['k_N', 'k_D'].every((name) => of(params, name) > 0) && ['a', 'b'].every((name) => Number.isFinite(of(params, name))),
};

/** How the law of this id spends a budget; null for one that says nothing of that. */
export function allocatorOf(lawId: string): Allocator | null {
  if (lawId === 'chinchilla-envelope' || lawId === 'chinchilla-isoflop') return LINES;
  const like = LIKE[lawId];
  return like === undefined ? null : parametric(like);
}
