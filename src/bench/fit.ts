import { RandomSequence, STREAM } from '../base/random.ts';
import { finish, fitting, lawNamed, type Fit, type Points } from '../laws/index.ts';

const POINTS = 250;
const STARTS = 500;
const RESAMPLES = 1000;
/** Of ln L: about what seeds do to a loss. */
const NOISE = 0.005;

/** What fits cost on one thread of this machine. */
interface FitCost {
  readonly loss: string;
  readonly points: number;
  readonly starts: number;
  readonly resamples: number;
  /** Wall time. */
  readonly ms: number;
  readonly objective: number;
  readonly agree: number;
  readonly params: Fit['params'];
  readonly intervals: Fit['intervals'];
}

/** Fits the five-parameter law to made-up points of 25 sizes and 10 token budgets, from 500 starts and with 1,000 resamples, one loss after another. */
export function fitCosts(losses: readonly string[] = ['huber:1e-3', 'ls-log', 'lad']): FitCost[] {
  const law = lawNamed('chinchilla');
  const points = madePoints();
  return losses.map((loss) => {
    const from = performance.now();
    const fit = finish(fitting(law, points, { loss, starts: STARTS, bootstrap: RESAMPLES }));
    const ms = performance.now() - from;
    const { objective, params, intervals } = fit;
    return {
      loss,
      points: POINTS,
      starts: STARTS,
      resamples: RESAMPLES,
      ms,
      objective,
      agree: fit.starts.agree,
      params,
      intervals,
    };
  });
}

/** Chinchilla's law with its printed constants, 10 M to 10 B parameters and 0.2 B to 200 B tokens. */
function madePoints(): Points {
  const law = lawNamed('chinchilla');
  const truth = law.constants[0]?.params ?? {};
  const draws = new RandomSequence(1, STREAM.fit, POINTS, 0xbe7c);
  const N = Float64Array.from({ length: POINTS }, (_, i) => 1e7 * 1000 ** ((i % 25) / 24));
  const D = Float64Array.from({ length: POINTS }, (_, i) => 2e8 * 1000 ** (Math.floor(i / 25) / 9));
  const loss = N.map((size, i) => law.predict(truth, { N: size, D: D[i] ?? NaN }) * Math.exp(NOISE * draws.normal()));
  return { columns: { N, D, loss } };
}
