import { describe, expect, it } from 'vitest';
import { fitStudy, knownEntropy, rungs, specOf, tooFew, verdictOf, type Study } from '../../demos/markov-study.ts';
import kept from '../../demos/markov.json' with { type: 'json' };
import { parameterCount } from '../../src/spec/index.ts';

const study: Study = kept;

describe('the study of the Markov source', () => {
  it('has every size at every length under two seeds, counted as the specs count', () => {
    expect(study.points).toHaveLength(40);
    for (const point of study.points) {
      const spec = specOf(study, point);
      expect(parameterCount(spec).total).toBe(point.N);
      expect(spec.data.batch * spec.data.context * point.steps).toBe(point.D);
    }
  });

  it('finds the entropy that is known: it lies inside the interval of the fitted irreducible loss', async () => {
    const known = knownEntropy(study);
    expect(known).toBeGreaterThan(2);
    const { interval, inside, words } = verdictOf(await fitStudy(study.points), known);
    const [low = Infinity, high = -Infinity] = interval ?? [];
    expect(low).toBeLessThanOrEqual(known);
    expect(high).toBeGreaterThanOrEqual(known);
    // An interval that holds everything would say nothing.
    expect(high - low).toBeLessThan(0.1);
    expect(inside).toBe(true);
    expect(words).toMatch(/: inside the interval\.$/);
  });

  it('says of a fit that misses that it misses', async () => {
    const fit = await fitStudy(study.points);
    const missed = verdictOf(fit, 1.5);
    expect(missed.inside).toBe(false);
    expect(missed.words).toMatch(/outside the interval\.$/);
    const open = verdictOf({ ...fit, intervals: { E: [0, null] } }, 1.5);
    expect(open.interval).toBeNull();
    expect(open.words).toContain('the irreducible loss is not identified');
  });

  it('waits for enough points', () => {
    expect(tooFew(study.points)).toBeNull();
    expect(tooFew(study.points.slice(0, 8))).toMatch(/two sizes and two lengths; there are 8/);
    expect(rungs([8, 16], [20, 40], [1])).toHaveLength(4);
  });
});
