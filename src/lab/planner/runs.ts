import {
  flopsPerToken,
  parseSweep,
  specFaults,
  tokensPerStep,
  totalSteps,
  vocabSize,
  withDefaults,
  type ParametersCounted,
  type RunSpec,
  type SpecFault,
  type Sweep,
} from '../../spec/index.ts';
import { nearestSize, type NearSize } from './size.ts';

/** A run that a plan becomes. */
export interface PlannedRun {
  readonly spec: RunSpec;
  readonly size: NearSize;
  readonly steps: number;
  /** Whole steps of them. */
  readonly tokens: number;
  /** Training FLOPs, every matmul counted. */
  readonly flops: number;
  readonly faults: readonly SpecFault[];
}

/** A run of about N parameters on about D tokens, else as the base; null where no model is near. The warm-up keeps its share of the steps. */
export function runOf(
  base: RunSpec,
  { N, D }: { readonly N: number; readonly D: number },
  { learningRate, batch }: { readonly learningRate: number; readonly batch: number },
  counted: ParametersCounted = 'all',
): PlannedRun | null {
  const size = nearestSize(base, N, counted);
  if (size === null) return null;
  const data = { ...size.spec.data, batch };
  const perStep = tokensPerStep({ data });
  const steps = Math.max(1, Math.round(D / perStep));
  const share = base.schedule.warmupSteps / totalSteps(base);
  const warmupSteps = Math.min(steps - 1, Math.round(share * steps));
  const spec = withDefaults(
    {
      name: '',
      data: { batch },
      optimizer: { lr: Number(learningRate.toPrecision(3)) },
      schedule: { warmupSteps },
      budget: { steps },
    },
    size.spec,
  );
  const tokens = steps * perStep;
  return { spec, size, steps, tokens, flops: tokens * flopsPerToken(spec, vocabSize(spec)).total, faults: specFaults(spec) };
}

/** Sizes of a ladder beside the planned one, in shares of it, and budgets below the plan's, in shares of that. */
const SIZES = [0.25, 0.5, 1, 2, 4];
const BUDGETS = [1 / 16, 1 / 4, 1];

/**
 * IsoFLOP curves around a planned run: five sizes about its own, under its budget of FLOPs and two smaller ones. It measures what the plan
 * takes for granted.
 *
 * @throws SpecError where no such sweep can be made.
 */
export function ladderAround({ spec, size, flops }: PlannedRun, counted: ParametersCounted = 'all'): Sweep {
  const near = SIZES.flatMap((share) => nearestSize(spec, share * size.parameters, counted) ?? []);
  const sizes = near.map(({ layers, width, heads }) => ({ layers, width, heads }));
  const own = sizes.filter((one, i) => sizes.findIndex((other) => JSON.stringify(other) === JSON.stringify(one)) === i);
  const budgets = BUDGETS.map((share) => Number((share * flops).toPrecision(3)));
  return parseSweep({ version: 1, name: 'Ladder around a plan', base: spec, recipe: { kind: 'isoflop', budgets, sizes: own } });
}
