import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpecError } from '../../src/base/errors.ts';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import {
  amaxOf,
  bitsOf,
  CURRENT_SCALING,
  currentScale,
  DELAYED_SCALING,
  DELAYED_START,
  delayedStep,
  FORMATS,
} from '../../src/numerics/index.ts';
import type { DelayedOptions, DelayedState } from '../../src/numerics/index.ts';

const E4M3 = FORMATS.e4m3;

describe('amax', () => {
  it('is the largest magnitude; NaN counts above Inf', () => {
    const amax = (...xs: number[]): number => amaxOf(Uint32Array.from(xs, bitsOf));
    expect([amax(), amax(0, -0), amax(1, -3, 2), amax(2 ** -149, 0)]).toEqual([0, 0, 3, 2 ** -149]);
    expect([amax(1, -Infinity), amax(-Infinity, NaN, 5)]).toEqual([Infinity, NaN]);
  });
});

describe('current scaling', () => {
  it('brings amax to the top of the format, by a power of two rounded down unless told otherwise', () => {
    expect(currentScale(1, E4M3)).toBe(256);
    expect(currentScale(448, E4M3)).toBe(1);
    expect(currentScale(449, E4M3)).toBe(0.5);
    expect(currentScale(3, FORMATS.e5m2)).toBe(16384);
    expect(currentScale(3, E4M3, { margin: 0, powerOfTwo: false })).toBe(Math.fround(448 / 3));
    expect(currentScale(1, E4M3, { margin: 3, powerOfTwo: true })).toBe(32);
  });

  it('is 1 where amax is 0 or not finite', () => {
    expect([0, NaN, Infinity].map((amax) => currentScale(amax, E4M3))).toEqual([1, 1, 1]);
  });

  it('never lets a scaled amax leave the range, nor leaves a power of two unused', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 2 ** -100, max: 3e38, noNaN: true }),
        fc.constantFrom(E4M3, FORMATS.e5m2, FORMATS.e2m1),
        (x, format) => {
          const amax = Math.fround(x);
          const scale = currentScale(amax, format);
          expect(Number.isInteger(Math.log2(scale))).toBe(true);
          expect(amax * scale).toBeLessThanOrEqual(format.maxValue);
          expect(amax * scale * 2).toBeGreaterThan(format.maxValue * (1 - 2 ** -23));
        },
      ),
    );
  });

  it('stays a normal f32 at both ends', () => {
    expect(currentScale(2 ** -149, E4M3)).toBe(2 ** 127);
    expect(currentScale(2 ** -149, E4M3, { margin: 0, powerOfTwo: false })).toBe(3.4028234663852886e38);
    expect(currentScale(3.4e38, FORMATS.e2m1, { margin: 32, powerOfTwo: true })).toBe(2 ** -126);
  });
});

/** TransformerEngine's bookkeeping, written from its description: a ring whose slot 0 holds this step's amax, rolled after every step. */
class Ring {
  readonly #slots: number[];
  readonly #options: DelayedOptions;
  readonly #max: number;
  scale = 1;

  constructor(max: number, options: DelayedOptions) {
    this.#slots = new Array<number>(options.amaxHistoryLen).fill(0);
    this.#options = options;
    this.#max = max;
  }

  step(amax: number): void {
    this.#slots[0] = amax;
    let counted = amax;
    if (this.#options.amaxAlgo === 'max')
      for (const slot of this.#slots) if (Number.isNaN(slot) || slot > counted) counted = slot;
    if (Number.isFinite(counted) && counted > 0) {
      // A quotient beyond f32 is its largest number.
      const scale = Math.min(this.#max / counted, (2 - 2 ** -23) * 2 ** 127) * 0.5 ** this.#options.margin;
      this.scale = this.#options.powerOfTwo ? 2 ** Math.floor(Math.log2(scale)) : Math.fround(scale);
    }
    this.#slots.push(this.#slots.shift() ?? 0);
    this.#slots[0] = 0;
  }
}

describe('delayed scaling', () => {
  const random = new RandomSequence(4, STREAM.fit);
  /** 50 steps: noise about a falling level, with zeros, a spike and what is not finite. */
  const trace = Array.from({ length: 50 }, (_, step) => {
    const special = new Map([
      [3, 0],
      [4, 0],
      [11, 4000],
      [19, Infinity],
      [20, 0],
      [31, NaN],
      [40, 2 ** -140],
      [45, 1e30],
    ]).get(step);
    return Math.fround(special ?? Math.exp(random.normal() - step / 10));
  });

  it.each<DelayedOptions>([
    DELAYED_SCALING,
    { ...DELAYED_SCALING, amaxHistoryLen: 8 },
    { ...DELAYED_SCALING, amaxHistoryLen: 1 },
    { amaxHistoryLen: 5, amaxAlgo: 'max', margin: 2, powerOfTwo: false },
    { amaxHistoryLen: 16, amaxAlgo: 'most_recent', margin: 1, powerOfTwo: true },
  ])('has the scales of an independent ring over 50 steps with zeros, spikes and non-finite values: %j', (options) => {
    const ring = new Ring(448, options);
    let state: DelayedState = DELAYED_START;
    const scales = new Set<number>();
    for (const amax of trace) {
      state = delayedStep(state, amax, E4M3, options);
      ring.step(amax);
      expect(state.scale).toBe(ring.scale);
      scales.add(state.scale);
    }
    expect(state.amaxHistory).toEqual(trace.slice(-options.amaxHistoryLen).toReversed());
    // The trace does reach the cases that it is made of.
    expect(scales.size).toBeGreaterThan(3);
  });

  it('starts at 1, keeps the scale through zeros and non-finite values, and leaves its state untouched', () => {
    expect(DELAYED_START.scale).toBe(1);
    const options = { ...DELAYED_SCALING, amaxHistoryLen: 1 };
    const once = delayedStep(DELAYED_START, 1, E4M3, options);
    expect(once).toEqual({ amaxHistory: [1], scale: 256 });
    for (const amax of [0, NaN, Infinity]) expect(delayedStep(once, amax, E4M3, options).scale).toBe(256);
    expect(once).toEqual({ amaxHistory: [1], scale: 256 });
  });

  it.each([
    [
      { ...DELAYED_SCALING, amaxHistoryLen: 0 },
      'delayed scaling: amaxHistoryLen is not a whole number in bounds: got 0, expected 1..65536.',
    ],
    [{ ...DELAYED_SCALING, margin: 1000 }, 'delayed scaling: margin is not a whole number in bounds: got 1000, expected 0..32.'],
    [{ ...DELAYED_SCALING, margin: 0.5 }, 'got 0.5, expected 0..32.'],
  ])('refuses what makes no sense: %j', (options, says) => {
    expect(() => delayedStep(DELAYED_START, 1, E4M3, options)).toThrow(SpecError);
    expect(() => delayedStep(DELAYED_START, 1, E4M3, options)).toThrow(says);
  });

  it('refuses a margin in current scaling too', () => {
    expect(() => currentScale(1, E4M3, { ...CURRENT_SCALING, margin: -1 })).toThrow(
      'current scaling: margin is not a whole number in bounds: got -1, expected 0..32.',
    );
  });
});
