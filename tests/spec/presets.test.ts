import { describe, expect, it } from 'vitest';
import { differingPaths, isShown, PRESETS, specFaults, defaultSpec, totalSteps, withDefaults } from '../../src/spec/index.ts';

describe('presets', () => {
  it('are a dozen or more, each with its own id and title', () => {
    expect(PRESETS.length).toBeGreaterThanOrEqual(12);
    expect(new Set(PRESETS.map(({ id }) => id)).size).toBe(PRESETS.length);
    expect(new Set(PRESETS.map(({ title }) => title)).size).toBe(PRESETS.length);
  });

  it.each(PRESETS)('"$title" is valid and runs to an end', ({ id, title, blurb, spec }) => {
    expect(specFaults(spec)).toEqual([]);
    expect(id).toMatch(/^[a-z0-9-]+$/);
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(blurb).toMatch(/^[A-Z].*\.$/);
    expect(totalSteps(withDefaults(spec))).toBeLessThan(10_000);
  });

  it.each(PRESETS)('"$title" sets only fields that have a meaning in it', ({ spec }) => {
    const full = withDefaults(spec);
    const set = differingPaths(full, defaultSpec).filter((path) => !path.startsWith('budget.'));
    expect(set.filter((path) => !isShown(path, full))).toEqual([]);
  });

  it.each(PRESETS.filter(({ compare }) => compare !== undefined))(
    '"$title" is held against another valid run of the same length and data',
    ({ spec, compare }) => {
      const own = withDefaults(spec);
      const other = withDefaults(compare ?? {}, own);
      expect(specFaults(other)).toEqual([]);
      expect(differingPaths(own, other).length).toBeGreaterThan(0);
      expect([other.data, other.budget, other.seed]).toEqual([own.data, own.budget, own.seed]);
    },
  );
});
