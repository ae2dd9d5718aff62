import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import sweep from '../../demos/first-study.sweep.json' with { type: 'json' };
import { pointsOf } from '../../src/lab/laws/run-points.ts';
import { runsFromJson, runsJson } from '../../src/lab/store/runs-json.ts';
import { allocating, finish, fitting, lawNamed, rollingOut } from '../../src/laws/index.ts';
import { COUNT_ALL, expandSweep, parseSweep } from '../../src/spec/index.ts';

const text = readFileSync('src/bench/results/first-study.json', 'utf8');
const runs = runsFromJson(text, 'first-study.json');
const { points } = pointsOf(
  runs.map(({ record }) => record),
  { ...COUNT_ALL, parameters: 'non-embedding' },
);
const readme = readFileSync('README.md', 'utf8').replaceAll(/\s+/g, ' ');

describe('the first study', () => {
  it('imports and exports without loss: the runs of its sweep, every size under every budget with two seeds', () => {
    expect([...runsJson(runs)].join('')).toBe(text);
    expect(runs.map(({ record }) => record.id).toSorted()).toEqual(
      expandSweep(parseSweep(sweep))
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(runs).toHaveLength(5 * 4 * 2);
    expect(
      runs.every(({ record, curves }) => record.step === record.totalSteps && curves.train.steps.length === record.step),
    ).toBe(true);
  });

  it('has the fit, the held-out error and the exponents that the README says', () => {
    const law = lawNamed('chinchilla');
    const { params, r2 } = finish(fitting(law, points));
    const { E = NaN, alpha = NaN, beta = NaN } = params;
    const held = finish(rollingOut(law, points, { column: 'C', limit: 2.5e10 }));
    const isoflop = finish(allocating('chinchilla-isoflop', points));
    expect(readme).toContain(`E = ${E.toFixed(2)}`);
    expect(readme).toContain(`alpha = ${alpha.toFixed(2)}`);
    expect(readme).toContain(`beta = ${beta.toFixed(3)}`);
    expect(readme).toContain(`R2 = ${r2.toFixed(3)}`);
    expect(readme).toContain(`${(100 * held.error).toFixed(1)} % off`);
    expect(readme).toContain(`N ~ C^${(beta / (alpha + beta)).toFixed(2)}`);
    expect(readme).toContain(`N ~ C^${(isoflop.params['a'] ?? NaN).toFixed(2)}`);
  });
});
