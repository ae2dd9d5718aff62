import { sizeOf } from '../../../src/base/shape.ts';
import { HYPER } from '../../../src/ops/hyper.ts';
import { el, fill, flagOf, input, numbersOf } from '../tensor.ts';
import { scalingReferences } from './scaling.ts';
import type { Reference, Tensor } from '../tensor.ts';

/** The Euclidean norm of everything in a pack. */
const globalNorm: Reference = (inputs) => {
  const squares = input(inputs, 0).data.reduce((sum, value) => sum + value * value, 0);
  return [{ shape: [1], data: Float64Array.of(Math.sqrt(squares)) }];
};

/** For each element of a pack, the part that it lies in. */
function partOfElement(pack: Tensor): number[] {
  const parts = pack.parts ?? [pack.shape];
  return parts.flatMap((part, i) => Array.from({ length: sizeOf(part) }, () => i));
}

/**
 * AdamW (Loshchilov and Hutter 2019), decay decoupled and scaled by the learning rate, after clipping by the global norm:
 * `g' = g min(1, clip/norm)`, `m' = b1 m + (1-b1) g'`, `v' = b2 v + (1-b2) g'^2`,
 * `w' = w - lr (m' c1 / (sqrt(v' c2) + eps) + decay wd w)`. Gives the new weights, m and v. A norm that is not finite makes every m NaN, and
 * where m is or becomes NaN weights and v stay.
 */
const adamw: Reference = (inputs, attrs) => {
  const [grads, weights, m, v] = [input(inputs, 0), input(inputs, 1), input(inputs, 2), input(inputs, 3)];
  const [norm, hyper] = [el(input(inputs, 4).data, 0), input(inputs, 5)];
  const h = (key: keyof typeof HYPER): number => el(hyper.data, HYPER[key]);
  const clips = flagOf(attrs, 'clips') && h('clip') > 0 && norm > h('clip');
  const scale = clips ? h('clip') / norm : 1;
  const decays = Float64Array.from(numbersOf(attrs, 'decay'));
  const parts = Float64Array.from(partOfElement(grads));
  const like = (pack: Tensor, value: (i: number) => number): Tensor => ({ ...pack, data: fill(pack.shape, value).data });

  const moved = (i: number): number => h('beta1') * el(m.data, i) + (1 - h('beta1')) * scale * el(grads.data, i);
  const nextM = like(m, (i) => (Number.isFinite(norm) ? moved(i) : NaN));
  const hasHalted = (i: number): boolean => Number.isNaN(el(nextM.data, i));
  const nextV = like(v, (i) =>
    hasHalted(i) ? el(v.data, i) : h('beta2') * el(v.data, i) + (1 - h('beta2')) * (scale * el(grads.data, i)) ** 2,
  );
  const nextW = like(weights, (i) => {
    if (hasHalted(i)) return el(weights.data, i);
    const step = (el(nextM.data, i) * h('correction1')) / (Math.sqrt(el(nextV.data, i) * h('correction2')) + h('eps'));
    const decay = (decays.length === 0 ? 0 : el(decays, el(parts, i))) * h('weightDecay') * el(weights.data, i);
    return el(weights.data, i) - h('lr') * (step + decay);
  });
  if (attrs['round.format'] === undefined) return [nextW, nextM, nextV];
  const own = Object.entries(attrs).filter(([key]) => key.startsWith('round.'));
  const round = Object.fromEntries(own.map(([key, value]) => [key.slice('round.'.length), value]));
  return [input(scalingReferences.round_state([nextW, ...inputs.slice(6)], round), 0), nextM, nextV];
};

/** `g min(1, clip/norm)`. */
const clipGrads: Reference = (inputs) => {
  const [grads, norm, hyper] = [input(inputs, 0), el(input(inputs, 1).data, 0), input(inputs, 2)];
  const clip = el(hyper.data, HYPER.clip);
  const scale = clip > 0 && norm > clip ? clip / norm : 1;
  return [{ ...grads, data: grads.data.map((value) => value * scale) }];
};

/** `w (1 - lr wd)` where decay acts; as it is where the norm is not finite or m is NaN. Gives the new weights. */
const decayWeights: Reference = (inputs, attrs) => {
  const [weights, m, norm, hyper] = [input(inputs, 0), input(inputs, 1), el(input(inputs, 2).data, 0), input(inputs, 3)];
  const rate = el(hyper.data, HYPER.lr) * el(hyper.data, HYPER.weightDecay);
  const decays = Float64Array.from(numbersOf(attrs, 'decay'));
  const parts = partOfElement(weights);
  const stays = (i: number): boolean => !Number.isFinite(norm) || Number.isNaN(el(m.data, i));
  return [{ ...weights, data: weights.data.map((w, i) => (stays(i) ? w : w - el(decays, parts[i] ?? 0) * rate * w)) }];
};

/** `acc' = (first ? 0 : acc) + g scale` with `micro = [first, scale]`, of all parts or of those that `into` names. Gives the new accumulator. */
const accumulate: Reference = (inputs, attrs) => {
  const [grads, acc, micro] = [input(inputs, 0), input(inputs, 1), input(inputs, 2)];
  const [first, scale] = [el(micro.data, 0) !== 0, el(micro.data, 1)];
  const parts = partOfElement(acc);
  const into = attrs['into'] === undefined ? [...new Set(parts)] : numbersOf(attrs, 'into');
  const places = into.flatMap((part) => parts.flatMap((own, i) => (own === part ? [i] : [])));
  const data = acc.data.slice();
  for (const [i, place] of places.entries()) data[place] = (first ? 0 : el(acc.data, place)) + el(grads.data, i) * scale;
  return [{ ...acc, data }];
};

export const optimizerReferences = {
  global_norm: globalNorm,
  clip_grads: clipGrads,
  decay_weights: decayWeights,
  adamw,
  accumulate,
} satisfies Record<string, Reference>;
