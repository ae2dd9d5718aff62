import { describe, expect, it } from 'vitest';
import type { LawPoints } from '../../src/lab/index.ts';
import { parabolasChart } from '../../src/ui/law-frontier.ts';

/** Two budgets of five sizes; the best size of the second lies 3 times beyond its largest. */
function made(): LawPoints {
  const sizes = [1e5, 2e5, 4e5, 8e5, 16e5];
  const rows = [
    { C: 1e12, best: 4e5 },
    { C: 1e13, best: 48e5 },
  ].flatMap(({ C, best }) => sizes.map((N) => ({ C, N, loss: 3 + 0.1 * Math.log(N / best) ** 2 })));
  const columns = {
    C: Float64Array.from(rows, ({ C }) => C),
    N: Float64Array.from(rows, ({ N }) => N),
    loss: Float64Array.from(rows, ({ loss }) => loss),
  };
  return { points: { columns }, rows: rows.map((_, i) => ({ key: `${i}`, runId: null, label: `${i}` })), notes: [] };
}

describe('isoFLOP parabolas as a chart', () => {
  it('are drawn as extrapolated beyond the sizes, and a minimum there is no dot', () => {
    const { chart, budgets } = parabolasChart(made(), new Set()) ?? {};
    const ends = chart?.lines.map(({ kind, place, points }) => [
      kind,
      place,
      points[0]?.[0],
      Math.round(points.at(-1)?.[0] ?? NaN),
    ]);
    expect(ends).toEqual([
      ['fit', 0, 1e5, 16e5],
      ['fit', 1, 1e5, 16e5],
      ['beyond', 1, 16e5, 48e5],
    ]);
    expect(chart?.dots.filter(({ key }) => key === null).map(({ place }) => place)).toEqual([0]);
    expect(budgets?.[1]?.place).toBeGreaterThan(1);
  });
});
