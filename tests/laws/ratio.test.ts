import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RandomSequence, STREAM } from '../../src/base/random.ts';
import { pairedRatio, ratioWords } from '../../src/laws/index.ts';

/** Rounds of two forms whose true ratio is given; a round is slower or faster as a whole, and each measurement by itself. */
function rounds(count: number, ratio: number, noise: number, seed: number): { form: number[]; reference: number[] } {
  const draws = new RandomSequence(seed, STREAM.fit, count, 7);
  const normal = (): number =>
    Math.sqrt(-2 * Math.log(1 - draws.below(2 ** 30) / 2 ** 30)) * Math.cos((2 * Math.PI * draws.below(2 ** 30)) / 2 ** 30);
  const form: number[] = [];
  const reference: number[] = [];
  for (let i = 0; i < count; i++) {
    const round = Math.exp(0.3 * normal());
    form.push(10 * ratio * round * Math.exp(noise * normal()));
    reference.push(10 * round * Math.exp(noise * normal()));
  }
  return { form, reference };
}

describe('the ratio of paired times', () => {
  it.each([5, 10, 16])('of %i rounds has an interval that covers the truth about as often as it says', (count) => {
    const trials = 300;
    let covered = 0;
    for (let seed = 0; seed < trials; seed++) {
      const { form, reference } = rounds(count, 0.8, 0.05, seed);
      const ratio = pairedRatio(form, reference, { resamples: 100, seed });
      if (ratio !== null && ratio.lo <= 0.8 && ratio.hi >= 0.8) covered += 1;
    }
    expect(covered / trials).toBeGreaterThan(0.91);
    expect(covered / trials).toBeLessThan(0.99);
  });

  it('is that of the forms whatever the rounds have in common, and its inverse the other way round', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0.1, max: 10, noNaN: true }), { minLength: 3, maxLength: 12 }), (shared) => {
        const ratio = pairedRatio(
          shared.map((ms) => 1.25 * ms),
          shared,
        );
        expect(ratio?.ratio).toBeCloseTo(1.25, 10);
        expect(ratio?.lo).toBeCloseTo(1.25, 10);
        const back = pairedRatio(
          shared,
          shared.map((ms) => 1.25 * ms),
        );
        expect(back?.ratio).toBeCloseTo(0.8, 10);
      }),
    );
  });

  it('is not moved far by one disturbed round', () => {
    const { form, reference } = rounds(15, 0.8, 0.01, 3);
    form[4] = 100 * (form[4] ?? 0);
    expect(pairedRatio(form, reference)?.ratio).toBeCloseTo(0.8, 1);
  });

  it('says nothing of fewer than three rounds, or of what is no time', () => {
    expect(pairedRatio([1, 2], [1, 2])).toBeNull();
    expect(pairedRatio([1, 2, 0], [1, 2, 3])).toBeNull();
    expect(pairedRatio([1, 2, NaN], [1, 2, 3])).toBeNull();
  });

  it('in words is less time, more time, or no measurable difference', () => {
    const words = (ratio: number, lo: number, hi: number): string => ratioWords({ ratio, lo, hi, level: 0.95, rounds: 9 });
    expect(words(0.8, 0.77, 0.83)).toBe('20 % ± 3.0 % less time');
    expect(words(1.5, 1.2, 1.8)).toBe('50 % ± 30 % more time');
    expect(words(0.99, 0.97, 1.01)).toBe('no measurable difference (within ±3.0 %)');
    expect(words(0.05, 0.02, 0.1)).toBe('95 % ± 4.0 % less time');
    expect(words(1.2, 0.1, 15)).toMatch(/^too noisy to tell/);
    expect(ratioWords(null)).toBe('too few rounds');
  });
});
