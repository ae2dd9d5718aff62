import { describe, expect, it } from 'vitest';
import { finish, fitting, lawNamed, LAWS, type Law } from '../../src/laws/index.ts';
import type { FitOptions } from '../../src/laws/fit.ts';
import { madeFor, measured } from './made.ts';

const TRIALS = 200;
const LEVEL = 0.9;
/** One standard error of a share of 200 trials at 90 % is 2.1 %, so 5 % are two and a half of them. */
const SLACK = 0.05 + 1e-9;

/** Share of trials, of each free parameter, in which its interval holds the true value. */
function coverage(law: Law, noise: number, options: FitOptions): Record<string, number> {
  const made = madeFor(law.id);
  const names = law.parameters.map(({ name }) => name).filter((name) => options.fixed?.[name] === undefined);
  const held = Object.fromEntries(names.map((name) => [name, 0]));
  for (let trial = 0; trial < TRIALS; trial++) {
    const fit = finish(
      fitting(law, measured(law, made, noise, trial), { loss: 'ls-log', level: LEVEL, seed: trial, ...options }),
    );
    for (const name of names) {
      const [lo, hi] = fit.intervals[name] ?? [NaN, NaN];
      const truth = made.params[name] ?? NaN;
      if ((lo ?? -Infinity) <= truth && truth <= (hi ?? Infinity)) held[name] = (held[name] ?? 0) + 1;
    }
  }
  return Object.fromEntries(Object.entries(held).map(([name, times]) => [name, times / TRIALS]));
}

/** Of ln L: small where a law's terms are hard to tell apart, as its own experiments would have to be. */
const NOISE: Readonly<Record<string, number>> = { 'data-constrained': 0.002, 'multi-power': 0.0005, tissue: 0.002 };

/** Its saturation is hardly told from so few points; what is left is quick. */
const OPTIONS: Readonly<Record<string, FitOptions>> = {
  'multi-power': { starts: 2, fixed: { alpha: 0.5, beta: 0.6, gamma: 0.5 } },
};

describe('90 % intervals hold the true parameters in 90 of 100 trials, give or take 5', () => {
  it.each(LAWS.filter(({ model }) => model !== null).map(({ id }) => id))('%s, by profile likelihood', (id) => {
    const held = coverage(lawNamed(id), NOISE[id] ?? 0.005, { starts: 4, projected: true, ...OPTIONS[id] });
    for (const [name, share] of Object.entries(held))
      expect(Math.abs(share - LEVEL), `${name} ${share}`).toBeLessThanOrEqual(SLACK);
  });

  it.each(['power-n', 'power-constant-n', 'critical-batch'])('%s, by the bootstrap', (id) => {
    const held = coverage(lawNamed(id), 0.005, { starts: 2, projected: true, bootstrap: 100 });
    for (const [name, share] of Object.entries(held))
      expect(Math.abs(share - LEVEL), `${name} ${share}`).toBeLessThanOrEqual(SLACK);
  });

  it('power-constant-n, with Huber', () => {
    const held = coverage(lawNamed('power-constant-n'), 0.005, { starts: 2, loss: 'huber:1e-3' });
    for (const [name, share] of Object.entries(held))
      expect(Math.abs(share - LEVEL), `${name} ${share}`).toBeLessThanOrEqual(SLACK);
  });

  it('power-constant-n, with absolute deviations, whose interval is wide rather than narrow with few points', () => {
    const held = coverage(lawNamed('power-constant-n'), 0.005, { starts: 2, loss: 'lad' });
    for (const share of Object.values(held)) {
      expect(share).toBeGreaterThanOrEqual(LEVEL - SLACK);
      expect(share).toBeLessThanOrEqual(0.97);
    }
  });
});
