import { learningRate, type RunSpec } from '../../spec/index.ts';
import { predictEnd, silenceOf, type EndPrediction, type SeenRun, type Silence } from './predict.ts';

/** What an end is predicted from, as plain data. */
export interface AskedEnd {
  readonly spec: RunSpec;
  /** Training loss of each step from `firstStep` on. */
  readonly lossNats: Float64Array;
  readonly firstStep: number;
  /** Of the run whose end is asked for. */
  readonly totalSteps: number;
  /** Steps that the learning rate's schedule spans. */
  readonly plannedSteps: number;
}

/** Predicts an end somewhere: on this thread or on another. */
export type EndPredictor = (asked: AskedEnd) => Promise<EndPrediction | Silence>;

function seen({ spec, plannedSteps, ...rest }: AskedEnd): SeenRun {
  return { ...rest, warmupSteps: spec.schedule.warmupSteps, rateOf: (step) => learningRate(spec, step, plannedSteps) };
}

/** {@link predictEnd} of plain data. */
export function askedEnd(asked: AskedEnd): EndPrediction | Silence {
  return predictEnd(seen(asked));
}

/** Why there is none, where that is known without any computing. */
export function askedSilence(asked: AskedEnd): Silence | null {
  return silenceOf(seen(asked));
}

/** Predicts on this thread. */
export const predictHere: EndPredictor = (asked) => Promise.resolve(asked).then(askedEnd);
