import { sizeOf } from '../../../src/base/shape.ts';
import { amaxOf, bitsOf, castWords, currentScale, delayedStep, floatOf, formatNamed } from '../../../src/numerics/index.ts';
import type { DelayedOptions, Rounding } from '../../../src/numerics/index.ts';
import { el, flagOf, input, numberOf, tensor, textOf } from '../tensor.ts';
import type { Reference, Tensor } from '../tensor.ts';
import { quantizeReferences } from './quantize.ts';

/** The tensors of a pack, as copies. */
function partsOf({ parts, shape, data }: Tensor): Float64Array[] {
  let start = 0;
  return (parts ?? [shape]).map((part) => data.slice(start, (start += sizeOf(part))));
}

function packOf(like: Tensor, parts: readonly ArrayLike<number>[]): Tensor {
  return { ...like, data: Float64Array.from(parts.flatMap((part) => Array.from(part))) };
}

/** Micro-batch of the run, and the step that it belongs to, from 0. */
function stepOf(draw: Tensor, microBatches: number): { readonly step: number; readonly isFirst: boolean } {
  const counter = el(draw.data, 1);
  return { step: Math.floor(counter / microBatches), isFirst: counter % microBatches === 0 };
}

/** history[t][step mod length] = the largest of the amaxes (bits of f32) of tensor t over the micro-batches of the step. */
const recordAmax: Reference = (inputs, attrs) => {
  const { amaxAt } = attrs;
  const [amaxes, history] = [input(inputs, 0), input(inputs, 1)];
  const { step, isFirst } = stepOf(input(inputs, 2), numberOf(attrs, 'microBatches'));
  const partials = partsOf(amaxes);
  const rings = partsOf(history);
  for (const [t, ring] of rings.entries()) {
    const at = step % ring.length;
    const before = isFirst ? 0 : bitsOf(el(ring, at));
    const place = typeof amaxAt === 'object' ? amaxAt.slice(3 * t, 3 * t + 3) : [t, 0, Infinity];
    const [part = 0, first = 0, count = 0] = place;
    ring[at] = floatOf(Math.max(before, ...(partials[part] ?? []).slice(first, first + count)));
  }
  return [packOf(history, rings)];
};

/** What `amax` gives of each of the tensors of a pack that are asked for, one after another. */
const amaxTensors: Reference = (inputs, attrs) => {
  const pack = input(inputs, 0);
  const { tensors = [] } = attrs;
  const shapes = pack.parts ?? [pack.shape];
  const parts = partsOf(pack);
  const maxima = (typeof tensors === 'object' ? tensors : []).flatMap((place) => {
    const [one] = quantizeReferences.amax([tensor(shapes[place] ?? [], parts[place])], { of: textOf(attrs, 'of') });
    return [...(one?.data ?? [])];
  });
  return [tensor([maxima.length], maxima)];
};

/** scales[t] after the step: `delayedStep` of the amaxes from the newest to the oldest. */
const delayedScale: Reference = (inputs, attrs) => {
  const [history, scales] = [input(inputs, 0), input(inputs, 1)];
  const { step } = stepOf(input(inputs, 2), numberOf(attrs, 'microBatches'));
  const formats = textOf(attrs, 'formats').split(' ');
  const next = partsOf(history).map((ring, t) => {
    const newestFirst = Array.from(ring, (_, age) => el(ring, (step - age + ring.length) % ring.length));
    const [amax = 0, ...amaxHistory] = newestFirst;
    const options: DelayedOptions = {
      amaxHistoryLen: ring.length,
      amaxAlgo: textOf(attrs, 'algo') === 'max' ? 'max' : 'most_recent',
      margin: numberOf(attrs, 'margin'),
      powerOfTwo: flagOf(attrs, 'powerOfTwo'),
    };
    return delayedStep({ amaxHistory, scale: el(scales.data, t) }, amax, formatNamed(formats[t] ?? ''), options).scale;
  });
  return [{ ...scales, data: Float64Array.from(next) }];
};

/** Every tensor of a state as f32, cast and back, element i of the dense pack with draw i. NaN stays NaN, whatever the format has. */
const roundState: Reference = (inputs, attrs) => {
  const state = input(inputs, 0);
  const format = formatNamed(textOf(attrs, 'format'));
  const rounding = textOf(attrs, 'rounding');
  const round: Rounding = rounding === 'stochastic' || rounding === 'zero' ? rounding : 'nearest';
  const [seed = 0, step = 0] = round === 'stochastic' ? input(inputs, 1).data : [];
  const options = { margin: numberOf(attrs, 'margin'), powerOfTwo: flagOf(attrs, 'powerOfTwo') };
  const draw = { seed, step, tensor: numberOf(attrs, 'tensor') };
  let start = 0;
  const rounded = partsOf(state).map((part) => {
    const words = new Uint32Array(Float32Array.from(part).buffer);
    const scale = textOf(attrs, 'scaling') === 'current' ? currentScale(amaxOf(words), format, options) : 1;
    // The draw of an element is that of its place in the pack.
    const padded = new Uint32Array(start + words.length);
    padded.set(words, start);
    const { values } = castWords(padded, format, { round, saturate: flagOf(attrs, 'saturate'), scale, draw });
    const own = Float64Array.from(values.subarray(start), (word, i) => (Number.isNaN(part[i]) ? NaN : floatOf(word)));
    start += words.length;
    return own;
  });
  return [packOf(state, rounded)];
};

export const scalingReferences = {
  amax_tensors: amaxTensors,
  record_amax: recordAmax,
  delayed_scale: delayedScale,
  round_state: roundState,
} satisfies Record<string, Reference>;
