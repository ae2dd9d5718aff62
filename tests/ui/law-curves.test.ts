import { describe, expect, it } from 'vitest';
import { LAWS_VIEW_START, type LawFit, type LawPoints } from '../../src/lab/index.ts';
import { quantile } from '../../src/base/quantile.ts';
import { finish, fitting, lawNamed } from '../../src/laws/index.ts';
import { pointsChart } from '../../src/ui/law-curves.ts';

describe('curves of a fitted law', () => {
  it('the ribbon at a point is the interval of a parameter that it equals', () => {
    const law = lawNamed('power-constant-n');
    const sizes = [1e5, 2e5, 4e5, 8e5, 16e5, 32e5];
    const columns = {
      N: Float64Array.from(sizes),
      loss: Float64Array.from(sizes, (N, i) => 2 + 300 * N ** -0.4 * (1 + 0.05 * Math.sin(5 * i))),
    };
    const points: LawPoints = {
      points: { columns },
      rows: sizes.map((N) => ({ key: `${N}`, runId: null, label: `${N}` })),
      notes: [],
    };
    const { law: _law, ...fit } = finish(
      fitting(law, points.points, { starts: 10, bootstrap: 40, loss: 'ls', fixed: { alpha: 0.4 } }),
    );
    // Of a constant, every point of the ribbon is the interval of that parameter.
    const replicates = fit.replicates.map(({ E = NaN }) => ({ E, A: 1e-300, alpha: 0.4 }));
    const own: LawFit = {
      law,
      outcome: { ...fit, replicates, lawId: law.id, counting: null },
      points,
      excluded: new Set(),
      options: {},
    };
    const [ribbon] = pointsChart(law, points, new Set(), own, LAWS_VIEW_START).ribbons;
    const [low, high] = fit.intervals['E'] ?? [];
    expect(ribbon?.low[0]).toBeCloseTo(low ?? NaN, 3);
    expect(ribbon?.high[0]).toBeCloseTo(high ?? NaN, 3);
    const values = replicates.map(({ E }) => E);
    expect(quantile(values, 0.05) - (low ?? NaN)).toBeGreaterThan(0.002);
  });
});
