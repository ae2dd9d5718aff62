import { describe, expect, it } from 'vitest';
import type { TensorMap } from '../../src/lab/index.ts';
import {
  columnsOf,
  heatGrid,
  heatScale,
  isWorse,
  layerWords,
  nextStrip,
  roleWords,
  shareWords,
  worstOf,
  worstStrip,
} from '../../src/ui/compare-heat.ts';

const NONE = Number.NaN;

function map(rows: readonly (readonly [layer: string, role: string, ...values: number[]])[]): TensorMap {
  const steps = Array.from({ length: (rows[0]?.length ?? 2) - 2 }, (_, i) => 10 * i);
  return {
    rows: rows.map(([layer, role], i) => ({ site: `${layer} ${role} ${i}`, layer, role })),
    steps,
    values: Float64Array.from(rows.flatMap(([, , ...values]) => values)),
  };
}

describe('the scale of the map', () => {
  it('gives nothing its own colour, and the worst to most of a tensor lost', () => {
    const { level, words } = heatScale('underflow', []);
    expect([0, 5e-5, 0.02, 0.3, 1].map(level)).toEqual([0, 1, 4, 7, 8]);
    expect(level(NONE)).toBe(-1);
    expect(words).toHaveLength(9);
    expect(words[8]).toBe('above 40 %');
  });

  it('takes few decibels for the worst, and an exact cast for the best', () => {
    const { level } = heatScale('sqnrDb', []);
    expect([Infinity, 55, 31.5, 25.4, 3, -Infinity].map(level)).toEqual([0, 0, 3, 4, 8, 8]);
    expect(level(NONE)).toBe(-1);
  });

  it('lays scales and amaxes out over their powers of two, whatever is not finite at an end', () => {
    const { level, ends } = heatScale('amax', [2 ** -9, 1, 0, Infinity, NONE]);
    expect([2 ** -9, 2 ** -4.4, 1, 0, Infinity].map(level)).toEqual([0, 4, 8, 0, 8]);
    expect(ends).toEqual(['0.00195', '1']);
    expect(heatScale('mse', [NONE]).level(0.5)).toBe(0);
  });

  it('knows that more underflow and less SQNR are worse, and that no value is worse than none', () => {
    expect(isWorse('underflow', 0.2, 0.1)).toBe(true);
    expect(isWorse('sqnrDb', 20, 30)).toBe(true);
    expect(isWorse('sqnrDb', 30, NONE)).toBe(true);
    expect(isWorse('underflow', NONE, 0)).toBe(false);
  });
});

describe('the grid of the map', () => {
  it('orders layers as the model does and roles as recipes do, and leaves out what nothing casts', () => {
    const grid = heatGrid(
      map([
        ['head', 'fprop.weight', 1, 1],
        ['blocks.1.mlp.fc', 'dgrad.gradient', 1, 1],
        ['blocks.0.mlp.fc', 'fprop.weight', 1, NONE],
        ['embed', 'residual', 1, 1],
        ['blocks.0', 'residual.gradient', NONE, NONE],
      ]),
      'underflow',
    );
    expect(grid.layers).toEqual(['embed', 'blocks.0.mlp.fc', 'blocks.1.mlp.fc', 'head']);
    expect(grid.roles).toEqual(['fprop.weight', 'dgrad.gradient', 'residual']);
    expect(grid.strips[1]?.map((strip) => strip?.values ?? null)).toEqual([[1, NONE], null, null]);
  });

  it('shows the worst of tensors that share a layer and a role, step by step', () => {
    const rows = map([
      ['blocks.0', 'intermediate', 30, 20],
      ['blocks.0', 'intermediate', 25, NONE],
    ]);
    expect(heatGrid(rows, 'sqnrDb').strips[0]?.[0]).toMatchObject({ rows: [0, 1], worst: [1, 0], values: [25, 20] });
  });

  it('puts neighbouring steps together where there is no room for each', () => {
    expect(columnsOf(3, 60, 2)).toEqual([
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    expect(columnsOf(10, 8, 2)).toEqual([
      [0, 2],
      [2, 5],
      [5, 7],
      [7, 10],
    ]);
    expect(columnsOf(0, 60, 2)).toEqual([]);
  });

  it('is walked from the worst strip on, over fields where there is no tensor, and not beyond its edges', () => {
    const grid = heatGrid(
      map([
        ['blocks.0', 'fprop.weight', 0.9, 0.1],
        ['blocks.1', 'dgrad.weight', 0, 0.2],
        ['blocks.2', 'fprop.weight', 0, 0],
      ]),
      'underflow',
    );
    const worst = worstStrip(grid, 'underflow');
    expect(worst).toEqual({ layer: 1, role: 1, column: 1 });
    const top = { layer: 0, role: 0, column: 1 };
    expect(nextStrip(grid, top, 1, 0)).toEqual({ layer: 2, role: 0, column: 1 });
    expect(nextStrip(grid, top, 0, 1)).toBe(top);
    expect(nextStrip(grid, top, -1, 0)).toBe(top);
    const strip = grid.strips[0]?.[0];
    if (!strip) throw new Error('no strip');
    expect(worstOf(strip, [0, 2], 'underflow')).toEqual({ value: 0.9, column: 0 });
    expect(worstStrip(heatGrid(map([['', 'weights', NONE]]), 'underflow'), 'underflow')).toBeNull();
  });

  it('names columns and rows in the little room that they have', () => {
    expect(roleWords('dgrad.gradient')).toEqual(['dgrad', 'grad']);
    expect(roleWords('residual')).toEqual(['residual', '']);
    expect([layerWords('blocks.2.mlp.fc'), layerWords('')]).toEqual(['2.mlp.fc', 'model']);
    expect([0, 1e-6, 0.0123, 0.5].map(shareWords)).toEqual(['0 %', '1e-4 %', '1.2 %', '50 %']);
  });
});
