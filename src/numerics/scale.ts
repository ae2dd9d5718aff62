import { SpecError } from '../base/errors.ts';
import { bitsOf, floatOf } from './bits.ts';
import type { Format } from './format.ts';

/**
 * Tensorwise scales in the words of NVIDIA's TransformerEngine: scale = (maximum of the format / amax) / 2^margin; x * scale is cast, and its
 * values are multiplied by 1/scale.
 */
export interface ScaleOptions {
  /** Powers of two left free below the format's maximum. */
  readonly margin: number;
  /** Rounds the scale down to a power of two, so that it changes exponents only. */
  readonly powerOfTwo: boolean;
}

export interface DelayedOptions extends ScaleOptions {
  /** Steps whose amax counts. */
  readonly amaxHistoryLen: number;
  readonly amaxAlgo: 'max' | 'most_recent';
}

export const CURRENT_SCALING: ScaleOptions = { margin: 0, powerOfTwo: true };
export const DELAYED_SCALING: DelayedOptions = { ...CURRENT_SCALING, amaxHistoryLen: 1024, amaxAlgo: 'max' };

/** A margin of 32 leaves 2^-126 as a scale of the narrowest format at the largest amax. */
const MAX_MARGIN = 32;
const MAX_HISTORY = 65536;
const F32_MAX = 3.4028234663852886e38;
const F32_MIN_NORMAL = 2 ** -126;

/** @throws SpecError for options that make no sense; `where` says whose they are. */
export function checkScaling(where: string, options: ScaleOptions | DelayedOptions): void {
  checkWhole(where, 'margin', options.margin, 0, MAX_MARGIN);
  if ('amaxHistoryLen' in options) checkWhole(where, 'amaxHistoryLen', options.amaxHistoryLen, 1, MAX_HISTORY);
}

/** Largest magnitude among f32 words, 0 for none. Found on bits, so NaN counts above Inf, and Inf above all numbers. */
export function amaxOf(words: Uint32Array): number {
  let amax = 0;
  for (const word of words) amax = Math.max(amax, word & 0x7fffffff);
  return floatOf(amax);
}

/**
 * The scale for this amax, an f32; undefined where amax is 0 or not finite. Kept within the normal f32: an amax that is too small for its
 * quotient takes the largest scale.
 */
function scaleFor(amax: number, { maxValue }: Format, { margin, powerOfTwo }: ScaleOptions): number | undefined {
  if (!(amax > 0 && amax < Infinity)) return undefined;
  const quotient = Math.min(F32_MAX, Math.fround(maxValue / amax));
  const scale = Math.max(F32_MIN_NORMAL, Math.fround(quotient / 2 ** margin));
  return powerOfTwo ? floatOf((bitsOf(scale) & 0xff800000) >>> 0) : scale;
}

/** Current scaling: from this tensor's own amax; 1 where that is 0 or not finite. */
export function currentScale(amax: number, format: Format, options: ScaleOptions = CURRENT_SCALING): number {
  checkScaling('current scaling', options);
  return scaleFor(Math.fround(amax), format, options) ?? 1;
}

/** What delayed scaling remembers between steps. */
export interface DelayedState {
  /** f32, the newest first, at most `amaxHistoryLen`. */
  readonly amaxHistory: readonly number[];
  /** What the next step's values are multiplied by. */
  readonly scale: number;
}

export const DELAYED_START: DelayedState = { amaxHistory: [], scale: 1 };

/**
 * The state after a step in which the tensor had `amax`, which `state.scale` was already applied to: a scale is always made of the past. An
 * amax of 0 or one that is not finite keeps the scale, by `max` for as long as it is remembered.
 *
 * @throws SpecError for options that make no sense.
 */
export function delayedStep(
  state: DelayedState,
  amax: number,
  format: Format,
  options: DelayedOptions = DELAYED_SCALING,
): DelayedState {
  checkScaling('delayed scaling', options);
  const amaxHistory = [Math.fround(amax), ...state.amaxHistory].slice(0, options.amaxHistoryLen);
  // Math.max of a NaN is NaN, as on bits.
  const counted = options.amaxAlgo === 'max' ? amaxHistory.reduce((a, b) => Math.max(a, b), 0) : (amaxHistory[0] ?? 0);
  return { amaxHistory, scale: scaleFor(counted, format, options) ?? state.scale };
}

function checkWhole(where: string, what: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new SpecError({
      where,
      rule: `${what} is not a whole number in bounds`,
      got: String(value),
      expected: `${min}..${max}`,
    });
  }
}
