import { unreachable } from '../base/errors.ts';
import { STATS } from '../ops/tensor-stats.ts';
import { largestOf } from './probe.ts';
import type { LaneFigures } from './probe.ts';
import type { ProbeLayout } from './probe-graph.ts';

/** Where the NaN or infinity of a step began, as far as a repetition of the step shows. */
export interface NotFinite {
  /** The step, from 1, whose batches were looked at. */
  readonly step: number;
  /** The micro-batch of the step that shows it, from 1, of so many. */
  readonly micro: number;
  readonly micros: number;
  /** The weights are those after this step: the one before `step`, unless the lane went on. */
  readonly weightsStep: number;
  readonly origin: Origin;
}

/**
 * - `weight`: a parameter was not finite before the step.
 * - `tensor`: `blocks.1.mlp.fc fprop.output`, the first of the tensors that have a name, in the order in which they are computed.
 * - `norm`: all of those are finite; the norm of a layer's gradient is not, or, where `name` is empty, the sum of the squares of them all.
 * - `none`: all of it is finite.
 */
export type Origin =
  | { readonly kind: 'weight' | 'tensor'; readonly name: string }
  | { readonly kind: 'norm'; readonly name: string; readonly value: number }
  | { readonly kind: 'none' };

const F32_MAX = 3.4028234663852886e38;

/** Where one pass of a lane is not finite. */
export function originOf(layout: ProbeLayout, { words, floats }: LaneFigures): Origin {
  const weight = layout.weights.find(({ amax }) => !Number.isFinite(largestOf(words, amax)));
  if (weight !== undefined) return { kind: 'weight', name: weight.name };
  for (const { stats, sites } of layout.tensors) {
    const [site] = sites;
    if (site !== undefined && (words[stats.at + STATS.nonFinite] ?? 0) > 0) return { kind: 'tensor', name: site.name };
  }
  let squares = 0;
  for (const { layer, norm } of layout.gradNorms) {
    const value = floats[norm.at] ?? NaN;
    if (!Number.isFinite(value)) return { kind: 'norm', name: layer, value };
    squares += value ** 2;
  }
  return squares > F32_MAX ? { kind: 'norm', name: '', value: Infinity } : { kind: 'none' };
}

/** The same in sentences. */
export function notFiniteWords({ step, micro, micros, weightsStep, origin }: NotFinite): string {
  const seen = micros === 1 ? '' : ` (micro-batch ${micro} of ${micros})`;
  // A lane whose gradients were finite went on.
  const gone = weightsStep === step - 1 ? '' : ` That was looked for with the weights after step ${weightsStep}.`;
  switch (origin.kind) {
    case 'weight':
      return `${origin.name} was not finite before step ${step}: it was given so, or became so by an update before.${gone}`;
    case 'tensor':
      return `${origin.name} is the first tensor of step ${step}${seen} that is not finite.${gone}`;
    case 'norm':
      return origin.name === ''
        ? `Every tensor of step ${step}${seen} is finite, and the norm of each layer's gradient: the sum of their squares is beyond f32.${gone}`
        : `Every activation of step ${step}${seen} and its gradient are finite; the norm of the gradient of ${origin.name} is ${origin.value}.${gone}`;
    case 'none':
      return `No tensor shows it when step ${step} is repeated unfused, with the scales of now: it arose within a fused kernel or in a sum.${gone}`;
    default:
      return unreachable(origin);
  }
}
